"""Hop 4 of 6: tapped delay lines: how strong the paths are, how they fade, and how alike fades are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, final

import torch
from torch import Tensor

from semcomm.channel.base import check_number, complex_normal, uniform
from semcomm.channel.flat_fading import Coherence, check_coherence
from semcomm.whole import check_whole

SINUSOIDS = 32
"""Directions from which a tap's waves arrive under Doppler; E|h|^4 is then 2 - 1/32 instead of 2."""


def exponential_profile(taps: int, decay: float) -> tuple[float, ...]:
    r"""Mean powers of taps one sample apart, $p_l \propto e^{-l / \mathrm{decay}}$, which sum to 1.

    Args:
        taps: how many.
        decay: samples after which the power has fallen to 1/e.

    Raises:
        ValueError: if `taps` is no integer of at least 1, or `decay` not positive.

    Example:
        >>> [round(p, 3) for p in exponential_profile(3, decay=1.0)]
        [0.665, 0.245, 0.09]
    """
    taps = check_whole(taps, "taps")
    check_number(decay, "decay", 1e-6, 1e12, " samples")
    powers = [math.exp(-tap / decay) for tap in range(taps)]
    return tuple(power / sum(powers) for power in powers)


@final
@dataclass(frozen=True)
class DelayLine:
    """Taps one sample apart that fade from OFDM symbol to OFDM symbol; within one they stay.

    Args:
        profile: mean powers of the taps; scaled to sum 1.
        coherence: how many OFDM symbols a fade lasts: "symbol", a number, or "image".
        doppler: f_D T, the largest Doppler shift times an OFDM symbol's duration. Fades are then correlated as
            J_0(2 pi f_D T n) over n OFDM symbols (Jakes), whatever the coherence; None leaves it to that.
        response: the taps themselves, complex, for a line that does not fade; scaled to energy 1.
    """

    profile: tuple[float, ...]
    coherence: Coherence = "image"
    doppler: float | None = None
    response: tuple[complex, ...] | None = None

    @property
    def still(self) -> bool:
        """Whether fades are constant in blocks."""
        return self.doppler is None

    def draw(self, images: int, steps: int, device: torch.device, generator: torch.Generator | None) -> Tensor:
        """Draw taps complex64 `(images, steps, taps)` of a line for each image."""
        if self.response is not None:
            return torch.tensor(self.response, dtype=torch.complex64, device=device).expand(images, steps, -1)
        amplitudes = torch.tensor(self.profile, dtype=torch.float32, device=device).sqrt()
        if self.doppler is not None:
            return amplitudes * jakes((images, len(self.profile)), steps, self.doppler, device, generator).mT
        length = (
            {"symbol": 1, "image": steps}[self.coherence]
            if isinstance(self.coherence, str)
            else min(self.coherence, steps)
        )
        fades = complex_normal((images, math.ceil(steps / length), len(self.profile)), device, generator)
        return amplitudes * fades.repeat_interleave(length, dim=1)[:, :steps]

    def frequency_covariance(self, subcarriers: int, device: torch.device) -> Tensor:
        """Covariance of the fades of subcarriers, complex128 `(f, f)`: the profile's Fourier transform."""
        powers = torch.tensor(self.profile, dtype=torch.float64, device=device)
        lags = torch.fft.fft(powers.to(torch.complex128), n=subcarriers)
        index = torch.arange(subcarriers, device=device)
        return lags[(index[:, None] - index) % subcarriers]

    def time_correlation(self, first: Tensor, second: Tensor) -> Tensor:
        """Correlation of a tap in two OFDM symbols by their indices, float64 of the shape they broadcast to."""
        if self.doppler is not None:
            return torch.special.bessel_j0(2 * math.pi * self.doppler * (first - second).double())
        if self.response is not None or self.coherence == "image":
            return torch.ones_like(first + second, dtype=torch.float64)
        length = 1 if self.coherence == "symbol" else self.coherence
        return (first // length == second // length).double()


def delay_line(
    profile: Sequence[float], coherence: Coherence, doppler: float | None, response: Sequence[complex] | None
) -> DelayLine:
    """Check and scale what a `DelayLine` is made of.

    Raises:
        ValueError: if an argument is out of its range, or two of them contradict each other.
    """
    coherence = check_coherence(coherence)
    if doppler is not None and (not isinstance(doppler, Real) or not 0 <= doppler < 0.5):
        raise ValueError(f"doppler must be f_D T from 0 to below 0.5, got {doppler!r}; give None for fading in blocks")
    if doppler is not None and coherence != "image":
        raise ValueError(f"coherence must be left out beside doppler={doppler}, got {coherence!r}; Doppler says it all")
    if response is not None and doppler is not None:
        raise ValueError(f"doppler must be None beside response, got {doppler}: given taps do not fade")
    fixed = None
    if response is not None:
        energy = sum(abs(tap) * abs(tap) for tap in _numbers(response, "response", complex))
        if not 0 < energy < math.inf:
            raise ValueError(f"response must hold finite complex taps, not all zero, got {list(response)}")
        fixed = tuple(complex(tap) / energy**0.5 for tap in response)
        profile = [abs(tap) ** 2 for tap in fixed]
    powers = _numbers(profile, "profile", float)
    total = sum(powers) if all(power >= 0 for power in powers) else math.nan
    if not 0 < total < math.inf:
        raise ValueError(f"profile must hold mean powers of at least 0, not all zero, got {list(profile)}")
    fastest = None if doppler is None else float(doppler)  # not NumPy's, which JSON cannot hold
    return DelayLine(tuple(power / total for power in powers), coherence, fastest, fixed)


def _numbers(taps: Any, name: str, kind: Callable[[Any], Any]) -> list[Any]:
    try:
        return [kind(tap) for tap in taps]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold numbers, one a tap, got {taps!r}") from error


def jakes(
    shape: tuple[int, ...], steps: int, doppler: float, device: torch.device, generator: torch.Generator | None
) -> Tensor:
    r"""Draw fades that waves from all directions make, complex64 `(*shape, steps)` of mean power 1.

    $h(n) = N^{-1/2} \sum_i e^{j (2 \pi f_D T n \cos \alpha_i + \phi_i)}$, $\alpha_i = (2 \pi i + \theta) / N$, with
    $\theta$ and $\phi_i$ even over the circle: the autocorrelation is $J_0(2 \pi f_D T n)$ (Xiao, Zheng, Beaulieu,
    Novel sum-of-sinusoids simulation models for Rayleigh and Rician fading channels, 2006).
    """
    turn = 2 * math.pi
    index = torch.arange(SINUSOIDS, device=device)
    angles = turn * (index + uniform((*shape, 1), device, generator)) / SINUSOIDS
    phases = turn * uniform((*shape, SINUSOIDS), device, generator)
    time = torch.arange(steps, device=device, dtype=torch.float64)
    fades = torch.zeros((*shape, steps), dtype=torch.complex64, device=device)
    for i in range(SINUSOIDS):  # one direction at a time keeps memory at that of the result
        turns = doppler * time * angles[..., i : i + 1].cos().double()
        wave = turn * (turns - turns.round()).float() + phases[..., i : i + 1]
        fades += torch.polar(torch.ones_like(wave), wave)
    return fades / SINUSOIDS**0.5
