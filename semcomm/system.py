"""The path: image, features, symbols, channel, features, image."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from semcomm import checks
from semcomm.channel.snr import SNR, check_snr
from semcomm.contracts import RECEIVERS, TRANSMITTERS, Delivered, Received, Request, Semantics, Sent
from semcomm.doors import Doors
from semcomm.receiver.equalizer import MMSEEqualizer
from semcomm.saving import Saves
from semcomm.transmission import Passage
from semcomm.transmitter.power import PowerNormalize

PARTS = {"transmitter": ("symbols_per_image",), "constraint": (), "channel": (), "equalizer": (), "receiver": ()}
"""The parts of a system in the order of the path, and the methods that each must have."""


@final
class SemanticSystem(Doors, Saves):
    """All six hops: images are encoded, sent over a channel and decoded.

    Every part may be replaced at any time: `system.channel = mine`. `semcomm.contracts` says what each must do.

    Args:
        transmitter: hops 1 and 2.
        channel: hop 4.
        receiver: hops 5 and 6.
        constraint: hop 3; None is `PowerNormalize()`.
        equalizer: hop 5; None is `MMSEEqualizer` at the constraint's power, which leaves symbols without CSI alone.

    Shape:
        images `(b, 3, h, w)` in [0, 1] to images of the same shape in [0, 1].

    Raises:
        TypeError: if a part is no `nn.Module` or lacks a method.
        ValueError: if the channel's SNR refers to another power than the constraint's.
    """

    equalizer: Any

    def __init__(
        self,
        transmitter: nn.Module,
        channel: nn.Module,
        receiver: nn.Module,
        *,
        constraint: nn.Module | None = None,
        equalizer: nn.Module | None = None,
    ):
        super().__init__()
        self.transmitter = transmitter
        self.constraint = PowerNormalize() if constraint is None else constraint
        self.channel = channel
        self.equalizer = MMSEEqualizer(getattr(self.constraint, "power", 1.0)) if equalizer is None else equalizer
        self.receiver = receiver

    def forward(
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
    ) -> Tensor:
        """Send images over the channel.

        Args:
            images: float32 `(b, 3, h, w)` in [0, 1].
            snr_db: SNR in dB, a float or a tensor `(b,)`.
            semantics: captions and label maps made before, so that the extractors do not run.
            generator: where the channel's randomness comes from.
            levels: how many levels are sent; this and what follows is for systems whose parts know it, see `Request`.
            rate: which of the system's rates is used.
            channel_uses: the budget k.
            told_snr_db: the SNR in dB that the sender believes; None is `snr_db`. Any system takes it.
            safe_snr_db: the SNR in dB down to which a digital part must arrive.
            importance: weights of classes of the label map by name.

        Returns:
            The images received, `(b, 3, h, w)` in [0, 1].

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an argument is of a wrong shape or range, or one that this system's parts do not know.
        """
        request = Request(levels, rate, channel_uses, told_snr_db, safe_snr_db, importance)
        return self.send(images, snr_db, semantics=semantics, generator=generator, request=request).delivered.images

    def send(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
        request: Request,
    ) -> Passage:
        """Run the path: return what was sent, what arrived and what came of it. Arguments are those of `forward`."""
        told_snr_db = snr_db if request.told_snr_db is None else request.told_snr_db
        sent = self.hops_1_to_3(images, told_snr_db, semantics, request)
        snr_db = check_snr(snr_db, len(images), values=not self.training)
        arrived = self.channel(sent.symbols, snr_db, generator=generator)
        arrived = checks.delivered_by(self, arrived, sent, snr_db)
        received, delivered = self.hops_5_and_6(arrived, (images.shape[2], images.shape[3]), snr_db, request)
        return Passage(sent, arrived, received, delivered)

    def hops_1_to_3(self, images: Tensor, snr_db: SNR | None, semantics: Semantics | None, request: Request) -> Sent:
        """Turn images into the symbols sent."""
        values = not self.training
        checks.check_input(images, semantics, smallest=self.downsampling, values=values)
        if snr_db is not None:
            name = "snr_db" if request.told_snr_db is None else "told_snr_db"
            snr_db = check_snr(snr_db, len(images), values=values, name=name)
        options = request.given_to(self.transmitter.forward, TRANSMITTERS, required_of=self.transmitter)
        options |= checks.told_of_channel(self.transmitter, self.channel)
        sent = self.transmitter(images, snr_db, semantics=semantics, **options)
        k = self.symbols_made(images.shape[2], images.shape[3], request)
        sent = checks.as_sent(sent, self.transmitter, len(images), k, values=values)
        symbols = checks.constrained(self.constraint(sent.symbols), sent.symbols, self.constraint, values=values)
        return replace(sent, symbols=symbols)

    def hops_5_and_6(
        self, arrived: Received, size: tuple[int, int], snr_db: SNR | None, request: Request
    ) -> tuple[Received, Delivered]:
        """Equalise what arrived, and make images of it."""
        checks.check_count_received(arrived.symbols, self.symbols_sent(*size, request), size)
        values = not self.training
        received = checks.equalized(self.equalizer(arrived), arrived, self.equalizer, values=values)
        delivered = self.receiver(received, size, snr_db, **request.given_to(self.receiver.forward, RECEIVERS))
        return received, checks.as_delivered(delivered, self.receiver, len(arrived.symbols), size, values=values)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a new part must be a module with its methods, and powers must agree."""
        if name in PARTS:
            checks.check_part(value, name, PARTS[name])
            parts = self.__dict__.get("_modules", {}) | {name: value}
            checks.check_powers(parts.get("constraint"), parts.get("channel"))
        super().__setattr__(name, value)
