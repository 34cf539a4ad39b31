"""What a frame says in words and labels: round trips, costs, and ends that do not understand each other."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.transmitter.label_map import reduce_labels
from semcomm.transmitter.meaning import (
    LARGEST_SHARE,
    Draft,
    LabelMaps,
    Language,
    Message,
    read_message,
    write_message,
)
from semcomm.transmitter.words import Vocabulary

WORDS = ("a", "dog", "runs", "over", "grass")
LANGUAGE = Language(Vocabulary(WORDS), ("sky", "grass", "dog"))
SIZE = (70, 90)


def quarters():
    labels = torch.zeros(SIZE, dtype=torch.int64)
    labels[30:, :40], labels[40:, 60:] = 1, 2
    return labels


def written(message, language=LANGUAGE):
    encoder = RangeEncoder()
    parts = write_message(encoder, message, language)
    return encoder.bits(), parts


def read(bits, language=LANGUAGE, decoder=RangeDecoder):
    found = []
    read_message(decoder(bits), language, SIZE, found)
    return found[-1]


@given(
    st.none() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=20),
    st.sampled_from([0, 4, 8, 16]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(-80, 80)), max_size=3).map(tuple),
)
def test_messages_come_back(caption, reduction, boosts):
    labels = reduce_labels(quarters(), reduction, 3) if reduction else None
    sent = Message(caption, labels, reduction, boosts if reduction else (), SIZE)
    bits, _ = written(sent)
    found = read(bits)
    assert found.caption == caption
    assert (found.reduction, found.boosts) == (sent.reduction, sent.boosts)
    if labels is not None:
        assert torch.equal(found.labels, labels)
        assert found.label_map.shape == SIZE


def test_nothing_to_say_is_one_bit():
    assert len(written(Message(None, None, 0, (), SIZE))[0]) <= 1
    assert read(written(Message(None, None, 0, (), SIZE), None)[0], None).caption is None


def test_parts_are_counted():
    labels = reduce_labels(quarters(), 4, 3)
    bits, parts = written(Message("a dog runs over grass", labels, 4, (), SIZE))
    assert parts["caption"] == pytest.approx(5 * np.log2(5.5) + np.log2(11), abs=4)
    assert 17 <= len(bits) - parts["caption"] - parts["labels"] <= 30


@pytest.mark.parametrize(
    "other",
    [
        None,
        Language(Vocabulary(WORDS[::-1]), LANGUAGE.class_names),
        Language(Vocabulary(WORDS, (5, 4, 3, 2, 1)), LANGUAGE.class_names),
        Language(Vocabulary(WORDS), ("sky", "dog", "grass")),
        Language(Vocabulary(WORDS)),
    ],
)
def test_another_language_is_noticed(other):
    bits, _ = written(Message("a dog", None, 0, (), SIZE))
    with pytest.raises(LookupError, match="words or class names are not the receiver's"):
        read(bits, other)


def test_random_bits_end_in_an_error_or_a_message():
    for seed in range(300):
        random = np.random.default_rng(seed)
        bits = random.integers(0, 2, 3000).astype(np.uint8)
        bits[:17] = written(Message("a", None, 0, (), SIZE))[0][:17]  # the fingerprint
        try:
            found = read(bits)
        except (ValueError, UnicodeDecodeError):
            continue
        assert isinstance(found, Message)


def test_of_a_cut_message_the_caption_is_known():
    bits, parts = written(Message("a dog runs", reduce_labels(quarters(), 4, 3), 4, (), SIZE))
    found = []
    with pytest.raises(EOFError):
        read_message(PrefixDecoder(bits[: 40 + parts["caption"]]), LANGUAGE, SIZE, found)
    assert found[-1].caption == "a dog runs"
    assert found[-1].labels is None


@given(st.integers(0, 40_000))
def test_a_label_map_takes_a_twentieth_at_most(picture):
    draft = Draft(LANGUAGE, SIZE, "a dog", LabelMaps(quarters(), 3))
    message = draft.message(picture)
    bits, parts = written(message)
    assert draft.bits(picture) == pytest.approx(len(bits), abs=12)
    assert parts["labels"] <= LARGEST_SHARE * (picture + len(bits)) + 4
    finer = {0: 16, 16: 8, 8: 4}.get(message.reduction)
    if finer:
        assert draft.maps is not None
        assert draft.maps.at(finer)[1] > LARGEST_SHARE * (picture + draft.bits(picture)) - 4


def test_weights_keep_the_label_map():
    maps = LabelMaps(quarters(), 3)
    assert Draft(LANGUAGE, SIZE, None, maps).message(100).labels is None
    message = Draft(LANGUAGE, SIZE, None, maps, ((2, 16),)).message(100)
    assert message.reduction == 16
    boost = message.boost(16, 3).reshape(5, 6)
    expected = torch.zeros(5, 6, dtype=torch.int64)
    expected[3:, 4:] = 16  # label 2 fills rows 40.. and columns 60..: blocks from row 3, column 4
    assert torch.equal(boost[3:], expected[3:])
