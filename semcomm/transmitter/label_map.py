"""Label maps as bits: smaller, by majority, and coded beside their neighbours with counts that adapt.

A label is most often that of a neighbour. So a decision says which neighbour it is like, in a context of which of these
are alike; only a label that none of them has is named. The counts start from what is common in photographs and follow
the map, with integers alone: any set of classes can be coded.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.link.tables import IntegerTables

REDUCTIONS = (4, 8, 16)
"""A map can be sent at a 4th, an 8th or a 16th of the image's height and width."""

NEIGHBOURS = 4
"""Left, upper, upper left, upper right."""
OTHER = NEIGHBOURS
_LEARNT = 32
_FIRST_NAMES = 8
# how often a label is its left, upper, upper left, upper right neighbour's, or none of theirs, by which of these are
# alike (see `_kinds`); counted on label maps of photographs
_START = {
    0: (80, 52, 22, 23, 25),
    1: (170, 0, 8, 13, 10),
    2: (52, 86, 0, 34, 29),
    4: (134, 49, 13, 0, 5),
    8: (90, 56, 0, 34, 20),
    11: (158, 0, 0, 28, 14),
    12: (167, 23, 0, 0, 10),
    16: (73, 85, 20, 0, 22),
    18: (62, 121, 0, 0, 17),
    21: (182, 0, 8, 0, 10),
    32: (87, 68, 26, 0, 19),
    33: (170, 0, 23, 0, 7),
    38: (119, 65, 0, 0, 16),
    56: (128, 54, 0, 0, 18),
    63: (967, 0, 0, 0, 33),
}


def reduce_labels(labels: Tensor, reduction: int, classes: int) -> Tensor:
    """Give each `reduction x reduction` cell of a map `(h, w)` its most frequent label: int64 `(ceil, ceil)`.

    Of equally frequent labels the first wins. Cells at the edges may be smaller.

    Example:
        >>> reduce_labels(torch.tensor([[0, 0, 2], [0, 1, 2]]), 2, classes=3).tolist()
        [[0, 2]]
    """
    height, width = labels.shape
    rows, columns = -(-height // reduction), -(-width // reduction)
    cells = (torch.arange(height) // reduction)[:, None] * columns + torch.arange(width) // reduction
    counts = torch.bincount((cells * classes + labels.long().cpu()).flatten(), minlength=rows * columns * classes)
    return counts.reshape(rows, columns, classes).argmax(2)


def enlarge_labels(labels: Tensor, reduction: int, size: tuple[int, int]) -> Tensor:
    """Repeat every label of a reduced map, so that it has an image's size: int64 `(h, w)`."""
    return labels.repeat_interleave(reduction, 0).repeat_interleave(reduction, 1)[: size[0], : size[1]]


def write_labels(encoder: RangeEncoder, labels: Tensor, classes: int) -> None:
    """Code a map `(rows, columns)` of labels below `classes`, diagonal by diagonal."""
    plane = np.zeros((labels.shape[0] + 1, labels.shape[1] + 2), dtype=np.int64)
    plane[1:, 1:-1] = labels.numpy()
    counts = _Counts(classes)
    for y, x in _waves(*labels.shape):
        known, own = _around(plane, y, x), plane[y + 1, x + 1]
        alike = known == own
        decisions = np.where(alike.any(0), alike.argmax(0), OTHER)
        kinds = _kinds(known)
        encoder.encode(decisions, kinds, counts.decision_tables())
        named = own[decisions == OTHER]
        if named.size:
            encoder.encode(named, np.zeros_like(named), counts.name_tables())
        counts.learn(kinds, decisions, named)


def read_labels(decoder: RangeDecoder | PrefixDecoder, rows: int, columns: int, classes: int) -> Tensor:
    """Decode what `write_labels` wrote: int64 `(rows, columns)`.

    Raises:
        ValueError: if the bits cannot come from `write_labels`.
    """
    plane = np.zeros((rows + 1, columns + 2), dtype=np.int64)
    counts = _Counts(classes)
    for y, x in _waves(rows, columns):
        known = _around(plane, y, x)
        kinds = _kinds(known)
        decisions = decoder.decode(kinds, counts.decision_tables())
        others = decisions == OTHER
        own = known[np.minimum(decisions, OTHER - 1), np.arange(len(decisions))]
        named = own[:0]
        if others.any():
            named = decoder.decode(np.zeros(int(others.sum()), dtype=np.int64), counts.name_tables())
            own[others] = named
        if own.size and own.max() >= classes:
            raise ValueError(f"bits must name one of {classes} classes, got {own.max()}")
        plane[y + 1, x + 1] = own
        counts.learn(kinds, decisions, named)
    return torch.from_numpy(plane[1:, 1:-1].copy())


class _Counts:
    """How often decisions and names came up so far."""

    def __init__(self, classes: int):
        self.decisions = _start()
        self.names = np.full((1, max(classes, 2)), _FIRST_NAMES, dtype=np.int64)

    def decision_tables(self) -> IntegerTables:
        return IntegerTables(self.decisions, escape=False)

    def name_tables(self) -> IntegerTables:
        return IntegerTables(self.names, escape=False)

    def learn(self, kinds: np.ndarray, decisions: np.ndarray, named: np.ndarray) -> None:
        np.add.at(self.decisions, (kinds, decisions), _LEARNT)
        np.add.at(self.names[0], named, _LEARNT)


def _around(plane: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Labels of the neighbours of cells, `(4, cells)`; the plane has an edge of zeros above, left and right."""
    return np.stack([plane[y + 1, x], plane[y, x + 1], plane[y, x], plane[y, x + 2]])


def _kinds(known: np.ndarray) -> np.ndarray:
    """Number which of the four neighbours are alike: six comparisons, of which 15 combinations occur."""
    left, up, up_left, up_right = known
    same = (left == up, left == up_left, left == up_right, up == up_left, up == up_right, up_left == up_right)
    return sum(bit.astype(np.int64) << place for place, bit in enumerate(same))  # type: ignore[return-value]


def _start() -> np.ndarray:
    counts = np.ones((64, OTHER + 1), dtype=np.int64)
    for kind, row in _START.items():
        counts[kind] = row
    return counts


@lru_cache(maxsize=16)
def _waves(rows: int, columns: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Group the cells with equal 2 row + column: all their neighbours are in groups before."""
    y, x = np.indices((rows, columns))
    turn = (2 * y + x).ravel()
    order = np.argsort(turn, kind="stable")
    stops = np.cumsum(np.bincount(turn))[:-1]
    return list(zip(np.split(y.ravel()[order], stops), np.split(x.ravel()[order], stops), strict=True))
