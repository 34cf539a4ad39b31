"""The command that compares two schemes photograph by photograph."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from semcomm.baselines.separation import SeparationBaseline
from semcomm.cli.groups import OPTIONS, Choices, Over, Saved, grouped
from semcomm.cli.measuring import (
    DrawsOption,
    Results,
    Test,
    check_codecs_channel,
    codec_beside,
    is_codec,
    link_of,
    measure,
)
from semcomm.cli.options import CodecsRatioOption
from semcomm.cli.reports import show_table
from semcomm.contracts import COSTS
from semcomm.experiments.differences import difference_cells, difference_rows, draw_differences
from semcomm.experiments.equal_uses import InChannelUses
from semcomm.experiments.tables import latex_lines
from semcomm.system import SemanticSystem

NameArgument = Annotated[str, typer.Argument(help="A shipped system's name, a folder, or a codec: jpeg, jpeg+ldpc.")]


@grouped
def compare(
    a: NameArgument,
    b: NameArgument,
    test: Test,
    over: Over,
    choices: Choices,
    saved: Saved,
    results: Results,
    bandwidth_ratio: CodecsRatioOption = None,
    draws: DrawsOption = 1,
) -> None:
    """Print A's scores less B's, photograph by photograph, with 95 % confidence intervals.

    A codec gets the channel uses of the system beside it, and so does a system that can choose its channel uses beside
    one that cannot. Two codecs get what --bandwidth-ratio says.
    """
    results.check(test.data)
    if a == b:
        raise ValueError(f"A and B must be different, got {a} twice")
    codecs = [name for name in (a, b) if is_codec(name)]
    check_codecs_channel("a codec", codecs, over.channel)
    if (len(codecs) == 2) != (bandwidth_ratio is not None):
        raise ValueError("--bandwidth-ratio k/n is for two codecs, which need it, and for nothing else")
    systems = {name: over.set(saved.load(name)) for name in (a, b) if name not in codecs}
    given = {keyword: value for keyword, value in choices.asked().items() if value is not None}
    told = {name: _understood(system, given) for name, system in systems.items()}
    if refused := [keyword for keyword in given if not any(keyword in one for one in told.values())]:
        raise ValueError(f"{OPTIONS[refused[0]]}: neither {a} nor {b} can choose it")
    schemes = {name: _in_equal_uses(name, systems, told, over.channel, bandwidth_ratio) for name in (a, b)}
    channels = {
        name: link_of(one) if isinstance(one, SeparationBaseline) else over.describe(systems[name].equalizer)
        for name, one in schemes.items()
    }
    (one, other), about = measure(schemes, test, channels, draws=draws, told=told)
    rows = difference_rows(one, other)
    head, body = difference_cells(rows)
    results.write(
        {**about, "differences": rows, "measured": [one.json(), other.json()]},
        rows,
        lambda: "\n".join(latex_lines(head, body, words=2)) + "\n",
        lambda: draw_differences(rows, width=results.figure_width),
    )
    show_table(head, body, keys=2)
    for name, measured in ((a, one), (b, other)):
        typer.echo(f"{name}: k/n = {measured.bandwidth_ratio:.4f}, {measured.channel}")
    typer.echo(
        f"{len(one.photographs)} images, seed {test.seed}; means over images ± 95 % confidence, differences paired"
    )
    if one.symbols != other.symbols:
        typer.echo("semcomm: A and B differ in their channel uses; this is no comparison at equal cost", err=True)


def _understood(system: SemanticSystem, asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked that a system can choose; every one can be told an SNR."""
    known = {"told_snr_db", *inspect.signature(system.transmitter.forward).parameters}
    return {option: value for option, value in asked.items() if option in known}


def _in_equal_uses(
    name: str,
    systems: dict[str, SemanticSystem],
    told: dict[str, dict[str, Any]],
    channel: str,
    bandwidth_ratio: float | None,
) -> Any:
    """The scheme of a name, in the channel uses of the other one where it can have them."""
    if not systems:
        assert bandwidth_ratio is not None
        return codec_beside(name, lambda height, width: int(3 * height * width * bandwidth_ratio), channel)
    if name not in systems:
        ((other, system),) = systems.items()
        return codec_beside(name, _uses(system, told[other]), channel)
    system = systems[name]
    fixed = [other for other, one in systems.items() if not _can_choose(one)]
    if fixed and _can_choose(system) and not told[name].keys() & {"levels", "channel_uses"}:
        return InChannelUses(system, _uses(systems[fixed[0]], told[fixed[0]]))
    return system


def _can_choose(system: SemanticSystem) -> bool:
    return "channel_uses" in inspect.signature(system.transmitter.symbols_per_image).parameters


def _uses(system: SemanticSystem, told: dict[str, Any]) -> Callable[[int, int], int]:
    return partial(system.symbols_per_image, **{name: told.get(name) for name in COSTS})
