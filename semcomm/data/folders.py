"""Any folder tree of photographs: listed once, decoded once, and cut into random crops to train on."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol, final, overload

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, Sampler

from semcomm.extractors.cache import FeatureCache
from semcomm.files.pictures import SUFFIXES, load_image

CACHE_BYTES = 2 * 1024**3
"""Decoded photographs kept in memory, so that small collections are decoded once."""


class Source(Protocol):
    """Where the bytes of photographs come from that are no files of their own; see `semcomm.data.streams`."""

    def content(self, path: Path) -> bytes:
        """A picture file's bytes."""
        ...

    def fingerprint(self, path: Path) -> bytes:
        """What tells it from others, without reading it."""
        ...


@final
@dataclass(eq=False)
class _Decoded:
    """Decoded photographs up to `CACHE_BYTES`; parts of one collection share it."""

    images: dict[Path, Tensor] = field(default_factory=dict)
    nbytes: int = 0


@final
@dataclass(frozen=True, eq=False)
class Photographs(Sequence[Path]):
    """Photographs in a fixed order; a sequence of their paths.

    `semcomm.data.layouts.find_photographs` makes it of a folder.

    Args:
        paths: the files.
        folder: where they were found; None for files that were named one by one.
        skipped: how many other files the folder holds, by suffix; hidden ones are not counted.
        annotations: how many pictures of the folder are annotations, and were left out.
        damaged: what is wrong with photographs that were left out because they cannot be read.
        source: where their bytes come from; None for files.

    Example:
        >>> photographs = Photographs([Path("a.jpg"), Path("b.jpg"), Path("c.jpg"), Path("d.jpg")])
        >>> [path.name for path in photographs.evenly(2)]
        ['a.jpg', 'c.jpg']
    """

    paths: Sequence[Path]
    folder: Path | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    annotations: int = 0
    damaged: Mapping[Path, str] = field(default_factory=dict)
    source: Source | None = None
    _decoded: _Decoded = field(default_factory=_Decoded, repr=False)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> "Photographs": ...
    def __getitem__(self, index: int | slice) -> "Path | Photographs":
        """One path, or some of the photographs."""
        return replace(self, paths=self.paths[index]) if isinstance(index, slice) else self.paths[index]

    def __iter__(self) -> Iterator[Path]:
        """Their paths, in order."""
        return iter(self.paths)

    def read(self, path: Path) -> Tensor:
        """Decode a photograph, or take it from memory if it was decoded before; do not change it in place.

        Args:
            path: one of `paths`.

        Returns:
            uint8 `(3, h, w)`, RGB.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file cannot be read; the message names it.
        """
        known = self._decoded.images.get(path)
        if known is not None:
            return known
        image = load_image(path) if self.source is None else load_image(path, content=self.source.content(path))
        if self._decoded.nbytes + image.nbytes <= CACHE_BYTES:
            self._decoded.images[path] = image
            self._decoded.nbytes += image.nbytes
        return image

    def open(self, path: Path) -> BinaryIO:
        """Open a photograph's file, or what stands for it."""
        return path.open("rb") if self.source is None else io.BytesIO(self.source.content(path))

    def evenly(self, count: int | None) -> "Photographs":
        """Choose `count` of them, evenly spaced; all if None or if there are fewer."""
        return replace(self, paths=evenly(self.paths, count))

    def leave_out(self, damaged: Mapping[Path, str]) -> "Photographs":
        """The others than these damaged ones, which `damaged` then lists."""
        kept = [path for path in self.paths if path not in damaged]
        return replace(self, paths=kept, damaged={**self.damaged, **damaged})

    @cached_property
    def manifest_sha256(self) -> str:
        """SHA-256 over their names and contents, in order; of a source, over what it tells them apart by."""
        if self.source is None:
            return manifest_hash(self.paths)
        return hashlib.sha256(b"\0".join(map(self.source.fingerprint, self.paths))).hexdigest()

    def left_out(self) -> list[str]:
        """Say which other files the folder holds, and how many: one phrase per kind.

        Example:
            >>> Photographs([Path("a.jpg")], Path("photos"), skipped={".txt": 2, "": 1}, annotations=3).left_out()
            ['pictures that are annotations: 3', "files without a picture's suffix: 3 (.txt 2, none 1)"]
        """
        said = []
        if self.annotations:
            said.append(f"pictures that are annotations: {self.annotations}")
        if self.skipped:
            kinds = ", ".join(f"{suffix or 'none'} {count}" for suffix, count in self.skipped.items())
            said.append(f"files without a picture's suffix: {sum(self.skipped.values())} ({kinds})")
        return said


def list_images(folder: str | Path) -> list[Path]:
    """Find the images in a folder and its subfolders, sorted by path: files by their suffix, broken links included.

    `semcomm.data.layouts.find_photographs` leaves out data sets' annotations, and counts what is no image.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no image.
    """
    return list_folder(folder)[0]


def list_folder(folder: str | Path) -> tuple[list[Path], dict[str, int]]:
    """Find the images as `list_images` does, and count the other files by suffix, hidden ones excepted."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder of images: {folder}")
    paths: list[Path] = []
    skipped: Counter[str] = Counter()
    for path in folder.rglob("*"):
        suffix = path.suffix.lower()
        if path.is_dir():
            continue
        if suffix in SUFFIXES:
            paths.append(path)
        elif not any(part.startswith(".") for part in path.relative_to(folder).parts):
            skipped[suffix] += 1
    if not paths:
        raise ValueError(f"no images ({', '.join(sorted(SUFFIXES))}) in folder {folder}")
    return sorted(paths), dict(sorted(skipped.items()))


def evenly(paths: Sequence[Path], count: int | None) -> list[Path]:
    """Choose `count` of the paths, evenly spaced; all of them if None or if there are fewer.

    Example:
        >>> [path.name for path in evenly([Path(str(number)) for number in range(10)], 3)]
        ['0', '3', '6']
    """
    if count is None or count >= len(paths):
        return list(paths)
    return [paths[number * len(paths) // count] for number in range(count)]


def manifest_hash(paths: Sequence[Path]) -> str:
    """Fingerprint a list of files: SHA-256 over their names and contents, in order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@final
class CropDataset(Dataset[dict[str, Tensor]]):
    """Random square crops, flipped half of the time; item i depends on `seed` and i alone.

    Every photograph is used once per `len(paths)` items, in an order drawn anew each time. A photograph smaller than
    the crop is enlarged to it. Label maps are cropped and flipped with their photographs.

    Args:
        paths: the photographs.
        size: height and width of a crop, in pixels.
        seed: what all draws come from.
        features: precomputed captions and label maps, or None.

    Shape:
        items hold "images", uint8 `(3, size, size)`, and where `features` has them "labels", uint8 `(size, size)`, and
        "tokens", int64 `(T,)`.
    """

    def __init__(self, paths: Sequence[Path], size: int, seed: int, features: FeatureCache | None = None):
        self.paths = paths if isinstance(paths, Photographs) else Photographs(paths)
        self.size = size
        self.seed = seed
        self.features = features
        self._order: tuple[int, np.ndarray] | None = None
        self._decoded: dict[int, dict[str, Tensor]] = {}
        self._cached_bytes = 0

    def __len__(self) -> int:
        """Photographs in the folder; items may be numbered beyond it."""
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draw crop number `index`."""
        item = self.whole(self.number(index))
        height, width = item["images"].shape[1:]
        top, left, flip = self.window(index, height, width)
        crops = {}
        for name, value in item.items():
            if name != "tokens":
                value = value[..., top : top + self.size, left : left + self.size]
                value = value.flip(-1) if flip else value.clone()
            crops[name] = value
        return crops

    def number(self, index: int) -> int:
        """Which photograph crop number `index` is of."""
        round_number, place = divmod(index, len(self.paths))
        if self._order is None or self._order[0] != round_number:
            drawn = np.random.default_rng((self.seed, round_number)).permutation(len(self.paths))
            self._order = round_number, drawn
        return int(self._order[1][place])

    def window(self, index: int, height: int, width: int) -> tuple[int, int, bool]:
        """Where crop number `index` is in a photograph of a size, and whether it is flipped: (top, left, flip)."""
        draw = np.random.default_rng((self.seed, *divmod(index, len(self.paths))))
        top, left = draw.integers(height - self.size + 1), draw.integers(width - self.size + 1)
        return int(top), int(left), bool(draw.random() < 0.5)

    def whole(self, number: int) -> dict[str, Tensor]:
        """Read photograph `number`, at least as large as a crop, and what `features` has of it."""
        if number in self._decoded:
            return self._decoded[number]
        path = self.paths[number]
        tokens = None if self.features is None else self.features.tokens(path)
        labels = None if self.features is None else self.features.labels(path)
        image = self.paths.read(path)
        if labels is not None and labels.shape != image.shape[1:]:
            raise ValueError(f"label map of {path} must be of its size {(*image.shape[1:],)}, got {(*labels.shape,)}")
        short_side = min(image.shape[1:])
        if short_side < self.size:
            size = [max(self.size, round(side * self.size / short_side)) for side in image.shape[1:]]
            larger = F.interpolate(image[None].float(), size=size, mode="bicubic", antialias=True)
            image = larger[0].round().clamp(0, 255).to(torch.uint8)
            if labels is not None:
                labels = F.interpolate(labels[None, None], size=size, mode="nearest")[0, 0]
        item = {"images": image, "labels": labels, "tokens": tokens}
        item = {name: value for name, value in item.items() if value is not None}
        size_in_bytes = sum(value.nbytes for value in item.values())
        if self._cached_bytes + size_in_bytes <= CACHE_BYTES:
            self._decoded[number] = item
            self._cached_bytes += size_in_bytes
        return item


@final
class StepBatches(Sampler[list[int]]):
    """Numbers of the crops of step after step, for ever; every process of several takes its share of a batch.

    A share may be dealt out in several lists, one after another. Part p of P, counted over lists and processes, has
    the crops p, p + P, p + 2 P, ... of the batch.

    Args:
        batch_size: crops per step, over all processes.
        first_step: the step to begin with, for a resumed run.
        rank: this process.
        world_size: all processes.
        accumulate: lists per step; `batch_size` must be a multiple of `world_size` times this.
    """

    def __init__(
        self, batch_size: int, *, first_step: int = 0, rank: int = 0, world_size: int = 1, accumulate: int = 1
    ):
        if batch_size % (world_size * accumulate):
            raise ValueError(f"batch_size must be a multiple of the {world_size * accumulate} parts, got {batch_size}")
        self.batch_size = batch_size
        self.first_step = first_step
        self.rank = rank
        self.world_size = world_size
        self.accumulate = accumulate

    def __iter__(self) -> Iterator[list[int]]:
        """Yield `accumulate` lists of crop numbers per step."""
        step, parts = self.first_step, self.world_size * self.accumulate
        while True:
            first = step * self.batch_size
            for part in range(self.rank, parts, self.world_size):
                yield list(range(first + part, first + self.batch_size, parts))
            step += 1
