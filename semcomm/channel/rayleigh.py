"""Hop 4 of 6: flat Rayleigh fading."""

import math
from typing import Literal, final

import torch
from torch import Tensor

from semcomm.channel.base import Channel, check_symbols, complex_normal
from semcomm.channel.snr import SNR, check_snr, noise_variance

Equalizer = Literal["none", "zf", "mmse"]


@final
class RayleighChannel(Channel):
    r"""Hop 4 of 6: flat Rayleigh fading with noise, $y = h x + w$, $h \sim \mathcal{CN}(0, 1)$, E|h|^2 = 1.

    The SNR is the mean one, P / sigma^2: the fade does not change sigma^2. With an equaliser the receiver knows h
    perfectly (perfect CSI): zero-forcing returns $y / h$, MMSE returns $h^* y / (|h|^2 + \sigma^2 / P)$ (Tse and
    Viswanath, Fundamentals of Wireless Communication, Section 8.3.3).

    Args:
        power: the transmit power constraint P.
        coherence: how long a fade lasts: "symbol" (fast fading), a block of n symbols, or "image" (slow fading).
        equalizer: "none" (y as it arrives), "zf" or "mmse", both with perfect CSI.

    Shape:
        x complex64 `(b, k)` to y complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if `coherence` or `equalizer` is not one of the above.

    Example:
        >>> channel = RayleighChannel(coherence=2, equalizer="none")
        >>> x = torch.ones(1, 4, dtype=torch.complex64)
        >>> y, h = channel.forward_with_csi(x, math.inf, generator=torch.Generator().manual_seed(0))
        >>> bool(h[0, 0] == h[0, 1] and h[0, 1] != h[0, 2] and (y == h).all())
        True
    """

    def __init__(self, power: float = 1.0, *, coherence: Literal["symbol", "image"] | int, equalizer: Equalizer):
        super().__init__(power)
        block = isinstance(coherence, int) and not isinstance(coherence, bool) and coherence >= 1
        if not block and coherence not in ("symbol", "image"):
            raise ValueError(f'coherence must be "symbol", "image" or a block length >= 1, got {coherence!r}')
        if equalizer not in ("none", "zf", "mmse"):
            raise ValueError(f'equalizer must be "none", "zf" or "mmse", got {equalizer!r}')
        self.coherence = coherence
        self.equalizer = equalizer

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Tensor:
        """Fade complex64 `(b, k)`, add noise at `snr_db`, equalise."""
        return self.forward_with_csi(x, snr_db, generator=generator)[0]

    def forward_with_csi(
        self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Send as `forward` does and return the fades too: `(y, h)`, both complex64 `(b, k)`."""
        check_symbols(x)
        snr_db = check_snr(snr_db, x.shape[0])
        h = self._fades(x, generator)
        gain, noise = h, complex_normal(tuple(x.shape), x.device, generator).mul_(self._sigma(snr_db, h.device))
        if self.equalizer != "none":
            # of fade and noise rather than of y, so that gradients go through one multiplication and not two
            weights = self._weights(h, snr_db)
            gain, noise = weights * h, noise.mul_(weights)
        return torch.addcmul(noise, gain, x), h

    def _fades(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        images, symbols = x.shape
        lengths = {"symbol": 1, "image": symbols}
        block = lengths[self.coherence] if isinstance(self.coherence, str) else min(self.coherence, symbols)
        fades = complex_normal((images, math.ceil(symbols / block)), x.device, generator)
        return fades if block == 1 else fades.repeat_interleave(block, dim=1)[:, :symbols]

    def _weights(self, h: Tensor, snr_db: SNR) -> Tensor:
        """What the equaliser multiplies y by. In place and complex throughout, which is fastest."""
        if self.equalizer == "zf":
            return h.reciprocal()
        noise_to_signal = _column(noise_variance(snr_db, 1.0), h.device)
        conjugate = h.conj_physical()
        return (h * conjugate).add_(noise_to_signal).reciprocal_().mul_(conjugate)

    def _sigma(self, snr_db: SNR, device: torch.device) -> SNR:
        return _column(noise_variance(snr_db, self.power) ** 0.5, device)

    def extra_repr(self) -> str:
        """Show power, coherence and equaliser."""
        return f"power={self.power}, coherence={self.coherence!r}, equalizer={self.equalizer!r}"


def _column(values: SNR, device: torch.device) -> SNR:
    """Beside symbols `(b, k)`: a number as it is, `(b,)` as `(b, 1)`."""
    return values.to(device).reshape(-1, 1) if isinstance(values, Tensor) else values
