"""Cyclic redundancy checks of 3GPP TS 38.212, Section 5.1, over bits."""

from functools import lru_cache
from typing import Literal

import numpy as np

CRCName = Literal["16", "24B"]

# x^16 + x^12 + x^5 + 1, and x^24 + x^23 + x^6 + x^5 + x + 1; without the leading power
_POLYNOMIALS: dict[CRCName, tuple[int, int]] = {"16": (16, 0x1021), "24B": (24, 0x800063)}


def crc_bits(bits: np.ndarray, name: CRCName = "24B") -> np.ndarray:
    """Return the check bits of rows of bits.

    Args:
        bits: uint8 `(..., n)` of zeros and ones.
        name: "16" or "24B", as in 3GPP TS 38.212.

    Shape:
        `(..., n)` -> `(..., 16)` or `(..., 24)`, uint8.

    Example:
        >>> crc_bits(np.array([0, 0, 0, 1], dtype=np.uint8), "16").tolist()
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    """
    # The check is linear: it is the sum (mod 2) of what every single bit contributes.
    remainders = _remainders(bits.shape[-1], name)
    return (bits.astype(np.float32) @ remainders).astype(np.int64).astype(np.uint8) & 1


def with_crc(bits: np.ndarray, name: CRCName = "24B") -> np.ndarray:
    """Return rows of bits, each followed by its check bits.

    Example:
        >>> crc_holds(with_crc(np.ones((2, 9), dtype=np.uint8))).tolist()
        [True, True]
    """
    return np.concatenate([bits, crc_bits(bits, name)], axis=-1)


def crc_holds(bits: np.ndarray, name: CRCName = "24B") -> np.ndarray:
    """Return whether rows that `with_crc` made are as they were, as far as the check can tell."""
    width = _POLYNOMIALS[name][0]
    return (crc_bits(bits[..., :-width], name) == bits[..., -width:]).all(axis=-1)


def _remainders(length: int, name: CRCName) -> np.ndarray:
    """What a one at each of `length` positions leaves, as float32 `(length, width)`."""
    rounded_up = 1 << max(length - 1, 0).bit_length()
    return _last_remainders(rounded_up, name)[rounded_up - length :]


@lru_cache(maxsize=64)
def _last_remainders(length: int, name: CRCName) -> np.ndarray:
    """x^(width + length - 1 - position) mod the polynomial, for every position."""
    width, polynomial = _POLYNOMIALS[name]
    remainders = np.empty(length, dtype=np.int64)
    remainder = polynomial
    for position in range(length - 1, -1, -1):
        remainders[position] = remainder
        top = remainder >> width - 1
        remainder = (remainder << 1 & (1 << width) - 1) ^ (polynomial if top else 0)
    return (remainders[:, None] >> np.arange(width - 1, -1, -1) & 1).astype(np.float32)
