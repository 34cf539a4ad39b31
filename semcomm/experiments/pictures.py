"""Pictures for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from semcomm.files.atomic import write_whole
from semcomm.transmission import Transmission

INK, FAINT = "#1a1a1a", "#6b6b6b"


def draw_transmissions(
    photograph: Tensor,
    rows: Mapping[str, Sequence[Transmission]],
    snrs_db: Sequence[float],
    *,
    title: str,
    notes: Sequence[str],
    segmentation: Tensor | None = None,
    classes: Mapping[str, tuple[float, float, float]] | None = None,
) -> Figure:
    """Draw what was sent at the left, and what arrived in a row per scheme and a column per SNR.

    Args:
        photograph: the image sent, uint8 `(3, h, w)`.
        rows: per scheme, one transmission per SNR.
        snrs_db: the SNRs in dB, one per column.
        title: a line above the picture.
        notes: lines below what was sent.
        segmentation: the label map sent in its colours, `(3, h, w)` in [0, 1], drawn below the image.
        classes: its classes' colours, RGB in [0, 1], for the legend.
    """
    height, width = photograph.shape[1:]
    cell = 2.5
    tall = cell * min(max(height / width, 0.5), 1.6) + 0.42
    figure = Figure(figsize=(cell * (len(snrs_db) + 1.55), tall * len(rows) + 0.55), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(rows),
        len(snrs_db) + 1,
        width_ratios=[1.5] + [1.0] * len(snrs_db),
        left=0.012,
        right=0.992,
        top=1 - 0.68 / figure.get_figheight(),
        bottom=0.30 / figure.get_figheight(),
        wspace=0.05,
        hspace=0.22,
    )
    figure.suptitle(
        title, x=0.012, y=1 - 0.12 / figure.get_figheight(), ha="left", va="top", fontsize=13, color=INK, weight="bold"
    )
    pictures = {"sent": photograph} | ({} if segmentation is None else {"segmentation sent": segmentation})
    column = grid[:, 0].subgridspec(len(pictures) + 1, 1, height_ratios=[1] * len(pictures) + [0.72], hspace=0.12)
    for place, (name, picture) in enumerate(pictures.items()):
        axes = figure.add_subplot(column[place])
        _show(axes, picture)
        axes.set_anchor("N")
        axes.set_title(name, fontsize=10, color=INK)
    beneath = figure.add_subplot(column[-1])
    beneath.set_axis_off()
    patches = [Patch(color=color, label=name) for name, color in (classes or {}).items()]
    if patches:
        legend = beneath.legend(handles=patches, loc="upper left", ncols=2, fontsize=8.5, frameon=False, borderpad=0)
        legend.set_in_layout(False)
    beneath.text(
        0,
        1 - 0.11 * -(-len(patches) // 2),
        "\n".join(notes),
        transform=beneath.transAxes,
        va="top",
        fontsize=9,
        color=FAINT,
        linespacing=1.5,
    )
    for row, (scheme, transmissions) in enumerate(rows.items()):
        for column_number, (snr_db, sent) in enumerate(zip(snrs_db, transmissions, strict=True), start=1):
            axes = figure.add_subplot(grid[row, column_number])
            _show(axes, sent.images[0].cpu())
            axes.set_title(f"{scheme}, {snr_db:g} dB", fontsize=10, color=INK)
            failed = sent.failed is not None and bool(sent.failed[0])
            score = f"PSNR {sent.psnr_db[0]:.1f} dB   SSIM {sent.ssim[0]:.3f}"
            if failed:
                score = "fails: no file is small enough"
                box = {"facecolor": "white", "edgecolor": "none", "pad": 4}
                axes.text(0.5, 0.5, "nothing decodable", transform=axes.transAxes, ha="center", fontsize=10, bbox=box)
            axes.text(0.5, -0.025, score, transform=axes.transAxes, ha="center", va="top", fontsize=9, color=FAINT)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's ending, whole or not at all; no file holds the time of day."""
    kind = Path(path).suffix.lower().removeprefix(".")
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with write_whole(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=metadata)


def _show(axes: Axes, image: Tensor) -> None:
    axes.imshow(np.asarray(image.permute(1, 2, 0)))
    axes.set_axis_off()
