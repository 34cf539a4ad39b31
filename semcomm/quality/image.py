"""PSNR, SSIM and MS-SSIM of single images; means and differences over images, with confidence intervals."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from semcomm.images import STRIP_PIXELS

SSIM_WINDOW = 11
MS_SSIM_SMALLEST = 16 * SSIM_WINDOW
"""Least height and width for five scales: halved four times, 176 pixels are one window."""


def psnr(received: Tensor, sent: Tensor) -> Tensor:
    r"""PSNR of each image in dB, data range 1: $-10 \log_{10} \mathrm{MSE}$.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; inf for identical images.

    Raises:
        TypeError: if an image is not of floats.
        ValueError: if they are not of one shape `(b, c, h, w)`.

    Example:
        >>> psnr(torch.full((1, 3, 8, 8), 0.6), torch.full((1, 3, 8, 8), 0.5))
        tensor([20.0000])
    """
    _check_pair(received, sent)
    scores = [
        peak_signal_noise_ratio(one[None], other[None], data_range=1.0)
        for one, other in zip(received, sent, strict=True)
    ]
    return torch.stack(scores)


def ssim(received: Tensor, sent: Tensor) -> Tensor:
    """SSIM of each image: Gaussian window 11 x 11, sigma 1.5, data range 1, borders mirrored (Wang et al. 2004).

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; NaN where an image is smaller than the window.

    Raises:
        TypeError: if an image is not of floats.
        ValueError: if they are not of one shape `(b, c, h, w)`.
    """
    _check_pair(received, sent)
    if min(sent.shape[2:]) < SSIM_WINDOW:
        return torch.full((sent.shape[0],), math.nan, device=sent.device)
    height, width = sent.shape[2:]
    rows = height if height * width <= STRIP_PIXELS else max(1, STRIP_PIXELS // width)
    mean = torch.zeros(len(sent), device=sent.device)
    for start in range(0, height, rows):
        # with the rows that its windows reach, so that borders are mirrored only where the image ends
        first, stop = max(0, start - SSIM_WINDOW // 2), min(start + rows, height)
        strip = slice(first, stop + SSIM_WINDOW // 2)
        _, scores = structural_similarity_index_measure(
            received[:, :, strip],
            sent[:, :, strip],
            sigma=1.5,
            kernel_size=SSIM_WINDOW,
            data_range=1.0,
            reduction="none",
            return_full_image=True,
        )
        mean += scores[:, :, start - first : stop - first].mean((1, 2, 3)) * ((stop - start) / height)
    return mean


def ms_ssim(received: Tensor, sent: Tensor) -> Tensor:
    r"""MS-SSIM of each image: $\mathrm{SSIM}_5^{0.1333} \prod_{j=1}^4 \mathrm{CS}_j^{\beta_j}$ (Wang et al. 2003).

    SSIM at the coarsest of five scales times its contrast and structure factor at the four finer ones, each halved by
    averaging 2 x 2 pixels; window, constants and data range are those of `ssim`. beta = (0.0448, 0.2856, 0.3001,
    0.2363). A negative factor, of an image that is its original's negative at some scale, counts as 0.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; NaN where an image is smaller than 176 x 176.

    Raises:
        TypeError: if an image is not of floats.
        ValueError: if they are not of one shape `(b, c, h, w)`.

    Example:
        >>> image = torch.linspace(0, 1, 180).expand(1, 3, 180, 180)
        >>> ms_ssim(image, image)
        tensor([1.])
    """
    _check_pair(received, sent)
    if min(sent.shape[2:]) < MS_SSIM_SMALLEST:
        return torch.full((sent.shape[0],), math.nan, device=sent.device)
    return multiscale_structural_similarity_index_measure(
        received, sent, sigma=1.5, kernel_size=SSIM_WINDOW, data_range=1.0, reduction="none"
    )


def _check_pair(received: Tensor, sent: Tensor) -> None:
    for name, images in {"received": received, "sent": sent}.items():
        if not images.is_floating_point():
            raise TypeError(f"{name} must hold floats in [0, 1], got {images.dtype}; divide uint8 by 255")
    if received.shape != sent.shape or sent.ndim != 4:
        raise ValueError(
            f"received and sent must be of one shape (b, 3, h, w), got {tuple(received.shape)} and {tuple(sent.shape)}"
        )


def mean_and_ci95(values: ArrayLike) -> tuple[float, float]:
    """Mean over images and half width of its 95 % confidence interval, 1.96 s / sqrt(images).

    Images are what was sampled. Several noise draws of an image are alike and no new images, so they are averaged
    within the image first (cluster means); pooled, they would make the interval too narrow. 1.96 is the normal
    quantile: the interval covers 92 % with 10 images, 94 % with 24, where Student's would cover 95 %.

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
    if len(scores) < 2:
        return scores.mean().item(), math.nan
    return scores.mean().item(), 1.96 * scores.std().item() / math.sqrt(len(scores))


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
    return mean_and_ci95(one - other)


def _image_means(values: ArrayLike, name: str) -> Tensor:
    scores = torch.tensor(np.asarray(values, dtype=np.float64))
    if scores.ndim not in (1, 2) or scores.numel() == 0:
        raise ValueError(f"{name} must be (images,) or (images, draws), at least one, got shape {tuple(scores.shape)}")
    return scores if scores.ndim == 1 else scores.mean(1)
