"""Hops 1 to 3 of 6 for the hybrid code: texture map and sketch as bits, details as they are.

Hybrid digital-analog coding (Mittal and Phamdo, "Hybrid digital-analog joint source-channel codes", 2002; Skoglund,
Phamdo and Alajaji, 2002): what can be said in few bits is sent as bits over a channel code; the quantisation's error and
all weaker components are sent as they are and degrade gracefully.
"""

import math
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from semcomm.link import header, transport
from semcomm.link.entropy import RangeEncoder
from semcomm.link.frame import Fields, mark, mark_uses, quantise_gain, quantise_told
from semcomm.transmitter.blocks import Grid, grid, to_blocks
from semcomm.transmitter.codebook import Book, Codebook
from semcomm.transmitter.linear import Allocation, allocate
from semcomm.transmitter.payload import level_costs, map_cost, write_map, write_sketch
from semcomm.transmitter.sketch import (
    Contexts,
    Layout,
    contexts,
    detail_log_variances,
    follow,
    layout,
    step_sizes,
)

NOTHING_CODED = 127 - 40
SMALLEST_FRAME = 1280
"""Fewer channel uses than these have no digital part: a header would take more than 5 % of them."""


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
        return grid(*self.shape)

    @property
    def weights(self) -> Tensor:
        """Amplitudes that importance multiplies details with, float32 `(blocks, 1)`."""
        return torch.exp2(self.boost.float() / 16)[:, None]
