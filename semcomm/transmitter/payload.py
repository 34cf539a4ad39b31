"""The payload of the hybrid code: texture map and sketch as bits, and back."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.transmitter.codebook import Book, Codebook
from semcomm.transmitter.sketch import ACTIVITIES, Activity, Contexts, Layout


def write_map(encoder: RangeEncoder, book: Book, labels: Tensor) -> None:
    """Code the classes of blocks `(rows, columns)`, diagonal by diagonal, each beside its left and its upper one."""
    tables = book.map_tables
    plane = labels.numpy()
    beside = _beside(plane, book.textures.classes)
    for rows, columns in _diagonals(*plane.shape):
        encoder.encode(plane[rows, columns], beside[rows, columns], tables)


def read_map(decoder: RangeDecoder | PrefixDecoder, book: Book, rows: int, columns: int) -> Tensor:
    """Decode what `write_map` wrote: int64 `(rows, columns)`."""
    tables, classes = book.map_tables, book.textures.classes
    plane = np.full((rows + 1, columns + 1), classes, dtype=np.int64)
    for y, x in _diagonals(rows, columns):
        plane[y + 1, x + 1] = decoder.decode(plane[y + 1, x] * (classes + 1) + plane[y, x + 1], tables)
    return torch.from_numpy(plane[1:, 1:].copy())


def map_cost(book: Book, labels: Tensor) -> float:
    """Say how many bits the classes of blocks `(images, rows, columns)` take."""
    if book.textures.classes == 1:
        return 0.0
    tables = book.map_tables
    return sum(float(tables.cost(p, _beside(p, book.textures.classes)).sum()) for p in labels.numpy())


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
    if layout.coded == 0:
        return torch.zeros(len(levels), dtype=torch.float64)
    contexts = layout.buckets * ACTIVITIES + found.activities
    costs = torch.from_numpy(codebook.tables.levels.cost(levels.numpy(), contexts.numpy()))
    return torch.where(layout.is_coded, costs, 0.0).sum(1)


def _beside(plane: np.ndarray, classes: int) -> np.ndarray:
    padded = np.pad(plane, ((1, 0), (1, 0)), constant_values=classes)
    return padded[1:, :-1] * (classes + 1) + padded[:-1, 1:]


@lru_cache(maxsize=16)
def _diagonals(rows: int, columns: int) -> list[tuple[np.ndarray, np.ndarray]]:
    y, x = np.indices((rows, columns))
    places = [np.nonzero(y + x == step) for step in range(rows + columns - 1)]
    return [(row, column) for row, column in places]
