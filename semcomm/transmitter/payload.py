"""The payload of the hybrid code: texture map and sketch as bits, and back."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.transmitter.codebook import Book, Codebook
from semcomm.transmitter.sketch import ACTIVITIES, LARGEST, Activity, Contexts, Layout


def write_map(encoder: RangeEncoder, book: Book, labels: Tensor) -> None:
    """Code the classes of blocks `(rows, columns)`, diagonal by diagonal, each beside its left and its upper one."""
    tables = book.map_tables
    plane, beside = labels.numpy(), _beside(labels[None], book.textures.classes)[0].numpy()
    for rows, columns in _diagonals(*plane.shape):
        encoder.encode(plane[rows, columns], beside[rows, columns], tables)


def read_map(decoder: RangeDecoder | PrefixDecoder, book: Book, rows: int, columns: int) -> Tensor:
    """Decode what `write_map` wrote: int64 `(rows, columns)`."""
    tables, classes = book.map_tables, book.textures.classes
    plane = np.full((rows + 1, columns + 1), classes, dtype=np.int64)
    for y, x in _diagonals(rows, columns):
        plane[y + 1, x + 1] = decoder.decode(plane[y + 1, x] * (classes + 1) + plane[y, x + 1], tables)
    return torch.from_numpy(plane[1:, 1:].copy())


def map_costs(book: Book, labels: Tensor) -> Tensor:
    """Say how many bits each image's classes of blocks `(images, rows, columns)` take: float64 `(images,)`."""
    if book.textures.classes == 1:
        return torch.zeros(len(labels), dtype=torch.float64, device=labels.device)
    return book.map_bits[_beside(labels, book.textures.classes), labels].sum((1, 2))


def write_sketch(encoder: RangeEncoder, codebook: Codebook, layout: Layout, levels: Tensor, found: Contexts) -> None:
    """Code the levels `(blocks, coded)`, one component of all blocks after another."""
    tables = codebook.tables.levels
    contexts = (layout.buckets * ACTIVITIES + found.activities).numpy()
    plane, is_coded = levels.numpy(), layout.is_coded.numpy()
    for component in range(layout.coded):
        chosen = is_coded[:, component]
        encoder.encode(plane[chosen, component], contexts[chosen, component], tables)


def read_sketch(
    decoder: RangeDecoder | PrefixDecoder, codebook: Codebook, layout: Layout, shape: tuple[int, int, int]
) -> tuple[Tensor, Contexts]:
    """Decode what `write_sketch` wrote: levels int64 `(blocks, coded)`, and their contexts.

    Of a sketch whose end is missing, the components that did not arrive stay zero.
    """
    tables = codebook.tables.levels
    activity = Activity(codebook.tables, layout, shape)
    buckets, is_coded = activity.buckets, activity.is_coded
    levels = torch.zeros_like(buckets)
    activities = torch.zeros_like(buckets)
    for component in range(layout.coded):
        activities[:, component] = activity.classes()
        chosen = is_coded[:, component]
        contexts = (buckets[:, component] * ACTIVITIES + activities[:, component])[chosen]
        try:
            levels[chosen, component] = torch.from_numpy(decoder.decode(contexts.numpy(), tables))
        except EOFError:
            break
        activity.see(component, levels[:, component])
    return levels, Contexts(activities, activity.classes())


def level_costs(codebook: Codebook, layout: Layout, levels: Tensor, found: Contexts) -> Tensor:
    """Say how many bits every block's levels take: float64 `(blocks,)`."""
    beyond = levels.abs() - LARGEST
    column = torch.where(beyond > 0, 2 * LARGEST + 1, levels + LARGEST)
    costs = codebook.tables.bits[layout.buckets * ACTIVITIES + found.activities, column]
    octave = torch.frexp(beyond.clamp_min(1).double()).exponent - 1  # the Exp-Golomb code's, exactly
    costs = costs + torch.where(beyond > 0, 2 + 2 * octave, 0)
    return torch.where(layout.is_coded, costs, 0.0).sum(1)


def _beside(maps: Tensor, classes: int) -> Tensor:
    """Contexts of classes `(images, rows, columns)`: the left one and the upper one; `classes` stands for none."""
    padded = F.pad(maps, (1, 0, 1, 0), value=classes)
    return padded[:, 1:, :-1] * (classes + 1) + padded[:, :-1, 1:]


@lru_cache(maxsize=16)
def _diagonals(rows: int, columns: int) -> list[tuple[np.ndarray, np.ndarray]]:
    y, x = np.indices((rows, columns))
    places = [np.nonzero(y + x == step) for step in range(rows + columns - 1)]
    return [(row, column) for row, column in places]
