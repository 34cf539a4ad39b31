"""One photograph as several schemes deliver it: the demo, and the picture on the results page."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import matplotlib
import torch
from matplotlib.figure import Figure
from torch import Tensor

from semcomm.baselines.separation import SeparationBaseline
from semcomm.experiments.pictures import draw_transmissions, save_figure
from semcomm.files.pictures import load_image
from semcomm.pretrained import from_pretrained
from semcomm.system import SemanticSystem
from semcomm.transmission import Transmission
from semcomm.transmitter.segmentation import SegmentationFeature

MODEL = "mlsc-image-l4-t8"
BASELINE = "deep-jscc-c4"
SNRS_DB = (-2.0, 4.0, 10.0, 16.0)
SEED = 0
MAIN_CLASS = 0.01
"""Share of the image from which a class is named in the legend."""


def demo_photograph() -> Path:
    """Where matplotlib keeps `grace_hopper.jpg`, a photograph that every installation has."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def run_demo(out: Path, *, progress: Callable[[], None] = lambda: None) -> tuple[Path, dict[str, list[Transmission]]]:
    """Send the photograph at each of `SNRS_DB` by the shipped system and its baselines, and draw it.

    Args:
        out: folder for `demo.png`.
        progress: called after every transmission.

    Returns:
        The picture's path, and the transmissions per scheme.
    """
    photograph = load_image(demo_photograph())
    figure, rows, _ = compare_on(
        photograph, from_pretrained(MODEL), from_pretrained(BASELINE), SNRS_DB, progress=progress
    )
    path = out / "demo.png"
    save_figure(figure, path)
    return path, rows


def compare_on(
    photograph: Tensor,
    mlsc: SemanticSystem,
    jscc: SemanticSystem,
    snrs_db: Sequence[float],
    *,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Figure, dict[str, list[Transmission]], list[str]]:
    """Send a photograph by MLSC-image, by Deep JSCC, and as JPEG at capacity in MLSC-image's channel uses.

    Args:
        photograph: uint8 `(3, h, w)`.
        mlsc: with a segmentation.
        jscc: with the same k, or the next larger one that it can have.
        snrs_db: a column each.
        progress: called after every transmission.

    Returns:
        The figure, the transmissions per scheme, and what every scheme spent, in words.
    """
    height, width = photograph.shape[1:]
    jpeg = SeparationBaseline("jpeg", symbols_per_image=mlsc.symbols_per_image)
    schemes = {"MLSC-image": mlsc, "Deep JSCC": jscc, "JPEG at capacity": jpeg}
    rows: dict[str, list[Transmission]] = {name: [] for name in schemes}
    for name, scheme in schemes.items():
        for snr_db in snrs_db:
            generator = torch.Generator().manual_seed(SEED)
            rows[name].append(scheme.transmit(photograph[None], snr_db, generator=generator))
            progress()
    spent = [
        f"{name}: k = {scheme.symbols_per_image(height, width):,} channel uses, "
        f"k/n = {scheme.bandwidth_ratio(height, width):.4f}"
        for name, scheme in schemes.items()
    ]
    sent = rows["MLSC-image"][0]
    labels = cast(Tensor, sent.labels)[0]
    segmentation = cast(SegmentationFeature, mlsc.segmentation)
    figure = draw_transmissions(
        photograph,
        rows,
        snrs_db,
        title="One photograph over a noisy channel",
        notes=[
            *textwrap.wrap(f"Caption sent: “{(sent.captions or [''])[0]}”", 44),
            f"{width} x {height} pixels, additive white Gaussian noise",
            *spent,
            "MLSC-image, Deep JSCC: one model each for all SNRs",
        ],
        segmentation=segmentation.colors(labels[None])[0],
        classes=_main_classes(segmentation, labels),
    )
    return figure, rows, spent


def _main_classes(segmentation: SegmentationFeature, labels: Tensor) -> Mapping[str, tuple[float, float, float]]:
    counts = labels.flatten().bincount(minlength=len(segmentation.class_names))
    main = [int(label) for label in counts.argsort(descending=True) if counts[label] >= MAIN_CLASS * labels.numel()]
    colors = segmentation.palette.tolist()
    return {segmentation.class_names[label]: (*colors[label],) for label in main}
