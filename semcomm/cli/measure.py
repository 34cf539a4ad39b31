"""The commands that measure: systems and image codecs on folders of photographs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from semcomm.baselines.codecs import Codec
from semcomm.baselines.separation import Code, Delivered, SeparationBaseline
from semcomm.cli.options import (
    ChannelOption,
    CoherenceOption,
    DataOption,
    EqualizerOption,
    JsonOption,
    RatioOption,
    SavedLevelOption,
    SeedOption,
    SnrsOption,
    describe_channel,
    load_system,
    set_channel,
    show_progress,
)
from semcomm.cli.reports import check_outputs, digits, show_table, write_csv, write_json
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy

SizeOption = Annotated[
    int | None, typer.Option(min=1, help="Send the central SIZE x SIZE pixels; whole photographs without it.")
]
DrawsOption = Annotated[int, typer.Option(min=1, help="How often each photograph is sent at each SNR.")]
MetricsOption = Annotated[
    str,
    typer.Option(
        help="More scores, separated by commas: ms-ssim, ms-ssim-db, lpips (if its weights are here), fidelity."
    ),
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the rows here, too.")]
FigureOption = Annotated[Path | None, typer.Option(help="Draw PSNR and SSIM against SNR into this PNG file.")]

LABELS = {"psnr_db": "PSNR (dB)", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "ms_ssim_db": "MS-SSIM (dB)", "lpips": "LPIPS"}


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Shipped systems' names, or folders.")],
    data: DataOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    size: SizeOption = None,
    draws: DrawsOption = 1,
    metrics: MetricsOption = "",
    json_file: JsonOption = None,
    csv_file: CsvOption = None,
    figure: FigureOption = None,
    seed: SeedOption = 0,
    caption: SavedLevelOption = None,
    segmentation: SavedLevelOption = None,
    skip_bad: SkipBadOption = False,
) -> None:
    """Measure systems on photographs: PSNR, SSIM and more per SNR, means with 95 % confidence intervals."""
    check_outputs({"--json": json_file, "--csv": csv_file, "--figure": figure}, photographs=[data])
    if len(set(models)) < len(models):
        raise ValueError(f"models must be different, got {', '.join(models)}")
    systems = {model: load_system(model, caption, segmentation) for model in models}
    for system in systems.values():
        set_channel(system, channel, coherence, equalizer)
    described = describe_channel(channel, coherence, equalizer)
    results = _measure(
        systems, data, snr, described, size=size, draws=draws, metrics=metrics, seed=seed, skip_bad=skip_bad
    )
    write_json(json_file, results[0] if len(results) == 1 else results)
    write_csv(csv_file, _table_rows(results))
    _draw(figure, results)
    _show(results)


def baseline(
    codec: Annotated[Codec, typer.Argument(help="The image codec.")],
    data: DataOption,
    bandwidth_ratio: RatioOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: ChannelOption = "awgn",
    code: Annotated[
        Code, typer.Option(help="An ideal code at capacity, or 5G LDPC and QAM that carry the file for real.")
    ] = "capacity",
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
    scheme = SeparationBaseline(
        codec,
        bandwidth_ratio=bandwidth_ratio,
        channel=channel,
        delivered=delivered,
        headers=headers,
        code=code,
        margin_db=margin,
    )
    ideal = "awgn at capacity" if channel == "awgn" else "rayleigh at ergodic capacity, CSI"
    real = "awgn, 5G LDPC" if channel == "awgn" else "fast rayleigh, CSI, 5G LDPC"
    described = ideal if code == "capacity" else real
    results = _measure(
        {codec: scheme}, data, snr, described, size=size, draws=1, metrics=metrics, seed=seed, skip_bad=skip_bad
    )
    (result,) = results
    settings = {name: value for name, value in result.items() if name != "rows"}
    told = {"headers": headers, "delivered": delivered, "code": code, "margin_db": margin}
    write_json(json_file, settings | told | {"rows": result["rows"]})
    write_csv(csv_file, _table_rows(results))
    _draw(figure, results)
    _show(results)
    typer.echo(f"{codec}: headers {'counted' if headers else 'not counted'}; a failure delivers {delivered} pixels")


def _measure(
    schemes: Mapping[str, Any],
    data: Path,
    snr: str,
    channel: str,
    *,
    size: int | None,
    draws: int,
    metrics: str,
    seed: int,
    skip_bad: bool,
) -> list[dict[str, Any]]:
    from semcomm.experiments.measure import evaluate
    from semcomm.quality.scores import more_scores

    snrs = _snrs(snr)
    scores = more_scores([name.strip() for name in metrics.split(",") if name.strip()])
    paths = choose_photographs(data, skip_bad=skip_bad)
    left_out = {"skipped": [path.name for path in paths.damaged]} if skip_bad else {}
    cropped = {} if size is None else {"size": size}
    several = {} if draws == 1 else {"draws": draws}
    results = []
    total = len(schemes) * len(paths) * len(snrs)
    with naming_the_remedy(paths), show_progress("sending", total=total) as advance:
        for name, scheme in schemes.items():
            measured = evaluate(
                scheme, paths, snrs, seed=seed, draws=draws, size=size, metrics=scores, progress=advance
            )
            rows = measured.pop("rows")
            settings = left_out | cropped | several
            results.append(
                {"model": name, "data": str(data)}
                | settings
                | measured
                | {"channel": channel, "seed": seed, "rows": rows}
            )
    return results


def _table_rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of several measurements in one table, each with what it was measured with."""
    return [
        {name: result[name] for name in ("model", "bandwidth_ratio", "channel", "seed")} | row
        for result in results
        for row in result["rows"]
    ]


def half_width_of(score: str) -> str:
    """The column that holds the half width of a score's confidence interval."""
    return "psnr_ci95" if score == "psnr_db" else f"{score}_ci95"


def _show(results: Sequence[dict[str, Any]]) -> None:
    first = results[0]["rows"][0]
    scores = [name for name in first if half_width_of(name) in first]
    rows = []
    for result in results:
        for row in result["rows"]:
            cells = [result["model"], f"{row['snr_db']:g}"]
            for name in scores:
                places = 2 if name.endswith("_db") else 3
                cells.append(f"{digits(row[name], places)} ± {digits(row[half_width_of(name)], places)}")
            rows.append([*cells, str(row["failures"])])
    show_table(["model", "SNR (dB)", *(LABELS.get(str(name), str(name)) for name in scores), "failures"], rows, keys=2)
    for result in results:
        typer.echo(
            f"{result['model']}: {result['images']} images, k/n = {result['bandwidth_ratio']:.4f}, "
            f"{result['channel']}, seed {result['seed']}; means over images ± 95 % confidence"
        )


def _draw(path: Path | None, results: Sequence[dict[str, Any]]) -> None:
    if path is None:
        return
    from semcomm.experiments.curves import Curve, Panel, draw_curves
    from semcomm.experiments.pictures import save_figure

    def panel(score: str, label: str) -> Panel:
        curves = [
            Curve(
                f"{Path(result['model']).name}, k/n = {result['bandwidth_ratio']:.4f}",
                [row["snr_db"] for row in result["rows"]],
                [row[score] for row in result["rows"]],
                [row[half_width_of(score)] for row in result["rows"]],
            )
            for result in results
        ]
        return Panel("", "SNR (dB)", label, curves)

    first = results[0]
    note = f"{first['images']} photographs, {first['channel']}, 95 % confidence, seed {first['seed']}"
    rows = [[panel("psnr_db", "PSNR (dB)"), panel("ssim", "SSIM")]]
    save_figure(draw_curves(rows, title="Quality against SNR", note=note), path)
    typer.echo(f"wrote {path}")


def _snrs(text: str) -> list[float]:
    try:
        return list(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError as error:
        raise ValueError(f"--snr takes numbers separated by commas, such as 1,4,7, got {text!r}") from error
