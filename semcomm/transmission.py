"""What one transmission delivered, what it cost and how it scored."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from semcomm.contracts import Delivered, Received, Sent
from semcomm.symbols import bandwidth_ratio, symbols_per_pixel


@final
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
        received_symbols: what arrived, equalised, complex64 `(b, k)`; None likewise.
        power: measured power of each image's symbols, float `(b,)`; None likewise.
        measured_snr_db: signal over noise, 10 log10 of sum |x|^2 / sum |y - h x|^2, in dB, float `(b,)`: y is what the
            channel delivered, h the fades that the receiver knows, else 1; None likewise.
        failed: whether each image could not be sent at all and another stands in for it, bool `(b,)`.
        received_captions: the captions that the receiver recovered, None for one that did not arrive; or None where it
            recovers none.
        received_labels: the label maps that the receiver recovered, int64 `(b, h, w)`, -1 everywhere where one did not
            arrive or cost too much to be sent; None as above.
        lost: whether each image's digital part did not arrive whole, bool `(b,)`; None without one.
        channel_uses: channel uses by part of the message, int64 `(b,)` each; "overhead" is what constraint and channel
            add, such as pilots; it is negative where streams of symbols share channel uses. Their sum is k. None where
            the transmitter does not say.
        papr_db: peak power over mean power of each image's symbols, in dB, float `(b,)`; None where symbols is.
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
    received_captions: list[str | None] | None = None
    received_labels: Tensor | None = None
    lost: Tensor | None = None
    channel_uses: dict[str, Tensor] | None = None
    papr_db: Tensor | None = None


@final
@dataclass(frozen=True)
class Passage:
    """What a path made of images, hop by hop.

    Args:
        sent: the symbols under the constraint, and what the transmitter says of them.
        arrived: what the channel delivered.
        received: the same, equalised.
        delivered: images, float32 `(b, 3, h, w)`, and what else the receiver recovered.
    """

    sent: Sent
    arrived: Received
    received: Received
    delivered: Delivered


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


def measured_snr_db(symbols: Tensor, received: Received) -> Tensor:
    """Signal over noise of each image's symbols in dB: complex `(b, k)` and what a channel made of it, to `(b,)`."""
    signal = symbols if received.csi is None else received.csi * symbols
    return 10 * torch.log10(measured_power(symbols) / measured_power(received.symbols - signal))


def papr_db(symbols: Tensor) -> Tensor:
    """Peak power over mean power of each image's symbols in dB: complex `(b, k)` to `(b,)`."""
    return 10 * torch.log10(symbols.abs().square().amax(1) / measured_power(symbols))


def uses_by_part(sent: Sent, k: int) -> dict[str, Tensor] | None:
    """Channel uses of each part of the message, of k in all; see `Transmission.channel_uses`."""
    if not sent.channel_uses:
        return None
    images = len(sent.symbols)
    parts = {name: torch.as_tensor(uses).expand(images) for name, uses in sent.channel_uses.items()}
    return parts | {"overhead": k - torch.stack(list(parts.values())).sum(0)}
