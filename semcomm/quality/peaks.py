"""How high the peaks of what was sent are, for amplifiers."""

import math

import torch
from torch import Tensor

from semcomm.transmission import Transmission
from semcomm.transmitter.peaks import papr_ccdf

LEVELS_DB = (3, 6, 9)


def peaks(received: Tensor, sent: Tensor, *, transmission: Transmission) -> dict[str, Tensor]:
    """Peak over mean power of each image's symbols, and how often a symbol exceeds the mean by 3, 6 and 9 dB.

    The latter are three points of the distribution that `papr_ccdf` gives whole.

    Args:
        received: images, `(b, 3, h, w)`; unused, as is `sent`: this is a score of the symbols.
        sent: likewise.
        transmission: what became of them.

    Returns:
        "papr_db" in dB; "above_3db", "above_6db" and "above_9db", shares from 0 to 1: float `(b,)`; NaN where a scheme
        sends no symbols.

    Example:
        >>> from semcomm import build_deep_jscc
        >>> image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> transmission = build_deep_jscc(complex_channels=1, device="cpu").transmit(image, 10.0)
        >>> sorted(peaks(image, image, transmission=transmission))
        ['above_3db', 'above_6db', 'above_9db', 'papr_db']
    """
    del received
    names = [f"above_{level}db" for level in LEVELS_DB]
    if transmission.symbols is None or transmission.papr_db is None:
        return dict.fromkeys(["papr_db", *names], torch.full((len(sent),), math.nan))
    levels = torch.tensor(LEVELS_DB, dtype=torch.float32)
    shares = torch.stack([papr_ccdf(symbols[None], levels) for symbols in transmission.symbols])
    return {"papr_db": transmission.papr_db} | dict(zip(names, shares.unbind(1), strict=True))
