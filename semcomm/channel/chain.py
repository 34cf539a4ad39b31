"""Hop 4 of 6: several channels, one after another."""

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_modules
from semcomm.channel.snr import SNR
from semcomm.contracts import Channel, Received


@final
class ChannelChain(Channel):
    """Hop 4 of 6: what one channel delivers is sent over the next; the last one adds the noise.

    All but the last run without noise (SNR of inf), so that the SNR keeps its meaning. A channel with pilots belongs at
    the end: before it, its estimate would be free of noise, too. The gains that the receiver knows are multiplied, and
    each channel counts the channel uses of what it is given.

    Args:
        channels: at least one, all for the same power.

    Shape:
        x complex64 `(b, k)` to `Received`, complex64 `(b, k)`.

    Raises:
        TypeError: if one is no `nn.Module`.
        ValueError: if there is none, or their powers differ.

    Example:
        >>> from semcomm.channel.impulsive import ImpulsiveChannel
        >>> from semcomm.channel.rayleigh import RayleighChannel
        >>> chain = ChannelChain([RayleighChannel(), ImpulsiveChannel()])
        >>> received = chain(torch.ones(1, 8, dtype=torch.complex64), 10.0)
        >>> received.csi.shape, received.noise_variance
        (torch.Size([1, 8]), tensor(0.1000))
    """

    def __init__(self, channels: Sequence[nn.Module]):
        channels = check_modules(channels, "channels")
        powers: list[Any] = [getattr(channel, "power", 1.0) for channel in channels]
        if len(set(powers)) > 1:
            raise ValueError(f"channels must have the same power, got {powers}")
        super().__init__(powers[0])
        self.channels = nn.ModuleList(channels)
        if any(getattr(channel, "fading", "none") == "fast" for channel in channels):
            self.fading = "fast"

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Send complex64 `(b, k)` over all channels, noise of `snr_db` in the last."""
        *before, last = self.channels
        csi = None
        for channel in before:
            received = _received(channel(x, math.inf, generator=generator))
            x, csi = received.symbols, _product(csi, received.csi)
        received = _received(last(x, snr_db, generator=generator))
        return Received(received.symbols, _product(csi, received.csi), received.noise_variance)

    def channel_uses(self, k: int) -> int:
        """Channel uses of `k` symbols after all channels added theirs."""
        for channel in self.channels:
            count: Any = getattr(channel, "channel_uses", None)
            k = k if count is None else count(k)
        return k


def _received(delivered: Any) -> Received:
    return delivered if isinstance(delivered, Received) else Received(delivered)


def _product(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return second if first is None else first if second is None else first * second
