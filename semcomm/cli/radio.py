"""The command line's way to a radio: `semcomm transmit --symbols` and `semcomm receive`."""

import math
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from semcomm.cli.groups import Saved, grouped
from semcomm.cli.options import JsonOption
from semcomm.cli.reports import check_outputs, digits, show_table, write_json
from semcomm.contracts import COSTS, Delivered, Received, Request
from semcomm.files.pictures import load_image, save_image
from semcomm.images import to_float, to_uint8
from semcomm.networks.frozen import in_eval_mode
from semcomm.pretrained import list_pretrained
from semcomm.system import SemanticSystem
from semcomm.transmission import papr_db

SymbolsOption = Annotated[
    Path | None,
    typer.Option("--symbols", help="Write the symbols of one photograph here, as SigMF, and send nothing."),
]
BurstOption = Annotated[
    bool, typer.Option("--burst", help="With --symbols: a burst for a radio, 4 samples a symbol, not bare symbols.")
]


def record(
    system: SemanticSystem,
    model: str,
    images: list[Path],
    symbols: Path,
    *,
    snr: float,
    burst: bool,
    channel: str,
    asked: dict[str, Any],
    json_file: Path | None,
) -> None:
    """Write what a radio is to send of one photograph."""
    from semcomm.radio import Recording, burst_uses, write_burst

    if len(images) != 1:
        raise ValueError(f"--symbols writes one photograph, got {len(images)}; write one file for each")
    if channel != "awgn":
        raise ValueError(f"--symbols writes what is sent, before any channel: leave --channel {channel} out")
    image = load_image(images[0])
    size = image.shape[1], image.shape[2]
    told = asked["told_snr_db"] if asked["told_snr_db"] is not None else snr
    choices = {name: asked[name] for name in COSTS if asked[name] is not None}
    request = {name: asked[name] for name in ("safe_snr_db", "importance")}
    with torch.no_grad():
        sent = in_eval_mode(system).encode(to_float(image[None]).to(system.device), told, **choices, **request)[0].cpu()
    k = len(sent)
    samples = write_burst(sent) if burst else sent.numpy()
    files = Recording(samples, size, k, model, float(told), burst, choices).save(symbols)
    uses, n = burst_uses(k) if burst else k, 3 * size[0] * size[1]
    peak = float(papr_db(torch.from_numpy(samples)[None]))
    said = {"image": str(images[0]), "size": list(size), "symbols": k, "k": uses, "bandwidth_ratio": uses / n}
    said |= {"model": model, "told_snr_db": told, "burst": burst, "papr_db": peak, "files": [str(one) for one in files]}
    write_json(json_file, said | choices)
    for file in files:
        typer.echo(f"wrote {file}")
    extra = f", {uses - k:,} of them preamble, pilots and pulse ends" if burst else ", bare symbols"
    typer.echo(f"k = {uses:,}{extra}; k/n = {uses / n:.4f}; peak over mean power {peak:.1f} dB")


@grouped
def receive(
    file: Annotated[Path, typer.Argument(help="A SigMF recording: .sigmf, or .sigmf-meta beside .sigmf-data.")],
    saved: Saved,
    sent: Annotated[
        Path | None, typer.Option(help="The recording that was sent, where FILE is a radio's and knows nothing of it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The system, where the recording names no shipped one.")] = None,
    snr: Annotated[
        float | None, typer.Option(help="SNR of bare symbols in dB; without it, the SNR that the sender was told.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the photograph.")] = Path("received"),
    json_file: JsonOption = None,
) -> None:
    """Read a recording of symbols or of a burst; write the photograph as PNG."""
    from semcomm.radio import Recording, burst_uses, read_burst

    if snr is not None and not math.isfinite(snr):
        raise ValueError(f"--snr must be a finite number of dB, got {snr}")
    picture = out / f"{file.stem}.png"
    check_outputs({"--json": json_file}, folders=[out], photographs=[picture])
    heard = Recording.load(file, sent=None if sent is None else Recording.load(sent))
    if model is None and heard.system not in list_pretrained():  # a file must not name what is loaded from elsewhere
        raise ValueError(f"{file} was made by {heard.system!r}, which the package has not: name its folder by --model")
    if heard.burst and snr is not None:
        raise ValueError("--snr is for bare symbols: a burst's noise is measured; leave it out")
    k, told = heard.symbols, heard.told_snr_db
    system = saved.load(heard.system if model is None else model)
    expected = system.symbols_sent(*heard.size, Request(**heard.choices))
    if expected != k:
        raise ValueError(
            f"{file} says that its photograph takes {k} symbols, but {model or heard.system} takes {expected}"
        )
    said: dict[str, Any] = {"file": str(file), "received": str(picture), "size": list(heard.size), "symbols": k}
    if heard.burst:
        burst = read_burst(heard.samples, k)
        received, snr_db = Received(burst.symbols, noise_variance=burst.noise_variance), burst.snr_db
        said |= {"k": burst_uses(k), "start": burst.start, "carrier_offset": burst.carrier_offset, "gain": burst.gain}
    else:
        if len(heard.samples) != k:
            raise ValueError(f"{file} must hold {k} bare symbols, got {len(heard.samples)}")
        snr_db = told if snr is None else snr
        noise_variance = torch.full((1, 1), 10 ** (-snr_db / 10))
        received = Received(torch.from_numpy(heard.samples)[None], noise_variance=noise_variance)
        said |= {"k": k}
    delivered = _decode(system, received, heard.size, snr_db, Request(**heard.choices, told_snr_db=told))
    save_image(to_uint8(delivered.images)[0].cpu(), picture)
    words = None if delivered.captions is None else delivered.captions[0]
    lost = None if delivered.lost is None else bool(delivered.lost[0])
    write_json(json_file, said | {"snr_db": snr_db, "told_snr_db": told, "caption": words, "lost": lost})
    columns = ["image", "k", "SNR (dB)", "lost", "caption"]
    cells = [str(picture), f"{said['k']:,}", digits(snr_db, 1), {None: "-", True: "yes", False: "no"}[lost]]
    show_table(columns, [[*cells, words or "-"]])
    if heard.burst:
        typer.echo(
            f"burst from sample {said['start']:.2f}, carrier {100 * said['carrier_offset']:+.4f} % of the symbol rate"
        )


def _decode(
    system: SemanticSystem, received: Received, size: tuple[int, int], snr_db: float, request: Request
) -> Delivered:
    device = system.device
    assert received.noise_variance is not None
    moved = Received(received.symbols.to(device), noise_variance=received.noise_variance.to(device))
    if not bool(moved.symbols.isfinite().all()):
        raise ValueError("the recording must hold finite symbols, got NaN or inf")
    with torch.no_grad():
        return in_eval_mode(system).hops_5_and_6(moved, size, snr_db, request)[1]
