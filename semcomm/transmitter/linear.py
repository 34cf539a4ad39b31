r"""Linear analog transmission of components of known variances: as many reals as two a channel use.

The encoder that makes the mean squared error least among linear ones (Lee and Petersen, "Optimal linear coding for
vector channels", 1976; as images over wireless: Jakubczak and Katabi, "SoftCast", 2011): component i of variance
$\lambda_i$ gets the power $p_i = \mu \sqrt{\lambda_i} - \sigma^2 / 2$, or none, with $\mu$ such that the powers add up.
"""

from dataclasses import dataclass
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
        power: of each of these, float64 `(m,)`.
        variance: that each of these is expected to have, float64 `(m,)`.
        channel_uses: complex symbols that they are spread over.
    """

    order: Tensor
    power: Tensor
    variance: Tensor
    channel_uses: int

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
        return turn // max(uses, 1) * uses + turn % max(uses, 1) * _stride(uses) % max(uses, 1)


def allocate(log_variances: Tensor, channel_uses: int, noise_variance: float) -> Allocation:
    """Share a power of one per channel use among components, by their variances alone.

    The powers follow from the histogram of the integer log-variances, in float64 with one fixed order of sums, on the
    CPU: both ends come to the same ones.

    Args:
        log_variances: integers, in eighths of an octave, `(n,)`, in an order that both ends know.
        channel_uses: complex symbols at hand; each carries two components.
        noise_variance: sigma^2 per complex symbol.
    """
    levels = log_variances.cpu().numpy().astype(np.int16)
    if channel_uses <= 0 or levels.size == 0:
        nothing = torch.zeros(0, dtype=torch.float64)
        return Allocation(torch.zeros(0, dtype=torch.int64), nothing, nothing, max(channel_uses, 0))
    lowest = int(levels.min())
    histogram = np.bincount(levels.astype(np.int64) - lowest)[::-1]
    group_variance = np.exp2((np.arange(len(histogram))[::-1] + lowest) / OCTAVE)
    sent = np.minimum(histogram, np.maximum(2 * channel_uses - (np.cumsum(histogram) - histogram), 0))
    root, floor = np.sqrt(group_variance), noise_variance / 2
    scale = (channel_uses + floor * np.cumsum(sent)) / np.maximum(np.cumsum(sent * root), 1e-300)
    powered = np.flatnonzero((scale * root > floor) & (sent > 0))
    last = int(powered[-1]) if len(powered) else 0
    power = np.maximum(scale[last] * root - floor, 0)[: last + 1]
    count = sent[: last + 1]
    order = np.argsort(-levels, kind="stable")[: int(count.sum())]
    return Allocation(
        torch.from_numpy(order.astype(np.int64)),
        torch.from_numpy(np.repeat(power, count)),
        torch.from_numpy(np.repeat(group_variance[: last + 1], count)),
        channel_uses,
    )


def _stride(uses: int) -> int:
    """Step through `uses` places so that each is met once and neighbours lie far apart."""
    stride = max(1, round(0.6180339887498949 * uses))
    while np.gcd(stride, max(uses, 1)) != 1:
        stride += 1
    return stride
