"""Curves for a paper: readable in print and by the colour-blind, with confidence bands."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from semcomm.experiments.pictures import FAINT, INK

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, the darker colours first."""
MARKERS = "osD^vPX"
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-")


@final
@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Args:
        label: the text in the legend; curves of one label look the same in all panels.
        x: where.
        y: the means; None leaves a gap.
        ci95: half widths of their 95 % confidence intervals; None for no bar.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    ci95: Sequence[float | None] = ()


@final
@dataclass(frozen=True)
class Panel:
    """One pair of axes: a title, what its axes mean, and curves.

    Args:
        title: above the axes; may be empty.
        x_label: quantity and unit.
        y_label: quantity and unit.
        curves: the lines.
        zero: whether to rule the line y = 0, for differences.
    """

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    zero: bool = False


def draw_curves(rows: Sequence[Sequence[Panel]], *, title: str, note: str = "") -> Figure:
    """Draw panels in rows, with one legend for all.

    Args:
        rows: the panels, row by row; neighbours with the same `y_label` share their scale.
        title: above the figure.
        note: above the legend: data, seed, training budget.
    """
    columns = max(len(row) for row in rows)
    labels = list(dict.fromkeys(curve.label for row in rows for panel in row for curve in panel.curves))
    styles = {
        label: {"color": color, "marker": marker, "linestyle": dash}
        for label, color, marker, dash in zip(labels, cycle(COLORS), cycle(MARKERS), cycle(DASHES), strict=False)
    }
    figure = Figure(figsize=(3.7 * columns + 0.5, 2.9 * len(rows) + 1.3), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, row in zip(grid, rows, strict=True):
        for axes in axes_row[len(row) :]:
            axes.set_axis_off()
        for place, (axes, panel) in enumerate(zip(axes_row, row, strict=False)):
            _draw(axes, panel, styles)
            if place and row[place - 1].y_label == panel.y_label:
                axes.sharey(axes_row[place - 1])
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel(panel.y_label, color=INK)
    handles = {}
    for axes in grid.flat:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    legend = figure.legend(
        [handles[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=min(len(labels), columns if max(map(len, labels)) > 20 else 2 * columns),
        frameon=False,
        fontsize=9,
        title=textwrap.fill(note, 58 * columns),  # the one place below that the layout keeps free for text
        title_fontproperties={"size": 7.5},
    )
    legend.get_title().set_color(FAINT)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, weight="bold", color=INK)
    return figure


def _draw(axes: Axes, panel: Panel, styles: dict[str, dict[str, str]]) -> None:
    for curve in panel.curves:
        y = [math.nan if value is None else value for value in curve.y]
        bars = [0.0 if value is None else value for value in curve.ci95] or None
        axes.errorbar(
            curve.x,
            y,
            yerr=bars,
            label=curve.label,
            markersize=4.5,
            linewidth=1.6,
            elinewidth=0.9,
            capsize=2.5,
            **styles[curve.label],  # type: ignore[arg-type]
        )
    if panel.zero:
        axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_title(panel.title, fontsize=10, color=INK)
    axes.set_xlabel(panel.x_label, color=INK)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
