"""Hop 4 of 6: flat fading, whatever the fades: y = h x + w, with pilots or without."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from semcomm.channel.awgn import add_noise
from semcomm.channel.base import check_symbols, complex_normal
from semcomm.channel.pilots import Pilots
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Received
from semcomm.whole import whole

Coherence = Literal["symbol", "image"] | int
CSI = Literal["perfect", "none"] | Pilots


def check_coherence(coherence: Any) -> Coherence:
    """Return `coherence` if it is "symbol", "image" or a length; a ValueError says so if not."""
    if isinstance(coherence, str) and coherence in ("symbol", "image"):
        return coherence  # type: ignore[return-value]
    block = whole(coherence)
    if block is None or block < 1:
        raise ValueError(f'coherence must be "symbol", "image" or a block length >= 1, got {coherence!r}')
    return block


def check_csi(csi: Any, coherence: Coherence | None = None) -> CSI:
    """Return `csi` if fades of that coherence, where one is given, can be known so; a ValueError says so if not."""
    if csi not in ("perfect", "none") and not isinstance(csi, Pilots):
        raise ValueError(f'csi must be "perfect", "none" or Pilots(...), got {csi!r}')
    if isinstance(csi, Pilots) and coherence in ("symbol", 1):
        raise ValueError(
            f'csi must be "perfect" or "none" with coherence {coherence!r}, got {csi!r}: every symbol would need a '
            "pilot of its own; take coherence=2 or more"
        )
    return csi


def blocks_of(k: int, coherence: Coherence, csi: CSI) -> tuple[int, int, int]:
    """How k symbols lie in blocks of one fade each: blocks, symbols and pilots in a block."""
    if not isinstance(csi, Pilots):
        length = {"symbol": 1, "image": k}[coherence] if isinstance(coherence, str) else min(coherence, k)
        return math.ceil(k / length), length, 0
    if isinstance(coherence, str):
        return 1, k, csi.count_beside(k)
    pilots = csi.count(coherence)
    if coherence - pilots >= k:
        return 1, k, csi.count_beside(k)
    return math.ceil(k / (coherence - pilots)), coherence - pilots, pilots


def uses_of(k: int, coherence: Coherence, csi: CSI) -> int:
    """Channel uses of k symbols and their pilots."""
    blocks, _, pilots = blocks_of(k, coherence, csi)
    return int(k) + blocks * int(pilots)  # NumPy's small integers overflow


def send_flat(
    x: Tensor,
    snr_db: SNR,
    power: float,
    coherence: Coherence,
    csi: CSI,
    generator: torch.Generator | None,
    *,
    mean: float = 0.0,
    variance: float = 1.0,
) -> Received:
    """Fade complex64 `(b, k)` by h ~ CN(mean, variance), add noise, and tell what the receiver knows of h."""
    check_symbols(x)
    images, k = x.shape
    snr_db = check_snr(snr_db, images)
    blocks, length, pilots = blocks_of(k, coherence, csi)
    fades = mean + variance**0.5 * complex_normal((images, blocks), x.device, generator)
    h = _held(fades, length, k)
    y = add_noise(h * x, snr_db, power, generator)
    noise = noise_variance_of(y, snr_db, power)
    if not isinstance(csi, Pilots):
        return Received(y, h if csi == "perfect" else None, noise)
    in_estimate = noise / (pilots * power)  # the mean over the block's pilots, divided by their amplitude
    estimate = fades + in_estimate.sqrt() * complex_normal((images, blocks), x.device, generator)
    error = in_estimate
    if csi.estimator == "lmmse":
        trust = variance / (variance + in_estimate)
        estimate = mean + trust * (estimate - mean)
        error = trust * in_estimate
    return Received(y, _held(estimate, length, k), noise + power * error)


def _held(fades: Tensor, length: int, k: int) -> Tensor:
    return fades if length == 1 else fades.repeat_interleave(min(length, k), dim=1)[:, :k]
