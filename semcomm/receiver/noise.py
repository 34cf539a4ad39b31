"""Hop 5 of 6: how reliable each symbol is, told to a decoder of convolutions."""

from typing import final

import torch
from einops import rearrange
from torch import Tensor, nn

from semcomm.contracts import Received
from semcomm.networks.stages import Stage, Stages, convolution
from semcomm.whole import check_whole

HIGHEST_SNR = 1e4
"""A symbol of a higher SNR counts as one of 40 dB."""
HIDDEN = 48
LOG_VARIANCES = -8.0, 4.0


def log_residual_noise(received: Received) -> Tensor:
    r"""Return the log of the squared error that is left in each symbol, float32 `(b, k)`.

    $-\ln(1 + |h|^2 / \sigma^2)$: symbols of unit power and least mean squared error have the error
    $1 / (1 + \mathrm{SNR})$ (Tse and Viswanath, Fundamentals of Wireless Communication, Section 8.3.3). An equaliser
    changes neither. From 0, where nothing of a symbol is left, down to -9.2, for 40 dB.

    Args:
        received: symbols complex64 `(b, k)`, equalised or not.

    Raises:
        ValueError: if the noise is unknown.

    Example:
        >>> symbols, h = torch.zeros(1, 2, dtype=torch.complex64), torch.tensor([[0j, 3.0]])
        >>> log_residual_noise(Received(symbols, h, torch.tensor(1.0)))
        tensor([[-0.0000, -2.3026]])
    """
    if received.noise_variance is None:
        raise ValueError(
            "received.noise_variance is None, but this system's decoder is told the noise of each symbol "
            "(csi_to_decoder=True): give snr_db, or Received with noise_variance"
        )
    gain = 1.0 if received.csi is None else received.csi.abs().square()
    tiny = torch.finfo(torch.float32).tiny
    snr = (gain / received.noise_variance.clamp(min=tiny)).clamp(max=HIGHEST_SNR)
    return -torch.log1p(snr).expand(received.symbols.shape)


@final
class NoiseCorrection(nn.Module):
    r"""Hop 5 of 6: correct each symbol by its neighbours, as much as its noise and theirs make it worth.

    $f \leftarrow (v f + e p) / (v (1 - e) + e)$, with e the error that is left in a symbol, see `log_residual_noise`:
    of an equalised symbol f this makes the estimate of least mean squared error that would be right, if the symbol had
    mean p and variance v (Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, Chapter 11). Two 5 x 5
    convolutions of f and a plane of ln e for every complex channel, laid out as the symbols are, say what p and ln v
    are. The next round sees what the round before made of f, too, and says better what they are, since the neighbours
    are cleaner. Every round's last convolution starts at zero, that is at p = 0 and v = 1, where f stays: training
    starts from the decoder without.

    Args:
        complex_channels: c, complex channels received.
        rounds: how often p and v are guessed.

    Shape:
        features `(b, 2c, rows, columns)` and `Received` of complex64 `(b, c * rows * columns)`, to the features'.

    Raises:
        ValueError: if `rounds` is no integer of at least 1.
    """

    def __init__(self, complex_channels: int, *, rounds: int = 2):
        super().__init__()
        rounds = check_whole(rounds, "rounds")
        self.rounds = nn.ModuleList(_guess(complex_channels, first=number == 0) for number in range(rounds))

    def forward(self, features: Tensor, received: Received) -> Tensor:
        """Correct `(b, 2c, rows, columns)`."""
        rows, columns = features.shape[2:]
        noise = rearrange(log_residual_noise(received), "b (c h w) -> b c h w", h=rows, w=columns)
        error = noise.exp().repeat_interleave(2, dim=1)
        corrected, seen = features, [features, noise]
        for guess in self.rounds:
            told = torch.cat(seen, dim=1).contiguous(memory_format=torch.channels_last)
            mean, log_variance = guess(told, None).float().chunk(2, dim=1)
            variance = log_variance.clamp(*LOG_VARIANCES).exp()
            corrected = (variance * features + error * mean) / (1 + (variance - 1) * (1 - error))
            seen = [features, noise, corrected]
        return corrected


def _guess(complex_channels: int, *, first: bool) -> Stages:
    look = convolution((3 if first else 5) * complex_channels, HIDDEN, 5, stride=1)
    last = convolution(HIDDEN, 4 * complex_channels, 5, stride=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return Stages([Stage(look, norm="none", activation=nn.PReLU(HIDDEN)), Stage(last, norm="none")])
