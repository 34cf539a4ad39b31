"""The doors of a system beside `forward`: `encode`, `decode`, `transmit`, `extract`, and what a transmission costs."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from semcomm import checks
from semcomm.channel.snr import SNR, check_snr
from semcomm.contracts import COSTS, Delivered, Received, Request, Semantics, Sent
from semcomm.images import STRIP_PIXELS, check_images, to_float, to_uint8
from semcomm.networks.frozen import in_eval_mode
from semcomm.networks.strips import in_strips
from semcomm.symbols import bandwidth_ratio
from semcomm.transmission import (
    Passage,
    Transmission,
    account,
    measured_power,
    measured_snr_db,
    papr_db,
    uses_by_part,
)
from semcomm.whole import check_whole


class Doors(nn.Module, ABC):
    """What a system offers beside `forward`: half of the path, `transmit`, and what a transmission costs."""

    transmitter: Any
    constraint: Any
    channel: Any
    receiver: Any

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Doors":  # what .to() and .half() call
        became = fn(torch.zeros(1)).dtype
        if became != torch.float32:
            raise TypeError(
                f"a system has weights of float32, and cannot become {became}; for speed, call it under torch.autocast"
            )
        return super()._apply(fn, recurse)

    @abstractmethod
    def send(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
        request: Request,
    ) -> Passage:
        """Take images float32 `(b, 3, h, w)` through all hops."""

    @abstractmethod
    def hops_1_to_3(self, images: Tensor, snr_db: SNR | None, semantics: Semantics | None, request: Request) -> Sent:
        """Turn images into the symbols sent."""

    @abstractmethod
    def hops_5_and_6(
        self, arrived: Received, size: tuple[int, int], snr_db: SNR | None, request: Request
    ) -> tuple[Received, Delivered]:
        """Equalise what arrived, and make images of it."""

    def encode(
        self,
        images: Tensor,
        snr_db: SNR | None = None,
        *,
        semantics: Semantics | None = None,
        levels: int | None = None,
        rate: float | None = None,
        channel_uses: int | None = None,
        safe_snr_db: SNR | None = None,
        importance: Mapping[str, float] | None = None,
    ) -> Tensor:
        """Hops 1 to 3: images `(b, 3, h, w)` to the symbols sent, complex64 `(b, k)`; options are those of `forward`.

        `snr_db` is what the sender believes; it may be None where the system does not adapt to the SNR.
        """
        request = Request(levels, rate, channel_uses, None, safe_snr_db, importance)
        return self.hops_1_to_3(images, snr_db, semantics, request).symbols

    def decode(
        self,
        received: Tensor | Received,
        size: tuple[int, int],
        snr_db: SNR | None = None,
        *,
        levels: int | None = None,
        rate: float | None = None,
        channel_uses: int | None = None,
        told_snr_db: SNR | None = None,
    ) -> Tensor:
        """Hops 5 and 6: received symbols to images.

        Args:
            received: what a channel delivered, complex64 `(b, k)` or `Received`; finite.
            size: height and width of the images sent, in pixels; they must take k symbols.
            snr_db: SNR in dB, a float or a tensor `(b,)`; may be None where the system does not adapt to the SNR.
            levels: how many levels were sent.
            rate: which of the system's rates was used.
            channel_uses: the budget k.
            told_snr_db: the SNR in dB that the sender believed.

        Returns:
            float32 `(b, 3, *size)` in [0, 1].
        """
        symbols = received.symbols if isinstance(received, Received) else received
        images = len(checks.check_symbols(symbols, "received"))
        snr_db = None if snr_db is None else check_snr(snr_db, images, values=True)
        received = checks.as_received(received, snr_db, self.channel)
        checks.check_finite(
            received, "received must be finite, got NaN or inf among the symbols or what is known of them"
        )
        request = Request(levels, rate, channel_uses, told_snr_db)
        return self.hops_5_and_6(received, checks.check_size(size), snr_db, request)[1].images

    def transmit(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
        levels: int | None = None,
        rate: float | None = None,
        channel_uses: int | None = None,
        told_snr_db: SNR | None = None,
        safe_snr_db: SNR | None = None,
        importance: Mapping[str, float] | None = None,
    ) -> Transmission:
        """Send images once, in eval mode and without gradients, and account for it.

        The system stays in its mode, so that another thread may train it meanwhile. The arguments are those of
        `forward`, and images may be uint8 `(b, 3, h, w)`, 0..255, too. They are moved to the system's device.

        Returns:
            The images received as uint8, what was sent, and what it cost; PSNR and SSIM are those of the uint8 images.

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an argument is of a wrong shape or range; the message names it.
        """
        request = Request(levels, rate, channel_uses, told_snr_db, safe_snr_db, importance)
        images = check_images(to_float(images), smallest=self.downsampling).to(self.device)
        with torch.no_grad():
            path = _for_inference(self, images.shape[2] * images.shape[3])
            extract = getattr(path.transmitter, "extract", None)
            semantics = semantics if extract is None else extract(images, semantics)
            passage = path.send(images, snr_db, semantics=semantics, generator=generator, request=request)
        sent, delivered = passage.sent.symbols, passage.delivered
        k = checks.uses(self.channel, sent.shape[1])
        return replace(
            account(images, to_uint8(delivered.images), k),
            captions=self._captions(semantics),
            labels=None if semantics is None else semantics.labels,
            symbols=sent,
            received_symbols=passage.received.symbols,
            power=measured_power(sent),
            measured_snr_db=measured_snr_db(sent, passage.arrived),
            received_captions=delivered.captions,
            received_labels=delivered.labels,
            lost=delivered.lost,
            channel_uses=uses_by_part(passage.sent, k),
            papr_db=papr_db(sent),
        )

    def extract(self, images: Tensor) -> Semantics | None:
        """Hop 1's frozen part: what the extractors find in images, to be sent as `semantics` any number of times.

        Args:
            images: uint8 `(b, 3, h, w)`, 0..255, or float32 in [0, 1]; moved to the system's device.

        Returns:
            Captions and label maps, or None for a transmitter without semantic levels.

        Raises:
            TypeError: if images are neither uint8 nor float32.
            ValueError: if images are of a wrong shape or range.
        """
        if getattr(self.transmitter, "extract", None) is None:
            return None
        images = check_images(to_float(images)).to(self.device)
        with torch.no_grad():
            return in_eval_mode(self).transmitter.extract(images)

    @property
    def caption(self) -> Any:
        """The transmitter's `CaptionFeature`, or None."""
        return getattr(self.transmitter, "caption", None)

    @property
    def segmentation(self) -> Any:
        """The transmitter's `SegmentationFeature`, or None."""
        return getattr(self.transmitter, "segmentation", None)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    @property
    def downsampling(self) -> int:
        """The least height and width of an image: the transmitter's downsampling factor t, or 1."""
        factor, name = getattr(self.transmitter, "downsampling", 1), type(self.transmitter).__name__
        return check_whole(factor, f"downsampling of transmitter {name}")

    def symbols_per_image(
        self,
        height: int,
        width: int,
        *,
        levels: int | None = None,
        rate: float | None = None,
        channel_uses: int | None = None,
    ) -> int:
        """Channel uses k of a `height x width` image: padding included, and what constraint and channel add."""
        return checks.uses(self.channel, self.symbols_sent(height, width, Request(levels, rate, channel_uses)))

    def bandwidth_ratio(
        self,
        height: int,
        width: int,
        *,
        levels: int | None = None,
        rate: float | None = None,
        channel_uses: int | None = None,
    ) -> float:
        """Bandwidth ratio k/n of a `height x width` image, n = 3 h w."""
        k = self.symbols_per_image(height, width, levels=levels, rate=rate, channel_uses=channel_uses)
        return bandwidth_ratio(k, int(height), int(width))

    def symbols_sent(self, height: int, width: int, request: Request) -> int:
        """Symbols that leave the constraint for the channel, per image."""
        return checks.uses(self.constraint, self.symbols_made(height, width, request))

    def symbols_made(self, height: int, width: int, request: Request) -> int:
        """Symbols that leave the transmitter for the constraint, per image, as it announces."""
        options = request.given_to(self.transmitter.symbols_per_image, COSTS, required_of=self.transmitter)
        height, width = check_whole(height, "height"), check_whole(width, "width")
        k = self.transmitter.symbols_per_image(height, width, **options)
        return check_whole(k, f"symbols_per_image of transmitter {type(self.transmitter).__name__}")

    def _captions(self, semantics: Semantics | None) -> list[str] | None:
        if self.caption is None or semantics is None or semantics.tokens is None:
            return None
        return self.caption.text(semantics.tokens)


Path = TypeVar("Path", bound=Doors)


def _for_inference(system: Path, pixels: int) -> Path:
    """The same system in eval mode, for large images strip by strip."""
    path, strips = in_eval_mode(system), math.ceil(pixels / STRIP_PIXELS)
    return path if strips == 1 else in_strips(path, strips)
