"""What a receiver of SwinJSCC or WITT must know beside the features, sent ahead of them and counted."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

REPEATS = 16
"""How often the header is sent: at 1 dB one in 300,000 flags is read wrongly, at -2 dB one in 1,300."""
GAIN_BITS = 16
GAIN_OCTAVES = 8
"""Gains from 2^-8 to 2^8, in 2^16 steps: at most 0.01 % wrong."""


@final
@dataclass(frozen=True)
class Header:
    """Flags in QPSK, all of them sent `REPEATS` times, one copy after another.

    A flag is +-1 / sqrt(2) in one real part. The receiver adds the copies, each weighted by its gain and noise. Of the
    channels it takes the `rate` with the highest sums, so that a mask read has the right number whatever the noise.

    Args:
        channels: channels of a mask, or 0 where there is none.
        gain: whether the gain of the features is sent.
    """

    channels: int
    gain: bool

    @property
    def symbols(self) -> int:
        """Channel uses of the header."""
        return REPEATS * math.ceil((self.channels + GAIN_BITS * self.gain) / 2)

    def write(self, gain: Tensor, kept: Tensor | None) -> Tensor:
        """Make the symbols.

        Args:
            gain: `(b,)`, read where the gain is sent.
            kept: int64 `(b, rate)`, the channels kept; None where there is no mask.

        Returns:
            complex64 `(b, symbols)` of power one.
        """
        flags = [gain.new_zeros(len(gain), self.channels)]
        if kept is not None:
            flags[0].scatter_(1, kept, 1.0)
        if self.gain:
            flags.append(_bits(gain))
        signs = 2 * torch.cat(flags, dim=1) - 1
        if signs.shape[1] % 2:
            signs = torch.cat([signs, torch.ones_like(signs[:, :1])], dim=1)
        pairs = signs.float().reshape(len(gain), -1, 2) * math.sqrt(0.5)
        return torch.view_as_complex(pairs.contiguous()).repeat(1, REPEATS)

    def read(self, symbols: Tensor, weights: Tensor, rate: int | None) -> tuple[Tensor, Tensor | None]:
        """Undo `write`.

        Args:
            symbols: complex64 `(b, symbols)`.
            weights: what each symbol is multiplied by before copies are added, `(b, symbols)` or broadcast to it.
            rate: how many channels are kept; None where there is no mask.

        Returns:
            Gain `(b,)`, 1 where it is not sent, and the channels kept.
        """
        copies = (symbols * weights).reshape(len(symbols), REPEATS, -1).sum(dim=1)
        soft = torch.view_as_real(copies.resolve_conj()).flatten(1)
        kept = None if rate is None else soft[:, : self.channels].topk(rate, dim=1).indices.sort(dim=1).values
        if not self.gain:
            return soft.new_ones(len(soft)), kept
        return _gain(soft[:, self.channels : self.channels + GAIN_BITS] > 0), kept


def _bits(gain: Tensor) -> Tensor:
    """The gain's logarithm in `GAIN_BITS` bits, `(b, bits)`, the highest first."""
    level = ((gain.detach().double().log2() / GAIN_OCTAVES + 1) * 2 ** (GAIN_BITS - 1)).round()
    level = level.clamp(0, 2**GAIN_BITS - 1).long()
    places = torch.arange(GAIN_BITS - 1, -1, -1, device=gain.device)
    return ((level[:, None] >> places) & 1).to(gain.dtype)


def _gain(bits: Tensor) -> Tensor:
    places = torch.arange(GAIN_BITS - 1, -1, -1, device=bits.device)
    level = (bits.long() << places).sum(dim=1)
    return torch.exp2((level.double() / 2 ** (GAIN_BITS - 1) - 1) * GAIN_OCTAVES).float()
