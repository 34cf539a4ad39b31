"""How well label maps fit: intersection over union per class, its mean, and pixel accuracy."""

from collections.abc import Iterable

import torch
from torch import Tensor

from semcomm.images import to_float
from semcomm.transmitter.segmentation import Segmenter


def confusion_matrix(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Count the pixels of each true class (rows) labelled as each class (columns).

    Args:
        predicted: labels given, 0 to `classes` - 1.
        labels: true labels; a pixel whose label is `classes` or above counts nowhere.
        classes: number of classes.

    Shape:
        two tensors of one shape to int64 `(classes, classes)`.

    Example:
        >>> import torch
        >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 255]), 2).tolist()
        [[1, 1], [0, 0]]
    """
    known = labels < classes
    pairs = labels[known].long() * classes + predicted[known].long()
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def intersection_over_union(confusion: Tensor) -> Tensor:
    """Divide each class's hits by all pixels that have or were given its label; NaN for a class that never occurs.

    IoU_c = n_cc / (sum_j n_cj + sum_i n_ic - n_cc)

    Shape:
        `(classes, classes)` to `(classes,)`.
    """
    confusion = confusion.double()
    hits = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hits
    # A class that no pixel truly has is absent, not missed: it would drag the mean to zero for no fault.
    return torch.where(confusion.sum(1) > 0, hits / union, torch.nan)


def evaluate_segmenter(segmenter: Segmenter, samples: Iterable[tuple[Tensor, Tensor]]) -> dict:
    """Label every image and compare with its true labels, over all pixels together.

    Args:
        segmenter: labels images.
        samples: uint8 images `(3, h, w)` with labels `(h, w)`; a label beyond the classes is not scored.

    Returns:
        "mean_iou" over the classes that occur, "pixel_accuracy", "iou" by class name and "images".
    """
    classes = len(segmenter.class_names)
    device = segmenter.palette.device
    total = torch.zeros(classes, classes, dtype=torch.int64)
    images = 0
    for image, labels in samples:
        predicted = segmenter.segment(to_float(image[None].to(device)))[0].cpu()
        total += confusion_matrix(predicted, labels, classes)
        images += 1
    iou = intersection_over_union(total)
    return {
        "mean_iou": float(iou.nanmean()),
        "pixel_accuracy": float(total.diagonal().sum() / total.sum().clamp_min(1)),
        "iou": {name: _or_none(value) for name, value in zip(segmenter.class_names, iou.tolist(), strict=True)},
        "images": images,
    }


def _or_none(value: float) -> float | None:
    return None if value != value else value
