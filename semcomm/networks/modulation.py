"""Features scaled for what sender and receiver are told: the SNR or the rate."""

from typing import final

from torch import Tensor, nn

from semcomm.channel.snr import SNR, snr_column

DEPTH = 7


@final
class SpatialModulation(nn.Module):
    r"""Gates for every feature, from the features and a number that is told (Yang et al., "WITT", ICASSP 2023).

    Seven dense layers on the features, each multiplied by a gate that a small network of its own makes of the number;
    an eighth layer and a sigmoid make the gates. No gradient flows into the features from here.

    Args:
        channels: features per token d.

    Shape:
        tokens `(b, rows, columns, d)` and a number or `(b,)`, to gates `(b, rows, columns, d)` in (0, 1).
    """

    def __init__(self, channels: int):
        super().__init__()
        hidden = channels * 3 // 2
        widths = [channels, *DEPTH * [hidden]]
        self.layers = nn.ModuleList(nn.Linear(inputs, hidden) for inputs in widths[:DEPTH])
        self.gates = nn.ModuleList(
            nn.Sequential(
                nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
            ).append(nn.Sigmoid())
            for _ in range(DEPTH)
        )
        self.last = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor, told: SNR) -> Tensor:
        """Make the gates for `tokens`, given the number `told`."""
        column = snr_column(told, tokens).to(tokens.dtype)
        hidden = tokens.detach()
        for layer, gate in zip(self.layers, self.gates, strict=True):
            hidden = layer(hidden) * gate(column)[:, None, None]
        return self.last(hidden).sigmoid()
