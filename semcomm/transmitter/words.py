"""Captions as bits: by the words of a captioner's vocabulary, or letter by letter where they are others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.link.tables import IntegerTables
from semcomm.whole import whole

LONGEST = 255
"""Words, or bytes, of a caption at most."""
TYPICAL_LENGTH = 11
"""Words of a caption, its end included: how likely the end is."""
NOTHING, WORDS, LETTERS = range(3)
"""How a caption is coded."""
_ENGLISH = " etaoinshrdlcumwfgypbvkjxqz"


@final
@dataclass(frozen=True)
class Vocabulary:
    """The words that captions are made of, known at both ends.

    Args:
        words: in the captioner's order.
        counts: how often each came up in captions; None where that is unknown.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...] | None = None

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each word."""
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def tables(self) -> IntegerTables:
        """Frequencies of the words, and of a caption's end after them."""
        counts = np.ones(len(self.words), dtype=np.int64) if self.counts is None else np.array(self.counts)
        end = max(1, int(counts.sum()) // (TYPICAL_LENGTH - 1))
        return IntegerTables(np.append(counts, end)[None], escape=False)


def vocabulary_of(captioner: Any) -> Vocabulary:
    """Find the words of a captioner: its `words` or `vocabulary`, with its `counts`; empty where it has none."""
    words = getattr(captioner, "words", getattr(captioner, "vocabulary", ()))
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        return Vocabulary(())
    counts = getattr(captioner, "counts", None)
    fits = isinstance(counts, Sequence) and len(counts) == len(words) and None not in map(whole, counts)
    return Vocabulary(tuple(words), tuple(counts) if fits and counts is not None and min(counts) >= 0 else None)


def caption_kind(caption: str | None, vocabulary: Vocabulary) -> int:
    """Say how a caption is coded: by words where the vocabulary has them all, else letter by letter."""
    if caption is None:
        return NOTHING
    words = caption.split(" ") if caption else []
    if vocabulary.words and len(words) <= LONGEST and all(word in vocabulary.places for word in words):
        return WORDS
    return LETTERS


def write_caption(encoder: RangeEncoder, caption: str, kind: int, vocabulary: Vocabulary) -> None:
    """Code a caption.

    Raises:
        ValueError: if it has more than 255 bytes and is coded letter by letter.
    """
    if kind == WORDS:
        words = caption.split(" ") if caption else []
        symbols = np.array([*(vocabulary.places[word] for word in words), len(vocabulary.words)])
        encoder.encode(symbols, np.zeros_like(symbols), vocabulary.tables)
        return
    letters = np.frombuffer(caption.encode(), dtype=np.uint8).astype(np.int64)
    if len(letters) > LONGEST:
        raise ValueError(f"caption must have at most {LONGEST} bytes, got {len(letters)}: {caption[:40]!r}...")
    encoder.encode_raw(np.array([len(letters)]), 8)
    encoder.encode(letters, np.zeros_like(letters), _letters())


def read_caption(decoder: RangeDecoder | PrefixDecoder, kind: int, vocabulary: Vocabulary) -> str:
    """Decode what `write_caption` wrote.

    Raises:
        ValueError: if the bits cannot come from `write_caption`.
    """
    if kind == WORDS:
        words = []
        while len(words) <= LONGEST:
            symbol = int(decoder.decode(np.zeros(1, dtype=np.int64), vocabulary.tables)[0])
            if symbol == len(vocabulary.words):
                return " ".join(words)
            words.append(vocabulary.words[symbol])
        raise ValueError(f"bits must hold a caption of at most {LONGEST} words, got more")
    length = int(decoder.decode_raw(1, 8)[0])
    letters = decoder.decode(np.zeros(length, dtype=np.int64), _letters())
    return letters.astype(np.uint8).tobytes().decode()


def _letters() -> IntegerTables:
    """Rough frequencies of bytes in English text, by rank."""
    counts = np.ones((1, 256), dtype=np.int64)
    for rank, letter in enumerate(_ENGLISH):
        counts[0, ord(letter)] = 3000 // (rank + 3)
    return IntegerTables(counts, escape=False)
