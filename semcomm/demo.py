"""The demo: one photograph through the shipped system, beside JPEG at capacity."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import torch

from semcomm.baselines.separation import SeparationBaseline
from semcomm.evaluation.figures import draw_transmissions, save_figure
from semcomm.images import load_image
from semcomm.pretrained import from_pretrained
from semcomm.transmission import Transmission

MODEL = "mlsc-image-l5-t8"
SNRS_DB = (-2.0, 4.0, 10.0, 16.0)
SEED = 0


def demo_photograph() -> Path:
    """Where matplotlib keeps `grace_hopper.jpg`, a photograph that every installation has."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def run_demo(out: Path, *, progress: Callable[[], None] = lambda: None) -> tuple[Path, dict[str, list[Transmission]]]:
    """Send the photograph at each of `SNRS_DB` by the shipped system and by JPEG at the same k, and draw it.

    Args:
        out: folder for `demo.png`.
        progress: called after every transmission.

    Returns:
        The picture's path, and the transmissions per scheme.
    """
    photograph = load_image(demo_photograph())
    system = from_pretrained(MODEL)
    height, width = photograph.shape[1:]
    ratio = system.bandwidth_ratio(height, width)
    rows: dict[str, list[Transmission]] = {"MLSC-image": [], "JPEG at capacity": []}
    for scheme, sender in zip(rows, (system, SeparationBaseline("jpeg", bandwidth_ratio=ratio)), strict=True):
        for snr_db in SNRS_DB:
            generator = torch.Generator().manual_seed(SEED)
            rows[scheme].append(sender.transmit(photograph[None], snr_db, generator=generator))
            progress()
    symbols = system.symbols_per_image(height, width)
    figure = draw_transmissions(
        photograph,
        rows,
        SNRS_DB,
        title="One photograph over a noisy channel",
        notes=[
            f"{width} x {height} pixels",
            f"k = {symbols:,} channel uses, k/n = {ratio:.4f}",
            "additive white Gaussian noise",
            f"one model ({MODEL}) for all SNRs",
        ],
    )
    path = out / "demo.png"
    save_figure(figure, path)
    return path, rows
