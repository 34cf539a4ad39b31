"""What a hybrid frame says in words and labels, at the front of its bits: caption, label map, importance."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.transmitter.importance import LARGEST_WEIGHT, MOST_CLASSES, Boosts, block_boosts
from semcomm.transmitter.label_map import REDUCTIONS, enlarge_labels, read_labels, reduce_labels, write_labels
from semcomm.transmitter.textures import OCTAVE
from semcomm.transmitter.words import (
    LETTERS,
    NOTHING,
    Vocabulary,
    caption_kind,
    read_caption,
    vocabulary_of,
    write_caption,
)

LARGEST_SHARE = 0.05
"""A label map takes at most this share of all bits."""
FINGERPRINT_BITS = 16
_CLASS_BITS = 16
_SMALLEST_BOOST = -OCTAVE * (LARGEST_WEIGHT.bit_length() - 1)
_BOOST_BITS = 8


@final
@dataclass(frozen=True)
class Language:
    """What both ends must share to understand each other's words and labels.

    Args:
        vocabulary: the captioner's words.
        class_names: the segmenter's classes in label order, or None.
        speaks: whether there are captions.
    """

    vocabulary: Vocabulary
    class_names: tuple[str, ...] | None = None
    speaks: bool = True

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names or ())

    @cached_property
    def fingerprint(self) -> int:
        """16 bits that differ where words or class names do."""
        described = json.dumps([self.vocabulary.words, self.vocabulary.counts, self.class_names])
        return int.from_bytes(hashlib.sha256(described.encode()).digest()[:2])


@final
@dataclass(frozen=True)
class Message:
    """What is said of one photograph.

    Args:
        caption: the text, or None.
        labels: a reduced label map, int64 `(ceil(h / reduction), ceil(w / reduction))`, or None.
        reduction: 4, 8 or 16; 0 without labels.
        boosts: what importance adds to blocks of a label.
        size: height and width of the photograph.
    """

    caption: str | None
    labels: Tensor | None
    reduction: int
    boosts: Boosts
    size: tuple[int, int]

    @property
    def label_map(self) -> Tensor | None:
        """The label map at the photograph's size, int64 `(h, w)`, as it is received."""
        return None if self.labels is None else enlarge_labels(self.labels, self.reduction, self.size)

    def boost(self, block: int, classes: int) -> Tensor:
        """What importance adds to the log-variances of blocks of `block x block` pixels, int64 `(blocks,)`."""
        labels = self.label_map
        if labels is None or not self.boosts:
            return torch.zeros(-(-self.size[0] // block) * -(-self.size[1] // block), dtype=torch.int64)
        return block_boosts(labels, self.boosts, block, classes)


SILENT = Message(None, None, 0, (), (0, 0))
"""A message that says nothing."""


def write_message(encoder: RangeEncoder, message: Message, language: Language | None) -> dict[str, int]:
    """Code a message; returns the bits of its caption and of its labels, to within a few."""
    if language is None or (message.caption is None and message.labels is None):
        encoder.encode_raw(np.array([0]), 1)
        return {"caption": 0, "labels": 0}
    encoder.encode_raw(np.array([1]), 1)
    encoder.encode_raw(np.array([language.fingerprint]), FINGERPRINT_BITS)
    kind = caption_kind(message.caption, language.vocabulary)
    places = (0, *REDUCTIONS)
    encoder.encode_raw(np.array([kind, places.index(message.reduction)]), 2)
    if message.labels is not None:
        encoder.encode_raw(np.array([len(message.boosts)]), MOST_CLASSES.bit_length())
        for place, boost in message.boosts:
            encoder.encode_raw(np.array([place]), _CLASS_BITS)
            encoder.encode_raw(np.array([boost - _SMALLEST_BOOST]), _BOOST_BITS)
    start = len(encoder.bits())
    if message.caption is not None:
        write_caption(encoder, message.caption, kind, language.vocabulary)
    middle = len(encoder.bits())
    if message.labels is not None:
        write_labels(encoder, message.labels, language.classes)
    return {"caption": max(middle - start, 0), "labels": max(len(encoder.bits()) - middle, 0)}


def read_message(
    decoder: RangeDecoder | PrefixDecoder, language: Language | None, size: tuple[int, int], found: list[Message]
) -> None:
    """Decode what `write_message` wrote.

    Args:
        decoder: at the start of the bits.
        language: the receiver's.
        size: height and width of the photograph.
        found: where the message is appended, first with the caption alone, then whole; so a caption is known even if
            the decoder stops at the labels.

    Raises:
        LookupError: if the sender spoke another language.
        ValueError: if the bits cannot come from `write_message`.
    """
    if not int(decoder.decode_raw(1, 1)[0]):
        found.append(Message(None, None, 0, (), size))
        return
    fingerprint = int(decoder.decode_raw(1, FINGERPRINT_BITS)[0])
    if language is None or fingerprint != language.fingerprint:
        raise LookupError(
            "the sender's words or class names are not the receiver's: build both ends with the same caption= and "
            "segmentation="
        )
    kind, place = (int(value) for value in decoder.decode_raw(2, 2))
    if kind > LETTERS:
        raise ValueError(f"bits must hold a caption of kind 0 to {LETTERS}, got {kind}")
    boosts = []
    if place:
        for _ in range(int(decoder.decode_raw(1, MOST_CLASSES.bit_length())[0])):
            label = int(decoder.decode_raw(1, _CLASS_BITS)[0])
            boosts.append((label, int(decoder.decode_raw(1, _BOOST_BITS)[0]) + _SMALLEST_BOOST))
            if label >= language.classes:
                raise ValueError(f"bits must name one of {language.classes} classes, got {label}")
    caption = None if kind == NOTHING else read_caption(decoder, kind, language.vocabulary)
    found.append(Message(caption, None, 0, (), size))
    if place:
        reduction = REDUCTIONS[place - 1]
        rows, columns = -(-size[0] // reduction), -(-size[1] // reduction)
        labels = read_labels(decoder, rows, columns, language.classes)
        found.append(Message(caption, labels, reduction, tuple(boosts), size))


@final
class LabelMaps:
    """A label map at each reduction, and what it costs; computed where it is asked for.

    Args:
        labels: at the photograph's size, `(h, w)`.
        classes: how many classes there are.
    """

    def __init__(self, labels: Tensor, classes: int):
        self._full, self._classes = labels, classes
        self._maps: dict[int, tuple[Tensor, int]] = {}

    def at(self, reduction: int) -> tuple[Tensor, int]:
        """Return the map at a reduction, and its bits."""
        if reduction not in self._maps:
            encoder, labels = RangeEncoder(), reduce_labels(self._full, reduction, self._classes)
            write_labels(encoder, labels, self._classes)
            self._maps[reduction] = labels, len(encoder.bits())
        return self._maps[reduction]

    def finest(self, bits: float) -> int:
        """Return the finest reduction within so many bits; 0 if there is none."""
        best = 0
        for reduction in reversed(REDUCTIONS):
            # a finer map takes more bits, so that the finest ones are seldom made
            if self.at(reduction)[1] > bits:
                break
            best = reduction
        return best

    def part(self, rows: slice) -> "LabelMaps":
        """Return the map of some rows of the photograph."""
        return LabelMaps(self._full[rows], self._classes)


@final
@dataclass(frozen=True)
class Draft:
    """A message before it is settled how fine its label map is.

    Args:
        language: the sender's, or None for one that says nothing.
        size: height and width of the photograph.
        caption: the text, or None.
        maps: the label map, or None.
        boosts: what importance adds to blocks of a label.
        reduction: the divisor of the label map's size; None chooses the finest that takes at most 5 % of all bits, or
            none. A map with boosts is sent in any case.
    """

    language: Language | None
    size: tuple[int, int]
    caption: str | None = None
    maps: LabelMaps | None = None
    boosts: Boosts = ()
    reduction: int | None = None

    def part(self, rows: slice) -> "Draft":
        """Say of a strip of the photograph what concerns it: its labels, and in the first one the caption."""
        if rows == slice(0, self.size[0]):
            return self
        return replace(
            self,
            size=(rows.stop - rows.start, self.size[1]),
            caption=self.caption if rows.start == 0 else None,
            maps=None if self.maps is None else self.maps.part(rows),
        )

    @cached_property
    def _rest(self) -> int:
        """Bits of all but the label map."""
        encoder = RangeEncoder()
        write_message(encoder, Message(self.caption, None, 0, (), self.size), self.language)
        return len(encoder.bits()) + 2 * FINGERPRINT_BITS * len(self.boosts)

    def settled(self, bits: float) -> "Draft":
        """Choose the label map's reduction for a frame of so many bits."""
        if self.maps is None or self.reduction is not None:
            return self
        found = self.maps.finest(LARGEST_SHARE * bits)
        return replace(self, reduction=found or (REDUCTIONS[-1] if self.boosts else 0))

    def bits(self, picture: float) -> float:
        """Say how many bits the message takes beside so many bits of the picture."""
        draft = self.settled(_whole(picture + self._rest))
        return self._rest + (self.maps.at(draft.reduction)[1] if self.maps and draft.reduction else 0)

    def message(self, picture: float) -> Message:
        """Settle the message beside so many bits of the picture."""
        reduction = self.settled(_whole(picture + self._rest)).reduction or 0
        labels = self.maps.at(reduction)[0] if self.maps and reduction else None
        return Message(self.caption, labels, reduction, self.boosts if reduction else (), self.size)


def _whole(rest: float) -> float:
    """Return the bits of a frame whose label map takes the largest share."""
    return rest / (1 - LARGEST_SHARE)


def language_of(caption: Any, segmentation: Any) -> Language | None:
    """Find what a `CaptionFeature` and a `SegmentationFeature`, or None, speak."""
    if caption is None and segmentation is None:
        return None
    vocabulary = Vocabulary(()) if caption is None else vocabulary_of(caption.captioner)
    names = None if segmentation is None else tuple(segmentation.class_names)
    return Language(vocabulary, names, speaks=caption is not None)
