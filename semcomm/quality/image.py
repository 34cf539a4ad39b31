"""PSNR, SSIM and MS-SSIM of single images."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.images import STRIP_PIXELS

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
MS_SSIM_SMALLEST = 16 * (SSIM_WINDOW - 1) + 1
"""Least height and width for five scales: halved four times and rounded up, 161 pixels are one window."""
MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


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
    from torchmetrics.functional.image import peak_signal_noise_ratio  # takes seconds to import

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
    from torchmetrics.functional.image import structural_similarity_index_measure

    height, width = sent.shape[2:]
    most = STRIP_PIXELS // 8  # SSIM takes some thirty planes of memory
    rows = height if height * width <= most else max(1, most // width)
    mean = torch.zeros(len(sent), device=sent.device)
    for start in range(0, height, rows):
        # with the rows that its windows reach, so that borders are mirrored only where the image ends
        first, stop = max(0, start - SSIM_WINDOW // 2), min(start + rows, height)
        strip = slice(first, stop + SSIM_WINDOW // 2)
        _, scores = structural_similarity_index_measure(
            received[:, :, strip],
            sent[:, :, strip],
            sigma=SSIM_SIGMA,
            kernel_size=SSIM_WINDOW,
            data_range=1.0,
            reduction="none",
            return_full_image=True,
        )
        mean += scores[:, :, start - first : stop - first].mean((1, 2, 3)) * ((stop - start) / height)
    return mean


def ms_ssim(received: Tensor, sent: Tensor) -> Tensor:
    r"""MS-SSIM of each image: $\mathrm{SSIM}_5^{0.1333} \prod_{j=1}^4 \mathrm{CS}_j^{\beta_j}$ (Wang et al. 2003).

    SSIM at the coarsest of five scales times its contrast and structure factor CS at the four finer ones, per color
    channel, then averaged over channels. Each scale halves the one before by averaging 2 x 2 pixels; an odd side gets a
    black row or column first. The window, constants and data range are those of `ssim`; positions where the window
    reaches over the border are left out at every scale. beta = (0.0448, 0.2856, 0.3001, 0.2363). A negative factor, of
    an image that is its original's negative at some scale, counts as 0. These are the rules of `pytorch_msssim`, which
    papers on learned compression use.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; NaN where an image is smaller than 161 x 161.

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
    score = torch.ones(sent.shape[:2], device=sent.device)
    for scale, exponent in enumerate(MS_SSIM_EXPONENTS, start=1):
        similarity, contrast = _inside_similarity(received, sent)
        score *= (similarity if scale == len(MS_SSIM_EXPONENTS) else contrast).relu() ** exponent
        odd = [side % 2 for side in sent.shape[2:]]
        received, sent = (F.avg_pool2d(images, 2, padding=odd) for images in (received, sent))
    return score.mean(1)


def ms_ssim_db(received: Tensor, sent: Tensor) -> Tensor:
    r"""MS-SSIM of each image in dB: $-10 \log_{10}(1 - \mathrm{MS\text{-}SSIM})$, which spreads values near 1.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; inf for identical images, NaN where an image is smaller than 161 x 161.

    Raises:
        TypeError: if an image is not of floats.
        ValueError: if they are not of one shape `(b, c, h, w)`.
    """
    return -10 * torch.log10((1 - ms_ssim(received, sent)).clamp_min(0))


def _inside_similarity(received: Tensor, sent: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast and structure factor, means `(b, c)` over the windows that lie inside the images."""
    channels = sent.shape[1]
    offsets = torch.arange(SSIM_WINDOW, dtype=sent.dtype, device=sent.device) - SSIM_WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    window = (window / window.sum()).expand(channels, 1, 1, SSIM_WINDOW)

    def blur(images: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(images, window.mT, groups=channels), window, groups=channels)

    mean_x, mean_y = blur(received), blur(sent)
    variance_x, variance_y = blur(received**2) - mean_x**2, blur(sent**2) - mean_y**2
    covariance = blur(received * sent) - mean_x * mean_y
    contrast = (2 * covariance + 0.03**2) / (variance_x + variance_y + 0.03**2)
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return (luminance * contrast).mean((2, 3)), contrast.mean((2, 3))


def _check_pair(received: Tensor, sent: Tensor) -> None:
    for name, images in {"received": received, "sent": sent}.items():
        if not images.is_floating_point():
            raise TypeError(f"{name} must hold floats in [0, 1], got {images.dtype}; divide uint8 by 255")
    if received.shape != sent.shape or sent.ndim != 4:
        raise ValueError(
            f"received and sent must be of one shape (b, 3, h, w), got {tuple(received.shape)} and {tuple(sent.shape)}"
        )
