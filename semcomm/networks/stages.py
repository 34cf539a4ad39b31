"""The convolution stages that hops 2, 5 and 6 are made of."""

import math
from typing import Literal, final

from torch import Tensor, nn

from semcomm.channel.snr import SNR, snr_column
from semcomm.whole import check_whole, whole

Norm = Literal["batch", "none"]
TOLD_SNRS_DB = -5.0, 20.0
"""The lowest and the highest SNR that systems for all SNRs tell apart."""
MAX_SIZE = 2**16
"""Most channels of any layer: a guard against mistyped numbers and damaged configurations."""


@final
class SNRConditioning(nn.Module):
    r"""Scale and shift feature channels for the SNR.

    $f \mapsto (1 + \gamma) f + \beta$ with $[\gamma; \beta] = W_2 \tanh(W_1 (\mathrm{SNR}/10 - 1) + b_1) + b_2$ per
    channel: feature-wise linear modulation (Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer",
    2018) on the SNR in dB. $W_2$ and $b_2$ start at zero, so that training starts from the identity. SNRs below -5 dB
    and above 20 dB count as these: a network goes astray on scales that it was never trained with, and above 20 dB
    the noise has less than a hundredth of the power, so that there is hardly anything left to adapt to.

    Args:
        channels: feature channels C.

    Shape:
        features `(b, C, h, w)`, snr_db a number or `(b,)`, to `(b, C, h, w)`.

    Raises:
        ValueError: if `snr_db` is None.
    """

    def __init__(self, channels: int):
        super().__init__()
        last = nn.Linear(16, 2 * channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.condition = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), last)

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Scale and shift the channels of `(b, C, h, w)` for `snr_db`."""
        snr = snr_column(check_told(snr_db), features).to(features.dtype).clamp(*TOLD_SNRS_DB)
        scale, shift = self.condition(snr / 10 - 1)[:, :, None, None].chunk(2, dim=1)
        return features * (1 + scale) + shift


@final
class Stage(nn.Module):
    """One convolution, then normalisation, then an activation and SNR conditioning where there are any.

    Args:
        convolution: the convolution, plain or transposed.
        norm: "batch" for batch normalisation, "none" for none.
        activation: what follows, if anything.
        snr_adaptive: whether an `SNRConditioning` ends the stage.
    """

    def __init__(
        self,
        convolution: nn.Conv2d | nn.ConvTranspose2d,
        *,
        norm: Norm,
        activation: nn.Module | None = None,
        snr_adaptive: bool = False,
    ):
        super().__init__()
        if norm not in ("batch", "none"):
            raise ValueError(f'norm must be "batch" or "none", got {norm!r}')
        channels = convolution.out_channels
        self.convolution = convolution
        self.norm = nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()
        self.activation = nn.Identity() if activation is None else activation
        self.conditioning = SNRConditioning(channels) if snr_adaptive else None

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Transform `(b, C, h, w)` into `(b, C', h', w')`."""
        features = self.activation(self.norm(self.convolution(features)))
        return features if self.conditioning is None else self.conditioning(features, snr_db)


@final
class Stages(nn.Module):
    """Stages one after another, all told the same SNR."""

    def __init__(self, stages: list[Stage]):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.strip_rows = math.prod(_shrinks(stage.convolution) for stage in stages)

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Run all stages in order."""
        for stage in self.stages:
            features = stage(features, snr_db)
        return features


def _shrinks(convolution: nn.Module) -> int:
    return convolution.stride[0] if isinstance(convolution, nn.Conv2d) else 1


def stage_widths(width: int, downsampling: int) -> list[int]:
    """Channels after each of the log2(t) stride-2 convolutions: `width`, twice that, four times, and no further.

    Example:
        >>> stage_widths(32, downsampling=16)
        [32, 64, 128, 128]
    """
    return [width * min(2**depth, 4) for depth in range(check_downsampling(downsampling).bit_length() - 1)]


def check_told(snr_db: SNR | None) -> SNR:
    """Return `snr_db` if a system that adapts to the SNR is told one; a ValueError says so if not."""
    if snr_db is None:
        raise ValueError("snr_db is None, but this system adapts to the SNR (snr_adaptive=True): give it one")
    return snr_db


def check_downsampling(downsampling: int, name: str = "downsampling") -> int:
    """Return `downsampling` if it is a power of two and at least 2; a ValueError says so if not."""
    if not hasattr(downsampling, "__index__") or downsampling < 2 or downsampling & (downsampling - 1):
        raise ValueError(f"{name} must be a power of two, at least 2, got {downsampling!r}")
    return int(downsampling)


def check_positive(value: int, name: str) -> int:
    """Return `value` if it is an integer from 1 to what memory may hold; a ValueError naming it says so if not."""
    return check_whole(value, name, 1, MAX_SIZE)


def convolution(in_channels: int, out_channels: int, kernel_size: int, *, stride: int) -> nn.Conv2d:
    """Build an m x m convolution that divides height and width by `stride`, m odd."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=_half(kernel_size))


def transposed_convolution(
    in_channels: int, out_channels: int, kernel_size: int, *, stride: int
) -> nn.Conv2d | nn.ConvTranspose2d:
    """Build an m x m transposed convolution that multiplies height and width by `stride`, m odd.

    With stride 1 that is a convolution, and built as one: torch takes several times as long for a transposed one.
    """
    if stride == 1:
        return convolution(in_channels, out_channels, kernel_size, stride=1)
    return nn.ConvTranspose2d(
        in_channels, out_channels, kernel_size, stride, padding=_half(kernel_size), output_padding=stride - 1
    )


def _half(kernel_size: int) -> int:
    size = whole(kernel_size)
    if size is None or size < 1 or size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive, got {kernel_size!r}")
    return size // 2
