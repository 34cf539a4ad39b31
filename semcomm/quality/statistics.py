"""Means and differences over images, with confidence intervals."""

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike


@cache
def student_t(freedom: int) -> float:
    r"""Find the t that Student's distribution exceeds in size with a probability of 5 %.

    With t = sqrt(freedom) tan(theta), the probability of a smaller size is a finite sum of powers of cos(theta)
    (Abramowitz and Stegun, 26.7.3 and 26.7.4). It grows with theta, so theta is found by bisection.

    Args:
        freedom: degrees of freedom, at least 1.

    Example:
        >>> round(student_t(9), 3), round(student_t(99), 3)
        (2.262, 1.984)
    """
    odd = freedom % 2
    steps = np.arange(1, (freedom - odd) // 2)
    factors = 2 * steps / (2 * steps + 1) if odd else (2 * steps - 1) / (2 * steps)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        theta = (low + high) / 2
        powers = 1 + np.cumprod(factors * math.cos(theta) ** 2).sum()
        inside = math.sin(theta) * powers
        if odd:
            inside = 2 / math.pi * (theta + (inside * math.cos(theta) if freedom > 1 else 0.0))
        low, high = (theta, high) if inside < 0.95 else (low, theta)
    return math.sqrt(freedom) * math.tan(low)


def mean_and_ci95(values: ArrayLike) -> tuple[float, float]:
    """Mean over images and half width of its 95 % confidence interval, t s / sqrt(images), Student's t.

    Images are what was sampled. Several noise draws of an image are alike and no new images, so they are averaged
    within the image first (cluster means); pooled, they would make the interval too narrow.

    Args:
        values: `(images,)`, or `(images, draws)` where every image was sent several times.

    Returns:
        `(mean, half width)`; the half width is NaN for fewer than two images.

    Raises:
        ValueError: if `values` has another shape or is empty.

    Example:
        >>> mean_and_ci95([1.0, 2.0, 3.0])[0]
        2.0
        >>> mean_and_ci95([[0.5, 1.5], [1.0, 3.0], [3.0, 3.0]]) == mean_and_ci95([1.0, 2.0, 3.0])
        True
    """
    scores = _image_means(values, "values")
    count = len(scores)
    if count < 2:
        return scores.mean().item(), math.nan
    with np.errstate(invalid="ignore"):  # inf less inf, of images that arrived without loss
        return scores.mean().item(), student_t(count - 1) * scores.std(ddof=1).item() / math.sqrt(count)


def paired_difference(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Mean of a - b over images that both schemes sent, and half width of its 95 % confidence interval.

    What images have in common, such as being hard to send, cancels. A difference is significant if its interval leaves
    out zero: `abs(mean) > half width`.

    Args:
        a: one scheme's scores, `(images,)` or `(images, draws)`; draws are averaged within an image first.
        b: the other's on the same images in the same order; the number of draws may differ.

    Returns:
        `(mean, half width)`, as `mean_and_ci95` of the differences.

    Raises:
        ValueError: if a shape is another, or the numbers of images differ.

    Example:
        >>> paired_difference([21.0, 31.0], [20.0, 30.0])
        (1.0, 0.0)
    """
    one, other = _image_means(a, "a"), _image_means(b, "b")
    if len(one) != len(other):
        raise ValueError(f"a and b must score the same images, got {len(one)} and {len(other)}")
    with np.errstate(invalid="ignore"):
        return mean_and_ci95(one - other)


def _image_means(values: ArrayLike, name: str) -> np.ndarray:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim not in (1, 2) or scores.size == 0:
        raise ValueError(f"{name} must be (images,) or (images, draws), at least one, got shape {scores.shape}")
    return scores if scores.ndim == 1 else scores.mean(axis=1)
