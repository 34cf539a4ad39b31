"""Hop 4 of 6: flat Rayleigh fading."""

from typing import final

import torch
from torch import Tensor

from semcomm.channel.base import Fading
from semcomm.channel.flat_fading import CSI, Coherence, check_coherence, check_csi, send_flat, uses_of
from semcomm.channel.snr import SNR
from semcomm.contracts import Channel, Received


@final
class RayleighChannel(Channel):
    r"""Hop 4 of 6: flat Rayleigh fading with noise, $y = h x + w$, $h \sim \mathcal{CN}(0, 1)$, E|h|^2 = 1.

    The SNR is the mean one, P / sigma^2: the fade does not change sigma^2 (Tse and Viswanath, Fundamentals of Wireless
    Communication, Section 2.4). What the receiver does about the fades is its own business: see `MMSEEqualizer`.

    Args:
        power: the transmit power constraint P.
        coherence: how long a fade lasts: "symbol" (fast fading), a block of n channel uses, or "image" (slow fading).
        csi: "perfect" where the receiver knows h, "none" where it does not, or `Pilots`, which take channel uses and
            from which it estimates h. The noise that it then tells holds the estimate's error, too.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y and csi h, complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if `coherence` or `csi` is not one of the above, or every symbol would be a pilot.

    Example:
        >>> x = torch.ones(1, 4, dtype=torch.complex64)
        >>> sent = RayleighChannel(coherence=2)(x, float("inf"), generator=torch.Generator().manual_seed(0))
        >>> h = sent.csi
        >>> bool(h[0, 0] == h[0, 1] and h[0, 1] != h[0, 2] and (sent.symbols == h).all())
        True
    """

    fading: Fading = "fast"

    def __init__(self, power: float = 1.0, *, coherence: Coherence = "symbol", csi: CSI = "perfect"):
        super().__init__(power)
        self.coherence: Coherence = check_coherence(coherence)
        self.csi: CSI = check_csi(csi, self.coherence)

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Fade complex64 `(b, k)` and add noise at `snr_db`."""
        return send_flat(x, snr_db, self.power, self.coherence, self.csi, generator)

    def channel_uses(self, k: int) -> int:
        """Channel uses of `k` symbols and their pilots."""
        return uses_of(k, self.coherence, self.csi)

    def extra_repr(self) -> str:
        """Show power, coherence and CSI."""
        return f"power={self.power}, coherence={self.coherence!r}, csi={self.csi!r}"
