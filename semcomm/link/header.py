"""The header of an image: a few bits that arrive where the payload does, in a length that needs no agreement.

The sender takes the shortest length that is safe at its SNR. The receiver tries one after the other until a check
holds, as phones do with the control channel of 5G.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.bits import check_bits
from semcomm.link.blocks import QPSK_BITS
from semcomm.link.codewords import CRC_BITS, BlockCode, decode, encode
from semcomm.link.fading import faded_snr_db
from semcomm.link.modes import Fading
from semcomm.link.transport import equalise
from semcomm.link.waveform import QPSK, to_logits, to_symbols

BITS = 50
# Channel uses, and the SNR in dB at which one header in 10,000 is lost: QPSK, rate 1/2 and lower, 16 bits of check.
# `tests/link/test_header.py` measures them.
LENGTHS = {
    64: 4.5,
    96: 2.1,
    128: 0.7,
    192: -1.5,
    256: -2.7,
    384: -4.6,
    512: -5.7,
    768: -7.6,
    1024: -8.7,
    1536: -10.5,
}
LOOKS = (6, 6, 8)
# so far below its SNR a header is always lost
HOPELESS_DB = 4.0
# a short header sees few fades
FADING_MARGIN_DB = 2.0


@final
@dataclass(frozen=True)
class Header:
    """A header that arrived.

    Args:
        bits: uint8 `(50,)`.
        uses: channel uses it took.
    """

    bits: np.ndarray
    uses: int


def uses(safe_snr_db: float, *, fading: Fading = "none") -> int:
    """Return the channel uses of the shortest header that is safe at an SNR in dB.

    Raises:
        ValueError: if none is.

    Example:
        >>> uses(10.0), uses(-5.0)
        (64, 512)
    """
    for length in LENGTHS:
        if _safe_snr_db(length, fading) <= safe_snr_db:
            return length
    lowest = _safe_snr_db(max(LENGTHS), fading)
    raise ValueError(f"safe_snr_db must be at least {lowest:.1f} for a header, got {safe_snr_db}")


def send(headers: Sequence[np.ndarray], lengths: Sequence[int], *, device: str = "cpu") -> list[Tensor]:
    """Return the symbols of headers, complex64 `(length,)` each, of unit power.

    Args:
        headers: uint8 `(50,)` each.
        lengths: channel uses of each, as `uses` returned them.
        device: where the symbols are to be.

    Raises:
        ValueError: if a header has another size or length.
    """
    sent = []
    for bits, length in zip(headers, lengths, strict=True):
        if len(bits) != BITS:
            raise ValueError(f"header must have {BITS} bits, got {len(bits)}")
        # flipped by another sequence for each length: a long header must not pass for a short one
        coded = encode(check_bits(bits)[None], _code(length), device)
        sent.append(to_symbols(coded, sequence=length)[0])
    return sent


def receive(
    symbols: Sequence[Tensor],
    *,
    noise_variance: Sequence[Tensor | float],
    csi: Sequence[Tensor | None] | None = None,
) -> list[Header | None]:
    """Return the header at the start of each image's symbols, or None where no length's check holds.

    Args:
        symbols: complex64 `(k,)` each, y = h x + w, not equalised; what follows the header is not looked at.
        noise_variance: w's, a number or float `(k,)` each.
        csi: h, complex64 `(k,)` each, or None for 1.

    Raises:
        ValueError: if shapes disagree, or a symbol is not finite.
    """
    fades = [None] * len(symbols) if csi is None else csi
    equalised = [
        equalise(y, noise, fade, len(y)) for y, noise, fade in zip(symbols, noise_variance, fades, strict=True)
    ]
    found: list[Header | None] = [None] * len(symbols)
    for length, needed in LENGTHS.items():
        images = [
            image
            for image, (y, variance) in enumerate(equalised)
            if found[image] is None and len(y) >= length and _snr_db(variance[:length]) > needed - HOPELESS_DB
        ]
        if not images:
            continue
        rows = torch.stack([equalised[image][0][:length] for image in images])
        noise = torch.stack([equalised[image][1][:length] for image in images])
        logits = to_logits(rows, noise, sequence=length)
        bits, arrived = decode(logits, _code(length), iterations=LOOKS)
        for image, header, ok in zip(images, bits, arrived, strict=True):
            if ok:
                found[image] = Header(header, length)
    return found


def _safe_snr_db(length: int, fading: Fading) -> float:
    return LENGTHS[length] if fading == "none" else faded_snr_db(LENGTHS[length], QPSK) + FADING_MARGIN_DB


def _snr_db(noise_variance: Tensor) -> float:
    return 10 * math.log10(float(noise_variance.reciprocal().mean()))


def _code(length: int) -> BlockCode:
    if length not in LENGTHS:
        raise ValueError(f"length must be one of {', '.join(map(str, LENGTHS))} channel uses, got {length}")
    return BlockCode(BITS + CRC_BITS["16"], QPSK_BITS * length, "16")
