"""Captions as bits: by words where the vocabulary has them, else letter by letter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import ToyCaptioner

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.transmitter.words import (
    LETTERS,
    NOTHING,
    WORDS,
    Vocabulary,
    caption_kind,
    read_caption,
    vocabulary_of,
    write_caption,
)

KNOWN = Vocabulary(("a", "dog", "runs", "over", "grass"), (400, 60, 40, 30, 70))


def round_trip(caption, vocabulary):
    encoder, kind = RangeEncoder(), caption_kind(caption, vocabulary)
    write_caption(encoder, caption, kind, vocabulary)
    return kind, len(encoder.bits()), read_caption(RangeDecoder(encoder.bits()), kind, vocabulary)


@given(st.lists(st.sampled_from(KNOWN.words), max_size=30))
def test_known_words_come_back(words):
    kind, _, caption = round_trip(" ".join(words), KNOWN)
    assert (kind, caption) == (WORDS, " ".join(words))


@given(st.text(max_size=60))
def test_any_text_comes_back(text):
    assert round_trip(text, KNOWN)[2] == text
    assert round_trip(text, Vocabulary(()))[2] == text


def test_words_cost_what_their_frequencies_say():
    words = ["a", "dog", "runs", "over", "a", "grass"] * 20
    share = {word: count / 660 for word, count in zip(KNOWN.words, KNOWN.counts or (), strict=True)}
    ideal = -sum(np.log2(share[word]) for word in words) - np.log2(60 / 660)
    assert round_trip(" ".join(words), KNOWN)[1] == pytest.approx(ideal, rel=0.02)


def test_letters_are_cheaper_than_bytes():
    text = "a man in a red shirt is climbing a rock face"
    kind, bits, _ = round_trip(text, Vocabulary(()))
    assert kind == LETTERS
    assert bits < 5.5 * len(text)


def test_no_caption_is_no_caption():
    assert caption_kind(None, KNOWN) == NOTHING
    assert caption_kind("a cat", KNOWN) == LETTERS
    assert caption_kind("a dog", KNOWN) == WORDS


def test_a_captioner_brings_its_words():
    assert vocabulary_of(ToyCaptioner()) == Vocabulary(("dark", "dim", "bright", "light"))
    captioner = ToyCaptioner()
    captioner.counts = (1, 2, 3, 4)
    assert vocabulary_of(captioner).counts == (1, 2, 3, 4)
    captioner.counts = (1, 2)
    assert vocabulary_of(captioner).counts is None
    assert vocabulary_of(object()) == Vocabulary(())


def test_captions_that_are_too_long_are_refused():
    with pytest.raises(ValueError, match="at most 255 bytes, got 300"):
        write_caption(RangeEncoder(), "x" * 300, LETTERS, KNOWN)
    endless = RangeEncoder()
    endless.encode(np.zeros(300, dtype=int), np.zeros(300, dtype=int), KNOWN.tables)
    with pytest.raises(ValueError, match="at most 255 words, got more"):
        read_caption(RangeDecoder(endless.bits()), WORDS, KNOWN)
