"""Hop 4 of 6: oscillators that wander."""

import math
from typing import Literal, final

import torch
from torch import Tensor

from semcomm.channel.awgn import add_noise
from semcomm.channel.base import check_number, check_symbols, complex_normal
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Channel, Received


@final
class PhaseNoiseChannel(Channel):
    r"""Hop 4 of 6: a phase that wanders from symbol to symbol, $y_i = e^{j \phi_i} x_i + w_i$.

    $\phi_i = \phi_{i-1} + \mathcal{N}(0, 2 \pi \beta)$, $\phi_0 = 0$: a Wiener process, with $\beta$ the two-sided 3 dB
    linewidth of the oscillator times the duration of a symbol: $E\, e^{j(\phi_{i+n} - \phi_i)} = e^{-\pi \beta n}$
    (Demir, Mehrotra, Roychowdhury, Phase noise in oscillators, 2000).

    Args:
        power: the transmit power constraint P.
        linewidth: beta.
        csi: "perfect" where the receiver tracks the phase, "none" where it does not.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y and csi, complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if `linewidth` is not from 0 to 1, or `csi` none of the above.

    Example:
        >>> x = torch.ones(1, 1000, dtype=torch.complex64)
        >>> y = PhaseNoiseChannel(linewidth=1e-4)(x, math.inf, generator=torch.Generator().manual_seed(0)).symbols
        >>> y[0, 0].angle().abs() < 0.1, bool((y.abs() - 1).abs().max() < 1e-5)
        (tensor(True), True)
    """

    def __init__(self, power: float = 1.0, *, linewidth: float = 1e-4, csi: Literal["perfect", "none"] = "none"):
        super().__init__(power)
        if csi not in ("perfect", "none"):
            raise ValueError(f'csi must be "perfect" or "none", got {csi!r}')
        self.linewidth = check_number(linewidth, "linewidth", 0, 1)
        self.csi = csi

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Turn complex64 `(b, k)` and add noise at `snr_db`."""
        check_symbols(x)
        snr_db = check_snr(snr_db, x.shape[0])
        steps = complex_normal(tuple(x.shape), x.device, generator).real * 2**0.5
        phases = (steps * (2 * math.pi * self.linewidth) ** 0.5).cumsum(1)
        h = torch.polar(torch.ones_like(phases), phases)
        y = add_noise(h * x, snr_db, self.power, generator)
        return Received(y, h if self.csi == "perfect" else None, noise_variance_of(y, snr_db, self.power))

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"power={self.power}, linewidth={self.linewidth}, csi={self.csi!r}"
