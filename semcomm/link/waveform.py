"""Coded bits of blocks to symbols of a constellation, and received symbols to what is known of the bits."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from semcomm.link.sionna_blocks import demodulate, generators_kept, modulate

# standard deviation of a symbol's power: sqrt(0.4), the most of any square constellation
POWER_DEVIATION = 0.63
SCALES = 25
SCALED_SYMBOLS = 1024


def to_symbols(coded: Tensor, bits_per_symbol: int, *, sequence: int = 0) -> Tensor:
    """Return the symbols of blocks of coded bits.

    Bits are flipped by a fixed sequence, so that any payload looks random. The bits of a symbol come from places of a
    block that lie a symbol's share of it apart, its first ones best protected (3GPP TS 38.212, Section 5.4.2.2).

    Args:
        coded: float32 `(b, n)` of zeros and ones, n a multiple of `bits_per_symbol`.
        bits_per_symbol: 2, 4, 6 or 8.
        sequence: which fixed sequence flips the bits.

    Shape:
        `(b, n)` -> complex64 `(b, n / bits_per_symbol)`.
    """
    flipped = (coded - scrambling(coded.shape[1], sequence).to(coded.device)).abs()
    bits = flipped.unflatten(1, (bits_per_symbol, -1)).transpose(1, 2)
    with generators_kept():
        return modulate(bits.flatten(), bits_per_symbol).reshape(len(coded), -1)


def to_logits(symbols: Tensor, noise_variance: Tensor, bits_per_symbol: int, *, sequence: int = 0) -> Tensor:
    """Return log p(1) / p(0) of the coded bits of blocks.

    Args:
        symbols: complex64 `(b, u)`, equalised.
        noise_variance: float32 `(b, u)`, of the noise left in each.
        bits_per_symbol: 2, 4, 6 or 8.
        sequence: the sender's.

    Shape:
        `(b, u)` -> float32 `(b, u bits_per_symbol)`.
    """
    with generators_kept():
        logits = demodulate(symbols.flatten(), noise_variance.flatten(), bits_per_symbol)
    logits = logits.reshape(*symbols.shape, bits_per_symbol).transpose(1, 2).flatten(1)
    return logits * (1 - 2 * scrambling(logits.shape[1], sequence).to(logits.device))


def likeliest_scale(symbols: Tensor, noise_variance: Tensor, bits_per_symbol: int) -> float:
    """Return what received symbols must be multiplied by to be points of the constellation, from the symbols alone.

    A sender brings its symbols to a mean power of exactly 1, while points have that on average only: of 50 symbols of
    64-QAM the amplitude is 4 % off, as much as a quarter of the distance to the next point. The receiver tries scales
    within four deviations and takes the likeliest one, given how likely each is beforehand.

    Args:
        symbols: complex64 `(n,)`, equalised.
        noise_variance: float32 `(n,)`.
        bits_per_symbol: 4, 6 or 8.
    """
    deviation = 0.5 * POWER_DEVIATION / len(symbols) ** 0.5
    deviations = torch.linspace(-4, 4, SCALES, device=symbols.device)
    scales = 1 + deviation * deviations
    side = 1 << bits_per_symbol // 2
    levels = torch.arange(1 - side, side, 2, device=symbols.device) / (2 * (side**2 - 1) / 3) ** 0.5
    parts = torch.view_as_real(symbols[:SCALED_SYMBOLS]).flatten()
    noise = noise_variance[:SCALED_SYMBOLS].repeat_interleave(2)
    errors = parts[:, None] - levels / scales[:, None, None]
    likelihoods = (-errors.square() / noise[:, None]).logsumexp(-1).sum(-1)
    return float(scales[(likelihoods - deviations.square() / 2).argmax()])


def spread(uses: int) -> Tensor:
    """Return an order of channel uses in which neighbours lie far apart: one stride, near the golden section.

    Shape:
        int64 `(uses,)`, a permutation.

    Example:
        >>> spread(8).tolist()
        [0, 5, 2, 7, 4, 1, 6, 3]
    """
    stride = max(uses * 618 // 1000, 1)
    while np.gcd(stride, uses) != 1:
        stride += 1
    return torch.arange(uses) * stride % max(uses, 1)


@lru_cache(maxsize=64)
def scrambling(bits: int, sequence: int = 0) -> Tensor:
    """Return fixed zeros and ones, float32 `(bits,)`: top bits of SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        counter = np.arange(1, bits + 1, dtype=np.uint64) + np.uint64(sequence << 32)
        x = counter * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return torch.from_numpy((x >> np.uint64(63)).astype(np.float32))
