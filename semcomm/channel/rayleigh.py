"""Hop 4 of 6: flat Rayleigh fading."""

import math
from typing import Literal, final

import torch
from torch import Tensor

from semcomm.channel.awgn import add_noise
from semcomm.channel.base import check_symbols, complex_normal
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Channel, Received

Coherence = Literal["symbol", "image"] | int
CSI = Literal["perfect", "none"]


@final
class RayleighChannel(Channel):
    r"""Hop 4 of 6: flat Rayleigh fading with noise, $y = h x + w$, $h \sim \mathcal{CN}(0, 1)$, E|h|^2 = 1.

    The SNR is the mean one, P / sigma^2: the fade does not change sigma^2 (Tse and Viswanath, Fundamentals of Wireless
    Communication, Section 2.4). What the receiver does about the fades is its own business: see `MMSEEqualizer`.

    Args:
        power: the transmit power constraint P.
        coherence: how long a fade lasts: "symbol" (fast fading), a block of n symbols, or "image" (slow fading).
        csi: "perfect" where the receiver knows h, "none" where it does not.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y and csi h, complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if `coherence` or `csi` is not one of the above.

    Example:
        >>> x = torch.ones(1, 4, dtype=torch.complex64)
        >>> sent = RayleighChannel(coherence=2)(x, math.inf, generator=torch.Generator().manual_seed(0))
        >>> h = sent.csi
        >>> bool(h[0, 0] == h[0, 1] and h[0, 1] != h[0, 2] and (sent.symbols == h).all())
        True
    """

    def __init__(self, power: float = 1.0, *, coherence: Coherence = "symbol", csi: CSI = "perfect"):
        super().__init__(power)
        block = isinstance(coherence, int) and not isinstance(coherence, bool) and coherence >= 1
        if not block and coherence not in ("symbol", "image"):
            raise ValueError(f'coherence must be "symbol", "image" or a block length >= 1, got {coherence!r}')
        if csi not in ("perfect", "none"):
            raise ValueError(f'csi must be "perfect" or "none", got {csi!r}')
        self.coherence = coherence
        self.csi = csi

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Fade complex64 `(b, k)` and add noise at `snr_db`."""
        check_symbols(x)
        snr_db = check_snr(snr_db, x.shape[0])
        h = self._fades(x, generator)
        y = add_noise(h * x, snr_db, self.power, generator)
        return Received(y, h if self.csi == "perfect" else None, noise_variance_of(y, snr_db, self.power))

    def _fades(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        images, symbols = x.shape
        lengths = {"symbol": 1, "image": symbols}
        block = lengths[self.coherence] if isinstance(self.coherence, str) else min(self.coherence, symbols)
        fades = complex_normal((images, math.ceil(symbols / block)), x.device, generator)
        return fades if block == 1 else fades.repeat_interleave(block, dim=1)[:, :symbols]

    def extra_repr(self) -> str:
        """Show power, coherence and CSI."""
        return f"power={self.power}, coherence={self.coherence!r}, csi={self.csi!r}"
