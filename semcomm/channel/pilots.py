"""Hop 4 of 6: pilots, and what a receiver makes of them."""

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from semcomm.whole import check_whole

Estimator = Literal["ls", "lmmse"]
Pattern = Literal["comb", "block"]


@final
@dataclass(frozen=True)
class Pilots:
    """Known symbols of the transmit power among the others, from which the receiver estimates the fades.

    Args:
        spacing: one of so many positions is a pilot.
        estimator: "ls" divides by the pilots (least squares); "lmmse" weighs with the statistics of fades and noise.
        pattern: where pilots are in an OFDM grid. "comb": every `spacing`-th subcarrier of all OFDM symbols; "block":
            all subcarriers of every `spacing`-th OFDM symbol. Flat fading has no grid and leaves it unused.

    Raises:
        ValueError: if `spacing` is no integer of at least 2, or a name is none of the above.

    Example:
        >>> Pilots(8).count(20)
        3
    """

    spacing: int
    estimator: Estimator = "ls"
    pattern: Pattern = "comb"

    def __post_init__(self) -> None:
        """Check the arguments."""
        spacing = check_whole(self.spacing, "spacing", 2, because="there must not be more pilots than symbols")
        object.__setattr__(self, "spacing", spacing)
        if self.estimator not in ("ls", "lmmse"):
            raise ValueError(f'estimator must be "ls" or "lmmse", got {self.estimator!r}')
        if self.pattern not in ("comb", "block"):
            raise ValueError(f'pattern must be "comb" or "block", got {self.pattern!r}')

    def count(self, positions: int) -> int:
        """Pilots among so many positions; the first is one."""
        return math.ceil(positions / self.spacing)

    def count_beside(self, symbols: int) -> int:
        """Pilots that go with so many other symbols."""
        return math.ceil(symbols / (self.spacing - 1))


def wiener(pilot_covariance: Tensor, cross_covariance: Tensor, noise: Tensor) -> Tensor:
    r"""Return the weights of the linear estimate of least mean squared error, $R_{hp} (R_{pp} + \epsilon I)^{-1}$.

    Args:
        pilot_covariance: the covariance of the fades at the pilots, `(p, p)`.
        cross_covariance: that of the fades wanted with those at the pilots, `(n, p)`.
        noise: $\epsilon$, variance of the noise in the pilots' fades, `(b,)`.

    Shape:
        float64 or complex128 `(b, n, p)`.
    """
    eye = torch.eye(len(pilot_covariance), dtype=pilot_covariance.dtype, device=pilot_covariance.device)
    # a covariance of few taps is singular: without noise, a tiny one keeps the equations solvable
    loaded = pilot_covariance + noise.clamp(min=1e-9).reshape(-1, 1, 1) * eye
    return torch.linalg.solve(loaded, cross_covariance.mH).mH


def linear_interpolation(positions: int, pilots: Tensor) -> Tensor:
    """Weights `(positions, p)` that join the pilots by straight lines, and hold the first and last beyond them."""
    x = torch.arange(positions, dtype=torch.float64, device=pilots.device)
    if len(pilots) == 1:
        return torch.ones(positions, 1, dtype=torch.float64, device=pilots.device)
    right = torch.searchsorted(pilots.double(), x, right=True).clamp(1, len(pilots) - 1)
    share = ((x - pilots[right - 1]) / (pilots[right] - pilots[right - 1])).clamp(0, 1)
    weights = torch.zeros(positions, len(pilots), dtype=torch.float64, device=pilots.device)
    rows = torch.arange(positions, device=pilots.device)
    weights[rows, right - 1] = 1 - share
    weights[rows, right] += share
    return weights
