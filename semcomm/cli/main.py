"""The command line: `semcomm --help`."""

# ruff: noqa: E402
from semcomm.cli.interrupt import INTERRUPTED, stop_by_exception, stop_quietly

stop_quietly()  # before the imports that take seconds

import math
import re
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer

from semcomm.cli.app import app as serve_page
from semcomm.cli.cache_features import cache_features
from semcomm.cli.compare import compare
from semcomm.cli.export import export
from semcomm.cli.extractors import score_extractor_command, train_extractor_command
from semcomm.cli.fit_code import fit_code
from semcomm.cli.groups import OPTIONS, Choices, Over, Saved, grouped
from semcomm.cli.measure import baseline, evaluate
from semcomm.cli.options import JsonOption, OutOption, SeedOption, show_progress
from semcomm.cli.radio import BurstOption, SymbolsOption, receive, record
from semcomm.cli.reports import check_outputs, digits, show_table, write_json
from semcomm.cli.reproduce import reproduce
from semcomm.cli.train import app as train
from semcomm.data.folders import Photographs
from semcomm.experiments.demo import CODECS, SNRS_DB, run_demo
from semcomm.files.atomic import check_writable
from semcomm.files.pictures import save_image
from semcomm.pretrained import from_pretrained, list_pretrained
from semcomm.quality.meaning import arrivals
from semcomm.saving import DEFAULT

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
    """Send a photograph by nested MLSC-image, as JPEG and as AVIF at several SNRs, and draw what arrives."""
    check_writable(out)
    with show_progress("sending", total=(1 + len(CODECS)) * len(SNRS_DB)) as advance:
        path, rows = run_demo(out, progress=advance)
    cells = []
    for column, snr_db in enumerate(SNRS_DB):
        sent = [transmissions[column] for transmissions in rows.values()]
        cells.append([f"{snr_db:g}", *(_score(one.psnr_db[0], one.ssim[0], one.failed) for one in sent)])
    show_table(["SNR (dB)", *rows], cells)
    typer.echo(f"PSNR in dB / SSIM\nwrote {path}")


@app.command()
@grouped
def transmit(
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    over: Over,
    choices: Choices,
    saved: Saved,
    model: Annotated[str, typer.Option(help="A shipped system's name, or a folder.")] = DEFAULT,
    snr: Annotated[float, typer.Option(help="SNR in dB.")] = 10.0,
    out: OutOption = Path("received"),
    json_file: JsonOption = None,
    seed: SeedOption = 0,
    symbols: SymbolsOption = None,
    burst: BurstOption = False,
) -> None:
    """Send photographs over a channel; write what arrives as PNG. With --symbols, write what a radio is to send."""
    if not math.isfinite(snr):
        raise ValueError(f"--snr must be a finite number of dB, got {snr}")
    if burst and symbols is None:
        raise ValueError("--burst is of --symbols FILE, which is missing")
    folders = [path for path in images if path.is_dir()]
    if folders:
        raise IsADirectoryError(f"images must be files, but {folders[0]} is a folder: give {folders[0] / '*'}")
    names = [f"{path.stem}.png" for path in images]
    asked = choices.asked()
    if symbols is not None:
        unused = {"--coherence": over.coherence != "symbol", "--equalizer": over.equalizer is not None}
        unused |= {"--out": out != Path("received"), "--seed": seed != 0}
        for option in [option for option, is_given in unused.items() if is_given]:
            raise ValueError(f"{option} is of what a channel delivers, and --symbols FILE sends nothing; leave it out")
        check_outputs({"--json": json_file, "--symbols": symbols}, photographs=images)
        told = {"snr": snr, "burst": burst, "channel": over.channel, "asked": asked}
        return record(saved.load(model), model, images, symbols, **told, json_file=json_file)
    check_outputs({"--json": json_file}, folders=[out], photographs=[*images, *(out / name for name in names)])
    if len(set(names)) < len(names):
        raise ValueError(f"images must have different names, since each is written to {out}: {', '.join(names)}")
    overwritten = {path.resolve() for path in images} & {(out / name).resolve() for name in names}
    if overwritten:
        raise ValueError(f"--out {out} would overwrite {overwritten.pop()}, which is sent; name another folder")
    system = over.set(saved.load(model))
    photographs = Photographs(images)
    for path in photographs:  # one that cannot be sent is named before another is
        size = photographs.read(path).shape[1:]
        if min(size) < system.downsampling:
            least = f"{system.downsampling} x {system.downsampling}"
            raise ValueError(f"{path}: images must be at least {least} pixels, got {size[0]} x {size[1]}; enlarge it")
    results = []
    with show_progress("sending", total=len(images)) as advance:
        for path, name in zip(photographs, names, strict=True):
            image = photographs.read(path)
            generator = torch.Generator().manual_seed(seed)
            sent = system.transmit(image[None], snr, generator=generator, **asked)
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
                    "received_caption": None if sent.received_captions is None else sent.received_captions[0],
                    "labels_arrived": _finite(arrivals(sent).get("labels_arrived")),
                    "lost": None if sent.lost is None else bool(sent.lost[0]),
                    "channel_uses": {name: int(uses[0]) for name, uses in (sent.channel_uses or {}).items()} or None,
                }
            )
            advance()
    write_json(
        json_file,
        {"model": model, "snr_db": snr, "channel": over.describe(system.equalizer), "seed": seed}
        | {name: value for name, value in asked.items() if value is not None}
        | {"images": results},
    )
    show_table(
        ["image", "k", "k/n", "PSNR (dB)", "SSIM", "caption"],
        [
            [
                one["received"],
                f"{one['k']:,}",
                f"{one['bandwidth_ratio']:.4f}",
                digits(one["psnr_db"], 2),
                digits(one["ssim"], 3),
                one["caption"] or "-",
            ]
            for one in results
        ],
    )


@app.command()
def models() -> None:
    """List the trained systems in the package."""
    rows = []
    for name in list_pretrained():
        system = from_pretrained(name, device="cpu")
        weights = sum(weight.numel() for weight in system.parameters() if weight.requires_grad)
        rows.append([name, f"{system.bandwidth_ratio(256, 256):.4f}", f"{weights:,}"])
    show_table(["name", "k/n at 256 x 256", "trained weights"], rows)


app.command()(evaluate)
app.command()(baseline)
app.command()(receive)
app.command()(compare)
app.command()(export)
app.add_typer(train, name="train")
app.command()(cache_features)
app.command()(reproduce)
app.command("app")(serve_page)
app.command("fit-code")(fit_code)
app.command("train-extractor")(train_extractor_command)
app.command("score-extractor")(score_extractor_command)


def main() -> None:
    """Run the command line: bad input ends in one line on stderr and exit code 2; a warning is a line, too."""
    stop_by_exception()
    usual, warnings.formatwarning = warnings.formatwarning, _warning_line
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: _complain(f"warning: {message}")
            code = app(standalone_mode=False)
        if code == INTERRUPTED:  # which is what Typer makes of Ctrl-C
            _complain("interrupted")
    except UsageError as error:
        code = _complain(error.format_message())  # type: ignore[attr-defined]
    except (ValueError, OSError, ImportError) as error:
        named = rf"\b({'|'.join(OPTIONS)})(?=(\[[^]]*\])? must )"
        code = _complain(re.sub(named, lambda name: OPTIONS[name[1]], str(error), count=1))
    except (MemoryError, OverflowError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):
            raise
        code = _complain(f"too much for this machine: {str(error).partition(';')[0] or type(error).__name__}")
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        code = INTERRUPTED
    finally:
        warnings.formatwarning = usual
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    if message:  # empty where the help was printed instead
        print(f"semcomm: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _warning_line(message: Warning | str, *place: Any) -> str:  # noqa: ARG001 - the code's place says nothing to a user
    return f"semcomm: {' '.join(str(message).split())}\n"


def _finite(value: torch.Tensor | None) -> float | None:
    return value.item() if value is not None and bool(value.isfinite().all()) else None


def _score(psnr_db: torch.Tensor, ssim: torch.Tensor, failed: torch.Tensor | None) -> str:
    return "fails" if failed is not None and bool(failed[0]) else f"{psnr_db:.2f} / {ssim:.3f}"
