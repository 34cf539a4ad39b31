"""The command that compares two schemes photograph by photograph."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from semcomm.baselines.separation import SeparationBaseline
from semcomm.cli.measuring import (
    CsvOption,
    DrawsOption,
    FigureOption,
    LatexOption,
    MetricsOption,
    SizeOption,
    WidthOption,
    check_codecs_channel,
    codec_beside,
    is_codec,
    link_of,
    measure,
)
from semcomm.cli.options import (
    AnyChannelOption,
    BuilderOption,
    CodecsRatioOption,
    CoherenceOption,
    DataOption,
    EqualizerOption,
    ImportanceOption,
    JsonOption,
    LevelsOption,
    RateOption,
    SafeOption,
    SavedLevelOption,
    SeedOption,
    SnrsOption,
    ToldOption,
    UsesOption,
    asked_of,
    describe_channel,
    load_system,
    set_channel,
)
from semcomm.cli.reports import check_outputs, show_table, write_csv, write_figure, write_json, write_text_file
from semcomm.cli.skip_bad import SkipBadOption
from semcomm.contracts import COSTS
from semcomm.experiments.differences import difference_cells, difference_rows, draw_differences
from semcomm.experiments.equal_uses import InChannelUses
from semcomm.experiments.tables import latex_lines
from semcomm.system import SemanticSystem

NameArgument = Annotated[str, typer.Argument(help="A shipped system's name, a folder, or a codec: jpeg, jpeg+ldpc.")]


def compare(
    a: NameArgument,
    b: NameArgument,
    data: DataOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: AnyChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = None,
    size: SizeOption = None,
    draws: DrawsOption = 1,
    metrics: MetricsOption = "",
    levels: LevelsOption = None,
    rate: RateOption = None,
    channel_uses: UsesOption = None,
    bandwidth_ratio: CodecsRatioOption = None,
    told_snr: ToldOption = None,
    safe_snr: SafeOption = None,
    importance: ImportanceOption = "",
    json_file: JsonOption = None,
    csv_file: CsvOption = None,
    latex: LatexOption = None,
    figure: FigureOption = None,
    figure_width: WidthOption = "screen",
    seed: SeedOption = 0,
    caption: SavedLevelOption = None,
    segmentation: SavedLevelOption = None,
    builder: BuilderOption = None,
    skip_bad: SkipBadOption = False,
) -> None:
    """Print A's scores less B's, photograph by photograph, with 95 % confidence intervals.

    A codec gets the channel uses of the system beside it, and so does a system that can choose its channel uses beside
    one that cannot. Two codecs get what --bandwidth-ratio says.
    """
    check_outputs({"--json": json_file, "--csv": csv_file, "--latex": latex, "--figure": figure}, photographs=[data])
    if a == b:
        raise ValueError(f"A and B must be different, got {a} twice")
    codecs = [name for name in (a, b) if is_codec(name)]
    check_codecs_channel("a codec", codecs, channel)
    if (len(codecs) == 2) != (bandwidth_ratio is not None):
        raise ValueError("--bandwidth-ratio k/n is for two codecs, which need it, and for nothing else")
    systems = {name: load_system(name, caption, segmentation, builder) for name in (a, b) if name not in codecs}
    for system in systems.values():
        set_channel(system, channel, coherence, equalizer)
    asked = asked_of(
        levels=levels,
        rate=rate,
        channel_uses=channel_uses,
        told_snr=told_snr,
        safe_snr=safe_snr,
        importance=importance,
    )
    given = {option: value for option, value in asked.items() if value is not None}
    told = {name: _understood(system, given) for name, system in systems.items()}
    if refused := [option for option in given if not any(option in one for one in told.values())]:
        raise ValueError(f"--{refused[0].replace('_', '-').removesuffix('-db')}: neither {a} nor {b} can choose it")
    schemes: dict[str, Any] = {name: _in_equal_uses(name, systems, told, channel, bandwidth_ratio) for name in (a, b)}
    channels = {
        name: link_of(one)
        if isinstance(one, SeparationBaseline)
        else describe_channel(channel, coherence, systems[name].equalizer)
        for name, one in schemes.items()
    }
    (one, other), about = measure(
        schemes,
        data,
        snr,
        channels,
        size=size,
        draws=draws,
        metrics=metrics,
        seed=seed,
        skip_bad=skip_bad,
        told=told,
    )
    rows = difference_rows(one, other)
    head, body = difference_cells(rows)
    write_json(json_file, {**about, "differences": rows, "measured": [one.json(), other.json()]})
    write_csv(csv_file, rows)
    write_text_file(latex, lambda: "\n".join(latex_lines(head, body, words=2)) + "\n")
    write_figure(figure, lambda: draw_differences(rows, width=figure_width))
    show_table(head, body, keys=2)
    for name, measured in ((a, one), (b, other)):
        typer.echo(f"{name}: k/n = {measured.bandwidth_ratio:.4f}, {measured.channel}")
    typer.echo(f"{len(one.photographs)} images, seed {seed}; means over images ± 95 % confidence, differences paired")
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
