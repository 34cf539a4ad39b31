"""Transforms in a file: half precision for strong components, eight bits for weak ones, without a loss that shows."""

from collections.abc import Mapping

import torch
from torch import Tensor

STRONG = 64
"""Leading common components, whose coefficients keep half precision: they hold nearly all of a block's energy."""
GROUP = 32
"""Coefficients that share a scale."""
_MOST, _SMALLEST = 127, 2.0**-14


def pack(transform: Tensor) -> dict[str, Tensor]:
    """Round transforms `(..., C)` on common components, the strongest first, to what `unpack` understands.

    A group of `GROUP` weak coefficients is its peak in half precision, and whole 127ths of that. C less `STRONG` is a
    multiple of `GROUP`, or negative: then there are no weak ones. What was packed before is packed without a change.
    """
    packed = {"transform": transform[..., :STRONG].half()}
    if transform.shape[-1] > STRONG:
        weak = transform[..., STRONG:].unflatten(-1, (-1, GROUP))
        peak = weak.abs().amax(-1).half()
        peak = torch.where(peak < _SMALLEST, 0, peak)
        share = weak / peak.float().clamp_min(_SMALLEST)[..., None] * (peak > 0)[..., None]
        numbers = (_MOST * share).round().clamp(-_MOST, _MOST)
        packed |= {"weak": numbers.to(torch.int8).flatten(-2), "weak_peak": peak}
    return packed


def unpack(packed: Mapping[str, Tensor]) -> Tensor:
    """Turn what `pack` made back into transforms, float32 `(..., C)`."""
    strong = packed["transform"].float()
    if "weak" not in packed:
        return strong
    share = packed["weak"].float().unflatten(-1, (-1, GROUP)) / _MOST
    return torch.cat([strong, (share * packed["weak_peak"].float()[..., None]).flatten(-2)], dim=-1)


def rounded(transform: Tensor) -> Tensor:
    """What is left of transforms when they were packed."""
    return unpack(pack(transform))
