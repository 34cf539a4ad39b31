"""What sender and receiver of the hybrid code both know once its bits have arrived, and how the sender makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.transmitter.blocks import Grid, grid
from semcomm.transmitter.codebook import Book, Codebook
from semcomm.transmitter.sketch import (
    NOTHING_CODED,
    Contexts,
    Followed,
    Layout,
    SketchTables,
    contexts,
    detail_log_variances,
    follow,
    layout,
    step_sizes,
)
from semcomm.transmitter.textures import quantise


@final
@dataclass(frozen=True)
class Drawing:
    """A photograph, or several of one size, as textures and a sketch: what both ends know once the bits have arrived.

    Args:
        shape: images, rows and columns of blocks.
        book: the textures.
        labels: classes, int64 `(blocks,)`.
        log_step: int64 `(blocks,)`.
        boost: what importance adds to the log-variances, int64 `(blocks,)`.
        layout: what is quantised.
        levels: int64 `(blocks, coded)`.
        known: what blocks were predicted from, float32 `(blocks, 4 N + 1)`.
        found: the contexts of the levels.
        log_variances: what is expected of the details, int64 `(blocks, Q)`.
    """

    shape: tuple[int, int, int]
    book: Book
    labels: Tensor
    log_step: Tensor
    boost: Tensor
    layout: Layout
    levels: Tensor
    known: Tensor
    found: Contexts
    log_variances: Tensor

    @property
    def grid(self) -> Grid:
        """Neighbours and waves of the blocks."""
        return grid(*self.shape, self.labels.device)

    @property
    def weights(self) -> Tensor:
        """Amplitudes that importance multiplies details with, float32 `(blocks, 1)`."""
        return torch.exp2(self.boost.float() / 16)[:, None]


def label(
    codebook: Codebook,
    book: Book,
    components: Tensor,
    shape: tuple[int, int, int],
    log_step: Tensor,
) -> Tensor:
    """Choose the class of every block by what block and class cost to code; see `Textures.coding_costs`.

    Args:
        codebook: the statistics.
        book: which textures.
        components: common components `(blocks, C)`.
        shape: images, rows and columns of blocks.
        log_step: the step of every block, as a logarithm.

    Returns:
        int64 `(blocks,)`.
    """
    if book.textures.classes == 1:
        return torch.zeros(len(components), dtype=torch.int64, device=components.device)
    known = guess(codebook, book, components, shape, log_step)
    return book.textures.coding_costs(components, known).argmin(1)


def draw(
    codebook: Codebook,
    book: Book,
    components: Tensor,
    shape: tuple[int, int, int],
    labels: Tensor,
    log_step: Tensor,
    boost: Tensor,
    *,
    closed_loop: bool = True,
    own: Tensor | None = None,
    find: Callable[[SketchTables, Layout, tuple[int, int, int], Tensor], Contexts] = contexts,
) -> tuple[Drawing, Tensor]:
    """Sketch photographs.

    Args:
        codebook: the statistics.
        book: which textures.
        components: common components of the blocks, `(blocks, C)`.
        shape: images, rows and columns of blocks.
        labels: classes of the blocks.
        log_step: the step of every block, as a logarithm, int64 `(blocks,)`.
        boost: what importance adds, int64 `(blocks,)`.
        closed_loop: False predicts from a guess of the sketch, all blocks at once: an estimate for a search.
        own: the components as `Textures.analyse` gives them for these classes, where they are at hand.
        find: finds the contexts of the levels; training takes `smooth_contexts`.

    Returns:
        The drawing, and the details: what it leaves of every component, times its block's weight, `(blocks, Q)`.
    """
    textures, tables = book.textures, codebook.tables
    own = textures.analyse(components, labels) if own is None else own
    plan, step = layout(textures, labels, log_step, boost), step_sizes(log_step + boost)
    if closed_loop:
        followed = follow(textures, tables, grid(*shape, labels.device), labels, plan, step, own=own)
        rest = own - textures.predictions(followed.known, labels)
    else:
        known = guess(codebook, book, components, shape, log_step + boost)
        rest = own - textures.predictions(known, labels)
        followed = Followed((quantise(rest[:, : plan.coded] / step) * plan.is_coded).long(), known)
    rest[:, : plan.coded] -= tables.values(followed.levels, plan.buckets) * step
    found = find(tables, plan, shape, followed.levels)
    drawing = _drawing(codebook, book, shape, labels, log_step, boost, plan, followed, found)
    return drawing, rest * drawing.weights


def draw_linear(codebook: Codebook, components: Tensor, shape: tuple[int, int, int]) -> tuple[Drawing, Tensor]:
    """Draw nothing, so that all is details: the linear code. See `draw`."""
    steps = torch.full((len(components),), NOTHING_CODED)
    nothing = torch.zeros_like(steps)
    return draw(codebook, codebook.books[0], components, shape, nothing, steps, nothing, closed_loop=False)


def redraw(
    codebook: Codebook,
    book: Book,
    shape: tuple[int, int, int],
    labels: Tensor,
    log_step: Tensor,
    boost: Tensor,
    levels: Tensor,
    found: Contexts,
) -> Drawing:
    """Make the receiver's drawing of what it decoded; the arguments are those of `Drawing`."""
    plan = layout(book.textures, labels, log_step, boost)
    step = step_sizes(log_step + boost)
    followed = follow(book.textures, codebook.tables, grid(*shape), labels, plan, step, levels=levels)
    return _drawing(codebook, book, shape, labels, log_step, boost, plan, followed, found)


def synthesise(codebook: Codebook, drawing: Drawing, details: Tensor) -> Tensor:
    """Put a drawing and details `(blocks, Q)`, times their weights, together to blocks `(blocks, 3 t t)`."""
    plan, step = drawing.layout, step_sizes(drawing.log_step + drawing.boost)
    residuals = details / drawing.weights
    sketched = codebook.tables.values(drawing.levels, plan.buckets) * step
    residuals = torch.cat([residuals[:, : plan.coded] + sketched, residuals[:, plan.coded :]], dim=1)
    components = drawing.book.textures.synthesise(residuals, drawing.known, drawing.labels)
    return codebook.common.blocks(components)


def _drawing(
    codebook: Codebook,
    book: Book,
    shape: tuple[int, int, int],
    labels: Tensor,
    log_step: Tensor,
    boost: Tensor,
    plan: Layout,
    followed: Followed,
    found: Contexts,
) -> Drawing:
    expected = detail_log_variances(codebook.tables, plan, log_step, followed.levels, found)
    return Drawing(shape, book, labels, log_step, boost, plan, followed.levels, followed.known, found, expected)


def guess(codebook: Codebook, book: Book, components: Tensor, shape: tuple[int, int, int], log_step: Tensor) -> Tensor:
    """Guess what blocks will be predicted from, before there is a sketch: float32 `(blocks, 4 N + 1)`."""
    rough = codebook.common.rough(components, log_step[:, None], book.textures.remembered)
    padded = F.pad(rough, (0, 0, 0, 1))
    known = padded[grid(*shape, components.device).neighbours].flatten(1)
    return F.pad(known, (0, 1), value=1.0)
