"""A moving average of a network's weights."""

from typing import final

import torch
from torch import Tensor, nn


def learned(network: nn.Module) -> dict[str, Tensor]:
    """What a network learns, by name: its weights that require gradients, and its buffers of real numbers."""
    weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    return weights | {name: value for name, value in network.named_buffers() if value.is_floating_point()}


@final
class MovingAverage:
    r"""The moving average of what a network learns: its trained weights, and its buffers of real numbers.

    $\bar w \leftarrow \bar w + r_n (w - \bar w)$ with $r_n = \max(r, 9 / (10 + n))$ after step n = 0, 1, ...: it looks
    back over a tenth of the steps done, and over 1/r steps in the end, so that the weights before training are soon
    forgotten.

    Args:
        network: what is averaged; it keeps its own weights until `exchange`.
        rate: r, such as 0.001.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(layer.weight, 1.0)
        >>> average = MovingAverage(layer, rate=0.001)
        >>> _ = nn.init.constant_(layer.weight, 2.0)
        >>> average.update(0)
        >>> average.exchange()
        >>> round(layer.weight.item(), 3)
        1.9
    """

    def __init__(self, network: nn.Module, rate: float):
        self.rate = rate
        self.learned = learned(network)
        self.average = {name: value.detach().clone() for name, value in self.learned.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after step number `step`, counted from 0, into the average."""
        weight = max(self.rate, 9 / (10 + step))
        for name, value in self.learned.items():
            self.average[name].lerp_(value, weight)

    def exchange(self) -> None:
        """Put the average into the network and keep the network's own weights here; a second call undoes the first."""
        for name, value in self.learned.items():
            value.data, self.average[name] = self.average[name], value.data

    def state_dict(self) -> dict[str, Tensor]:
        """The average, by the names of the weights."""
        return dict(self.average)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state_dict`."""
        for name, value in self.average.items():
            value.copy_(state[name])
