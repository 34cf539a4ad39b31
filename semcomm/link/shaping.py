"""Probabilistic amplitude shaping: bits to amplitudes of which small ones are frequent, and back, in integers only.

Small amplitudes cost little power, so a constellation whose inner points are frequent carries more at the same power
than one whose points are all alike: 1.5 dB more at most (Böcherer, Steiner, Schulte, IEEE Trans. Commun. 2015).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from semcomm.link.bits import bits_to_integer, integer_to_bits

# how finely the ratio between neighbouring amplitudes' frequencies is set
STEPS = 1024


def frequencies(amplitudes: int, step: int) -> list[int]:
    """Return relative frequencies of the amplitudes 1, 3, 5, ...: r to the power 0, 1, 3, 6, ..., with r = step / 1024.

    These are discrete Gaussians (Maxwell-Boltzmann): the squares of the amplitudes are 1 + 8 times those powers.

    Example:
        >>> frequencies(4, 512)[0] // frequencies(4, 512)[2]
        8
    """
    powers = [index * (index + 1) // 2 for index in range(amplitudes)]
    return [step**power * STEPS ** (powers[-1] - power) for power in powers]


@lru_cache(maxsize=256)
def composition(amplitudes: int, length: int, bits: int) -> tuple[int, ...]:
    """Return how often each amplitude occurs among `length`, at the least power that leaves room for `bits` bits.

    Args:
        amplitudes: how many there are: 1, 2, 4, ...
        length: real numbers, 1 or more.
        bits: that their order is to tell.

    Raises:
        ValueError: if there is no room for them.

    Example:
        >>> composition(4, 100, 120), composition(4, 100, 0), composition(4, 100, 190)
        ((62, 30, 7, 1), (100, 0, 0, 0), (25, 25, 25, 25))
    """
    step = bisect_left(range(STEPS), 1 << bits, key=lambda step: arrangements(_counts(amplitudes, length, step)))
    counts = _counts(amplitudes, length, step)
    if arrangements(counts) < 1 << bits:
        raise ValueError(f"bits must fit the order of {length} of {amplitudes} amplitudes, got {bits}")
    return counts


def arrangements(counts: Sequence[int]) -> int:
    """Return in how many orders amplitudes of these counts can stand: a multinomial coefficient.

    Example:
        >>> arrangements((2, 1, 1))
        12
    """
    total, product = 0, 1
    for count in sorted(counts):
        total += count
        product *= math.comb(total, count)
    return product


def to_amplitudes(bits: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Return the order of amplitudes that stands for bits: their number in the list of all orders, sorted.

    Constant composition distribution matching (Schulte, Böcherer, IEEE Trans. Inf. Theory 2016), by enumeration.

    Args:
        bits: uint8 `(k,)`; there must be 2^k orders or more.
        counts: how often each amplitude occurs, from `composition`.

    Returns:
        places of amplitudes, int64 `(sum(counts),)`: 0 for 1, 1 for 3, 2 for 5, ...

    Example:
        >>> to_amplitudes(np.array([1, 0], dtype=np.uint8), (2, 1, 1)).tolist()
        [0, 1, 0, 2]
    """
    number, orders, left = bits_to_integer(bits), arrangements(counts), list(counts)
    placed = np.zeros(sum(counts), dtype=np.int64)
    for place in range(len(placed)):
        remaining = len(placed) - place
        for amplitude, count in enumerate(left):
            share = orders * count // remaining
            if number < share:
                orders = share
                left[amplitude] -= 1
                placed[place] = amplitude
                break
            number -= share
    return placed


def to_bits(placed: np.ndarray, counts: Sequence[int], bits: int) -> np.ndarray | None:
    """Return the bits that an order of amplitudes stands for, or None where it stands for none.

    Example:
        >>> to_bits(np.array([0, 1, 0, 2]), (2, 1, 1), 2).tolist()
        [1, 0]
        >>> to_bits(np.array([0, 0, 0, 0]), (2, 1, 1), 2) is None
        True
    """
    if np.bincount(placed, minlength=len(counts)).tolist() != list(counts):
        return None
    number, orders, left = 0, arrangements(counts), list(counts)
    for place, amplitude in enumerate(placed.tolist()):
        remaining = len(placed) - place
        number += sum(orders * count // remaining for count in left[:amplitude])
        orders = orders * left[amplitude] // remaining
        left[amplitude] -= 1
    return integer_to_bits(number, bits) if number < 1 << bits else None


def _counts(amplitudes: int, length: int, step: int) -> tuple[int, ...]:
    """Round frequencies to counts; what is left over goes to the largest remainders."""
    shares = frequencies(amplitudes, step)
    total = sum(shares)
    counts = [length * share // total for share in shares]
    by_remainder = sorted(range(amplitudes), key=lambda index: (-(length * shares[index] % total), index))
    for index in by_remainder[: length - sum(counts)]:
        counts[index] += 1
    return tuple(counts)
