"""Which channels a rate-adaptive SwinJSCC keeps, and in which order it takes those that tie."""

from typing import Literal

import torch
from torch import Tensor

Ties = Literal["first", "bitonic"]
TIES: tuple[Ties, ...] = ("first", "bitonic")


def kept_channels(scores: Tensor, rate: int, *, ties: Ties = "first") -> Tensor:
    """The `rate` channels with the highest scores, in ascending order.

    A score is a sum of sigmoids. Saturated sigmoids are exactly 1 in float32, so that sums tie exactly, and the order
    among ties decides.

    Args:
        scores: `(b, channels)`.
        rate: channels to keep.
        ties: "first" takes the channel with the lowest number, as a stable sort does. "bitonic" takes those that
            torch 1.12 and older took on CUDA, where rows of up to 2,048 values went through a bitonic sorting network.

    Returns:
        int64 `(b, rate)`.

    Example:
        >>> kept_channels(torch.tensor([[0.5, 1.0, 1.0, 0.7]]), 3)
        tensor([[1, 2, 3]])
    """
    if ties == "first":
        order = scores.sort(dim=1, descending=True, stable=True).indices
    else:
        order = bitonic_order(scores.detach())
    return order[:, :rate].sort(dim=1).values


def bitonic_order(scores: Tensor) -> Tensor:
    """Indices by falling score, as the bitonic network orders them (Batcher 1968): pairs that tie change places too.

    Rows of 129 to 1,024 values were filled up to 1,024, shorter ones to 128 or 32, longer ones to 2,048; what fills up
    sorts to the end.
    """
    b, count = scores.shape
    size = next(size for size in (32, 128, 1024, 2048) if count <= size)
    keys = torch.cat([scores, scores.new_full((b, size - count), -torch.inf)], dim=1)
    order = torch.arange(size, device=scores.device).repeat(b, 1)
    valid = order < count
    threads = torch.arange(size // 2, device=scores.device)
    for length in (2**power for power in range(1, size.bit_length())):
        upwards = (threads & (length // 2)) != 0 if length < size else torch.zeros_like(threads, dtype=torch.bool)
        for stride in (length >> power for power in range(1, length.bit_length())):
            left = 2 * threads - (threads & (stride - 1))
            right = left + stride
            ordered = ((keys[:, left] > keys[:, right]) & valid[:, left]) | ~valid[:, right]
            swap = ordered == upwards
            keys, order, valid = (_swapped(values, left, right, swap) for values in (keys, order, valid))
    return order[:, :count]


def _swapped(values: Tensor, left: Tensor, right: Tensor, swap: Tensor) -> Tensor:
    swapped = values.clone()
    swapped[:, left] = torch.where(swap, values[:, right], values[:, left])
    swapped[:, right] = torch.where(swap, values[:, left], values[:, right])
    return swapped
