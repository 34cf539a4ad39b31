"""Any folder tree of photographs: random crops to train on, whole images to judge by."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, Sampler

from semcomm.extractors.cache import FeatureCache
from semcomm.images import load_image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm", ".pgm"})
CACHE_BYTES = 2 * 1024**3
"""Decoded photographs kept in memory by one data set, so that small collections are decoded once."""


def list_images(folder: str | Path) -> list[Path]:
    """Find the images in a folder and its subfolders, sorted by path: files by their suffix, broken links included.

    `semcomm.data.layouts.find_photographs` leaves out data sets' annotations.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder of images: {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_dir())
    if not paths:
        raise ValueError(f"no images ({', '.join(sorted(SUFFIXES))}) in folder {folder}")
    return paths


def evenly(paths: list[Path], count: int | None) -> list[Path]:
    """Choose `count` of the paths, evenly spaced; all of them if None or if there are fewer.

    Example:
        >>> [path.name for path in evenly([Path(str(number)) for number in range(10)], 3)]
        ['0', '3', '6']
    """
    if count is None or count >= len(paths):
        return paths
    return [paths[number * len(paths) // count] for number in range(count)]


def manifest_hash(paths: list[Path]) -> str:
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
        seed: of all draws.
        features: precomputed captions and label maps, or None.

    Shape:
        items hold "images", uint8 `(3, size, size)`, and where `features` has them "labels", uint8 `(size, size)`, and
        "tokens", int64 `(T,)`.
    """

    def __init__(self, paths: list[Path], size: int, seed: int, features: FeatureCache | None = None):
        self.paths = paths
        self.size = size
        self.seed = seed
        self.features = features
        self._decoded: dict[int, dict[str, Tensor]] = {}
        self._cached_bytes = 0

    def __len__(self) -> int:
        """Photographs in the folder; items may be numbered beyond it."""
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draw crop number `index`."""
        round_number, place = divmod(index, len(self.paths))
        order = np.random.default_rng((self.seed, round_number)).permutation(len(self.paths))
        item = self._item(int(order[place]))
        draw = np.random.default_rng((self.seed, round_number, place))
        height, width = item["images"].shape[1:]
        top, left = draw.integers(height - self.size + 1), draw.integers(width - self.size + 1)
        flip = draw.random() < 0.5
        crops = {}
        for name, value in item.items():
            if name != "tokens":
                value = value[..., top : top + self.size, left : left + self.size]
                value = value.flip(-1) if flip else value.clone()
            crops[name] = value
        return crops

    def _item(self, number: int) -> dict[str, Tensor]:
        if number in self._decoded:
            return self._decoded[number]
        path = self.paths[number]
        tokens = None if self.features is None else self.features.tokens(path)
        labels = None if self.features is None else self.features.labels(path)
        image = load_image(path)
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
