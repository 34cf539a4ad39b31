"""Hop 4 of 6: the fades of a whole OFDM grid, estimated from its pilots."""

from typing import final

import torch
from torch import Tensor

from semcomm.channel.multipath import DelayLine
from semcomm.channel.pilots import Pilots, linear_interpolation, wiener

NEIGHBOURS = 8
"""OFDM symbols with pilots, the nearest ones, that LMMSE weighs for the fades of one."""


@final
class GridEstimator:
    r"""Estimate fades `(T, F)` of T OFDM symbols and F subcarriers, first over frequency, then over time.

    $\hat H = W_t (Y_p / X_p) W_f^T$. Least squares takes the pilots as they are and joins them by straight lines (fades
    in blocks are held in time); LMMSE weighs them by the covariances of the delay line, which the receiver knows. The
    error of every fade has a closed form in these covariances.

    Args:
        pilots: where pilots are and how to use them.
        line: the delay line, for its statistics.
        steps: OFDM symbols T.
        subcarriers: subcarriers F.
        device: where to compute.
    """

    def __init__(self, pilots: Pilots, line: DelayLine, steps: int, subcarriers: int, device: torch.device):
        comb = pilots.pattern == "comb"
        self.least_squares, self.line = pilots.estimator == "ls", line
        self.apart = 1 if comb else pilots.spacing
        self.steps = torch.arange(0, steps, self.apart, device=device)
        self.subcarriers = torch.arange(0, subcarriers, pilots.spacing if comb else 1, device=device)
        self.over_frequency = line.frequency_covariance(subcarriers, device)
        hold = self.least_squares and (line.still or comb)
        self.used = self._nearest(steps, min(len(self.steps), 1 if hold else 2 if self.least_squares else NEIGHBOURS))

    def __call__(self, observed: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate.

        Args:
            observed: least-squares fades at the pilots, complex64 `(b, T_p, F_p)`.
            noise: variance of the noise in them, `(b,)`, or `(1,)` for all alike.

        Returns:
            Fades complex64 `(b, T, F)`, and the variances of their errors, float32 `(b, T, F)` or
            `(1, T, F)`.
        """
        noise = noise.double()
        wf = self._over_frequency(noise)
        rf, fp = self.over_frequency, self.subcarriers
        crossed, within = _diagonal(wf, rf[:, fp]).real, _within(wf, rf[fp][:, fp])
        gained = wf.abs().square().sum(-1) * noise[:, None]
        wt, near, cross = self._over_time(crossed.mean(-1), within.mean(-1), gained.mean(-1))
        smooth = observed.to(torch.complex128) @ wf.mT
        estimate = sum(wt[:, :, one, None] * smooth[:, self.used[:, one]] for one in range(self.used.shape[1]))
        over_time = [(wt * cross).sum(-1), torch.einsum("btm,tmn,btn->bt", wt, near, wt), wt.square().sum(-1)]
        crossed, within, gained = (
            time[:, :, None] * frequency[:, None]
            for time, frequency in zip(over_time, (crossed, within, gained), strict=True)
        )
        error = (1 - 2 * crossed + within + gained).clamp(min=0)
        return torch.as_tensor(estimate).to(torch.complex64), error.float()

    def _nearest(self, steps: int, count: int) -> Tensor:
        """Which OFDM symbols with pilots serve each one, `(T, count)`."""
        index = torch.arange(steps, device=self.steps.device)
        first = (index // self.apart - (count - 1) // 2).clamp(0, len(self.steps) - count)
        return first[:, None] + torch.arange(count, device=self.steps.device)

    def _over_frequency(self, noise: Tensor) -> Tensor:
        """Weights complex128 `(b, F, F_p)`."""
        rf, fp = self.over_frequency, self.subcarriers
        if self.least_squares:
            return linear_interpolation(len(rf), fp).to(rf.dtype).expand(len(noise), -1, -1)
        return wiener(rf[fp][:, fp], rf[:, fp], noise)

    def _over_time(self, crossed: Tensor, within: Tensor, gained: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights float64 `(b, T, m)`; correlations `(T, m, m)` of the fades used, and `(T, m)` with the wanted one.

        Of what is smooth over frequency already: `(b,)` each, its covariance with the fades, and the shares of its
        power that come from fades and from noise.
        """
        index = torch.arange(len(self.used), device=self.used.device)
        at = self.steps[self.used]
        near = self.line.time_correlation(at[:, :, None], at[:, None])
        cross = self.line.time_correlation(index[:, None], at)
        if not self.least_squares:
            noise = gained.clamp(min=1e-9)[:, None, None, None] * torch.eye(at.shape[1], device=at.device)
            loaded = within[:, None, None, None] * near + noise
            return torch.linalg.solve(loaded, crossed[:, None, None] * cross), near, cross
        if at.shape[1] == 1:
            weights = torch.ones_like(cross)
        else:
            right = ((index - at[:, 0]) / self.apart).clamp(0, 1).double()
            weights = torch.stack([1 - right, right], dim=1)
        return weights.expand(len(crossed), -1, -1), near, cross


def _diagonal(weights: Tensor, cross: Tensor) -> Tensor:
    """Diagonal of W R^H: `(b, n, p)` and `(n, p)` to `(b, n)`."""
    return (weights * cross.conj()).sum(-1)


def _within(weights: Tensor, covariance: Tensor) -> Tensor:
    """Diagonal of W R W^H: `(b, n, p)` and `(p, p)` to real `(b, n)`."""
    return ((weights @ covariance) * weights.conj()).sum(-1).real
