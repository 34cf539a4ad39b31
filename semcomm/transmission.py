"""What one transmission delivered, and what it cost."""

from dataclasses import dataclass

import torch
from torch import Tensor

from semcomm.symbols import bandwidth_ratio, symbols_per_pixel


@dataclass(frozen=True)
class Transmission:
    """The result of `transmit()`: `b` images of `h x w` pixels, sent in `k` channel uses each.

    Args:
        images: the images received, uint8 `(b, 3, h, w)`.
        symbols_per_image: channel uses k, padding included.
        bandwidth_ratio: k/n, n = 3 h w.
        symbols_per_pixel: k/(h w).
        psnr_db: PSNR of each image in dB, float `(b,)`; inf where nothing was lost.
        ssim: SSIM of each image, float `(b,)`; NaN below 11 x 11 pixels.
        captions: the captions sent, or None without a caption level.
        labels: the label maps sent, int64 `(b, h, w)`, or None without a segmentation level.
        symbols: what was sent, complex64 `(b, k)`; None for schemes that send bits.
        received_symbols: what arrived, complex64 `(b, k)`; None likewise.
        power: measured power of each image's symbols, float `(b,)`; None likewise.
        measured_snr_db: 10 log10 of signal over error, sum |x|^2 / sum |y - x|^2, in dB, float `(b,)`; None likewise.
        failed: whether each image could not be sent at all and another stands in for it, bool `(b,)`.
    """

    images: Tensor
    symbols_per_image: int
    bandwidth_ratio: float
    symbols_per_pixel: float
    psnr_db: Tensor
    ssim: Tensor
    captions: list[str] | None = None
    labels: Tensor | None = None
    symbols: Tensor | None = None
    received_symbols: Tensor | None = None
    power: Tensor | None = None
    measured_snr_db: Tensor | None = None
    failed: Tensor | None = None


def account(sent: Tensor, received: Tensor, symbols_per_image: int) -> Transmission:
    """Measure what arrived: images sent, float `(b, 3, h, w)` in [0, 1], against images received, uint8."""
    from semcomm.quality.image import psnr, ssim  # torchmetrics takes a second to import

    height, width = sent.shape[2:]
    delivered = received.float() / 255
    return Transmission(
        images=received,
        symbols_per_image=symbols_per_image,
        bandwidth_ratio=bandwidth_ratio(symbols_per_image, height, width),
        symbols_per_pixel=symbols_per_pixel(symbols_per_image, height, width),
        psnr_db=psnr(delivered, sent),
        ssim=ssim(delivered, sent),
    )


def measured_power(symbols: Tensor) -> Tensor:
    """Mean power of each image's symbols: complex `(b, k)` to `(b,)`."""
    return symbols.abs().square().mean(1)


def measured_snr_db(symbols: Tensor, received: Tensor) -> Tensor:
    """Signal over error of each image's symbols in dB: complex `(b, k)` twice to `(b,)`."""
    return 10 * torch.log10(measured_power(symbols) / measured_power(received - symbols))
