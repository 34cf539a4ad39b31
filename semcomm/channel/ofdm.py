"""Hop 4 of 6: OFDM over a multipath channel."""

import math
from collections.abc import Sequence
from typing import cast, final

import torch
from torch import Tensor

from semcomm.channel.awgn import add_noise
from semcomm.channel.base import Fading, check_symbols
from semcomm.channel.flat_fading import CSI, Coherence, check_csi
from semcomm.channel.grid_estimation import GridEstimator
from semcomm.channel.multipath import DelayLine, delay_line, exponential_profile
from semcomm.channel.pilots import Pilots
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Channel, Received
from semcomm.whole import check_whole

PROFILE = exponential_profile(8, decay=3.0)


@final
class OFDMChannel(Channel):
    r"""Hop 4 of 6: symbols on subcarriers, through a tapped delay line in time.

    Symbols fill OFDM symbols of `fft_size` subcarriers. Each goes through an inverse FFT and gets its cyclic prefix;
    the samples meet the delay line and noise of variance sigma^2 per sample. The prefix covers the delay line, so that
    every subcarrier sees a flat fade of its own, $y_f = H_f x_f + w_f$, $H$ the Fourier transform of the taps (Tse and
    Viswanath, Fundamentals of Wireless Communication, Section 3.4.4). E|H|^2 = 1. Prefixes, pilots and the empty rest
    of the last OFDM symbol spend channel uses; all are counted by `channel_uses`.

    Args:
        power: the transmit power constraint P, of pilots too.
        fft_size: subcarriers.
        cyclic_prefix: samples repeated before each OFDM symbol.
        profile: mean powers of taps one sample apart, such as of `exponential_profile`; scaled to sum 1.
        response: complex taps that do not fade, instead of a profile; scaled to energy 1.
        coherence: OFDM symbols that a fade lasts: "symbol", a number, or "image".
        doppler: f_D T, largest Doppler shift times duration of an OFDM symbol: fades correlated as Jakes has it,
            instead of in blocks. Fades stay for the length of an OFDM symbol.
        csi: "perfect", "none", or `Pilots`. The noise that is told with `Pilots` holds the estimate's mean error, too.

    Shape:
        x complex64 `(b, k)` to `Received` with symbols y, csi H and noise_variance; see `RayleighChannel`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if an argument is out of range, the prefix is shorter than the delay line, or
            there are more pilots than symbols.

    Example:
        >>> channel = OFDMChannel(fft_size=64, cyclic_prefix=16, csi=Pilots(8))
        >>> channel.channel_uses(1000)  # 18 OFDM symbols of 56 symbols and 8 pilots, 80 samples each
        1440
    """

    fading: Fading = "fast"

    def __init__(
        self,
        power: float = 1.0,
        *,
        fft_size: int = 64,
        cyclic_prefix: int = 16,
        profile: Sequence[float] = PROFILE,
        response: Sequence[complex] | None = None,
        coherence: Coherence = "image",
        doppler: float | None = None,
        csi: CSI = "perfect",
    ):
        super().__init__(power)
        self.fft_size = check_whole(fft_size, "fft_size", 2)
        self.cyclic_prefix = check_whole(cyclic_prefix, "cyclic_prefix", 0)
        line = delay_line(profile, coherence, doppler, response)
        self.profile, self.doppler, self.response = line.profile, line.doppler, line.response
        self.coherence: Coherence = line.coherence
        taps = len(self.profile)
        if taps > cyclic_prefix + 1:
            raise ValueError(
                f"cyclic_prefix must be at least {taps - 1} samples for a delay line of {taps} taps, got "
                f"{cyclic_prefix}; a shorter one lets OFDM symbols run into each other"
            )
        if max(taps - 1, cyclic_prefix) > fft_size:
            raise ValueError(f"fft_size must be at least the cyclic prefix, {cyclic_prefix} samples, got {fft_size}")
        self.csi: CSI = check_csi(csi)
        if isinstance(csi, Pilots) and csi.pattern == "comb" and csi.spacing > fft_size:
            raise ValueError(f"spacing of comb pilots must be at most fft_size, {fft_size}, got {csi.spacing}")

    @property
    def line(self) -> DelayLine:
        """The delay line, of the attributes of now."""
        return DelayLine(self.profile, self.coherence, self.doppler, self.response)

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Send complex64 `(b, k)` through OFDM symbols at `snr_db`."""
        check_symbols(x)
        snr_db = check_snr(snr_db, x.shape[0])
        carries_data = self._carries_data(x.shape[1], x.device)
        grid = self._fill(x, carries_data)
        taps = self.line.draw(len(x), len(carries_data), x.device, generator)
        arrived = self._through_time(grid, taps, snr_db, generator)
        noise = noise_variance_of(x, snr_db, self.power)
        y = _data(arrived, carries_data, x)
        if self.csi == "none":
            return Received(y, None, noise)
        if self.csi == "perfect":
            return Received(y, _data(torch.fft.fft(taps, n=self.fft_size), carries_data, x), noise)
        estimator = GridEstimator(cast(Pilots, self.csi), self.line, len(carries_data), self.fft_size, x.device)
        at = (estimator.steps[:, None], estimator.subcarriers)
        observed = arrived[:, at[0], at[1]] / self._pilot_grid(carries_data)[at]
        estimate, error = estimator(observed.detach(), (noise / self.power).flatten())
        told = noise + self.power * _data(error.expand(len(x), -1, -1), carries_data, x)
        return Received(y, _data(estimate, carries_data, x), told)

    def channel_uses(self, k: int) -> int:
        """Samples of all OFDM symbols that `k` symbols need: prefixes, pilots and padding included."""
        return len(self._carries_data(k, torch.device("cpu"))) * (self.fft_size + self.cyclic_prefix)

    def _carries_data(self, k: int, device: torch.device) -> Tensor:
        """Which places of the grid hold data, bool `(T, F)`; the others hold pilots."""
        pilots = self.csi if isinstance(self.csi, Pilots) else None
        if pilots is None:
            return torch.ones(math.ceil(k / self.fft_size), self.fft_size, dtype=torch.bool, device=device)
        if pilots.pattern == "comb":
            row = torch.arange(self.fft_size, device=device) % pilots.spacing != 0
            return row.expand(math.ceil(k / int(row.sum())), -1)
        data = math.ceil(k / self.fft_size)
        steps = torch.arange(data + pilots.count_beside(data), device=device)
        return (steps % pilots.spacing != 0)[:, None].expand(-1, self.fft_size)

    def _pilot_grid(self, carries_data: Tensor) -> Tensor:
        """Pilots of power P everywhere, complex64 `(T, F)`: chirps, whose peaks in time are low."""
        index = torch.arange(carries_data.shape[1], device=carries_data.device)
        phases = math.pi * (index * index % (2 * self.fft_size)) / self.fft_size
        return (torch.polar(torch.ones_like(phases), phases) * self.power**0.5).expand(carries_data.shape)

    def _fill(self, x: Tensor, carries_data: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (0, int(carries_data.sum()) - x.shape[1]))
        grid = self._pilot_grid(carries_data).expand(len(x), -1, -1).clone()
        grid[:, carries_data] = padded
        return grid

    def _through_time(self, grid: Tensor, taps: Tensor, snr_db: SNR, generator: torch.Generator | None) -> Tensor:
        """Grid `(b, T, F)` to the grid received, by way of samples."""
        samples = torch.fft.ifft(grid, norm="ortho")
        sent = torch.cat([samples[..., self.fft_size - self.cyclic_prefix :], samples], dim=-1)
        stream = sent.flatten(1)
        heard = torch.zeros_like(sent)
        for delay in range(taps.shape[-1]):
            late = torch.nn.functional.pad(stream, (delay, 0))[:, : stream.shape[1]].reshape(sent.shape)
            heard = heard + taps[..., delay, None] * late
        noisy = add_noise(heard.flatten(1), snr_db, self.power, generator).reshape(sent.shape)
        return torch.fft.fft(noisy[..., self.cyclic_prefix :], norm="ortho")

    def extra_repr(self) -> str:
        """Show power, grid, fading and CSI."""
        fading = f"doppler={self.doppler}" if self.doppler is not None else f"coherence={self.coherence!r}"
        return (
            f"power={self.power}, fft_size={self.fft_size}, cyclic_prefix={self.cyclic_prefix}, "
            f"taps={len(self.profile)}, {fading}, csi={self.csi!r}"
        )


def _data(grid: Tensor, carries_data: Tensor, x: Tensor) -> Tensor:
    """The places of a grid `(b, T, F)` where the symbols x were."""
    return grid[:, carries_data][:, : x.shape[1]]
