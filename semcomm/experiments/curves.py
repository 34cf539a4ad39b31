"""Curves for a paper: readable in print and by the colour-blind, with confidence bands."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal, final, get_args

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from semcomm.experiments.pictures import FAINT, INK

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's palette, the darker colours first, and gray."""
MARKERS = "osD^vPX*<"
"""One more than colours, so that no two of many curves look alike."""
DODGE = 3.0
"""How far apart the error bars of two curves stand, in points, so that none hides another."""
Width = Literal["screen", "single", "double"]
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-")


@final
@dataclass(frozen=True)
class Style:
    """How large everything is drawn.

    Args:
        inches: width of the whole figure; None for 3.7 a panel and 0.5.
        columns: panels in a row at most; None for as they come.
        panel_height: in inches.
        text: size of headings, labels and the legend in points; ticks and the note are a point smaller.
        title: size of the figure's title in points; None for none, where a caption says it.
        line: width of curves in points; markers are 2.8 times as large.
    """

    inches: float | None = None
    columns: int | None = None
    panel_height: float = 2.9
    text: float = 10.0
    title: float | None = 12.0
    line: float = 1.6


STYLES: dict[Width, Style] = {
    "screen": Style(),
    "single": Style(inches=3.5, columns=1, panel_height=2.1, text=8.0, title=None, line=1.1),
    "double": Style(inches=7.16, columns=2, panel_height=2.2, text=8.0, title=None, line=1.1),
}
"""For a screen, and for one or both columns of an IEEE paper: 3.5 and 7.16 inches, 8 points."""


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


def draw_curves(rows: Sequence[Sequence[Panel]], *, title: str, note: str = "", width: Width = "screen") -> Figure:
    """Draw panels in rows, with one legend for all.

    The bars of different curves stand beside one another: they are moved sideways by some points, the curves are not.

    Args:
        rows: the panels, row by row; neighbours with the same `y_label` share their scale.
        title: above the figure, where it is for a screen.
        note: above the legend: data, seed, training budget.
        width: "screen", or "single" or "double" for one or both columns of an IEEE paper; rows that are too long for it
            are broken.

    Raises:
        ValueError: if `width` is none of these.
    """
    if width not in STYLES:
        raise ValueError(f"width must be one of {', '.join(get_args(Width))}, got {width!r}")
    style = STYLES[width]
    if style.columns is not None:
        longest = style.columns
        rows = [row[at : at + longest] for row in rows for at in range(0, len(row), longest)]
    columns = max(len(row) for row in rows)
    labels = list(dict.fromkeys(curve.label for row in rows for panel in row for curve in panel.curves))
    looks: dict[str, dict[str, Any]] = {
        label: {"color": color, "marker": marker, "linestyle": dash}
        for label, color, marker, dash in zip(labels, cycle(COLORS), cycle(MARKERS), cycle(DASHES), strict=False)
    }
    inches = 3.7 * columns + 0.5 if style.inches is None else style.inches
    figure = Figure(figsize=(inches, style.panel_height * len(rows) + 1.3), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, row in zip(grid, rows, strict=True):
        for axes in axes_row[len(row) :]:
            axes.set_axis_off()
        for place, (axes, panel) in enumerate(zip(axes_row, row, strict=False)):
            _draw(axes, panel, looks, style)
            if place and row[place - 1].y_label == panel.y_label:
                axes.sharey(axes_row[place - 1])
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel(panel.y_label, color=INK, fontsize=style.text)
    handles = {}
    for axes in grid.flat:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    letters = inches * 72 / (0.55 * style.text)
    in_a_row = max(1, int(letters / (max(map(len, labels)) + 8)))
    legend = figure.legend(
        [handles[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=min(len(labels), in_a_row),
        frameon=False,
        fontsize=style.text - 1,
        title=textwrap.fill(note, int(letters)),  # the one place below that the layout keeps free for text
        title_fontproperties={"size": style.text - 2.5 if style.title else style.text - 1.5},
    )
    legend.get_title().set_color(FAINT)
    if style.title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=style.title, weight="bold", color=INK)
    return figure


def _draw(axes: Axes, panel: Panel, looks: dict[str, dict[str, Any]], style: Style) -> None:
    for place, curve in enumerate(panel.curves):
        y = [math.nan if value is None else value for value in curve.y]
        bars = [0.0 if value is None else value for value in curve.ci95] or None
        container = axes.errorbar(
            curve.x,
            y,
            yerr=bars,
            label=curve.label,
            markersize=2.8 * style.line,
            linewidth=style.line,
            elinewidth=0.56 * style.line,
            capsize=1.5 * style.line,
            **looks[curve.label],
        )
        aside = DODGE * (place - (len(panel.curves) - 1) / 2) / 72
        beside = axes.transData + ScaledTranslation(aside, 0, axes.figure.dpi_scale_trans)
        for artist in (*container.lines[1], *container.lines[2]):
            artist.set_transform(beside)
    if panel.zero:
        axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_title(panel.title, fontsize=style.text, color=INK)
    axes.set_xlabel(panel.x_label, color=INK, fontsize=style.text)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=style.text - 1)
