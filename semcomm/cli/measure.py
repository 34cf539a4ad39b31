"""The commands that measure: systems and image codecs on folders of photographs."""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Annotated, Any

import typer

from semcomm.baselines.codecs import CODECS, Codec
from semcomm.baselines.separation import CAPACITIES, Code, Delivered, SeparationBaseline
from semcomm.cli.groups import Choices, Over, Saved, grouped
from semcomm.cli.measuring import (
    CODED,
    DrawsOption,
    Results,
    Test,
    check_codecs_channel,
    codec_beside,
    is_codec,
    link_of,
    measure,
    read_names,
)
from semcomm.cli.options import AnyChannelOption, RatioOption, named_channel
from semcomm.cli.reports import show_table
from semcomm.contracts import COSTS
from semcomm.experiments.measurement import Measurement, cells, draw, latex_table
from semcomm.system import SemanticSystem


@grouped
def evaluate(
    models: Annotated[list[str], typer.Argument(help="Shipped systems' names, or folders.")],
    test: Test,
    over: Over,
    choices: Choices,
    saved: Saved,
    results: Results,
    codecs: Annotated[
        str,
        typer.Option(help="Codecs beside them, in the first model's channel uses: jpeg,avif at capacity, jpeg+ldpc."),
    ] = "",
    draws: DrawsOption = 1,
) -> None:
    """Measure systems on photographs: PSNR, SSIM and more per SNR, means with 95 % confidence intervals."""
    results.check(test.data)
    names = read_names(codecs)
    if unknown := sorted(name for name in names if not is_codec(name)):
        raise ValueError(
            f"--codecs must be among {', '.join(CODECS)}, or one of these with +ldpc, got {', '.join(unknown)}"
        )
    check_codecs_channel("--codecs", names, over.channel)
    if len(set(models)) < len(models):
        raise ValueError(f"models must be different, got {', '.join(models)}")
    systems = {model: over.set(saved.load(model)) for model in models}
    met = {model: over.describe(system.equalizer) for model, system in systems.items()}
    told = {model: choices.asked() | {"rate": at} for model, at in _rates(systems, choices.rate).items()}
    k = partial(systems[models[0]].symbols_per_image, **{name: told[models[0]][name] for name in COSTS})
    beside = {name: codec_beside(name, k, over.channel) for name in names}
    met |= {name: link_of(one) for name, one in beside.items()}
    _report(*measure({**systems, **beside}, test, met, draws=draws, told=told), results)


@grouped
def baseline(
    codec: Annotated[Codec, typer.Argument(help="The image codec.")],
    test: Test,
    bandwidth_ratio: RatioOption,
    results: Results,
    channel: AnyChannelOption = "awgn",
    code: Annotated[
        Code, typer.Option(help="An ideal code at capacity, or 5G LDPC and QAM that carry the file for real.")
    ] = "capacity",
    told_snr: Annotated[float | None, typer.Option(help="What the sender believes the SNR to be, in dB.")] = None,
    margin: Annotated[float, typer.Option(help="By how many dB the sender believes in less than the SNR.")] = 0.0,
    delivered: Annotated[Delivered, typer.Option(help="What arrives where no file fits, or it is lost.")] = "random",
    headers: Annotated[
        bool, typer.Option("--headers/--no-headers", help="Count whole files, or leave their constant headers out.")
    ] = True,
) -> None:
    """Measure an image codec with a channel code, ideal or real, at the same number of channel uses."""
    results.check(test.data)
    if code == "capacity" and channel not in CAPACITIES:
        raise ValueError(f"--channel must be awgn or rayleigh at capacity, got {channel}; --code ldpc takes it")
    scheme = SeparationBaseline(
        codec,
        bandwidth_ratio=bandwidth_ratio,
        channel=channel if channel in CAPACITIES else named_channel(channel),  # type: ignore[arg-type]
        delivered=delivered,
        headers=headers,
        code=code,
        margin_db=margin,
    )
    described = CODED.get(channel, f"{channel}, 5G LDPC") if code == "ldpc" else link_of(scheme)
    settings = {"headers": headers, "delivered": delivered, "code": code, "margin_db": margin}
    told = {codec: {"told_snr_db": told_snr}}
    _report(*measure({codec: scheme}, test, {codec: described}, told=told, settings=settings), results)
    typer.echo(f"{codec}: headers {'counted' if headers else 'not counted'}; a failure delivers {delivered} pixels")


def _rates(systems: Mapping[str, SemanticSystem], rate: float | None) -> dict[str, float | None]:
    """Give --rate to the systems that have several; where none has, to all, which refuse it."""
    several = [name for name, one in systems.items() if "rate" in signature(one.transmitter.forward).parameters]
    return {name: rate if name in several or not several else None for name in systems}


def _report(measured: Sequence[Measurement], about: Mapping[str, Any], results: Results) -> None:
    """Write what was measured, and then show it."""
    written = [{**about, **one.json()} for one in measured]
    results.write(
        written[0] if len(written) == 1 else written,
        [row for one in measured for row in one.rows],
        lambda: latex_table(measured),
        lambda: draw(measured, width=results.figure_width),
    )
    _print(measured)


def _print(results: Sequence[Measurement]) -> None:
    head, rows = cells(results)
    for row in (head, *rows):
        del row[1]  # k/n, which is said below
    show_table(head, rows, keys=2)
    for one in results:
        typer.echo(
            f"{one.name}: {len(one.photographs)} images, k/n = {one.bandwidth_ratio:.4f}, {one.channel}, seed "
            f"{one.seed}; means over images ± 95 % confidence"
        )
