"""What a receiver of SwinJSCC or WITT must know beside the features, sent ahead of them and counted."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from semcomm.contracts import Received

USES_PER_BIT = {"mask": 3, "gain": 4}
"""Channel uses of every bit of a header, those of its check included, in QPSK: at -2 dB at most one header in 1,000 is
lost. A header of a gain alone is shorter, and short codes need more."""
CHECK_BITS = 16
QPSK_BITS = 2
GAIN_BITS = 16
GAIN_OCTAVES = 8
"""Gains from 2^-8 to 2^8, in 2^16 steps: at most 0.01 % wrong."""


@final
@dataclass(frozen=True)
class Side:
    """What the header says, as the receiver of a system in training takes it.

    Args:
        gain: `(b,)`, what the features are multiplied by.
        kept: the channels kept, int64 `(b, rate)`; None where all are.
        lost: whether each image's header did not arrive, bool `(b,)`.
    """

    gain: Tensor
    kept: Tensor | None
    lost: Tensor


@final
@dataclass(frozen=True)
class Header:
    """Flags of channels and the features' gain, under a code of 5G LDPC and a check of 16 bits.

    Args:
        channels: channels of a mask, or 0 where there is none.
        gain: whether the gain of the features is sent.
    """

    channels: int
    gain: bool

    @property
    def bits(self) -> int:
        """Bits of the message."""
        return self.channels + GAIN_BITS * self.gain

    @property
    def symbols(self) -> int:
        """Channel uses of the header."""
        kind = "mask" if self.channels else "gain"
        return USES_PER_BIT[kind] * (self.bits + CHECK_BITS) if self.bits else 0

    def write(self, gain: Tensor, kept: Tensor | None) -> Tensor:
        """Make the symbols.

        Args:
            gain: `(b,)`, read where the gain is sent.
            kept: int64 `(b, rate)`, the channels kept; None where there is no mask.

        Returns:
            complex64 `(b, symbols)` of power one.
        """
        from semcomm.link.codewords import encode
        from semcomm.link.waveform import to_symbols

        flags = [torch.zeros(len(gain), self.channels, device=gain.device)]
        if kept is not None:
            flags[0].scatter_(1, kept, 1.0)
        if self.gain:
            flags.append(_bits(gain))
        bits = torch.cat(flags, dim=1).to("cpu", torch.uint8).numpy()
        return to_symbols(encode(bits, self._code(), str(gain.device)))

    def read(self, received: Received, rate: int | None) -> Side:
        """Undo `write`, of the first symbols received.

        Of the channels it takes `rate`, flagged ones first, so that a mask has the right number even where it is lost.

        Args:
            received: symbols `(b, k)`, equalised or not, with gains and noise where they are known.
            rate: how many channels are kept; None where there is no mask.
        """
        from semcomm.link.codewords import decode
        from semcomm.link.transport import equalise
        from semcomm.link.waveform import to_logits

        symbols, uses = received.symbols.detach(), self.symbols
        fades = [None] * len(symbols) if received.csi is None else received.csi[:, :uses].detach()
        noise = torch.as_tensor(0.1 if received.noise_variance is None else received.noise_variance).to(symbols.device)
        noise = noise.detach().broadcast_to(symbols.shape)[:, :uses]
        rows = [equalise(row[:uses], noise[i], fades[i], uses) for i, row in enumerate(symbols)]
        logits = to_logits(torch.stack([row for row, _ in rows]), torch.stack([left for _, left in rows]))
        decoded, arrived = decode(logits, self._code())
        bits = torch.from_numpy(decoded).to(symbols.device)
        lost = torch.from_numpy(~arrived).to(symbols.device)
        gain = _gain(bits[:, self.channels :]) if self.gain else torch.ones(len(bits), device=symbols.device)
        if rate is None:
            return Side(gain, None, lost)
        flagged = bits[:, : self.channels].sort(dim=1, descending=True, stable=True).indices
        return Side(gain, flagged[:, :rate].sort(dim=1).values, lost)

    def _code(self):
        from semcomm.link.codewords import BlockCode

        return BlockCode(self.bits + CHECK_BITS, QPSK_BITS * self.symbols, "16")


def _bits(gain: Tensor) -> Tensor:
    """The gain's logarithm in `GAIN_BITS` bits, `(b, bits)`, the highest first."""
    level = ((gain.detach().double().log2() / GAIN_OCTAVES + 1) * 2 ** (GAIN_BITS - 1)).round()
    level = level.clamp(0, 2**GAIN_BITS - 1).long()
    places = torch.arange(GAIN_BITS - 1, -1, -1, device=gain.device)
    return ((level[:, None] >> places) & 1).float()


def _gain(bits: Tensor) -> Tensor:
    places = torch.arange(GAIN_BITS - 1, -1, -1, device=bits.device)
    level = (bits.long() << places).sum(dim=1)
    return torch.exp2((level.double() / 2 ** (GAIN_BITS - 1) - 1) * GAIN_OCTAVES).float()
