r"""Linear analog transmission of components of known variances: as many reals as two a channel use.

The encoder that makes the mean squared error least among linear ones (Lee and Petersen, "Optimal linear coding for
vector channels", 1976; for video: Jakubczak and Katabi, "A cross-layer design for scalable mobile video", 2011):
component i of variance $\lambda_i$ gets the power $p_i = \mu \sqrt{\lambda_i} - \sigma^2 / 2$, or none, with $\mu$ such
that the powers add up.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.transmitter.textures import OCTAVE


@final
@dataclass(frozen=True)
class Allocation:
    """Which components are sent, where, and with what power.

    Args:
        order: the components that are sent, strongest first, int64 `(m,)`.
        power: what each of these gets, float64 `(m,)`.
        variance: that each of these is expected to have, float64 `(m,)`.
        channel_uses: complex symbols that they are spread over.
    """

    order: Tensor
    power: Tensor
    variance: Tensor
    channel_uses: int

    def scaled(self, details: Tensor) -> Tensor:
        """Choose and scale details: `(blocks, Q)` to `(m,)`, float64."""
        return details.flatten()[self.order].double() * (self.power / self.variance).sqrt()

    def estimate(self, received: Tensor, noise_variance: Tensor, gain: float | Tensor) -> Tensor:
        """Turn what arrived of the details `(m,)`, without bias, into their least-squares estimate `(m,)`.

        Args:
            received: details times their amplitudes and the gain, plus noise.
            noise_variance: per complex symbol, `(m,)` or `()`.
            gain: what the sender multiplied with.
        """
        share = self.power / (self.power + noise_variance / 2)
        return share * received / (gain * (self.power / self.variance).sqrt())

    def spread(self, values: Tensor, shape: tuple[int, int]) -> Tensor:
        """Put estimates `(m,)` back where they belong: float32 `(blocks, Q)`, zero elsewhere."""
        return torch.zeros(shape).flatten().index_copy(0, self.order, values.float()).reshape(shape)

    def place(self, values: Tensor) -> Tensor:
        """Put real values `(m,)` on complex64 symbols `(channel_uses,)`, neighbours in `order` far from one another."""
        parts = torch.zeros(2, self.channel_uses, dtype=values.dtype)
        parts.view(-1)[self._places()] = values
        return torch.complex(parts[0].float(), parts[1].float())

    def pick(self, symbols: Tensor) -> Tensor:
        """Take the real values `(m,)` back from symbols `(channel_uses,)`, or real numbers that belong to symbols."""
        parts = torch.stack([symbols.real, symbols.imag]) if symbols.is_complex() else symbols.expand(2, -1)
        return parts.flatten()[self._places()]

    def _places(self) -> Tensor:
        uses = self.channel_uses
        turn = torch.arange(len(self.order))
        return turn // max(uses, 1) * uses + turn % max(uses, 1) * coprime_stride(uses) % max(uses, 1)


def allocate(log_variances: Tensor, channel_uses: int, noise_variance: float) -> Allocation:
    """Share a power of one per channel use among components, by their variances alone.

    The powers follow from the histogram of the integer log-variances, in float64 with one fixed order of sums, on the
    CPU: both ends come to the same ones.

    Args:
        log_variances: integers, in eighths of an octave, of any shape, in an order that both ends know.
        channel_uses: complex symbols at hand; each carries two components.
        noise_variance: sigma^2 per complex symbol.
    """
    levels = log_variances.flatten().cpu().numpy().astype(np.int16)
    if channel_uses <= 0 or levels.size == 0:
        nothing = torch.zeros(0, dtype=torch.float64)
        return Allocation(torch.zeros(0, dtype=torch.int64), nothing, nothing, max(channel_uses, 0))
    lowest = int(levels.min())
    histogram = np.bincount(levels.astype(np.int64) - lowest)[::-1]
    group_variance = np.exp2((np.arange(len(histogram))[::-1] + lowest) / OCTAVE)
    sent, power = _shares(histogram, group_variance, channel_uses, noise_variance)
    count = sent[power > 0]
    order = np.argsort(-levels, kind="stable")[: int(count.sum())]
    return Allocation(
        torch.from_numpy(order.astype(np.int64)),
        torch.from_numpy(np.repeat(power[power > 0], count)),
        torch.from_numpy(np.repeat(group_variance[power > 0], count)),
        channel_uses,
    )


def error_of_sent(log_variances: Tensor, channel_uses: int, noise_variance: float) -> float | None:
    """Say with what mean squared error the components that are sent arrive, each on average; None where none is.

    Args:
        log_variances: what both ends expect, int64.
        channel_uses: complex symbols at hand.
        noise_variance: sigma^2 per complex symbol.
    """
    sent = allocate(log_variances, channel_uses, noise_variance)
    if not len(sent.order):
        return None
    noise = noise_variance / 2
    return float((sent.variance * noise / (sent.power + noise)).mean())


def _shares(
    counts: np.ndarray, variance: np.ndarray, channel_uses: int, noise_variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Say of groups, strongest first, how many of each are sent and with what power each."""
    sent = np.minimum(counts, np.maximum(2 * channel_uses - (np.cumsum(counts) - counts), 0))
    root, floor = np.sqrt(variance), noise_variance / 2
    scale = (channel_uses + floor * np.cumsum(sent)) / np.maximum(np.cumsum(sent * root), 1e-300)
    powered = np.flatnonzero((scale * root > floor) & (sent > 0))
    last = int(powered[-1]) if len(powered) else 0
    power = np.where(np.arange(len(counts)) <= last, np.maximum(scale[last] * root - floor, 0), 0)
    return np.where(power > 0, sent, 0), np.where(sent > 0, power, 0)


@lru_cache(maxsize=4096)
def coprime_stride(uses: int) -> int:
    """Step through `uses` places so that each is met once and neighbours lie far apart."""
    stride = max(1, round(0.6180339887498949 * uses))
    while np.gcd(stride, max(uses, 1)) != 1:
        stride += 1
    return stride


def expected_error(
    log_variances: Tensor,
    details: Tensor,
    channel_uses: int,
    noise_variance: float,
    *,
    weights: Tensor | None = None,
) -> float:
    """Say what squared error sending details would leave, with their own gain, from histograms alone.

    Args:
        log_variances: what both ends expect, int64 `(blocks, Q)`.
        details: what there is, `(blocks, Q)`.
        channel_uses: complex symbols at hand.
        noise_variance: sigma^2 per complex symbol.
        weights: how much the error of each block counts, `(blocks, 1)`; None is 1.
    """
    levels = log_variances.flatten().numpy()
    energies = details.flatten().double().square().numpy()
    lowest = int(levels.min())
    counts = np.bincount(levels - lowest)[::-1]
    energy = np.bincount(levels - lowest, weights=energies)[::-1]
    weighed, weight = energy, counts.astype(np.float64)
    if weights is not None:
        each = weights.double().expand(log_variances.shape).flatten().numpy()
        weighed = np.bincount(levels - lowest, weights=energies * each)[::-1]
        weight = np.bincount(levels - lowest, weights=each)[::-1]
    if channel_uses <= 0:
        return float(weighed.sum())
    variance = np.exp2((np.arange(len(counts))[::-1] + lowest) / OCTAVE)
    sent, power = _shares(counts, variance, channel_uses, noise_variance)
    share = sent / np.maximum(counts, 1)
    spent = float((power / variance * energy * share).sum())
    if spent <= 0:
        return float(weighed.sum())
    noise = noise_variance / 2
    kept = noise / (power + noise)
    inverse_gain = spent / channel_uses
    # the error of what is sent: shrunk by noise / (power + noise), and the noise that comes with the rest
    arrived = weighed * share * kept**2
    heard = sent * (weight / np.maximum(counts, 1))
    noisy = heard * np.where(power > 0, (power / (power + noise)) ** 2 * variance / np.maximum(power, 1e-300), 0.0)
    return float((arrived + weighed * (1 - share)).sum() + (noisy * noise * inverse_gain).sum())
