"""Importance: what matters is sent with more care.

The error in blocks of a label counts `weight` times as much, so their components are scaled by its square root before
they are quantised and allocated, and back at the receiver. Both ends know the weights from the label map received.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import torch
from torch import Tensor

from semcomm.transmitter.label_map import reduce_labels
from semcomm.transmitter.textures import OCTAVE

LARGEST_WEIGHT = 1024
MOST_CLASSES = 15
"""Classes that can have a weight."""

Boosts = tuple[tuple[int, int], ...]
"""Class and boost: what importance adds to log-variances, in eighths of an octave."""


def check_importance(importance: Mapping[str, float], class_names: Sequence[str] | None) -> Boosts:
    """Turn weights by label into integers, rounded to the nearest eighth of an octave; a weight of 1 is left out.

    Args:
        importance: weights of classes by name, relative to 1 for all else.
        class_names: the names, in label order; None without a segmentation level.

    Raises:
        TypeError: if importance is no mapping, or a weight no number.
        ValueError: if there is no segmentation level, a label is unknown, a weight is out of range, or there are too
            many.

    Example:
        >>> check_importance({"person": 4.0, "sky": 0.5}, ("sky", "person", "dog"))
        ((1, 16), (0, -8))
    """
    if not isinstance(importance, Mapping):
        raise TypeError(
            f'importance must be weights by label, such as {{"person": 4.0}}, got {type(importance).__name__}'
        )
    if class_names is None:
        raise ValueError(
            f"importance must be None without a segmentation level, got {dict(importance)}: build the system with "
            'segmentation="lite"'
        )
    boosts = []
    for label, weight in importance.items():
        if label not in class_names:
            raise ValueError(f"importance must name labels among {', '.join(class_names)}; got {label!r}")
        if not isinstance(weight, Real) or isinstance(weight, bool):
            raise TypeError(f"importance[{label!r}] must be a number, got {weight!r}")
        if not 1 / LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
            raise ValueError(
                f"importance[{label!r}] must be a weight from 1/{LARGEST_WEIGHT} to {LARGEST_WEIGHT}, got {weight}"
            )
        boosts.append((list(class_names).index(label), round(OCTAVE * math.log2(weight))))
    boosts = [(place, boost) for place, boost in boosts if boost]
    if len(boosts) > MOST_CLASSES:
        raise ValueError(f"importance must have at most {MOST_CLASSES} weights other than 1, got {len(boosts)}")
    return tuple(boosts)


def block_boosts(labels: Tensor, boosts: Boosts, block: int, classes: int) -> Tensor:
    """Say what importance adds to each block's log-variances, by the label of most of its pixels.

    Args:
        labels: the label map as received, `(h, w)`.
        boosts: one for each class.
        block: the block's side in pixels.
        classes: how many classes there are.

    Returns:
        int64 `(blocks,)`, row by row.
    """
    by_class = torch.zeros(classes, dtype=torch.int64)
    for place, boost in boosts:
        by_class[place] = boost
    return by_class[reduce_labels(labels, block, classes)].flatten()
