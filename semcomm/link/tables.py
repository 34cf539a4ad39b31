"""Integer tables of frequencies: what a range coder knows of the symbols that it codes."""

from functools import cached_property
from typing import Any, final

import constriction
import numpy as np

TOTAL_BITS = 20
TOTAL = 1 << TOTAL_BITS

# what the type checker does not see: the library's modules are made by its compiled part
coders: Any = constriction.stream  # pyright: ignore[reportAttributeAccessIssue]


@final
class IntegerTables:
    """One table of integer frequencies per context, for symbols `low`, `low + 1`, ...

    Counts are brought to frequencies of at least 1 that add up to 2^20 in every context, with integers alone. The
    range coder gets frequency / 2^20 as float64: exact numbers, whose partial sums are exact, and so is their product
    with the coder's whole scale (below 2^24). No rounding decides anything, so every machine decodes the same.

    Args:
        counts: integers `(contexts, symbols)`, not negative. The last symbol of every context is the escape if
            `escape` is true.
        low: the first symbol.
        escape: whether values outside the table can be coded: the escape symbol, then an Exp-Golomb code of the
            distance to the table.

    Raises:
        TypeError: if counts are not integers.
        ValueError: if their shape or values make no table.

    Example:
        >>> tables = IntegerTables(np.array([[5, 90, 5, 1]]), low=-1)
        >>> tables.frequencies.sum(axis=1).tolist(), tables.high
        ([1048576], 1)
        >>> tables.cost(np.array([0, 1, 70]), np.zeros(3, dtype=int)).round(1).tolist()
        [0.2, 4.3, 20.7]
    """

    def __init__(self, counts: np.ndarray, *, low: int = 0, escape: bool = True):
        counts = np.asarray(counts)
        if not np.issubdtype(counts.dtype, np.integer):
            raise TypeError(f"counts must be integers, got {counts.dtype}; round them where the tables are made")
        if counts.ndim != 2 or counts.shape[0] < 1 or not 2 <= counts.shape[1] <= 1 << 16:
            raise ValueError(f"counts must be (contexts, 2 to 65536 symbols), got {counts.shape}")
        if counts.min() < 0 or counts.max() >= 1 << 40:
            raise ValueError(f"counts must be from 0 to 2**40 - 1, got {counts.min()} to {counts.max()}")
        self.frequencies = _normalised(counts.astype(np.int64))
        self.low = int(low)
        self.escape = bool(escape)

    @property
    def contexts(self) -> int:
        """How many contexts there are."""
        return self.frequencies.shape[0]

    @property
    def high(self) -> int:
        """The last symbol that needs no escape."""
        return self.low + self.frequencies.shape[1] - 1 - self.escape

    def cost(self, symbols: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """Return what each symbol costs in its context, in bits, as float64 of the shape of `symbols`.

        It is an estimate: the coder's own loss is below 0.1 %, and 64 bits at its end at most.

        Args:
            symbols: integers.
            contexts: integers of the same shape.

        Raises:
            ValueError: if a symbol is outside a table without escape, or a context is not in the tables.
        """
        symbols, contexts = self.check(symbols, contexts)
        bits = self.bits[contexts, self._columns(symbols)]
        outside = (symbols < self.low) | (symbols > self.high)
        if outside.any():
            bits[outside] += 1 + 2 * np.floor(np.log2(self.distances(symbols[outside]))) + 1
        return bits

    def check(self, symbols: np.ndarray, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return symbols and contexts as int64 arrays of equal shape.

        Raises:
            TypeError: if they are not integers.
            ValueError: if they do not fit each other or these tables.
        """
        symbols, contexts = np.asarray(symbols), self.check_contexts(contexts)
        if symbols.size and not np.issubdtype(symbols.dtype, np.integer):
            raise TypeError(f"symbols must be integers, got {symbols.dtype}")
        if symbols.shape != contexts.shape:
            raise ValueError(f"symbols and contexts must have equal shapes, got {symbols.shape} and {contexts.shape}")
        symbols = symbols.astype(np.int64)
        if symbols.size and (np.abs(symbols).max() >= 1 << 30):
            raise ValueError(f"symbols must be below 2**30 in magnitude, got {np.abs(symbols).max()}")
        if not self.escape and symbols.size and (symbols.min() < self.low or symbols.max() > self.high):
            raise ValueError(
                f"symbols must be from {self.low} to {self.high} in tables without escape, "
                f"got {symbols.min()} to {symbols.max()}"
            )
        return symbols, contexts

    def check_contexts(self, contexts: np.ndarray) -> np.ndarray:
        """Return contexts as an int64 array.

        Raises:
            TypeError: if they are not integers.
            ValueError: if one is not in these tables.
        """
        contexts = np.asarray(contexts)
        if contexts.size and not np.issubdtype(contexts.dtype, np.integer):
            raise TypeError(f"contexts must be integers, got {contexts.dtype}")
        contexts = contexts.astype(np.int64)
        if contexts.size and (contexts.min() < 0 or contexts.max() >= self.contexts):
            raise ValueError(
                f"contexts must be from 0 to {self.contexts - 1}, got {contexts.min()} to {contexts.max()}"
            )
        return contexts

    def model(self, context: int) -> Any:
        """Return the coder's model of one context; made once."""
        model = self._models[context]
        if model is None:
            probabilities = self.frequencies[context] / TOTAL
            model = coders.model.Categorical(probabilities, perfect=False)
            self._models[context] = model
        return model

    def distances(self, symbols: np.ndarray) -> np.ndarray:
        """Return how far symbols lie outside the table, 1 for the next one, as int64."""
        return np.where(symbols < self.low, self.low - symbols, symbols - self.high)

    def _columns(self, symbols: np.ndarray) -> np.ndarray:
        columns = symbols - self.low
        if self.escape:
            last = self.frequencies.shape[1] - 1
            columns = np.where((columns < 0) | (columns >= last), last, columns)
        return columns

    @cached_property
    def bits(self) -> np.ndarray:
        """What each symbol of the tables costs in its context, in bits, float64 of the shape of the counts."""
        return TOTAL_BITS - np.log2(self.frequencies)

    @cached_property
    def _models(self) -> list[Any]:
        return [None] * self.contexts


def _normalised(counts: np.ndarray) -> np.ndarray:
    """Scale counts to frequencies of at least 1 with the sum `TOTAL`; the largest takes what rounding leaves."""
    symbols = counts.shape[1]
    sums = counts.sum(axis=1, keepdims=True)
    counts, sums = np.where(sums == 0, 1, counts), np.where(sums == 0, symbols, sums)
    frequencies = 1 + counts * (TOTAL - symbols) // sums
    rows = np.arange(len(counts))
    frequencies[rows, frequencies.argmax(axis=1)] += TOTAL - frequencies.sum(axis=1)
    return frequencies
