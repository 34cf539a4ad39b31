"""Hop 4 of 6: noise in bursts."""

from typing import final

import torch
from torch import Tensor

from semcomm.channel.base import check_number, check_symbols, complex_normal, uniform
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Channel, Received


@final
class ImpulsiveChannel(Channel):
    r"""Hop 4 of 6: Bernoulli-Gaussian noise: some symbols are hit by noise that is much stronger than the rest's.

    $w \sim (1 - p)\, \mathcal{CN}(0, \sigma_0^2) + p\, \mathcal{CN}(0, r \sigma_0^2)$,
    $\sigma_0^2 = \sigma^2 / (1 - p + p r)$: the mean power is that of the SNR, $\sigma^2 = P / 10^{\mathrm{SNR}/10}$
    (Ghosh, Analysis of the effect of impulse noise on multicarrier and single carrier QAM systems, 1996). The receiver
    knows the mean alone.

    Args:
        power: the transmit power constraint P.
        probability: p, share of symbols hit.
        excess_db: r in dB, noise in a hit over noise elsewhere.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y and noise_variance.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if `probability` is not from 0 to 1, or `excess_db` not from 0 to 60.

    Example:
        >>> silence = torch.zeros(1, 200_000, dtype=torch.complex64)
        >>> w = ImpulsiveChannel()(silence, 10.0, generator=torch.Generator().manual_seed(0)).symbols
        >>> round(w.abs().square().mean().item(), 2)
        0.1
    """

    def __init__(self, power: float = 1.0, *, probability: float = 0.05, excess_db: float = 13.0):
        super().__init__(power)
        self.probability = check_number(probability, "probability", 0, 1)
        self.excess_db = check_number(excess_db, "excess_db", 0, 60, " dB")

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Add noise of the mean power of `snr_db` to complex64 `(b, k)`."""
        check_symbols(x)
        variance = noise_variance_of(x, check_snr(snr_db, x.shape[0]), self.power)
        p, r = self.probability, 10 ** (self.excess_db / 10)
        hit = uniform(tuple(x.shape), x.device, generator) < p
        noise = complex_normal(tuple(x.shape), x.device, generator)
        return Received(x + noise * (variance * torch.where(hit, r, 1.0) / (1 - p + p * r)).sqrt(), None, variance)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"power={self.power}, probability={self.probability}, excess_db={self.excess_db}"
