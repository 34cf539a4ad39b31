"""The path: image, features, symbols, channel, features, image."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, final

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from semcomm.channel.base import Channel, check_power, check_symbols
from semcomm.channel.snr import SNR, check_snr
from semcomm.images import STRIP_PIXELS, check_images, to_float, to_uint8
from semcomm.networks.frozen import frozen
from semcomm.networks.strips import folded, in_strips
from semcomm.symbols import bandwidth_ratio, features_to_symbols, plane_size, symbols_per_image, symbols_to_features
from semcomm.transmission import Transmission, account, measured_power, measured_snr_db
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.levels import MultiLevelTransmitter, Semantics
from semcomm.transmitter.power import PowerNormalize
from semcomm.transmitter.segmentation import SegmentationFeature


class Transmitter(Protocol):
    """Hops 1 and 2: an `nn.Module` from images to features, with these two numbers."""

    complex_channels: int
    downsampling: int

    def __call__(self, images: Tensor, snr_db: SNR | None, semantics: Semantics | None) -> Tensor:
        """Encode images `(b, 3, h, w)` into features `(b, 2c, ceil(h/t), ceil(w/t))`."""
        ...


class Receiver(Protocol):
    """Hops 5 and 6: an `nn.Module` from received features to images."""

    def __call__(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Decode features `(b, 2c, rows, columns)` into images `(b, 3, t rows, t columns)`."""
        ...


CARD = """---
{{ card_data }}
---

# A semantic-communication system

Images in, images out, over a noisy channel between. `config.json` says how it was built.

```python
from semcomm import from_pretrained

system = from_pretrained("owner/name")  # or this folder
received = system(images, snr_db=10.0)  # (b, 3, h, w) in [0, 1] to the same
```
"""


@final
class SemanticSystem(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="semcomm",
    tags=["semantic-communication"],
    model_card_template=CARD,
):
    """All six hops: images are encoded, sent over a channel and decoded.

    `channel` may be replaced at any time: `system.channel = mine`.

    Args:
        transmitter: hops 1 and 2, with `complex_channels` and `downsampling`.
        channel: hop 4; see `Channel` for the contract.
        receiver: hops 5 and 6.
        power: the transmit power constraint, hop 3: each image's symbols have this mean power.

    Shape:
        images `(b, 3, h, w)` in [0, 1], h and w at least t, to images of the same shape in [0, 1].

    Raises:
        TypeError: if a part is no `nn.Module`.
        ValueError: if `power` is not positive, or not the power that the channel's SNR refers to.
    """

    def __init__(self, transmitter: nn.Module, channel: nn.Module, receiver: nn.Module, power: float = 1.0):
        super().__init__()
        for name, part in {"transmitter": transmitter, "receiver": receiver}.items():
            if not isinstance(part, nn.Module):
                raise TypeError(f"{name} must be an nn.Module, got {type(part).__name__}")
        self.power_normalize = PowerNormalize(check_power(power))
        self.transmitter = transmitter
        self.channel = channel
        self.receiver = receiver
        self.config: dict[str, Any] | None = None
        """How a builder made this system; what `save_pretrained` writes. None for systems assembled by hand."""

    @property
    def power(self) -> float:
        """The transmit power constraint."""
        return self.power_normalize.power

    def forward(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Send images over the channel.

        Args:
            images: float32 `(b, 3, h, w)` in [0, 1].
            snr_db: SNR in dB, a float or a tensor `(b,)`.
            semantics: captions and label maps made before, so that the extractors do not run.
            generator: where the channel's randomness comes from.

        Returns:
            The images received, `(b, 3, h, w)` in [0, 1].

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an argument is of a wrong shape or range; the message names it.
        """
        symbols = self.encode(images, snr_db, semantics=semantics)
        received = self.channel(symbols, snr_db, generator=generator)
        return self.decode(received, (images.shape[2], images.shape[3]), snr_db)

    def encode(self, images: Tensor, snr_db: SNR | None = None, *, semantics: Semantics | None = None) -> Tensor:
        """Hops 1 to 3: images `(b, 3, h, w)` to symbols, complex64 `(b, k)`, of mean power `power` per image.

        Arguments and errors are those of `forward`; `snr_db` may be None where the system does not adapt to the SNR.
        """
        check_images(images, smallest=self.downsampling)
        if semantics is not None and not isinstance(semantics, Semantics):
            raise TypeError(f"semantics must be a Semantics(tokens, labels) or None, got {type(semantics).__name__}")
        snr_db = None if snr_db is None else check_snr(snr_db, images.shape[0])
        features = self.transmitter(images, snr_db, semantics)
        symbols = self.power_normalize(features_to_symbols(features))
        k = self.symbols_per_image(images.shape[2], images.shape[3])
        if symbols.shape[1] != k:
            raise ValueError(f"transmitter sent {symbols.shape[1]} symbols per image, but announces k = {k}")
        return symbols

    def decode(self, received: Tensor, size: tuple[int, int], snr_db: SNR | None = None) -> Tensor:
        """Hops 5 and 6: received symbols to images.

        Args:
            received: complex64 `(b, k)`.
            size: height and width of the images sent, in pixels; they must take k symbols.
            snr_db: SNR in dB, a float or a tensor `(b,)`; may be None where the system does not adapt to the SNR.

        Returns:
            float32 `(b, 3, *size)` in [0, 1].

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an argument is of a wrong shape or range; the message names it.
        """
        check_symbols(received, "received")
        height, width = _check_size(size)
        k = self.symbols_per_image(height, width)
        if received.shape[1] != k:
            raise ValueError(f"received: a {height} x {width} image takes k = {k} symbols, got {received.shape[1]}")
        snr_db = None if snr_db is None else check_snr(snr_db, received.shape[0])
        features = symbols_to_features(received, *plane_size(height, width, self.downsampling))
        return self.receiver(features, snr_db)[:, :, :height, :width].float()

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
        if not isinstance(self.transmitter, MultiLevelTransmitter):
            return None
        images = to_float(images)
        check_images(images)
        with frozen(self):
            return self.transmitter.extract(images.to(self.device))

    def transmit(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
    ) -> Transmission:
        """Send images once, in eval mode and without gradients, and account for it.

        Args:
            images: uint8 `(b, 3, h, w)`, 0..255, or float32 in [0, 1]; moved to the system's device.
            snr_db: SNR in dB, a float or a tensor `(b,)`.
            semantics: captions and label maps made before.
            generator: where the channel's randomness comes from.

        Returns:
            The images received as uint8, what was sent, and what it cost; PSNR and SSIM are those of the uint8 images.

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an argument is of a wrong shape or range; the message names it.
        """
        with frozen(self):
            images = to_float(images)
            check_images(images, smallest=self.downsampling)
            images = images.to(self.device)
            if isinstance(self.transmitter, MultiLevelTransmitter):
                semantics = self.transmitter.extract(images, semantics)
            path = self._for_inference(images.shape[2], images.shape[3])
            symbols = path.encode(images, snr_db, semantics=semantics)
            received = path.channel(symbols, snr_db, generator=generator)
            if not received.isfinite().all():
                channel = type(self.channel).__name__
                raise ValueError(f"channel {channel} delivered NaN or inf; see what check_channel says of it")
            delivered = path.decode(received, (images.shape[2], images.shape[3]), snr_db)
        return replace(
            account(images, to_uint8(delivered), symbols.shape[1]),
            captions=self._captions(semantics),
            labels=None if semantics is None else semantics.labels,
            symbols=symbols,
            received_symbols=received,
            power=measured_power(symbols),
            measured_snr_db=measured_snr_db(symbols, received),
        )

    def _for_inference(self, height: int, width: int) -> "SemanticSystem":
        """The same system, in eval mode, in its cheapest form for images of a size."""
        transmitter, receiver = folded(self.transmitter), folded(self.receiver)
        strips = math.ceil(height * width / STRIP_PIXELS)
        if strips > 1:
            transmitter = in_strips(transmitter, strips, align=self.downsampling)
            receiver = in_strips(receiver, strips, align=1)
        return SemanticSystem(transmitter, self.channel, receiver, self.power)

    def _captions(self, semantics: Semantics | None) -> list[str] | None:
        caption = getattr(self.transmitter, "caption", None)
        if caption is None or semantics is None or semantics.tokens is None:
            return None
        return caption.text(semantics.tokens)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    @property
    def downsampling(self) -> int:
        """The downsampling factor t."""
        return int(self.transmitter.downsampling)  # type: ignore[arg-type]

    def symbols_per_image(self, height: int, width: int) -> int:
        """Channel uses k of a `height x width` image, padding included."""
        channels = int(self.transmitter.complex_channels)  # type: ignore[arg-type]
        return symbols_per_image(height, width, complex_channels=channels, downsampling=self.downsampling)

    def bandwidth_ratio(self, height: int, width: int) -> float:
        """Bandwidth ratio k/n of a `height x width` image, n = 3 h w."""
        return bandwidth_ratio(self.symbols_per_image(height, width), height, width)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a new channel must be a module whose SNR refers to this system's power."""
        if name == "channel":
            if not isinstance(value, nn.Module):
                raise TypeError(f"channel must be an nn.Module with the Channel contract, got {type(value).__name__}")
            if isinstance(value, Channel) and value.power != self.power:
                raise ValueError(
                    f"channel.power is {value.power}, but the system sends power {self.power}, "
                    "so its SNR would be wrong; build the channel with the system's power"
                )
        super().__setattr__(name, value)

    def _save_pretrained(self, save_directory: Path) -> None:
        from semcomm.pretrained import save_folder

        save_folder(self, save_directory)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        name_or_folder: str | Path,
        *,
        channel: nn.Module | None = None,
        caption: CaptionFeature | None = None,
        segmentation: SegmentationFeature | None = None,
        revision: str | None = None,
        device: torch.device | str | None = None,
    ) -> "SemanticSystem":
        """Load a trained system; the same as `semcomm.from_pretrained`."""
        from semcomm.pretrained import from_pretrained

        return from_pretrained(
            name_or_folder,
            channel=channel,
            caption=caption,
            segmentation=segmentation,
            revision=revision,
            device=device,
        )


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise ValueError(f"size must be (height, width) in pixels, got {size!r}")
    return sides
