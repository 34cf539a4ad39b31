"""What a hybrid frame tells about itself: the fields of its header, and a gain by itself for frames without one."""

from dataclasses import astuple, dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.bits import bits_to_integer, integer_to_bits

WIDTHS = {"book": 3, "log_step": 7, "gain": 8, "payload_bytes": 17, "mode": 8, "told": 7}
LARGEST_PAYLOAD_BITS = 8 * (2 ** WIDTHS["payload_bytes"] - 1)
LOWEST_LOG_STEP, HIGHEST_LOG_STEP = -40, 87
GAIN_STEPS_PER_DB, LARGEST_GAIN_DB = 8, 15.5
TOLD_STEPS_PER_DB, LOWEST_TOLD_DB, HIGHEST_TOLD_DB = 2, -20.0, 43.5


@final
@dataclass(frozen=True)
class Fields:
    """The fields of a header, 50 bits; integers only.

    Args:
        book: which textures, by their place in the codebook.
        log_step: the step is `2^(-log_step / 16)`.
        gain: the details' gain, in eighths of a dB from -15.5 dB; 0 says that there are none.
        payload_bytes: length of the payload.
        mode: the payload's modulation and code rate.
        told: the SNR that the sender believes, in half dB from -20 dB.
    """

    book: int
    log_step: int
    gain: int
    payload_bytes: int
    mode: int
    told: int

    def to_bits(self) -> np.ndarray:
        """Pack into uint8 `(50,)`."""
        values = (self.book, self.log_step - LOWEST_LOG_STEP, *astuple(self)[2:])
        return np.concatenate([integer_to_bits(v, w) for v, w in zip(values, WIDTHS.values(), strict=True)])

    @classmethod
    def from_bits(cls, bits: np.ndarray) -> "Fields":
        """Unpack uint8 `(50,)`."""
        ends = np.cumsum(list(WIDTHS.values()))
        values = [bits_to_integer(part) for part in np.split(bits, ends[:-1])]
        return cls(values[0], values[1] + LOWEST_LOG_STEP, *values[2:])

    @property
    def told_snr_db(self) -> float:
        """The SNR that the sender believes, in dB."""
        return snr_told(self.told)

    @property
    def noise_variance(self) -> float:
        """The noise's variance that the sender believes, per complex symbol of unit power."""
        return noise_variance_told(self.told)


def quantise_gain(gain: float) -> tuple[int, float]:
    """Round an amplitude gain to what a header can say: its index, 1..255, and the gain itself.

    Example:
        >>> quantise_gain(1.0)[1]
        1.0
    """
    db = 20 * np.log10(max(gain, 1e-9))
    index = int(np.clip(round((db + LARGEST_GAIN_DB) * GAIN_STEPS_PER_DB), 0, 2 * LARGEST_GAIN_DB * GAIN_STEPS_PER_DB))
    return index + 1, gain_of(index + 1)


def gain_of(index: int) -> float:
    """Return the amplitude gain of an index from `quantise_gain`."""
    return float(10 ** (((index - 1) / GAIN_STEPS_PER_DB - LARGEST_GAIN_DB) / 20))


def snr_told(told: int) -> float:
    """Return the SNR in dB of an index from `quantise_told`."""
    return LOWEST_TOLD_DB + told / TOLD_STEPS_PER_DB


def noise_variance_told(told: int) -> float:
    """Return the noise's variance that both ends allocate for, of an index from `quantise_told`."""
    return 10 ** (-snr_told(told) / 10)


def quantise_told(snr_db: float) -> int:
    """Round an SNR in dB down to what a header can say."""
    steps = np.floor((snr_db - LOWEST_TOLD_DB) * TOLD_STEPS_PER_DB + 1e-6)
    return int(np.clip(steps, 0, 2 ** WIDTHS["told"] - 1))


LONGEST_MARK = 128
"""Channel uses of a gain by itself, at most; fewer where that is more than a twentieth of k."""
_DETECTED = 0.55


def mark_uses(k: int) -> int:
    """Return the channel uses of a gain in a frame of k: a power of two, at most 5 % of k, or 0."""
    most = min(LONGEST_MARK, k // 20)
    return 0 if most < 16 else 1 << (most.bit_length() - 1)


def mark(index: int, uses: int) -> Tensor:
    """Send a gain's index by itself: one of the biorthogonal words (first-order Reed-Muller code), as QPSK.

    Args:
        index: 1..255, from `quantise_gain`.
        uses: channel uses, a power of two.

    Returns:
        complex64 `(uses,)` of unit power.
    """
    words = _words(uses)
    place = _place(index, len(words))
    chips = words[place % len(words)] * (1 if place < len(words) else -1)
    return torch.complex(chips[0::2], chips[1::2]).to(torch.complex64) / 2**0.5


def read_mark(symbols: Tensor, weights: Tensor) -> tuple[int, bool]:
    """Find the gain's index in equalised symbols `(uses,)`; and whether there is one at all.

    Args:
        symbols: complex64 `(uses,)`, equalised without bias.
        weights: how much each is worth, float `(uses,)`: the inverse of its noise's variance.
    """
    words = _words(len(symbols))
    weighted = torch.stack([symbols.real * weights, symbols.imag * weights], dim=1).flatten()
    correlation = words @ weighted.float() * 2**0.5 / (2 * weights.sum())
    best = int(correlation.abs().argmax())
    place = best if correlation[best] > 0 else best + len(words)
    count = 2 * len(words)
    return max(1, min(255, round(place * 255 / (count - 1)))), bool(correlation[best].abs() >= _DETECTED)


def _place(index: int, words: int) -> int:
    return round(index * (2 * words - 1) / 255)


def _words(uses: int) -> Tensor:
    """Return the rows of a Hadamard matrix, scrambled so that they look like noise: float32 `(2 uses, 2 uses)`.

    Columns are in the order of the triangular numbers, a permutation: in its own order two rows are alike in one half.
    """
    matrix = torch.ones(1, 1)
    while len(matrix) < 2 * uses:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    turn = torch.arange(2 * uses)
    scramble = 1 - 2 * ((turn * turn * 7 + turn * 3) // 5 % 2).float()
    return matrix[:, turn * (turn + 1) // 2 % len(turn)] * scramble
