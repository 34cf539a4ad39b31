"""Hop 5 of 6: fading undone, where the receiver knows it."""

from dataclasses import replace
from typing import final

import torch
from torch import nn

from semcomm.channel.base import check_power
from semcomm.contracts import Received


@final
class MMSEEqualizer(nn.Module):
    r"""Hop 5 of 6: scale symbols to the least mean squared error.

    $\hat x = h^* y / (|h|^2 + \sigma^2 / P)$ (Tse and Viswanath, Fundamentals of Wireless Communication, Section
    8.3.3). Its gain $|h|^2 / (|h|^2 + \sigma^2 / P)$ is the new csi, and the noise it leaves the new noise_variance.
    Symbols without CSI, or of unknown noise, are returned as they are.

    Args:
        power: the transmit power constraint P.

    Raises:
        ValueError: if `power` is not a number from 1e-12 to 1e12.

    Example:
        >>> y, h = torch.tensor([[2.0j]]), torch.tensor([[2.0j]])
        >>> received = MMSEEqualizer()(Received(y, h, torch.tensor(1.0)))
        >>> received.symbols, received.csi, received.noise_variance
        (tensor([[0.8000+0.j]]), tensor([[0.8000+0.j]]), tensor([[0.1600]]))
    """

    def __init__(self, power: float = 1.0):
        super().__init__()
        self.power = check_power(power)

    def forward(self, received: Received) -> Received:
        """Equalise `Received`."""
        if received.csi is None or received.noise_variance is None:
            return received
        gain = received.csi.real.square() + received.csi.imag.square()  # abs() would take roots, slowly
        noise_to_signal = (received.noise_variance / self.power).clamp(min=torch.finfo(torch.float32).tiny)
        weights = (gain + noise_to_signal).reciprocal()
        left = gain * weights
        return replace(
            received,
            symbols=received.symbols * (received.csi.conj() * weights),
            csi=left.to(received.csi.dtype),
            noise_variance=received.noise_variance * left * weights,
        )

    def extra_repr(self) -> str:
        """Show the power constraint."""
        return f"power={self.power}"


@final
class ZeroForcingEqualizer(nn.Module):
    r"""Hop 5 of 6: divide by the fades, $\hat x = y / h$, which leaves noise of $\sigma^2 / |h|^2$.

    Symbols without CSI are returned as they are.

    Example:
        >>> y, h = torch.tensor([[2.0j]]), torch.tensor([[2.0j]])
        >>> ZeroForcingEqualizer()(Received(y, h)).symbols
        tensor([[1.+0.j]])
    """

    def forward(self, received: Received) -> Received:
        """Equalise `Received`."""
        if received.csi is None:
            return received
        weights, variance = received.csi.reciprocal(), received.noise_variance
        return replace(
            received,
            symbols=received.symbols * weights,
            csi=received.csi * weights,
            noise_variance=None if variance is None else variance * weights.abs().square(),
        )


@final
class NoEqualizer(nn.Module):
    """Hop 5 of 6: symbols, csi and noise_variance as they arrive, for receivers that use the CSI themselves."""

    def forward(self, received: Received) -> Received:
        """Return `received`."""
        return received


EQUALIZERS: dict[str, type[nn.Module]] = {
    "mmse": MMSEEqualizer,
    "zf": ZeroForcingEqualizer,
    "none": NoEqualizer,
}
"""By the names of the command line and of `config.json`."""


def build_equalizer(name: str, power: float = 1.0) -> nn.Module:
    """Make the equaliser of a name in `EQUALIZERS`, for a transmit power constraint."""
    return MMSEEqualizer(power) if name == "mmse" else EQUALIZERS[name]()


def equalizer_name(equalizer: nn.Module) -> str | None:
    """Return the name of an equaliser in `EQUALIZERS`; None for one of the user's own."""
    return next((name for name, known in EQUALIZERS.items() if type(equalizer) is known), None)
