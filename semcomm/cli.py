"""The command line: `semcomm --help`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import nn

from semcomm.baselines.separation import Codec, SeparationBaseline
from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.demo import MODEL, SNRS_DB, run_demo
from semcomm.images import load_image, save_image, write_whole
from semcomm.pretrained import from_pretrained, list_pretrained

app = typer.Typer(
    help="Send images over noisy channels by what they mean.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])
"""Typer's class of wrong command lines, which it does not export."""

ChannelName = Literal["awgn", "rayleigh"]
OutOption = Annotated[Path, typer.Option(help="Folder for the result.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
ChannelOption = Annotated[ChannelName, typer.Option(help="The channel.")]
CoherenceOption = Annotated[str, typer.Option(help="Rayleigh: symbol, image, or a block of that many symbols.")]
EqualizerOption = Annotated[Literal["none", "zf", "mmse"], typer.Option(help="Rayleigh: the equaliser, perfect CSI.")]
SnrsOption = Annotated[str, typer.Option(help="SNRs in dB, separated by commas.")]
DataOption = Annotated[Path, typer.Option(help="Folder of photographs, searched with its subfolders.")]


@app.command()
def demo(out: OutOption = Path("semcomm-demo")) -> None:
    """Send a photograph through the shipped system at several SNRs, and draw what arrives."""
    with _progress("sending", total=2 * len(SNRS_DB)) as advance:
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
) -> None:
    """Send photographs over a channel; write what arrives as PNG."""
    names = [f"{path.stem}.png" for path in images]
    if len(set(names)) < len(names):
        raise ValueError(f"images must have different names, since each is written to {out}: {', '.join(names)}")
    system = from_pretrained(model)
    system.channel = _channel(channel, coherence, equalizer, system.power)
    results = []
    with _progress("sending", total=len(images)) as advance:
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
        {"model": model, "snr_db": snr, "channel": _describe(channel, coherence, equalizer), "seed": seed}
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
) -> None:
    """Measure systems on whole photographs: PSNR and SSIM per SNR, means with 95 % confidence intervals."""
    systems = {model: from_pretrained(model) for model in models}
    for system in systems.values():
        system.channel = _channel(channel, coherence, equalizer, system.power)
    results = _evaluate(systems, data, snr, _describe(channel, coherence, equalizer), seed)
    _write_json(json_file, results[0] if len(results) == 1 else results)


@app.command()
def baseline(
    codec: Annotated[Codec, typer.Argument(help="The image codec.")],
    data: DataOption,
    bandwidth_ratio: Annotated[float, typer.Option(help="k/n, n = 3 h w.")],
    snr: SnrsOption = "1,4,7,10,13",
    channel: ChannelOption = "awgn",
    json_file: JsonOption = None,
    seed: SeedOption = 0,
) -> None:
    """Measure an image codec with an ideal channel code at capacity, at the same number of channel uses."""
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


@app.command()
def train(
    train: Annotated[Path, typer.Option(help="Folder of photographs to train on.")],
    val: Annotated[Path, typer.Option(help="Folder of photographs to validate on.")],
    out: Annotated[Path, typer.Option(help="Folder for the trained system; new, or one to resume.")],
    system: Annotated[Literal["mlsc", "deep-jscc"], typer.Argument(help="What to train.")] = "mlsc",
    l: Annotated[int, typer.Option(help="MLSC-image: detail level, at least 2.")] = 4,  # noqa: E741
    t: Annotated[int, typer.Option(help="MLSC-image: downsampling factor, a power of two.")] = 8,
    caption: Annotated[Literal["lite", "none"], typer.Option(help="MLSC-image: the caption level.")] = "lite",
    segmentation: Annotated[Literal["lite", "none"], typer.Option(help="MLSC-image: the segmentation level.")] = "lite",
    width: Annotated[int, typer.Option(help="MLSC-image: channels after the first convolution.")] = 32,
    norm: Annotated[Literal["batch", "none"], typer.Option(help="MLSC-image: normalisation.")] = "batch",
    snr_adaptive: Annotated[bool, typer.Option("--snr-adaptive", help="MLSC-image: adapt to the SNR.")] = False,
    bandwidth_ratio: Annotated[float, typer.Option(help="Deep JSCC: k/n, a multiple of 1/48.")] = 1 / 12,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    snr: Annotated[float | None, typer.Option(help="Training SNR in dB; 10 without --snr-range.")] = None,
    snr_range: Annotated[tuple[float, float] | None, typer.Option(help="One SNR per image, from LOW to HIGH.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of a crop.")] = 256,
    batch_size: Annotated[int, typer.Option(help="Crops per step, over all devices.")] = 32,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam.")] = 1e-3,
    schedule: Annotated[Literal["constant", "cosine"], typer.Option(help="Of the learning rate.")] = "constant",
    epochs: Annotated[int | None, typer.Option(min=1, help="Rounds through the photographs.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimisation steps; 10,000 without --epochs.")] = None,
    validate_every: Annotated[int, typer.Option(help="Steps between validations and checkpoints.")] = 500,
    workers: Annotated[int, typer.Option(help="Processes that decode photographs.")] = 0,
    devices: Annotated[int, typer.Option(help="GPUs, or CPU processes, per machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's strategy.")] = "auto",
    precision: Annotated[str, typer.Option(help="Lightning's precision, such as bf16-mixed.")] = "32-true",
    seed: SeedOption = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.")] = False,
) -> None:
    """Train a system on a folder of photographs."""
    try:
        from semcomm.training.config import TrainingConfig
        from semcomm.training.engine import train as run
    except ModuleNotFoundError as error:
        raise ImportError(f"training needs {error.name}: pip install 'semcomm[train]'") from error
    from semcomm.data.folders import list_images

    if snr is not None and snr_range is not None:
        raise ValueError(f"give --snr or --snr-range, not both, got {snr} and {snr_range}")
    if steps is not None and epochs is not None:
        raise ValueError(f"give --steps or --epochs, not both, got {steps} and {epochs}")
    if epochs is not None:
        steps = epochs * -(-len(list_images(train)) // batch_size)
    config = TrainingConfig(
        train=train,
        val=val,
        out=out,
        snr_db=snr_range or (10.0 if snr is None else snr),
        size=size,
        batch_size=batch_size,
        learning_rate=lr,
        schedule=schedule,
        steps=10_000 if steps is None else steps,
        validate_every=validate_every,
        seed=seed,
        workers=workers,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precision,
    )
    torch.manual_seed(seed)
    hop4 = _channel(channel, coherence, equalizer, power=1.0)
    if system == "mlsc":
        built = build_mlsc_image(
            l,
            t,
            image_size=size,
            channel=hop4,
            caption=None if caption == "none" else "lite",
            segmentation=None if segmentation == "none" else "lite",
            width=width,
            norm=norm,
            snr_adaptive=snr_adaptive,
        )
    else:
        built = build_deep_jscc(bandwidth_ratio=bandwidth_ratio, channel=hop4)
    run(built, config, resume=resume)
    typer.echo(f"wrote {out}")


def main() -> None:
    """Run the command line: bad input ends in one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except UsageError as error:
        code = _complain(error.format_message())  # type: ignore[attr-defined]
    except (ValueError, OSError, ImportError) as error:
        code = _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    print(f"semcomm: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _channel(name: ChannelName, coherence: str, equalizer: Any, power: float) -> nn.Module:
    if name == "awgn":
        return AWGNChannel(power)
    length: Any = int(coherence) if coherence.isdecimal() else coherence
    return RayleighChannel(power, coherence=length, equalizer=equalizer)


def _describe(name: ChannelName, coherence: str, equalizer: str) -> str:
    return name if name == "awgn" else f"rayleigh, coherence {coherence}, equalizer {equalizer}"


def _evaluate(schemes: dict[str, Any], data: Path, snr: str, channel: str, seed: int) -> list[dict[str, Any]]:
    from semcomm.data.folders import list_images
    from semcomm.evaluation.sweep import evaluate

    snrs, paths = _snrs(snr), list_images(data)
    results = []
    with _progress("sending", total=len(schemes) * len(paths) * len(snrs)) as advance:
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
        return [float(part) for part in text.split(",")]
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


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; yields the function that advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
