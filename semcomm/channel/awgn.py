"""Hop 4 of 6: additive white Gaussian noise."""

from typing import final

import torch
from torch import Tensor

from semcomm.channel.base import check_symbols, complex_normal
from semcomm.channel.snr import SNR, check_snr, noise_variance
from semcomm.contracts import Channel


def add_noise(x: Tensor, snr_db: SNR, power: float, generator: torch.Generator | None) -> Tensor:
    """Add CN(0, sigma^2) noise to complex64 `(b, k)`, sigma^2 = P / 10^(SNR/10) per complex symbol."""
    noise = complex_normal(tuple(x.shape), x.device, generator)
    variance = noise_variance(snr_db, power)
    if isinstance(variance, Tensor):
        return x + noise.mul_(variance.to(x.device).sqrt().reshape(-1, 1))
    return torch.add(x, noise, alpha=variance**0.5)


@final
class AWGNChannel(Channel):
    r"""Hop 4 of 6: additive white Gaussian noise, $y = x + w$, $w \sim \mathcal{CN}(0, \sigma^2)$.

    $\sigma^2 = P / 10^{\mathrm{SNR}/10}$ per complex symbol (half of it per real part), against the transmit power
    constraint P, not against the measured power of `x` (arXiv 2202.04754, eq. 4).

    Args:
        power: the transmit power constraint P.

    Shape:
        x complex64 `(b, k)` to y complex64 `(b, k)`.

    Raises:
        TypeError: if `x` is not complex64, or `snr_db` not a number or real tensor.
        ValueError: if `x` is not of rank 2, or `snr_db` is NaN, below -300 dB or of a wrong shape.

    Example:
        >>> silence = torch.zeros(1, 100_000, dtype=torch.complex64)
        >>> noise = AWGNChannel()(silence, 10.0, generator=torch.Generator().manual_seed(0))
        >>> round(noise.abs().square().mean().item(), 3)
        0.1
    """

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Tensor:
        """Add noise at `snr_db` to complex64 `(b, k)`."""
        check_symbols(x)
        return add_noise(x, check_snr(snr_db, x.shape[0]), self.power, generator)

    def extra_repr(self) -> str:
        """Show the power constraint."""
        return f"power={self.power}"
