"""Range coding of integers with integer tables: lossless, and the same on every machine."""

from typing import Any, final

import numpy as np

from semcomm.link.bits import check_bits
from semcomm.link.tables import IntegerTables, coders

WORD_BITS = 32
STATE_BITS = 64
LARGEST_RAW_BITS = 16


@final
class RangeEncoder:
    """A range coder's sending end; calls may follow each other with different tables.

    Within a call, symbols are coded context by context, each context's in their order: thousands of symbols then cost
    a few calls of the coder. The decoder knows the contexts of a call and does the same.

    Example:
        >>> tables = IntegerTables(np.array([[5, 90, 5, 1], [40, 20, 40, 1]]), low=-1)
        >>> symbols, contexts = np.array([0, 1, -1, 9]), np.array([0, 1, 1, 0])
        >>> encoder = RangeEncoder()
        >>> encoder.encode(symbols, contexts, tables)
        >>> bits = encoder.bits()
        >>> RangeDecoder(bits).decode(contexts, tables).tolist(), len(bits)
        ([0, 1, -1, 9], 13)
    """

    def __init__(self):
        self._coder = coders.queue.RangeEncoder()

    def encode(self, symbols: np.ndarray, contexts: np.ndarray, tables: IntegerTables) -> None:
        """Append symbols.

        Args:
            symbols: integers, of any shape.
            contexts: their contexts, of the same shape.
            tables: the contexts' tables.

        Raises:
            TypeError: if symbols or contexts are not integers.
            ValueError: if they do not fit each other or the tables.
        """
        symbols, contexts = tables.check(symbols, contexts)
        symbols, contexts = symbols.ravel(), contexts.ravel()
        columns = tables._columns(symbols).astype(np.int32)
        order, groups = _grouped(contexts, tables.contexts)
        columns = columns[order]
        for context, start, stop in groups:
            self._coder.encode(columns[start:stop], tables.model(context))
        if tables.escape:
            self._encode_outside(symbols[order], tables)

    def encode_raw(self, values: np.ndarray, width: int) -> None:
        """Append non-negative integers below 2^width as `width` equally likely bits each, 16 at most.

        Raises:
            TypeError: if values are not integers.
            ValueError: if a value does not fit or the width is not from 0 to 16.
        """
        values = np.asarray(values)
        _check_width(width)
        if values.size and not np.issubdtype(values.dtype, np.integer):
            raise TypeError(f"values must be integers, got {values.dtype}")
        if values.size and (values.min() < 0 or values.max() >= 1 << width):
            raise ValueError(f"values must be from 0 to 2**{width} - 1, got {values.min()} to {values.max()}")
        if width:
            self._coder.encode(values.ravel().astype(np.int32), _uniform(width))

    def bits(self) -> np.ndarray:
        """Return everything so far as bits, uint8 `(n,)`; a decoder reads zeros after them."""
        words = self._coder.get_compressed()
        position, (lower, size) = self._coder.pos()
        end = words[position:].tolist()
        value = sum(word << STATE_BITS - WORD_BITS * (1 + index) for index, word in enumerate(end))
        if len(end) <= STATE_BITS // WORD_BITS and lower <= value < lower + size:
            words = _ended(words[:position].tolist(), _shortest(lower, size))
        bits = np.unpackbits(np.asarray(words, dtype=">u4").view(np.uint8))
        return bits[: np.flatnonzero(bits)[-1] + 1] if bits.any() else bits[:0]

    def _encode_outside(self, symbols: np.ndarray, tables: IntegerTables) -> None:
        """Append side and distance of the symbols that the tables do not have, in the order they were coded in."""
        outside = symbols[(symbols < tables.low) | (symbols > tables.high)]
        if not outside.size:
            return
        distances = tables.distances(outside)
        lengths = np.array([int(distance).bit_length() for distance in distances])
        self.encode_raw((outside < tables.low).astype(np.int64), 1)
        # Exp-Golomb: the length in unary, as ones and a final zero, then the bits after the first
        self.encode_raw(np.concatenate([np.r_[np.ones(length - 1, dtype=np.int64), 0] for length in lengths]), 1)
        for distance, length in zip(distances.tolist(), lengths.tolist(), strict=True):
            low, high = min(length - 1, LARGEST_RAW_BITS), max(length - 1 - LARGEST_RAW_BITS, 0)
            self.encode_raw(np.array([distance & (1 << low) - 1]), low)
            self.encode_raw(np.array([distance >> low & (1 << high) - 1]), high)


@final
class RangeDecoder:
    """A range coder's receiving end: the calls of the encoder, in the same order.

    Bits that were damaged decode to other symbols or end in a `ValueError`; a checksum has to tell before.

    Args:
        bits: what `RangeEncoder.bits` returned; zeros may follow.

    Raises:
        TypeError: if the bits are no array.
        ValueError: if they are not zeros and ones.

    Example:
        >>> encoder = RangeEncoder()
        >>> encoder.encode_raw(np.array([3, 1]), 2)
        >>> RangeDecoder(encoder.bits()).decode_raw(2, 2).tolist()
        [3, 1]
    """

    def __init__(self, bits: np.ndarray):
        bits = check_bits(bits)
        words = -(-bits.size // WORD_BITS) + STATE_BITS // WORD_BITS
        padded = np.zeros(words * WORD_BITS, dtype=np.uint8)
        padded[: bits.size] = bits
        words = np.packbits(padded).view(">u4").astype(np.uint32)
        self._coder = coders.queue.RangeDecoder(words)

    def decode(self, contexts: np.ndarray, tables: IntegerTables) -> np.ndarray:
        """Return the next symbols as int64, of the shape of `contexts`.

        Raises:
            TypeError: if contexts are not integers.
            ValueError: if they are not in the tables, or the bits cannot come from an encoder.
        """
        contexts = tables.check_contexts(contexts)
        order, groups = _grouped(contexts.ravel(), tables.contexts)
        columns = np.empty(contexts.size, dtype=np.int64)
        for context, start, stop in groups:
            columns[start:stop] = self._take(tables.model(context), stop - start)
        symbols = columns + tables.low
        if tables.escape:
            self._decode_outside(symbols, columns == tables.frequencies.shape[1] - 1, tables)
        result = np.empty_like(symbols)
        result[order] = symbols
        return result.reshape(contexts.shape)

    def decode_raw(self, count: int, width: int) -> np.ndarray:
        """Return the next `count` integers of `width` equally likely bits as int64.

        Raises:
            ValueError: if the width is not from 0 to 16, or the bits cannot come from an encoder.
        """
        _check_width(width)
        if not width:
            return np.zeros(count, dtype=np.int64)
        return self._take(_uniform(width), count).astype(np.int64)

    def _decode_outside(self, symbols: np.ndarray, outside: np.ndarray, tables: IntegerTables) -> None:
        places = np.flatnonzero(outside)
        if not places.size:
            return
        below = self.decode_raw(places.size, 1)
        lengths = []
        for _ in places:
            length = 1
            while self.decode_raw(1, 1)[0]:
                length += 1
                if length > WORD_BITS:
                    raise ValueError("bits must come from a RangeEncoder, got a length that none writes")
            lengths.append(length)
        for place, side, length in zip(places, below, lengths, strict=True):
            low, high = min(length - 1, LARGEST_RAW_BITS), max(length - 1 - LARGEST_RAW_BITS, 0)
            distance = 1 << length - 1 | int(self.decode_raw(1, low)[0]) | int(self.decode_raw(1, high)[0]) << low
            symbols[place] = tables.low - distance if side else tables.high + distance

    def _take(self, model: Any, count: int) -> np.ndarray:
        try:
            return self._coder.decode(model, count)
        except AssertionError:  # the library's way to say that no encoder wrote this
            raise ValueError("bits must come from a RangeEncoder with the same calls, got others") from None


def _grouped(contexts: np.ndarray, count: int) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Return the order that brings equal contexts together, and (context, start, stop) of those that occur."""
    order = np.argsort(contexts, kind="stable")
    sizes = np.bincount(contexts, minlength=count)
    stops = np.cumsum(sizes)
    present = np.flatnonzero(sizes)
    starts = (stops - sizes)[present]
    return order, list(zip(present.tolist(), starts.tolist(), stops[present].tolist(), strict=True))


def _shortest(lower: int, size: int) -> int:
    """Return the number in [lower, lower + size) that has most zeros at its end."""
    for zeros in range(STATE_BITS, 0, -1):
        candidate = -(-lower >> zeros) << zeros
        if candidate < lower + size:
            return candidate
    return lower


def _ended(words: list[int], value: int) -> list[int]:
    """Return the words before the coder's state and a number in the state; its carry goes into the words."""
    carry = value >> STATE_BITS
    for index in range(len(words) - 1, -1, -1):
        words[index] = words[index] + carry & (1 << WORD_BITS) - 1
        carry = int(carry == 1 and words[index] == 0)
    return [*words, value >> WORD_BITS & (1 << WORD_BITS) - 1, value & (1 << WORD_BITS) - 1]


def _check_width(width: int) -> None:
    if not 0 <= width <= LARGEST_RAW_BITS:
        raise ValueError(f"width must be from 0 to {LARGEST_RAW_BITS} bits, got {width}")


def _uniform(width: int) -> Any:
    return coders.model.Uniform(1 << width)
