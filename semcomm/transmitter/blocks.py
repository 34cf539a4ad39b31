"""Images as grids of t x t blocks, and the order in which blocks predict one another."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import final

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 4
"""Left, upper, upper left and upper right: what is known when blocks are decoded in wavefront order."""


def to_blocks(images: Tensor, size: int) -> Tensor:
    """Cut images `(b, 3, rows size, columns size)` into blocks `(b, rows, columns, 3 size size)`."""
    return rearrange(images, "b c (r y) (q x) -> b r q (c y x)", y=size, x=size)


def to_images(blocks: Tensor, size: int) -> Tensor:
    """Put blocks `(b, rows, columns, 3 size size)` together to images `(b, 3, rows size, columns size)`."""
    return rearrange(blocks, "b r q (c y x) -> b c (r y) (q x)", c=3, y=size, x=size)


@final
@dataclass(frozen=True)
class Grid:
    """Which blocks a block is predicted from, and which blocks can be decoded at once.

    Blocks are numbered image by image, row by row. A missing neighbour is replaced by one that is there; the number
    of all blocks stands for a neighbour of zeros, which only an image's first block has.

    Args:
        neighbours: int64 `(blocks, 4)`.
        waves: the blocks with equal 2 row + column, int64, in decoding order.
    """

    neighbours: Tensor
    waves: tuple[Tensor, ...]

    @cached_property
    def order(self) -> Tensor:
        """All blocks in decoding order, int64 `(blocks,)`."""
        return torch.cat(self.waves)

    @cached_property
    def turn(self) -> Tensor:
        """Each block's place in the decoding order, int64 `(blocks,)`."""
        return self.order.argsort()

    @cached_property
    def neighbours_by_turn(self) -> Tensor:
        """Neighbours by their places in the decoding order, of blocks in that order: int64 `(blocks, 4)`."""
        return F.pad(self.turn, (0, 1), value=len(self.turn))[self.neighbours[self.order]]

    @cached_property
    def slices(self) -> list[slice]:
        """Where the waves are in the decoding order."""
        ends = list(accumulate(len(wave) for wave in self.waves))
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


@lru_cache(maxsize=16)
def grid(images: int, rows: int, columns: int, device: torch.device | None = None) -> Grid:
    """Number the blocks of some images of `rows x columns` blocks, on a device; None is the CPU.

    Example:
        >>> grid(1, 2, 3).neighbours[4].tolist()  # row 1, column 1: left, upper, upper left, upper right
        [3, 1, 0, 2]
        >>> [wave.tolist() for wave in grid(1, 2, 3).waves]
        [[0], [1], [2, 3], [4], [5]]
    """
    number = torch.arange(images * rows * columns).reshape(images, rows, columns)
    nobody = number.numel()
    left, up = number.roll(1, 2), number.roll(1, 1)
    up_left, up_right = up.roll(1, 2), up.roll(-1, 2)
    first_row, first_column = left[:, 0].clone(), up[:, :, 0].clone()
    up[:, 0], up_left[:, 0], up_right[:, 0] = first_row, first_row, first_row
    left[:, :, 0] = first_column
    up_left[:, 1:, 0] = first_column[:, 1:]
    up_right[:, :, -1] = up[:, :, -1]
    neighbours = torch.stack([left, up, up_left, up_right], dim=-1)
    neighbours[:, 0, 0] = nobody
    wave = 2 * torch.arange(rows)[:, None] + torch.arange(columns)
    last = int(wave.max()) + 1
    waves = (number[:, wave == step].flatten() for step in range(last))
    return Grid(neighbours.flatten(0, 2).to(device), tuple(blocks.to(device) for blocks in waves))
