"""One photograph as several schemes deliver it: the demo, and the picture on the results page."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from torch import Tensor

from semcomm.baselines.separation import SeparationBaseline
from semcomm.experiments.measure import Scheme
from semcomm.experiments.pictures import draw_transmissions, main_classes, save_figure
from semcomm.files.pictures import load_image
from semcomm.pretrained import from_pretrained
from semcomm.system import SemanticSystem
from semcomm.transmission import Transmission
from semcomm.transmitter.segmentation import SegmentationFeature

SNRS_DB = (-5.0, 0.0, 5.0, 10.0, 20.0)
CODECS = {"JPEG at capacity": "jpeg", "AVIF at capacity": "avif"}
SEED = 0


def demo_photograph() -> Path:
    """Where matplotlib keeps `grace_hopper.jpg`, a photograph that every installation has."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def demo_image(path: str | Path | None = None) -> Tensor:
    """Read the demo's photograph, or cut and scale another to its size, so that it can take its place anywhere.

    Args:
        path: a picture file; None is the demo's.

    Returns:
        uint8 `(3, 600, 512)`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no picture, or damaged.

    Example:
        >>> demo_image().shape
        torch.Size([3, 600, 512])
    """
    image = load_image(demo_photograph())
    if path is None:
        return image
    height, width = image.shape[1:]
    picture = Image.fromarray(np.asarray(load_image(path).permute(1, 2, 0)))
    fitted = np.array(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))
    return torch.from_numpy(fitted).permute(2, 0, 1).contiguous()


def demo_system() -> SemanticSystem:
    """Load what the demo sends by: nested MLSC-image, with its caption and its label map."""
    return from_pretrained()


def run_demo(out: Path, *, progress: Callable[[], None] = lambda: None) -> tuple[Path, dict[str, list[Transmission]]]:
    """Send the photograph at each of `SNRS_DB` by nested MLSC-image, as JPEG and as AVIF, and draw it.

    Args:
        out: folder for `demo.png`.
        progress: called after every transmission.

    Returns:
        The picture's path, and the transmissions per scheme.
    """
    figure, rows = what_arrives(load_image(demo_photograph()), demo_system(), SNRS_DB, progress=progress)
    path = out / "demo.png"
    save_figure(figure, path)
    return path, rows


def what_arrives(
    photograph: Tensor,
    system: SemanticSystem,
    snrs_db: Sequence[float] = SNRS_DB,
    *,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Figure, dict[str, list[Transmission]]]:
    """Send a photograph by nested MLSC-image, and as JPEG and AVIF at capacity in the same channel uses.

    Args:
        photograph: uint8 `(3, h, w)`.
        system: nested MLSC-image or the hybrid code, with a segmentation.
        snrs_db: a column each.
        progress: called after every transmission.

    Returns:
        The figure, and the transmissions per scheme.
    """
    beside = {
        name: SeparationBaseline(codec, symbols_per_image=system.symbols_per_image, delivered="gray")  # type: ignore[arg-type]
        for name, codec in CODECS.items()
    }
    k = system.symbols_per_image(*photograph.shape[1:])
    figure, rows, _ = compare_on(
        photograph,
        {"nested MLSC-image": system, **beside},
        snrs_db,
        title="What arrives: one photograph over a noisy channel",
        notes=[
            f"k = {k:,} channel uses for every scheme,",
            f"k/n = 1/{photograph.numel() / k:.1f}",
            "Nested MLSC-image: header, caption and label",
            "map counted; real 5G LDPC; one for all SNRs.",
            "JPEG and AVIF: an ideal code at the channel's",
            "capacity, which no real modem reaches.",
        ],
        progress=progress,
    )
    return figure, rows


def compare_on(
    photograph: Tensor,
    schemes: Mapping[str, Scheme],
    snrs_db: Sequence[float],
    *,
    title: str,
    notes: Sequence[str],
    progress: Callable[[], None] = lambda: None,
) -> tuple[Figure, dict[str, list[Transmission]], list[str]]:
    """Send a photograph by several schemes at several SNRs, and draw what arrives.

    Args:
        photograph: uint8 `(3, h, w)`.
        schemes: by name; the first is a `SemanticSystem` that sends a label map.
        snrs_db: a column each.
        title: a line above the picture.
        notes: lines below what was sent.
        progress: called after every transmission.

    Returns:
        The figure, the transmissions per scheme, and what every scheme spent, in words.
    """
    height, width = photograph.shape[1:]
    rows: dict[str, list[Transmission]] = {name: [] for name in schemes}
    for name, scheme in schemes.items():
        for snr_db in snrs_db:
            generator = torch.Generator().manual_seed(SEED)
            rows[name].append(scheme.transmit(photograph[None], snr_db, generator=generator))
            progress()
    spent = [
        f"{name}: k = {sent[0].symbols_per_image:,}, k/n = {sent[0].bandwidth_ratio:.4f}" for name, sent in rows.items()
    ]
    first = next(iter(schemes))
    sent = rows[first][0]
    labels = cast(Tensor, sent.labels)[0].cpu()
    segmentation = cast(SegmentationFeature, cast(SemanticSystem, schemes[first]).segmentation)
    figure = draw_transmissions(
        photograph,
        rows,
        snrs_db,
        title=title,
        notes=[
            *textwrap.wrap(f"Caption sent: “{(sent.captions or [''])[0]}”", 44),
            f"{width} x {height} pixels, additive white Gaussian noise",
            *notes,
        ],
        segmentation=segmentation.colors(labels[None])[0],
        classes=main_classes(labels, segmentation),
        palette=segmentation.palette.cpu(),
    )
    return figure, rows, spent
