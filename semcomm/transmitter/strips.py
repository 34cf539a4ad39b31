"""Large photographs as several frames: strips of whole rows of blocks, sent behind one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from semcomm.images import STRIP_PIXELS

SMALLEST_FRAME = 1280
"""Fewer channel uses than these have no digital part: a header would take more than 5 % of them."""
LARGEST_FRAME = 2**18
"""More channel uses than these are more than one frame: a header can tell the length of 131,071 bytes at most."""


@final
@dataclass(frozen=True)
class Strip:
    """A part of a photograph that has a frame of its own.

    Args:
        rows: its rows of pixels.
        uses: its channel uses among all of the photograph's.
    """

    rows: slice
    uses: slice

    @property
    def channel_uses(self) -> int:
        """How many channel uses it has."""
        return self.uses.stop - self.uses.start


def strips(height: int, width: int, channel_uses: int, block: int) -> list[Strip]:
    """Cut a photograph of `height x width` pixels and its channel uses, as both ends do: by size and k alone.

    Args:
        height: in pixels.
        width: in pixels.
        channel_uses: k.
        block: the side of blocks in pixels.

    Example:
        >>> strips(512, 768, 16_384, 16)
        [Strip(rows=slice(0, 512, None), uses=slice(0, 16384, None))]
        >>> [(strip.rows.stop, strip.uses.stop) for strip in strips(4000, 6000, 500_000, 16)]
        [(656, 82000), (1328, 166000), (2000, 250000), (2656, 332000), (3328, 416000), (4000, 500000)]
    """
    rows = -(-height // block)
    needed = max(-(-height * width // STRIP_PIXELS), -(-channel_uses // LARGEST_FRAME))
    count = max(1, min(needed, rows, channel_uses // SMALLEST_FRAME))
    ends = [rows * part // count for part in range(count + 1)]
    return [
        Strip(
            slice(start * block, min(stop * block, height)),
            slice(channel_uses * start // rows, channel_uses * stop // rows),
        )
        for start, stop in zip(ends, ends[1:], strict=False)
    ]


def put_together(
    cut: list[Strip], parts: Sequence[Tensor | None], missing: float, shape: tuple[int, ...]
) -> Tensor | None:
    """Put what strips hold together; None where no strip holds anything.

    Args:
        cut: from `strips`.
        parts: images or label maps `(..., h of the strip, w)`.
        missing: stands for what is None.
        shape: of the whole, `(..., h, w)`.
    """
    kinds = [part.dtype for part in parts if part is not None]
    if not kinds:
        return None
    whole = torch.full(shape, missing, dtype=kinds[0])
    for strip, part in zip(cut, parts, strict=True):
        if part is not None:
            whole[..., strip.rows, :] = part
    return whole
