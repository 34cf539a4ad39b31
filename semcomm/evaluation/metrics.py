"""PSNR and SSIM of single images, and means with confidence intervals."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

SSIM_WINDOW = 11


def psnr(received: Tensor, sent: Tensor) -> Tensor:
    r"""PSNR of each image in dB, data range 1: $-10 \log_{10} \mathrm{MSE}$.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; inf for identical images.

    Example:
        >>> psnr(torch.full((1, 3, 8, 8), 0.6), torch.full((1, 3, 8, 8), 0.5))
        tensor([20.0000])
    """
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
    """
    if min(sent.shape[2:]) < SSIM_WINDOW:
        return torch.full((sent.shape[0],), math.nan, device=sent.device)
    scores = structural_similarity_index_measure(
        received, sent, sigma=1.5, kernel_size=SSIM_WINDOW, data_range=1.0, reduction="none"
    )
    return scores.reshape(-1) if isinstance(scores, Tensor) else scores[0].reshape(-1)


def mean_and_ci95(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of its 95 % confidence interval, 1.96 s / sqrt(n) (normal approximation).

    Returns:
        `(mean, half width)`; the half width is NaN for fewer than two values.

    Example:
        >>> mean_and_ci95([1.0, 2.0, 3.0])[0]
        2.0
    """
    scores = torch.tensor(values, dtype=torch.float64)
    mean = scores.mean().item()
    if len(values) < 2:
        return mean, math.nan
    return mean, 1.96 * scores.std().item() / math.sqrt(len(values))
