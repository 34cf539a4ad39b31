"""The commands that measure: systems and image codecs on folders of photographs."""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from semcomm.baselines.codecs import CODECS, Codec
from semcomm.baselines.separation import CAPACITIES, Code, Delivered, SeparationBaseline
from semcomm.cli.measuring import (
    CODED,
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
    read_names,
)
from semcomm.cli.options import (
    AnyChannelOption,
    BuilderOption,
    CoherenceOption,
    DataOption,
    EqualizerOption,
    ImportanceOption,
    JsonOption,
    LevelsOption,
    RateOption,
    RatioOption,
    SafeOption,
    SavedLevelOption,
    SeedOption,
    SnrsOption,
    ToldOption,
    UsesOption,
    asked_of,
    describe_channel,
    load_system,
    named_channel,
    set_channel,
)
from semcomm.cli.reports import check_outputs, show_table, write_csv, write_figure, write_json, write_text_file
from semcomm.cli.skip_bad import SkipBadOption
from semcomm.experiments.curves import Width
from semcomm.experiments.measurement import LABELS, Measurement, draw, latex_table, plus_minus
from semcomm.system import SemanticSystem


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Shipped systems' names, or folders.")],
    data: DataOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: AnyChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = None,
    codecs: Annotated[
        str,
        typer.Option(help="Codecs beside them, in the first model's channel uses: jpeg,avif at capacity, jpeg+ldpc."),
    ] = "",
    size: SizeOption = None,
    draws: DrawsOption = 1,
    metrics: MetricsOption = "",
    levels: LevelsOption = None,
    rate: RateOption = None,
    channel_uses: UsesOption = None,
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
    """Measure systems on photographs: PSNR, SSIM and more per SNR, means with 95 % confidence intervals."""
    check_outputs({"--json": json_file, "--csv": csv_file, "--latex": latex, "--figure": figure}, photographs=[data])
    names = read_names(codecs)
    if unknown := sorted(name for name in names if not is_codec(name)):
        raise ValueError(
            f"--codecs must be among {', '.join(CODECS)}, or one of these with +ldpc, got {', '.join(unknown)}"
        )
    check_codecs_channel("--codecs", names, channel)
    if len(set(models)) < len(models):
        raise ValueError(f"models must be different, got {', '.join(models)}")
    systems = {model: load_system(model, caption, segmentation, builder) for model in models}
    for system in systems.values():
        set_channel(system, channel, coherence, equalizer)
    met = {model: describe_channel(channel, coherence, system.equalizer) for model, system in systems.items()}
    rates = _rates(systems, rate)
    first, name = next(iter(systems.values())), next(iter(systems))
    k = partial(first.symbols_per_image, levels=levels, rate=rates[name], channel_uses=channel_uses)
    beside = {name: codec_beside(name, k, channel) for name in names}
    results, about = measure(
        {**systems, **beside},
        data,
        snr,
        met | {name: link_of(one) for name, one in beside.items()},
        size=size,
        draws=draws,
        metrics=metrics,
        seed=seed,
        skip_bad=skip_bad,
        told={
            model: asked_of(
                levels=levels,
                rate=at,
                channel_uses=channel_uses,
                told_snr=told_snr,
                safe_snr=safe_snr,
                importance=importance,
            )
            for model, at in rates.items()
        },
    )
    _report(
        results,
        about,
        json_file=json_file,
        csv_file=csv_file,
        latex=latex,
        figure=figure,
        figure_width=figure_width,
    )


def baseline(
    codec: Annotated[Codec, typer.Argument(help="The image codec.")],
    data: DataOption,
    bandwidth_ratio: RatioOption,
    snr: SnrsOption = "1,4,7,10,13",
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
    size: SizeOption = None,
    metrics: MetricsOption = "",
    json_file: JsonOption = None,
    csv_file: CsvOption = None,
    latex: LatexOption = None,
    figure: FigureOption = None,
    figure_width: WidthOption = "screen",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
) -> None:
    """Measure an image codec with a channel code, ideal or real, at the same number of channel uses."""
    check_outputs({"--json": json_file, "--csv": csv_file, "--latex": latex, "--figure": figure}, photographs=[data])
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
    results, about = measure(
        {codec: scheme},
        data,
        snr,
        {codec: described},
        size=size,
        draws=1,
        metrics=metrics,
        seed=seed,
        skip_bad=skip_bad,
        told={codec: {"told_snr_db": told_snr}},
        settings={"headers": headers, "delivered": delivered, "code": code, "margin_db": margin},
    )
    _report(
        results,
        about,
        json_file=json_file,
        csv_file=csv_file,
        latex=latex,
        figure=figure,
        figure_width=figure_width,
    )
    typer.echo(f"{codec}: headers {'counted' if headers else 'not counted'}; a failure delivers {delivered} pixels")


def _rates(systems: Mapping[str, SemanticSystem], rate: float | None) -> dict[str, float | None]:
    """Give --rate to the systems that have several; where none has, to all, which refuse it."""
    several = [name for name, one in systems.items() if "rate" in signature(one.transmitter.forward).parameters]
    return {name: rate if name in several or not several else None for name in systems}


def _report(
    results: Sequence[Measurement],
    about: Mapping[str, Any],
    *,
    json_file: Path | None,
    csv_file: Path | None,
    latex: Path | None,
    figure: Path | None,
    figure_width: Width,
) -> None:
    """Write the results, and then show them."""
    written = [{**about, **one.json()} for one in results]
    write_json(json_file, written[0] if len(written) == 1 else written)
    write_csv(csv_file, [row for one in results for row in one.rows])
    write_text_file(latex, lambda: latex_table(results))
    write_figure(figure, lambda: draw(results, width=figure_width))
    _print(results)


def _print(results: Sequence[Measurement]) -> None:
    scores = list(dict.fromkeys(name for one in results for name in one.scores))
    head = ["model", "SNR (dB)", *(LABELS.get(name) or name for name in scores), "failures"]
    rows = [
        [one.name, f"{row['snr_db']:g}", *(plus_minus(row, score) for score in scores), str(row["failures"])]
        for one in results
        for row in one.rows
    ]
    show_table(head, rows, keys=2)
    for one in results:
        typer.echo(
            f"{one.name}: {len(one.photographs)} images, k/n = {one.bandwidth_ratio:.4f}, {one.channel}, seed "
            f"{one.seed}; means over images ± 95 % confidence"
        )
