"""Modulations with code rates, and the SNR that each needs: a measured table."""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, final

import numpy as np

from semcomm.channel.base import Fading
from semcomm.link.codewords import LARGEST
from semcomm.link.fading import faded_snr_db

# what equal mutual information does not tell: the decoder's own loss, and that a short block sees few fades
FADING_MARGIN_DB = 0.3
FADING_SPREAD_DB = 10.0

# Code rates in 1/1024, about half a decibel apart; below 1/5 the rate comes from repetition.
_RATES = {
    2: (24, 28, 32, 37, 43, 49, 57, 66, 76, 88, 101, 117, 135, 156, 180, 205, 228, 256, 288, 322, 360, 400, 442, 487)
    + (532, 580, 630, 680),
    4: (372, 405, 440, 475, 512, 550, 588, 627, 668),
    6: (470, 495, 520, 545, 571, 597, 624, 652, 680, 709, 738, 768),
    8: (598, 621, 644, 667, 690, 713, 737, 761, 785, 809, 833, 857, 881, 905, 929),
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


MODES = tuple(Mode(bits, rate) for bits, rates in _RATES.items() for rate in rates)


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


@lru_cache(maxsize=1)
def rate_table() -> dict[str, Any]:
    """Return the measured table: per mode and block length the SNR, and how it was measured."""
    return json.loads(resources.files("semcomm.link").joinpath("rates.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _measured() -> list[tuple[np.ndarray, np.ndarray]]:
    rows: dict[tuple[int, int], dict[int, float]] = {}
    for row in rate_table()["rows"]:
        rows.setdefault((row["bits_per_symbol"], row["rate"]), {})[row["information"]] = row["required_snr_db"]
    tables = []
    for mode in MODES:
        measured = sorted(rows[mode.bits_per_symbol, mode.rate].items())
        tables.append((np.log2([length for length, _ in measured]), np.array([snr for _, snr in measured])))
    return tables
