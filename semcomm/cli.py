"""The command line: `semcomm --help`."""

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from rich.console import Console
from rich.table import Table

from semcomm.baselines.separation import Codec, SeparationBaseline
from semcomm.demo import MODEL, SNRS_DB, run_demo
from semcomm.images import check_writable, load_image, save_image, write_whole
from semcomm.options import (
    ChannelOption,
    CoherenceOption,
    DataOption,
    EqualizerOption,
    JsonOption,
    OutOption,
    RatioOption,
    SavedLevelOption,
    SeedOption,
    SnrsOption,
    build_caption,
    build_channel,
    build_segmentation,
    describe_channel,
    show_progress,
)
from semcomm.pretrained import from_pretrained, list_pretrained
from semcomm.system import SemanticSystem
from semcomm.training.cli import cache_features, train
from semcomm.training.extractors_cli import score_extractor_command, train_extractor_command

app = typer.Typer(
    help="Send images over noisy channels by what they mean.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])
"""Typer's class of wrong command lines, which it does not export."""


@app.command()
def demo(out: OutOption = Path("semcomm-demo")) -> None:
    """Send a photograph through the shipped system at several SNRs, and draw what arrives."""
    check_writable(out)
    with show_progress("sending", total=2 * len(SNRS_DB)) as advance:
        path, rows = run_demo(out, progress=advance)
    table = _table("SNR (dB)", *(f"{scheme} PSNR (dB) / SSIM" for scheme in rows))
    for column, snr_db in enumerate(SNRS_DB):
        sent = [transmissions[column] for transmissions in rows.values()]
        table.add_row(f"{snr_db:g}", *(_score(one.psnr_db[0], one.ssim[0], one.failed) for one in sent))
    Console().print(table)
    typer.echo(f"wrote {path}")


@app.command()
def transmit(
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: Annotated[str, typer.Option(help="A shipped system's name, or a folder.")] = MODEL,
    snr: Annotated[float, typer.Option(help="SNR in dB.")] = 10.0,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    out: OutOption = Path("received"),
    json_file: JsonOption = None,
    seed: SeedOption = 0,
    caption: SavedLevelOption = None,
    segmentation: SavedLevelOption = None,
) -> None:
    """Send photographs over a channel; write what arrives as PNG."""
    if not math.isfinite(snr):
        raise ValueError(f"--snr must be a finite number of dB, got {snr}")
    _check_outputs(json_file, out)
    names = [f"{path.stem}.png" for path in images]
    if len(set(names)) < len(names):
        raise ValueError(f"images must have different names, since each is written to {out}: {', '.join(names)}")
    overwritten = {path.resolve() for path in images} & {(out / name).resolve() for name in names}
    if overwritten:
        raise ValueError(f"--out {out} would overwrite {overwritten.pop()}, which is sent; name another folder")
    system = _load(model, caption, segmentation)
    system.channel = build_channel(channel, coherence, equalizer, system.power)
    results = []
    with show_progress("sending", total=len(images)) as advance:
        for path, name in zip(images, names, strict=True):
            image = load_image(path)
            generator = torch.Generator().manual_seed(seed)
            try:
                sent = system.transmit(image[None], snr, generator=generator)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            save_image(sent.images[0], out / name)
            results.append(
                {
                    "image": str(path),
                    "received": str(out / name),
                    "size": list(image.shape[1:]),
                    "k": sent.symbols_per_image,
                    "bandwidth_ratio": sent.bandwidth_ratio,
                    "symbols_per_pixel": sent.symbols_per_pixel,
                    "power": _finite(sent.power),
                    "measured_snr_db": _finite(sent.measured_snr_db),
                    "psnr_db": _finite(sent.psnr_db),
                    "ssim": _finite(sent.ssim),
                    "caption": None if sent.captions is None else sent.captions[0],
                }
            )
            advance()
    table = _table("image", "k", "k/n", "PSNR (dB)", "SSIM", "caption")
    for one in results:
        numbers = [f"{one['bandwidth_ratio']:.4f}", _digits(one["psnr_db"], 2), _digits(one["ssim"], 3)]
        table.add_row(one["received"], f"{one['k']:,}", *numbers, one["caption"] or "-")
    Console().print(table)
    _write_json(
        json_file,
        {"model": model, "snr_db": snr, "channel": describe_channel(channel, coherence, equalizer), "seed": seed}
        | {"images": results},
    )


@app.command()
def evaluate(
    models: Annotated[list[str], typer.Argument(help="Shipped systems' names, or folders.")],
    data: DataOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    json_file: JsonOption = None,
    seed: SeedOption = 0,
    caption: SavedLevelOption = None,
    segmentation: SavedLevelOption = None,
) -> None:
    """Measure systems on whole photographs: PSNR and SSIM per SNR, means with 95 % confidence intervals."""
    _check_outputs(json_file)
    if len(set(models)) < len(models):
        raise ValueError(f"models must be different, got {', '.join(models)}")
    systems = {model: _load(model, caption, segmentation) for model in models}
    for system in systems.values():
        system.channel = build_channel(channel, coherence, equalizer, system.power)
    results = _evaluate(systems, data, snr, describe_channel(channel, coherence, equalizer), seed)
    _write_json(json_file, results[0] if len(results) == 1 else results)


@app.command()
def baseline(
    codec: Annotated[Codec, typer.Argument(help="The image codec.")],
    data: DataOption,
    bandwidth_ratio: RatioOption,
    snr: SnrsOption = "1,4,7,10,13",
    channel: ChannelOption = "awgn",
    json_file: JsonOption = None,
    seed: SeedOption = 0,
) -> None:
    """Measure an image codec with an ideal channel code at capacity, at the same number of channel uses."""
    _check_outputs(json_file)
    scheme = SeparationBaseline(codec, bandwidth_ratio=bandwidth_ratio, channel=channel)
    described = "awgn at capacity" if channel == "awgn" else "rayleigh at ergodic capacity, CSI"
    results = _evaluate({codec: scheme}, data, snr, described, seed)
    _write_json(json_file, results[0])


@app.command()
def models() -> None:
    """List the trained systems in the package."""
    table = _table("name", "k/n at 256 x 256", "weights")
    for name in list_pretrained():
        system = from_pretrained(name, device="cpu")
        weights = sum(weight.numel() for weight in system.parameters())
        table.add_row(name, f"{system.bandwidth_ratio(256, 256):.4f}", f"{weights:,}")
    Console().print(table)


app.command()(train)
app.command()(cache_features)
app.command("train-extractor")(train_extractor_command)
app.command("score-extractor")(score_extractor_command)


def main() -> None:
    """Run the command line: bad input ends in one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except UsageError as error:
        code = _complain(error.format_message())  # type: ignore[attr-defined]
    except (ValueError, OSError, ImportError) as error:
        code = _complain(str(error))
    except (KeyboardInterrupt, typer.Abort) as interrupt:
        _complain(str(interrupt))
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    if message:  # empty where the help was printed instead
        print(f"semcomm: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _check_outputs(json_file: Path | None, *folders: Path) -> None:
    for folder in (*folders, *([] if json_file is None else [json_file.parent])):
        check_writable(folder)
    if json_file is not None and json_file.is_dir():
        raise IsADirectoryError(f"--json takes a file, but {json_file} is a folder")


def _load(model: str, caption: str | None, segmentation: str | None) -> SemanticSystem:
    return from_pretrained(
        model,
        caption=None if caption is None else build_caption(caption),
        segmentation=None if segmentation is None else build_segmentation(segmentation),
    )


def _evaluate(schemes: dict[str, Any], data: Path, snr: str, channel: str, seed: int) -> list[dict[str, Any]]:
    from semcomm.data.folders import list_images
    from semcomm.evaluation.sweep import evaluate

    snrs, paths = _snrs(snr), list_images(data)
    results = []
    with show_progress("sending", total=len(schemes) * len(paths) * len(snrs)) as advance:
        for name, scheme in schemes.items():
            measured = evaluate(scheme, paths, snrs, seed=seed, progress=advance)
            rows = measured.pop("rows")
            results.append(
                {"model": name, "data": str(data)} | measured | {"channel": channel, "seed": seed, "rows": rows}
            )
    table = _table("model", "SNR (dB)", "PSNR (dB)", "SSIM", "failures")
    for result in results:
        for row in result["rows"]:
            psnr = f"{_digits(row['psnr_db'], 2)} ± {_digits(row['psnr_ci95'], 2)}"
            ssim = f"{_digits(row['ssim'], 3)} ± {_digits(row['ssim_ci95'], 3)}"
            table.add_row(result["model"], f"{row['snr_db']:g}", psnr, ssim, str(row["failures"]))
    Console().print(table)
    for result in results:
        typer.echo(
            f"{result['model']}: {result['images']} images, k/n = {result['bandwidth_ratio']:.4f}, {channel}, "
            f"seed {seed}; means over images ± 95 % confidence"
        )
    return results


def _snrs(text: str) -> list[float]:
    try:
        return list(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError as error:
        raise ValueError(f"--snr takes numbers separated by commas, such as 1,4,7, got {text!r}") from error


def _write_json(path: Path | None, content: Any) -> None:
    if path is None:
        return
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    typer.echo(f"wrote {path}")


def _finite(value: torch.Tensor | None) -> float | None:
    return value.item() if value is not None and bool(value.isfinite().all()) else None


def _digits(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _score(psnr_db: torch.Tensor, ssim: torch.Tensor, failed: torch.Tensor | None) -> str:
    return "fails" if failed is not None and bool(failed[0]) else f"{psnr_db:.2f} / {ssim:.3f}"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in ("image", "model", "name", "caption") else "right")
    return table
