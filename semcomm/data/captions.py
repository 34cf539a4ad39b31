"""Photographs with captions in people's words: Flickr8k's layout, splits, and the words in the captions."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class CaptionedImage(NamedTuple):
    """A picture file and what people wrote about it."""

    path: Path
    captions: tuple[str, ...]


def read_flickr8k(folder: str | Path) -> list[CaptionedImage]:
    """Read Flickr8k's layout: `captions.txt` with the columns image and caption, pictures in `images/` or `Images/`.

    Args:
        folder: holds both.

    Returns:
        one entry per image, sorted by file name.

    Raises:
        ValueError: if the file or a picture is missing, there is no caption, or a line does not have the two columns.
    """
    folder = Path(folder)
    listing = folder / "captions.txt"
    if not listing.is_file():
        raise ValueError(f"folder {str(folder)!r} must hold captions.txt, it does not")
    pictures = next((folder / name for name in ("images", "Images") if (folder / name).is_dir()), folder)
    captions: dict[str, list[str]] = {}
    try:
        with listing.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{listing} is no CSV file: {error}") from error
    for row in rows:
        if not row.get("image") or row.get("caption") is None:
            raise ValueError(f"{listing} must have the columns image,caption on every line, got {dict(row)}")
        captions.setdefault(row["image"], []).append(row["caption"])
    if not captions:
        raise ValueError(f"{listing} must hold captions below its first line, it holds none")
    return _with_pictures(pictures, captions)


def split_by_name(
    samples: Sequence[CaptionedImage], *, test: int, validation: int
) -> tuple[list[CaptionedImage], list[CaptionedImage], list[CaptionedImage]]:
    """Split into training, validation and test images by the SHA-256 of their file names.

    The order looks random, is the same everywhere and needs no file: the first `test` images are the test set, the
    next `validation` the validation set.

    Args:
        samples: all images.
        test: images to hold out for judging.
        validation: images to hold out for tuning.

    Raises:
        ValueError: if no image is left to train on.
    """
    if test + validation >= len(samples):
        raise ValueError(
            f"test + validation must leave images to train on, got {test} + {validation} of {len(samples)}"
        )
    ordered = sorted(samples, key=lambda sample: hashlib.sha256(sample.path.name.encode()).hexdigest())
    return ordered[test + validation :], ordered[test : test + validation], ordered[:test]


def tokenize(caption: str) -> list[str]:
    """Split a caption into lower-case words and numbers, without punctuation.

    Args:
        caption: one sentence.

    Example:
        >>> tokenize("A man's dog , running .")
        ['a', "man's", 'dog', 'running']
    """
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", caption.lower())


def common_words(samples: Iterable[CaptionedImage], *, least: int) -> tuple[list[str], list[int]]:
    """List the words that the captions use at least so often, the most frequent first, and how often.

    Args:
        samples: captioned images.
        least: times that a word must be seen.
    """
    counts = Counter(word for sample in samples for caption in sample.captions for word in tokenize(caption))
    kept = sorted(((word, count) for word, count in counts.items() if count >= least), key=lambda p: (-p[1], p[0]))
    return [word for word, _ in kept], [count for _, count in kept]


def _with_pictures(folder: Path, captions: dict[str, list[str]]) -> list[CaptionedImage]:
    missing = [name for name in captions if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"folder {str(folder)!r} must hold every captioned image, {missing[0]!r} is missing")
    return [CaptionedImage(folder / name, tuple(captions[name])) for name in sorted(captions)]
