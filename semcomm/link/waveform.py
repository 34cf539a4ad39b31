"""Coded bits of blocks to symbols of a constellation, and received symbols to what is known of the bits."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# how often the one amplitude of QPSK occurs
QPSK = (1,)


def amplitudes(counts: Sequence[int]) -> Tensor:
    """Return amplitudes proportional to 1, 3, 5, ... whose mean square is 1 when they occur as often as `counts` says.

    Shape:
        float32 `(len(counts),)`.
    """
    often = torch.tensor(counts, dtype=torch.float64)
    odd = 2 * torch.arange(len(counts), dtype=torch.float64) + 1
    return (odd / (often @ odd.square() / often.sum()).sqrt()).float()


def to_symbols(coded: Tensor, counts: Sequence[int] = QPSK, *, sequence: int = 0) -> Tensor:
    """Return the symbols of blocks of coded bits.

    A block has the first bit of the Gray labels of all amplitudes, then their second bits and so on, and the signs at
    the end; each time the real parts' come first, then the imaginary parts'. Signs are flipped by a fixed sequence, so
    that any payload looks random.

    Args:
        coded: float32 `(b, n)` of zeros and ones.
        counts: how often each amplitude occurs: 1 for QPSK, 2 for 16-QAM, ..., 16 for 1024-QAM.
        sequence: which fixed sequence flips the signs.

    Shape:
        `(b, n)` -> complex64 `(b, n / (2 + 2 log2 len(counts)))`.
    """
    labels, signs = coded.unflatten(1, (part_bits(counts), -1)).tensor_split([-1], dim=1)
    signs = signs[:, 0]
    signs = 1 - 2 * (signs - scrambling(signs.shape[1], sequence).to(signs.device)).abs()
    parts = signs * amplitudes(counts).to(signs.device)[from_gray(labels)]
    return torch.complex(*parts.chunk(2, dim=1)) / 2**0.5


def to_logits(symbols: Tensor, noise_variance: Tensor, counts: Sequence[int] = QPSK, *, sequence: int = 0) -> Tensor:
    """Return log p(1) / p(0) of the coded bits of blocks, given how often amplitudes occur.

    Args:
        symbols: complex64 `(b, u)`, equalised.
        noise_variance: float32 `(b, u)`, of the noise left in each.
        counts: the sender's.
        sequence: the sender's.

    Shape:
        `(b, u)` -> float32 `(b, u (2 + 2 log2 len(counts)))`.
    """
    parts = torch.cat([symbols.real, symbols.imag], dim=1) * 2**0.5
    precisions = 0.5 / noise_variance.repeat(1, 2)
    positive = amplitudes(counts).to(parts.device)
    often = torch.tensor(counts, dtype=torch.float32, device=parts.device).log()
    # in shape (b, 2 u, amplitudes)
    plus, minus = (often - precisions[..., None] * (parts[..., None] - side * positive).square() for side in (1, -1))
    either = torch.logaddexp(plus, minus)
    place = torch.arange(len(counts), device=parts.device)
    gray = place ^ place >> 1
    logits = []
    for bit in reversed(range(part_bits(counts) - 1)):
        ones = gray >> bit & 1 == 1
        logits.append(either[..., ones].logsumexp(-1) - either[..., ~ones].logsumexp(-1))
    flips = 1 - 2 * scrambling(parts.shape[1], sequence).to(parts.device)
    logits.append(flips * (minus.logsumexp(-1) - plus.logsumexp(-1)))
    return torch.cat(logits, dim=1)


def from_gray(labels: Tensor) -> Tensor:
    """Return the places that Gray labels stand for: a bit of a place is the parity of the label's bits up to it.

    Args:
        labels: their bits, zeros and ones, the first bits of all first.

    Shape:
        `(b, bits, n)` -> int64 `(b, n)`.

    Example:
        >>> from_gray(torch.tensor([[[0, 0, 1, 1], [0, 1, 1, 0]]]))
        tensor([[0, 1, 2, 3]])
    """
    weights = 1 << torch.arange(labels.shape[1] - 1, -1, -1, device=labels.device)
    return (labels.long().cumsum(1) % 2 * weights[:, None]).sum(1)


def part_bits(counts: Sequence[int]) -> int:
    """Return the bits of a real or imaginary part: its sign's and its amplitude's."""
    return len(counts).bit_length()


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
