"""The commands that measure: systems and image codecs on folders of photographs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from semcomm.baselines.codecs import CODECS, Codec
from semcomm.baselines.separation import CAPACITIES, Code, Delivered, SeparationBaseline
from semcomm.cli.channels import describe_channel
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
    load_system,
    named_channel,
    read_weights,
    set_channel,
    show_progress,
)
from semcomm.cli.reports import check_outputs, show_table, write_csv, write_json
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy
from semcomm.system import SemanticSystem

SizeOption = Annotated[
    int | None, typer.Option(min=1, help="Send the central SIZE x SIZE pixels; whole photographs without it.")
]
DrawsOption = Annotated[int, typer.Option(min=1, help="How often each photograph is sent at each SNR.")]
MetricsOption = Annotated[
    str,
    typer.Option(
        help="More scores, separated by commas: ms-ssim, ms-ssim-db, lpips (if its weights are here), fidelity, papr."
    ),
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the rows here, too.")]
FigureOption = Annotated[
    Path | None, typer.Option(help="Draw the scores against SNR into this file, .png, .pdf or .svg.")
]


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Shipped systems' names, or folders.")],
    data: DataOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: AnyChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    codecs: Annotated[
        str, typer.Option(help="Codecs at capacity beside them, in the first model's channel uses: jpeg,avif,...")
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
    figure: FigureOption = None,
    seed: SeedOption = 0,
    caption: SavedLevelOption = None,
    segmentation: SavedLevelOption = None,
    builder: BuilderOption = None,
    skip_bad: SkipBadOption = False,
) -> None:
    """Measure systems on photographs: PSNR, SSIM and more per SNR, means with 95 % confidence intervals."""
    check_outputs({"--json": json_file, "--csv": csv_file, "--figure": figure}, photographs=[data])
    names = _names(codecs)
    if unknown := sorted(set(names) - set(CODECS)):
        raise ValueError(f"--codecs must be among {', '.join(CODECS)}, got {', '.join(unknown)}")
    if names and channel not in CAPACITIES:
        raise ValueError(f"--codecs needs a channel of known capacity, awgn or rayleigh, got --channel {channel}")
    if len(set(models)) < len(models):
        raise ValueError(f"models must be different, got {', '.join(models)}")
    systems = {model: load_system(model, caption, segmentation, builder) for model in models}
    for system in systems.values():
        set_channel(system, channel, coherence, equalizer)
    described = describe_channel(channel, coherence, equalizer)
    first = next(iter(systems.values()))
    beside = {
        name: SeparationBaseline(name, symbols_per_image=first.symbols_per_image, channel=channel)  # type: ignore[arg-type]
        for name in names
    }
    told = {
        "levels": levels,
        "channel_uses": channel_uses,
        "told_snr_db": told_snr,
        "safe_snr_db": safe_snr,
        "importance": read_weights(importance),
    }
    _measure(
        {**systems, **beside},
        data,
        snr,
        dict.fromkeys(systems, described) | dict.fromkeys(beside, _at_capacity(channel)),
        size=size,
        draws=draws,
        metrics=metrics,
        seed=seed,
        skip_bad=skip_bad,
        told={model: told | {"rate": at} for model, at in _rates(systems, rate).items()},
        json_file=json_file,
        csv_file=csv_file,
        figure=figure,
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
    figure: FigureOption = None,
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
) -> None:
    """Measure an image codec with a channel code, ideal or real, at the same number of channel uses."""
    check_outputs({"--json": json_file, "--csv": csv_file, "--figure": figure}, photographs=[data])
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
    described = _at_capacity(channel) if code == "capacity" else CODED.get(channel, f"{channel}, 5G LDPC")
    _measure(
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
        json_file=json_file,
        csv_file=csv_file,
        figure=figure,
    )
    typer.echo(f"{codec}: headers {'counted' if headers else 'not counted'}; a failure delivers {delivered} pixels")


def _rates(systems: Mapping[str, SemanticSystem], rate: float | None) -> dict[str, float | None]:
    """Give --rate to the systems that have several; where none has, to all, which refuse it."""
    several = [name for name, one in systems.items() if "rate" in signature(one.transmitter.forward).parameters]
    return {name: rate if name in several or not several else None for name in systems}


def _measure(
    schemes: Mapping[str, Any],
    data: Path,
    snr: str,
    channels: Mapping[str, str],
    *,
    size: int | None,
    draws: int,
    metrics: str,
    seed: int,
    skip_bad: bool,
    json_file: Path | None,
    csv_file: Path | None,
    figure: Path | None,
    told: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Measure schemes, write the results, and then show them."""
    from semcomm.experiments.measure import evaluate
    from semcomm.quality.scores import metrics_by_name

    snrs = _snrs(snr)
    scores = metrics_by_name(_names(metrics))
    paths = choose_photographs(data, skip_bad=skip_bad)
    left_out = {"skipped": [path.name for path in paths.damaged]} if skip_bad else {}
    results = []
    with (
        naming_the_remedy(paths),
        show_progress("sending", total=len(schemes) * len(paths) * len(snrs)) as advance,
    ):
        for name, scheme in schemes.items():
            measured = evaluate(
                scheme,
                paths,
                snrs,
                metrics=scores,
                draws=draws,
                seed=seed,
                size=size,
                name=name,
                progress=advance,
                **(told or {}).get(name, {}),
            )
            told_besides = {**measured.settings, **(settings or {})}
            results.append(replace(measured, channel=channels[name], settings=told_besides))
    written = [{"data": str(data), **left_out, **one.json()} for one in results]
    write_json(json_file, written[0] if len(written) == 1 else written)
    write_csv(csv_file, [row for one in results for row in one.rows])
    if figure is not None:
        from semcomm.experiments.measurement import draw
        from semcomm.experiments.pictures import save_figure

        save_figure(draw(results), figure)
        typer.echo(f"wrote {figure}")
    _print(results)


def _print(results: Sequence[Any]) -> None:
    from semcomm.experiments.measurement import LABELS, plus_minus

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


CODED = {"awgn": "awgn, 5G LDPC", "rayleigh": "fast rayleigh, CSI, 5G LDPC"}


def _at_capacity(channel: str) -> str:
    return "awgn at capacity" if channel == "awgn" else "rayleigh at ergodic capacity, CSI"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _snrs(text: str) -> list[float]:
    try:
        return list(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError as error:
        raise ValueError(f"--snr takes numbers separated by commas, such as 1,4,7, got {text!r}") from error
