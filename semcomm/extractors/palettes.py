"""The colours of label maps: one per class."""

from collections.abc import Sequence

import torch
from torch import Tensor

from semcomm.extractors.ade20k_classes import ADE20K_CLASSES, ADE20K_PALETTE

_BITS = 8


def palette_tensor(palette: Sequence[Sequence[int]], class_names: Sequence[str]) -> Tensor:
    """Turn a palette as it is published, 0 to 255, into the one a `Segmenter` holds.

    Args:
        palette: One RGB colour, 0 to 255, per class.
        class_names: One name per class.

    Returns:
        Float32 `(classes, 3)` in [0, 1].

    Raises:
        ValueError: If `palette` has not three values, 0 to 255, for each of `class_names`.

    Example:
        >>> palette_tensor([(0, 0, 0), (255, 51, 0)], ["sky", "road"])
        tensor([[0.0000, 0.0000, 0.0000],
                [1.0000, 0.2000, 0.0000]])
    """
    if len(palette) != len(class_names):
        raise ValueError(
            f"palette has {len(palette)} colours, required: one for each of the {len(class_names)} class_names"
        )
    for color in palette:
        if len(color) != 3 or not all(0 <= value <= 255 for value in color):
            raise ValueError(f"palette holds {tuple(color)}, required: three values, 0 to 255, per colour")
    return torch.tensor([tuple(color) for color in palette], dtype=torch.float32).reshape(-1, 3) / 255


def default_palette(class_names: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """Choose colours for classes that come without: ADE20K's own for its 150 classes, else PASCAL VOC's colour map.

    VOC's colour map spreads the bits of a label over the high bits of the three colours; every class gets its own.

    Args:
        class_names: One name per class, in label order.

    Example:
        >>> default_palette(["background", "aeroplane", "bicycle"])
        ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """
    ends = (ADE20K_CLASSES[0], ADE20K_CLASSES[-1])
    if len(class_names) == len(ADE20K_CLASSES) and (class_names[0], class_names[-1]) == ends:
        return ADE20K_PALETTE
    return tuple((_spread(label), _spread(label >> 1), _spread(label >> 2)) for label in range(len(class_names)))


def _spread(label: int) -> int:
    """Gather every third bit of a label, the lowest first, from the highest bit of a byte down."""
    return sum((label >> 3 * bit & 1) << (_BITS - 1 - bit) for bit in range(_BITS))
