"""SwinJSCC and WITT as transmitters and receivers."""

from abc import ABC
from typing import Literal, final

import torch
from einops import rearrange
from torch import Tensor, nn

from semcomm.baselines.swin import SwinDecoder, SwinEncoder
from semcomm.baselines.swin_header import Header, Side
from semcomm.channel.snr import SNR
from semcomm.contracts import Delivered, Received, Semantics, Sent
from semcomm.images import pad_to_multiple
from semcomm.symbols import features_to_symbols, plane_size, symbols_to_features
from semcomm.whole import whole

Pairing = Literal["neighbours", "halves"]
PAIRINGS: tuple[Pairing, ...] = ("neighbours", "halves")


def pair(features: Tensor, pairing: Pairing) -> Tensor:
    """Make symbols of real features.

    Args:
        features: `(b, rows, columns, c)`, c even.
        pairing: "neighbours" makes channels 2j and 2j + 1 the real and imaginary part of a symbol. "halves" is the
            published pairing: of all features in row-major order, the first half are real, the second half imaginary
            parts.

    Returns:
        complex64 `(b, rows columns c / 2)`.

    Example:
        >>> pair(torch.arange(4.0).reshape(1, 1, 2, 2), "halves")
        tensor([[0.+2.j, 1.+3.j]])
    """
    if pairing == "neighbours":
        return features_to_symbols(rearrange(features, "b r c d -> b d r c"))
    halves = features.float().flatten(1).chunk(2, dim=1)
    return torch.complex(*halves)


def unpair(symbols: Tensor, plane: tuple[int, int], pairing: Pairing) -> Tensor:
    """Undo `pair`: complex64 `(b, k)` to real `(b, *plane, c)`."""
    if pairing == "neighbours":
        return rearrange(symbols_to_features(symbols, *plane), "b d r c -> b r c d")
    features = torch.cat([symbols.real, symbols.imag], dim=1)
    return features.reshape(len(features), *plane, -1)


class _Part(nn.Module, ABC):
    """What transmitters and receivers have in common."""

    def __init__(self, downsampling: int, pairing: Pairing, header: Header):
        super().__init__()
        self.downsampling = downsampling
        self.pairing: Pairing = pairing
        self.header = header

    def _encode(
        self, encoder: SwinEncoder, images: Tensor, snr_db: SNR | None, semantics: Semantics | None, rate: int | None
    ) -> Sent:
        """Pair features; where a header goes ahead of them, give them its power."""
        if semantics is not None and not (semantics.tokens is None and semantics.labels is None):
            raise ValueError("semantics must be None: SwinJSCC and WITT have no semantic levels")
        features, kept = encoder(pad_to_multiple(images, self.downsampling), snr_db, rate)
        if rate is not None:
            if kept is None:
                raise ValueError("encoder keeps all channels: build a SwinEncoder with rate_adaptive=True")
            features = features.gather(3, kept[:, None, None].expand(-1, *features.shape[1:3], -1))
        symbols = pair(features, self.pairing)
        costs = {"features": symbols.shape[1]}
        if not self.header.symbols:
            return Sent(symbols, channel_uses=costs)
        gain = symbols.abs().square().mean(dim=1).clamp_min(1e-12).sqrt()
        symbols = torch.cat([self.header.write(gain, kept), symbols / gain[:, None]], dim=1)
        told = gain if self.header.gain else torch.ones_like(gain)
        side = Side(told, kept, torch.zeros_like(gain, dtype=torch.bool)) if self.training else None
        return Sent(symbols, side=side, channel_uses=costs | {"header": self.header.symbols})

    def _decode(
        self, decoder: SwinDecoder, received: Received, size: tuple[int, int], snr_db: SNR | None, rate: int | None
    ) -> Tensor | Delivered:
        """Undo header and pairing; at a rate, channels that were not kept are zero."""
        ahead, side = self.header.symbols, None
        features = unpair(received.symbols[:, ahead:], plane_size(*size, self.downsampling), self.pairing)
        if ahead:
            side = received.side if isinstance(received.side, Side) else self.header.read(received, rate)
            features = features * side.gain[:, None, None, None]
        if rate is not None:
            if side is None or side.kept is None:
                raise ValueError("header says of no channel whether it was kept: build a Header with channels")
            places = side.kept[:, None, None].expand_as(features)
            features = features.new_zeros(*features.shape[:3], self.header.channels).scatter(3, places, features)
        images = decoder(features, snr_db)[:, :, : size[0], : size[1]].clamp(0, 1)
        return images if side is None else Delivered(images, lost=side.lost)

    def _symbols(self, height: int, width: int, channels: int) -> int:
        rows, columns = plane_size(height, width, self.downsampling)
        return self.header.symbols + rows * columns * channels // 2


@final
class SwinTransmitter(_Part):
    """Hops 1 and 2 of 6: windowed attention, then pairing.

    Args:
        encoder: images to features.
        channels: real channels c of the features.
        downsampling: t.
        pairing: see `pair`.
        header: what is sent ahead of the features.

    Shape:
        images `(b, 3, h, w)` to symbols `(b, k)`, k = ceil(h/t) ceil(w/t) c / 2 and the header.
    """

    def __init__(self, encoder: SwinEncoder, *, channels: int, downsampling: int, pairing: Pairing, header: Header):
        super().__init__(downsampling, pairing, header)
        self.encoder, self.channels = encoder, channels

    def forward(self, images: Tensor, snr_db: SNR | None = None, *, semantics: Semantics | None = None) -> Sent:
        """Encode images `(b, 3, h, w)` into symbols `(b, k)`."""
        return self._encode(self.encoder, images, snr_db, semantics, None)

    def symbols_per_image(self, height: int, width: int) -> int:
        """Channel uses k of a `height x width` image, padding and header included."""
        return self._symbols(height, width, self.channels)


@final
class SwinReceiver(_Part):
    """Hops 5 and 6 of 6: pairing undone, then windowed attention; arguments as of `SwinTransmitter`."""

    def __init__(self, decoder: SwinDecoder, *, downsampling: int, pairing: Pairing, header: Header):
        super().__init__(downsampling, pairing, header)
        self.decoder = decoder

    def forward(self, received: Received, size: tuple[int, int], snr_db: SNR | None = None) -> Tensor | Delivered:
        """Decode symbols `(b, k)` into images `(b, 3, *size)` in [0, 1]."""
        return self._decode(self.decoder, received, size, snr_db, None)


@final
class RateAdaptiveSwinTransmitter(_Part):
    """Hops 1 and 2 of 6 at a rate chosen at run time: channels are kept by image, and a header says which.

    Args:
        encoder: images to features, rate-adaptive.
        rate: channels kept where the caller does not say; even.
        downsampling: t.
        pairing: see `pair`.
        header: what is sent ahead of the features; it knows how many channels they have.

    Shape:
        images `(b, 3, h, w)` to symbols `(b, k)`, k = ceil(h/t) ceil(w/t) rate / 2 and the header.
    """

    def __init__(self, encoder: SwinEncoder, *, rate: int, downsampling: int, pairing: Pairing, header: Header):
        super().__init__(downsampling, pairing, header)
        self.encoder, self.rate = encoder, _check_rate(rate, header.channels)

    def forward(
        self,
        images: Tensor,
        snr_db: SNR | None = None,
        *,
        semantics: Semantics | None = None,
        rate: int | float | None = None,
    ) -> Sent:
        """Encode images `(b, 3, h, w)` into symbols `(b, k)`; `rate` is how many channels are kept."""
        count = self.rate if rate is None else _check_rate(rate, self.header.channels)
        return self._encode(self.encoder, images, snr_db, semantics, count)

    def symbols_per_image(self, height: int, width: int, *, rate: int | float | None = None) -> int:
        """Channel uses k of a `height x width` image, padding and header included."""
        return self._symbols(height, width, self.rate if rate is None else _check_rate(rate, self.header.channels))


@final
class RateAdaptiveSwinReceiver(_Part):
    """Hops 5 and 6 of 6: channels that were not kept are zero; arguments as of `RateAdaptiveSwinTransmitter`."""

    def __init__(self, decoder: SwinDecoder, *, rate: int, downsampling: int, pairing: Pairing, header: Header):
        super().__init__(downsampling, pairing, header)
        self.decoder, self.rate = decoder, _check_rate(rate, header.channels)

    def forward(
        self,
        received: Received,
        size: tuple[int, int],
        snr_db: SNR | None = None,
        *,
        rate: int | float | None = None,
    ) -> Tensor | Delivered:
        """Decode symbols `(b, k)` into images `(b, 3, *size)` in [0, 1]; `rate` is how many channels were kept."""
        count = self.rate if rate is None else _check_rate(rate, self.header.channels)
        return self._decode(self.decoder, received, size, snr_db, count)


def _check_rate(rate: int | float, channels: int) -> int:
    count = whole(int(rate) if isinstance(rate, float) and rate.is_integer() else rate)  # the command line's are floats
    if count is None or not 2 <= count <= channels or count % 2:
        raise ValueError(f"rate must be an even number of channels from 2 to {channels}, got {rate!r}")
    return count
