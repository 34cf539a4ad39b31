"""Pictures for people."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Patch
from torch import Tensor

from semcomm.files.atomic import write_whole
from semcomm.transmission import Transmission
from semcomm.transmitter.segmentation import SegmentationFeature

INK, FAINT = "#1a1a1a", "#6b6b6b"
_LINE, _LETTERS = 34, (9, 8, 7, 6)
"""Letters of that size in points that fit below a picture, and the sizes of received captions, largest first."""
_UNLABELLED = 0.88
"""The gray of a label map that did not arrive."""
_NAMED = 0.01
"""Share of the picture from which a class is named."""


def draw_transmissions(
    photograph: Tensor,
    rows: Mapping[str, Sequence[Transmission]],
    snrs_db: Sequence[float],
    *,
    title: str,
    notes: Sequence[str],
    segmentation: Tensor | None = None,
    classes: Mapping[str, tuple[float, float, float]] | None = None,
    palette: Tensor | None = None,
) -> Figure:
    """Draw what was sent at the left, and what arrived in a row per scheme and a column per SNR.

    Below a scheme whose receiver recovers label maps there is a row of these, with the captions that arrived.

    Args:
        photograph: the image sent, uint8 `(3, h, w)`.
        rows: per scheme, one transmission per SNR.
        snrs_db: the SNRs in dB, one per column.
        title: a line above the picture.
        notes: lines below what was sent.
        segmentation: the label map sent in its colours, `(3, h, w)` in [0, 1], drawn below the image.
        classes: its classes' colours, RGB in [0, 1], for the legend.
        palette: the colours of received label maps, `(classes, 3)` in [0, 1]; None draws none.
    """
    height, width = photograph.shape[1:]
    lines = [
        (scheme, sent, meaning)
        for scheme, sent in rows.items()
        for meaning in (False, True)
        if not meaning or (palette is not None and sent and sent[0].received_labels is not None)
    ]
    cell = 2.5
    tall = cell * min(max(height / width, 0.5), 1.6) + 0.42
    figure = Figure(figsize=(cell * (len(snrs_db) + 1.55), tall * len(lines) + 0.55), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(lines),
        len(snrs_db) + 1,
        width_ratios=[1.5] + [1.0] * len(snrs_db),
        left=0.012,
        right=0.992,
        top=1 - 0.68 / figure.get_figheight(),
        bottom=0.40 / figure.get_figheight(),
        wspace=0.05,
        hspace=0.22,
    )
    figure.suptitle(
        title, x=0.012, y=1 - 0.12 / figure.get_figheight(), ha="left", va="top", fontsize=13, color=INK, weight="bold"
    )
    pictures = {"sent": photograph} | ({} if segmentation is None else {"segmentation sent": segmentation})
    _draw_sent(figure, grid[: min(3, len(lines)), 0], pictures, classes or {}, notes)
    for row, (scheme, transmissions, meaning) in enumerate(lines):
        for column, (snr_db, sent) in enumerate(zip(snrs_db, transmissions, strict=True), start=1):
            axes = figure.add_subplot(grid[row, column])
            if meaning:
                assert palette is not None
                _draw_meaning(axes, sent, palette)
            else:
                axes.set_title(f"{scheme}, {snr_db:g} dB", fontsize=10, color=INK)
                _draw_picture(axes, sent)
    return figure


def label_colors(labels: Tensor, palette: Tensor) -> Tensor:
    """Paint a label map `(h, w)` in colours `(classes, 3)`, and in gray where none arrived: `(3, h, w)`."""
    gray = torch.full((1, 3), _UNLABELLED)
    return torch.cat([palette, gray])[labels].movedim(-1, 0)  # -1 is the last: gray


def main_classes(labels: Tensor, segmentation: SegmentationFeature) -> dict[str, tuple[float, float, float]]:
    """The classes that take enough of a label map to be named, largest first, and their colours, RGB in [0, 1]."""
    counts = labels.flatten().bincount(minlength=len(segmentation.class_names))
    main = [int(label) for label in counts.argsort(descending=True) if counts[label] >= _NAMED * labels.numel()]
    colors = segmentation.palette.tolist()
    return {segmentation.class_names[label]: (*colors[label],) for label in main}


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's ending, whole or not at all; no file holds the time of day.

    Letters in a PDF are TrueType: publishers refuse matplotlib's own kind (Type 3).
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with write_whole(path) as temporary, rc_context({"pdf.fonttype": 42}):
        figure.savefig(temporary, format=kind, metadata=metadata)


def _draw_sent(
    figure: Figure,
    place: SubplotSpec,
    pictures: Mapping[str, Tensor],
    classes: Mapping[str, tuple[float, float, float]],
    notes: Sequence[str],
) -> None:
    column = place.subgridspec(len(pictures) + 1, 1, height_ratios=[1] * len(pictures) + [0.72], hspace=0.12)
    for number, (name, picture) in enumerate(pictures.items()):
        axes = figure.add_subplot(column[number])
        _show(axes, picture)
        axes.set_anchor("N")
        axes.set_title(name, fontsize=10, color=INK)
    beneath = figure.add_subplot(column[-1])
    beneath.set_axis_off()
    patches = [Patch(color=color, label=name) for name, color in classes.items()]
    if patches:
        legend = beneath.legend(handles=patches, loc="upper left", ncols=2, fontsize=8.5, frameon=False, borderpad=0)
        legend.set_in_layout(False)
    words = "\n".join(notes)
    below = 1 - 0.11 * -(-len(patches) // 2)
    beneath.text(0, below, words, transform=beneath.transAxes, va="top", fontsize=9, color=FAINT, linespacing=1.5)


def _draw_picture(axes: Axes, sent: Transmission) -> None:
    _show(axes, sent.images[0].cpu())
    score = f"PSNR {sent.psnr_db[0]:.1f} dB   SSIM {sent.ssim[0]:.3f}"
    if sent.failed is not None and bool(sent.failed[0]):
        score = "fails: no file is small enough"
        _write_over(axes, "nothing decodable")
    elif sent.lost is not None and bool(sent.lost[0]):
        score = f"bits lost: {score}"
    _write_below(axes, score)


def _draw_meaning(axes: Axes, sent: Transmission, palette: Tensor) -> None:
    """Draw the label map that the receiver recovered, and write its caption below."""
    assert sent.received_labels is not None
    labels = sent.received_labels[0].cpu()
    _show(axes, label_colors(labels, palette))
    lost = sent.lost is not None and bool(sent.lost[0])
    if int(labels.max()) < 0:
        _write_over(axes, "label map lost" if lost else "label map not sent: too dear")
    caption = (sent.received_captions or [None])[0]
    words = "caption lost" if caption is None else f"“{caption}”"
    wrapped = {size: textwrap.wrap(words, _LINE * _LETTERS[0] // size) for size in _LETTERS}
    size = next((size for size, lines in wrapped.items() if len(lines) <= 2), _LETTERS[-1])
    _write_below(axes, "\n".join(wrapped[size]), size)


def _write_over(axes: Axes, words: str) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 4}
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", fontsize=10, bbox=box)


def _write_below(axes: Axes, words: str, size: int = _LETTERS[0]) -> None:
    axes.text(0.5, -0.025, words, transform=axes.transAxes, ha="center", va="top", fontsize=size, color=FAINT)


def _show(axes: Axes, image: Tensor) -> None:
    axes.imshow(np.asarray(image.permute(1, 2, 0)))
    axes.set_axis_off()
