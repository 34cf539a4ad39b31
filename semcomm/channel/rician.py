"""Hop 4 of 6: flat Rician fading."""

import math
from numbers import Real
from typing import final

import torch
from torch import Tensor

from semcomm.channel.base import Fading
from semcomm.channel.flat_fading import CSI, Coherence, check_coherence, check_csi, send_flat, uses_of
from semcomm.channel.snr import SNR
from semcomm.contracts import Channel, Received


@final
class RicianChannel(Channel):
    r"""Hop 4 of 6: flat fading with a line of sight, $h = \sqrt{K/(K+1)} + \sqrt{1/(K+1)} g$.

    $g \sim \mathcal{CN}(0, 1)$, so E|h|^2 = 1 for every K (Tse and Viswanath, Fundamentals of Wireless Communication,
    eq. 2.55). The direct path arrives with phase 0. K = 0 (minus infinity dB) is Rayleigh fading, a large K none.

    Args:
        power: the transmit power constraint P.
        k_factor_db: K in dB, power of the direct path over that of all others.
        coherence: as for `RayleighChannel`.
        csi: as for `RayleighChannel`.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y and csi h, complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `RayleighChannel`; if `k_factor_db` is NaN or no number.

    Example:
        >>> x = torch.ones(1, 100_000, dtype=torch.complex64)
        >>> h = RicianChannel(k_factor_db=3.0)(x, 10.0, generator=torch.Generator().manual_seed(0)).csi
        >>> round(h.abs().square().mean().item(), 2)
        1.0
    """

    fading: Fading = "fast"

    def __init__(
        self, power: float = 1.0, *, k_factor_db: float, coherence: Coherence = "symbol", csi: CSI = "perfect"
    ):
        super().__init__(power)
        if not isinstance(k_factor_db, Real) or isinstance(k_factor_db, bool) or math.isnan(k_factor_db):
            raise ValueError(f"k_factor_db must be a number of dB, got {k_factor_db!r}; 0 is as strong as the rest")
        self.k_factor_db = float(k_factor_db)
        self.coherence: Coherence = check_coherence(coherence)
        self.csi: CSI = check_csi(csi, self.coherence)

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Fade complex64 `(b, k)` and add noise at `snr_db`."""
        scattered = 1 / (1 + 10 ** (min(self.k_factor_db, 300.0) / 10))
        mean = (1 - scattered) ** 0.5
        return send_flat(x, snr_db, self.power, self.coherence, self.csi, generator, mean=mean, variance=scattered)

    def channel_uses(self, k: int) -> int:
        """Channel uses of `k` symbols and their pilots."""
        return uses_of(k, self.coherence, self.csi)

    def extra_repr(self) -> str:
        """Show power, K factor, coherence and CSI."""
        return f"power={self.power}, k_factor_db={self.k_factor_db}, coherence={self.coherence!r}, csi={self.csi!r}"
