"""The start of a range coder's bits: what it says for certain."""

from typing import final

import numpy as np

from semcomm.link.bits import check_bits
from semcomm.link.entropy import RangeDecoder
from semcomm.link.tables import IntegerTables

_ONES = 96


@final
class PrefixDecoder:
    """A `RangeDecoder` for bits whose end is missing; it stops where what is missing could matter.

    A range coder's bits are a number, and symbols are intervals of numbers. So a symbol is certain if it is the same
    for zeros and for ones in place of what is missing, and symbols before it are certain, too.

    Args:
        bits: the first of what `RangeEncoder.bits` returned.

    Example:
        >>> from semcomm.link.entropy import RangeEncoder
        >>> encoder = RangeEncoder()
        >>> encoder.encode_raw(np.array([3, 1, 2, 0]), 8)
        >>> decoder = PrefixDecoder(encoder.bits()[:20])
        >>> decoder.decode_raw(2, 8).tolist()
        [3, 1]
        >>> decoder.decode_raw(1, 8)
        Traceback (most recent call last):
        ...
        EOFError: the bits that arrived end here
    """

    def __init__(self, bits: np.ndarray):
        bits = check_bits(bits)
        self._low = RangeDecoder(bits)
        self._high = RangeDecoder(np.concatenate([bits, np.ones(_ONES, dtype=np.uint8)]))

    def decode(self, contexts: np.ndarray, tables: IntegerTables) -> np.ndarray:
        """Return the next symbols as `RangeDecoder.decode` does.

        Raises:
            EOFError: if not all of them are certain.
        """
        return _agreed(lambda decoder: decoder.decode(contexts, tables), self._low, self._high)

    def decode_raw(self, count: int, width: int) -> np.ndarray:
        """Return the next integers as `RangeDecoder.decode_raw` does.

        Raises:
            EOFError: if not all of them are certain.
        """
        return _agreed(lambda decoder: decoder.decode_raw(count, width), self._low, self._high)


def _agreed(decode, low: RangeDecoder, high: RangeDecoder) -> np.ndarray:  # noqa: ANN001
    try:
        found, other = decode(low), decode(high)
    except ValueError as error:
        raise EOFError("the bits that arrived end here") from error
    if not np.array_equal(found, other):
        raise EOFError("the bits that arrived end here")
    return found
