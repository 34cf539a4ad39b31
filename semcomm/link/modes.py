"""Modulations with code rates, and the SNR that each needs: a measured table."""

import json
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any, final

import numpy as np

from semcomm.channel.base import Fading
from semcomm.link.codewords import LARGEST
from semcomm.link.fading import faded_snr_db

# what equal mutual information does not tell: the decoder's own loss, and that a short block sees few fades
FADING_MARGIN_DB = 0.3
FADING_SPREAD_DB = 10.0

# Code rates in 1/1024 that are measured, about 0.3 dB apart, 0.6 dB where they are low; below 1/5 they come from
# repetition. Between any two of one base graph there is one more mode, whose SNR is interpolated.
MEASURED_RATES = {
    2: (24, 28, 32, 37, 43, 49, 57, 66, 76, 88, 101, 117, 135, 156, 180, 192, 205, 219, 233, 248, 264, 281, 298, 316)
    + (334, 353, 372, 392, 412, 433, 454, 476, 498, 521, 545, 569, 593, 617, 641, 665, 689, 713, 737),
    4: (366, 383, 400, 417, 434, 452, 470, 488, 506, 525, 544, 563, 582, 601, 621, 640, 660, 679, 699, 718, 738, 757)
    + (776, 795, 814),
    6: (500, 516, 532, 548, 564, 580, 596, 612, 628, 644, 660, 676, 692, 708, 724, 740, 756, 772, 787, 802, 817, 832)
    + (847,),
    8: (598, 615, 632, 649, 666, 683, 700, 717, 734, 751, 768, 785, 801, 817, 833, 849, 865, 881, 896, 911, 926, 941),
}


@final
@dataclass(frozen=True)
class Mode:
    """A square constellation and a code rate.

    Args:
        bits_per_symbol: 2 (QPSK), 4, 6 or 8 (256-QAM).
        rate: code rate, in 1/1024.
    """

    bits_per_symbol: int
    rate: int

    @property
    def efficiency(self) -> float:
        """Information bits per channel use."""
        return self.bits_per_symbol * self.rate / 1024

    @property
    def largest_block(self) -> int:
        """Most information bits of a block: the second base graph codes the low rates, in shorter blocks."""
        return LARGEST["bg1"] if self.rate > 1024 / 3 else LARGEST["bg2"]

    def symbols(self, information: int) -> int:
        """Channel uses of a block of so many information bits."""
        return -(-information * 1024 // (self.rate * self.bits_per_symbol))


def _with_halfway(rates: tuple[int, ...]) -> list[int]:
    between = ((low + high) // 2 for low, high in pairwise(rates) if (3 * low > 1024) == (3 * high > 1024))
    return sorted({*rates, *between})


MODES = tuple(Mode(bits, rate) for bits, rates in MEASURED_RATES.items() for rate in _with_halfway(rates))
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
    bits_per_symbol = check_mode(mode).bits_per_symbol
    lengths, snrs = _measured()[mode]
    snr_db = float(np.interp(math.log2(max(information, 1)), lengths, snrs))
    if fading == "none":
        return snr_db
    return faded_snr_db(snr_db, bits_per_symbol) + FADING_MARGIN_DB + FADING_SPREAD_DB / max(information, 1) ** 0.5


@cache
def least_snr_db(mode: int, fading: Fading) -> float:
    """Return what `required_snr_db` is at least, whatever the block: a mode that needs more need not be tried."""
    return min(required_snr_db(mode, round(2**length), fading=fading) for length in _measured()[mode][0])


@lru_cache(maxsize=1)
def rate_table() -> dict[str, Any]:
    """Return the measured table: per mode and block length the SNR, and how it was measured."""
    return json.loads(resources.files("semcomm.link").joinpath("rates.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _measured() -> list[tuple[np.ndarray, np.ndarray]]:
    rows: dict[tuple[int, int], dict[int, float]] = {}
    for row in rate_table()["rows"]:
        rows.setdefault((row["bits_per_symbol"], row["information"]), {})[row["rate"]] = row["required_snr_db"]
    tables = []
    for mode in MODES:
        measured = {}
        for (bits_per_symbol, information), snrs in rows.items():
            rates, needed = zip(*sorted(snrs.items()), strict=True)
            if bits_per_symbol == mode.bits_per_symbol and rates[0] <= mode.rate <= rates[-1]:
                measured[information] = float(np.interp(mode.rate, rates, needed))
        lengths = sorted(measured)
        tables.append((np.log2(lengths), np.array([measured[length] for length in lengths])))
    return tables
