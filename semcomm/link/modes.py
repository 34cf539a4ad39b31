"""Modulations with code rates, and the SNR that each needs: a measured table."""

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from statistics import fmean
from typing import Any, final

import numpy as np

from semcomm.channel.base import Fading
from semcomm.link.blocks import CHECK, QPSK_BITS, SHORTEST, Block, longest
from semcomm.link.codewords import LARGEST
from semcomm.link.fading import faded_snr_db
from semcomm.link.waveform import QPSK

# what equal mutual information does not tell: the decoder's own loss, and that a short block sees few fades
FADING_MARGIN_DB = 0.1
FADING_SPREAD_DB = 10.0
SHORTEST_QPSK = 40

# Information bits per 1,024 bits of a constellation's labels, measured, about 0.3 dB apart, 0.6 dB where they are low:
# for QPSK the code's rate, below 1/5 by repetition. Between any two of one base graph there is one more mode, whose SNR
# is interpolated.
MEASURED_RATES = {
    2: (24, 28, 32, 37, 43, 49, 57, 66, 76, 88, 101, 117, 135, 156, 180, 192, 205, 219, 233, 248, 264, 281, 298, 316)
    + (334, 353, 372, 392, 412, 433, 454, 476, 498, 521, 545, 569, 593, 617, 641, 665, 689, 713, 737),
    4: (276, 292, 308, 325, 342, 360, 378, 397, 416, 436, 456, 477, 498, 520, 542, 564),
    6: (372, 387, 403, 418, 434, 450, 466, 483, 500, 516, 533, 551, 568, 585, 603)
    + (620, 638, 656, 674, 692, 710, 729, 747),
    8: (312, 334, 356, 379, 402, 426, 450, 474, 498, 523)
    + (548, 562, 575, 589, 603, 617, 631, 645, 659, 673, 687, 701, 715, 730, 744, 758, 772, 786, 801),
    10: (630, 641, 653, 664, 675, 687, 698, 710, 721, 733, 744, 756, 767, 779, 790, 802, 813, 825, 836, 848),
}


@final
@dataclass(frozen=True)
class Mode:
    """A square constellation and how much it carries: QPSK at a code rate, or a larger one that is shaped.

    Args:
        bits_per_symbol: 2 (QPSK), 4, 6, 8 or 10 (1024-QAM).
        rate: information bits per 1,024 bits of the constellation's labels.
    """

    bits_per_symbol: int
    rate: int

    @property
    def efficiency(self) -> float:
        """Information bits per channel use."""
        return self.bits_per_symbol * self.rate / 1024

    @property
    def largest_block(self) -> int:
        """Most information bits of a block, its check included. QPSK's low rates have shorter codes."""
        if self.bits_per_symbol > QPSK_BITS:
            return self.rate * self.bits_per_symbol * longest(self.bits_per_symbol) // 1024
        return LARGEST["bg1"] if self.rate > 1024 / 3 else LARGEST["bg2"]

    @property
    def shortest_block(self) -> int:
        """Information bits of the shortest block that is measured; a shorter one of more than QPSK is filled up."""
        return self.rate * self.bits_per_symbol * SHORTEST.get(self.bits_per_symbol, 0) // 1024 or SHORTEST_QPSK

    @property
    def counts(self) -> tuple[int, ...]:
        """How often each amplitude occurs in its largest block; QPSK has one."""
        if self.bits_per_symbol == QPSK_BITS:
            return QPSK
        return Block(self.largest_block - CHECK, self.symbols(self.largest_block), self.bits_per_symbol).counts

    def symbols(self, information: int) -> int:
        """Channel uses of a block of so many information bits."""
        natural = -(-information * 1024 // (self.rate * self.bits_per_symbol))
        return max(natural, SHORTEST.get(self.bits_per_symbol, 0))


def _with_halfway(bits_per_symbol: int, rates: tuple[int, ...]) -> list[Mode]:
    between = (
        (low + high) // 2
        for low, high in pairwise(rates)
        if bits_per_symbol > QPSK_BITS or (3 * low > 1024) == (3 * high > 1024)
    )
    return [Mode(bits_per_symbol, rate) for rate in sorted({*rates, *between})]


MODES = tuple(mode for bits, rates in MEASURED_RATES.items() for mode in _with_halfway(bits, rates))
MOST_EFFICIENT_FIRST = tuple(sorted(range(len(MODES)), key=lambda index: -MODES[index].efficiency))


def check_mode(mode: int) -> Mode:
    """Return the mode of an index.

    Raises:
        ValueError: if there is no such mode.
    """
    if not 0 <= mode < len(MODES):
        raise ValueError(f"mode must be an index from 0 to {len(MODES) - 1}, got {mode}")
    return MODES[mode]


def required_snr_db(mode: int, information: int, *, fading: Fading = "none") -> float:
    """Return the SNR in dB at which a photograph of four blocks is lost once in 1,000.

    Between the measured block lengths it is interpolated over the logarithm of the length.

    Args:
        mode: an index of `MODES`.
        information: bits of a block, its check included.
        fading: "none", or "fast" for Rayleigh fading that is independent from symbol to symbol and known to the
            receiver, see `faded_snr_db`; then it is the mean SNR.

    Example:
        >>> required_snr_db(30, 8448) < required_snr_db(30, 500) < required_snr_db(30, 500, fading="fast")
        True
    """
    near = _neighbours(check_mode(mode))
    log_length = math.log2(max(information, 1))
    snrs_db = [float(np.interp(log_length, *_measured(measured))) for measured in near]
    if fading == "none":
        return fmean(snrs_db)
    faded = [faded_snr_db(snr_db, measured.counts) for snr_db, measured in zip(snrs_db, near, strict=True)]
    return fmean(faded) + FADING_MARGIN_DB + FADING_SPREAD_DB / max(information, 1) ** 0.5


@cache
def least_snr_db(mode: int, fading: Fading) -> float:
    """Return what `required_snr_db` is at least, whatever the block: a mode that needs more need not be tried."""
    lengths = {round(2**length) for near in _neighbours(check_mode(mode)) for length in _measured(near)[0]}
    return min(required_snr_db(mode, length, fading=fading) for length in lengths)


@lru_cache(maxsize=1)
def rate_table() -> dict[str, Any]:
    """Return the measured table: per mode and block length the SNR, and how it was measured."""
    return json.loads(resources.files("semcomm.link").joinpath("rates.json").read_text(encoding="utf-8"))


@cache
def _neighbours(mode: Mode) -> list[Mode]:
    """Return the mode where it is measured, and the two around it where it is not."""
    rates = MEASURED_RATES[mode.bits_per_symbol]
    above = bisect_left(rates, mode.rate)
    near = rates[above : above + 1] if rates[above] == mode.rate else rates[above - 1 : above + 1]
    return [Mode(mode.bits_per_symbol, rate) for rate in near]


@cache
def _measured(mode: Mode) -> tuple[list[float], list[float]]:
    """Return logarithms of the lengths at which a mode was measured, and the SNRs in dB that it needs."""
    points = sorted(
        (math.log2(row["information"]), row["required_snr_db"])
        for row in rate_table()["rows"]
        if (row["bits_per_symbol"], row["rate"]) == (mode.bits_per_symbol, mode.rate)
    )
    return [length for length, _ in points], [snr for _, snr in points]
