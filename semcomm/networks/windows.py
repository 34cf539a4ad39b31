"""Attention within windows, shifted from block to block (Liu et al., "Swin Transformer", ICCV 2021).

Symbols used in shapes: `b` images, `rows x columns` tokens, `d` channels, windows of `n = window x window` tokens.
Tokens of any number are taken: rows and columns are filled up to whole windows inside a block, tokens that fill up are
never attended to, and they are cut off again.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple, final

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

APART = -100.0
"""What is added to the attention between tokens that are not neighbours in the image, as published."""
BAND_TOKENS = 4096
"""Without gradients, a CPU works on bands of windows of about as many tokens, which its cache holds."""

Pattern = tuple[int, ...]
"""Which tokens along one side of a window belong together: equal numbers do."""


class Segment(NamedTuple):
    """Neighbouring windows, counted along one axis, that all have the same pattern."""

    start: int
    stop: int
    pattern: Pattern


@final
class WindowAttention(nn.Module):
    """Multi-head attention within windows, with a bias for every relative position.

    Args:
        channels: d.
        heads: number of heads; must divide `channels`.
        window: height and width of a window in tokens.

    Shape:
        windows `(b, r, c, n, d)`, r x c of them, to the same shape.
    """

    def __init__(self, channels: int, *, heads: int, window: int):
        super().__init__()
        self.heads = heads
        self.window = window
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)

    def masks(self, rows: tuple[Segment, ...], columns: tuple[Segment, ...]) -> dict[tuple[Pattern, Pattern], Tensor]:
        """What is added to the attention, `(1, heads, n, n)`, by the patterns of a window's rows and columns."""
        index = _relative_index(self.window, str(self.bias_table.device))
        bias = self.bias_table[index].permute(2, 0, 1).unsqueeze(0)
        pairs = {(row.pattern, column.pattern) for row in rows for column in columns}
        return {pair: bias + _apart(*pair, str(bias.device)) if any(map(any, pair)) else bias for pair in pairs}

    def forward(
        self,
        windows: Tensor,
        row_pattern: Pattern,
        columns: tuple[Segment, ...],
        masks: dict[tuple[Pattern, Pattern], Tensor],
    ) -> Tensor:
        """Attend within windows whose rows all have one pattern."""
        b, r, _, n, d = windows.shape
        qkv = self.qkv(windows)
        attended = []
        for start, stop, pattern in columns:
            part = qkv[:, :, start:stop].reshape(-1, n, 3, self.heads, d // self.heads)
            query, key, value = part.permute(2, 0, 3, 1, 4)
            mask = masks[row_pattern, pattern].to(query.dtype)
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            attended.append(mixed.transpose(1, 2).reshape(b, r, stop - start, n, d))
        return self.proj(attended[0] if len(attended) == 1 else torch.cat(attended, dim=2))


@final
class WindowBlock(nn.Module):
    """Attention within windows, then two dense layers per token, both added to their input.

    Args:
        channels: d.
        heads: heads of the attention.
        window: height and width of a window in tokens.
        shifted: whether the windows are shifted by half their size, so that tokens meet across their borders.

    Shape:
        `(b, rows, columns, d)` to the same.
    """

    def __init__(self, channels: int, *, heads: int, window: int, shifted: bool):
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads=heads, window=window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform `(b, rows, columns, d)`."""
        height, width = tokens.shape[1:3]
        row_segments = segments(height, self.window, self.shift)
        column_segments = segments(width, self.window, self.shift)
        masks = self.attention.masks(row_segments, column_segments)
        tokens = F.pad(tokens, (0, 0, 0, -width % self.window, 0, -height % self.window))
        if self.shift:
            tokens = tokens.roll((-self.shift, -self.shift), dims=(1, 2))
        bands = []
        for start, stop, pattern in _bands(row_segments, tokens, self.window):
            band = tokens[:, start * self.window : stop * self.window]
            windows = rearrange(band, "b (r y) (c x) d -> b r c (y x) d", y=self.window, x=self.window)
            windows = windows + self.attention(self.norm1(windows), pattern, column_segments, masks)
            windows = windows + self.mlp(self.norm2(windows))
            bands.append(rearrange(windows, "b r c (y x) d -> b (r y) (c x) d", y=self.window))
        tokens = torch.cat(bands, dim=1)
        if self.shift:
            tokens = tokens.roll((self.shift, self.shift), dims=(1, 2))
        return tokens[:, :height, :width]


@final
class PatchMerging(nn.Module):
    """Four neighbouring tokens become one: `(b, 2 rows, 2 columns, d)` to `(b, rows, columns, d')`."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * in_channels)
        self.linear = nn.Linear(4 * in_channels, out_channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Merge; the four are taken column by column."""
        merged = rearrange(tokens, "b (r y) (c x) d -> b r c (x y d)", y=2, x=2)
        return self.linear(self.norm(merged))


@final
class PatchSplitting(nn.Module):
    """One token becomes four: `(b, rows, columns, d)` to `(b, 2 rows, 2 columns, d')`."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(in_channels)
        self.linear = nn.Linear(in_channels, 4 * out_channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Split; of a token's outputs, each channel has four neighbouring ones, row by row."""
        return rearrange(self.linear(self.norm(tokens)), "b r c (d y x) -> b (r y) (c x) d", y=2, x=2)


@final
class WindowStage(nn.Module):
    """Blocks of one size, after a `PatchMerging` or before a `PatchSplitting` where there is one.

    Args:
        channels: d of the blocks.
        depth: number of blocks; every second one is shifted.
        heads: heads of the attention.
        window: height and width of a window in tokens.
        resize: what halves or doubles the plane, or None.
        when: whether `resize` comes "before" or "after" the blocks.
    """

    def __init__(
        self,
        channels: int,
        *,
        depth: int,
        heads: int,
        window: int,
        resize: PatchMerging | PatchSplitting | None = None,
        when: Literal["before", "after"] = "before",
    ):
        super().__init__()
        self.blocks = nn.Sequential(
            *(WindowBlock(channels, heads=heads, window=window, shifted=index % 2 == 1) for index in range(depth))
        )
        self.resize = resize
        self.when = when

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform `(b, rows, columns, d)`."""
        if self.resize is None:
            return self.blocks(tokens)
        return self.blocks(self.resize(tokens)) if self.when == "before" else self.resize(self.blocks(tokens))


@lru_cache(maxsize=256)
def segments(length: int, window: int, shift: int) -> tuple[Segment, ...]:
    """How windows along an axis differ: which of their tokens are neighbours in the image, and which fill up.

    Args:
        length: tokens along the axis.
        window: tokens of a window along it.
        shift: by how many tokens the axis is rolled to the front before it is cut into windows.

    Example:
        >>> segments(32, 8, 4)[-1]
        Segment(start=3, stop=4, pattern=(0, 0, 0, 0, 1, 1, 1, 1))
    """
    padded = length + -length % window
    places = [(place + shift) % padded for place in range(padded)]
    labels = [2 if place >= length else int(place < shift) for place in places]
    windows = [_numbered(labels[start : start + window]) for start in range(0, padded, window)]
    grouped, start = [], 0
    for pattern, same in groupby(windows):
        stop = start + len(list(same))
        grouped.append(Segment(start, stop, pattern))
        start = stop
    return tuple(grouped)


def _numbered(labels: list[int]) -> Pattern:
    """Number the labels in the order of their first appearance."""
    order = list(dict.fromkeys(labels))
    return tuple(order.index(label) for label in labels)


def _bands(rows: tuple[Segment, ...], tokens: Tensor, window: int) -> Iterator[Segment]:
    """Cut segments into bands of about `BAND_TOKENS` tokens, where that is faster."""
    whole = torch.is_grad_enabled() or tokens.device.type != "cpu"
    most = max(1, BAND_TOKENS // (tokens.shape[0] * tokens.shape[2] * window))
    for start, stop, pattern in rows:
        step = stop - start if whole else most
        for first in range(start, stop, step):
            yield Segment(first, min(first + step, stop), pattern)


@lru_cache(maxsize=64)
def _apart(rows: Pattern, columns: Pattern, device: str) -> Tensor:
    """`APART` between tokens of a window that do not belong together, 0 between others: `(n, n)`."""
    with torch.inference_mode(mode=False):
        labels = torch.tensor([[row * len(columns) + column for column in columns] for row in rows]).flatten()
        return torch.where(labels[:, None] == labels, 0.0, APART).to(device)


@lru_cache(maxsize=64)
def _relative_index(window: int, device: str) -> Tensor:
    """Row of the bias table for every pair of tokens, `(n, n)`: (dy + window - 1) (2 window - 1) + dx + window - 1."""
    with torch.inference_mode(mode=False):
        place = torch.arange(window)
        y, x = (axis.flatten() for axis in torch.meshgrid(place, place, indexing="ij"))
        down, right = y[:, None] - y + window - 1, x[:, None] - x + window - 1
        return (down * (2 * window - 1) + right).to(device)
