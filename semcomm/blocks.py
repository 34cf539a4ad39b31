"""The convolution stages that hops 2, 5 and 6 are made of."""

from typing import Literal, final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR, snr_column

Norm = Literal["batch", "none"]


@final
class SNRAttention(nn.Module):
    r"""Rescale feature channels by what the SNR makes them worth: the attention-feature module of ADJSCC.

    Each channel is multiplied by $2 \sigma(W_2 \mathrm{ReLU}(W_1 [\bar f; \mathrm{SNR}/10]))$, with $\bar f$ the
    channels' means over the image (Xu et al., "Wireless Image Transmission Using Deep Source Channel Coding With
    Attention Modules", 2021, Section III). Chosen here: the factor 2, and $W_2$ starting at zero, so that training
    starts from the identity.

    Args:
        channels: feature channels C.

    Shape:
        features `(b, C, h, w)`, snr_db a number or `(b,)`, to `(b, C, h, w)`.

    Raises:
        ValueError: if `snr_db` is None.
    """

    def __init__(self, channels: int):
        super().__init__()
        hidden = max(channels // 4, 8)
        last = nn.Linear(hidden, channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.weigh = nn.Sequential(nn.Linear(channels + 1, hidden), nn.ReLU(), last, nn.Sigmoid())

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Weigh the channels of `(b, C, h, w)` for `snr_db`."""
        if snr_db is None:
            raise ValueError("snr_db is None, but this system adapts to the SNR (snr_adaptive=True): give it one")
        means = features.mean((2, 3))
        context = torch.cat([means, snr_column(snr_db, features).to(means.dtype) / 10], dim=1)
        return features * (2 * self.weigh(context))[:, :, None, None]


@final
class Stage(nn.Module):
    """One convolution, then normalisation, then an activation and the SNR attention where there are any.

    Args:
        convolution: the convolution, plain or transposed.
        norm: "batch" for batch normalisation, "none" for none.
        activation: what follows, if anything.
        snr_adaptive: whether an `SNRAttention` ends the stage.
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
        self.attention = SNRAttention(channels) if snr_adaptive else None

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Transform `(b, C, h, w)` into `(b, C', h', w')`."""
        features = self.activation(self.norm(self.convolution(features)))
        return features if self.attention is None else self.attention(features, snr_db)


@final
class Stages(nn.Module):
    """Stages one after another, all told the same SNR."""

    def __init__(self, stages: list[Stage]):
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Run all stages in order."""
        for stage in self.stages:
            features = stage(features, snr_db)
        return features


def stage_widths(width: int, downsampling: int) -> list[int]:
    """Channels after each of the log2(t) stride-2 convolutions: `width`, twice that, four times, and no further.

    Example:
        >>> stage_widths(32, downsampling=16)
        [32, 64, 128, 128]
    """
    return [width * min(2**depth, 4) for depth in range(check_downsampling(downsampling).bit_length() - 1)]


def check_downsampling(downsampling: int, name: str = "downsampling") -> int:
    """Return `downsampling` if it is a power of two and at least 2; a ValueError says so if not."""
    if not isinstance(downsampling, int) or downsampling < 2 or downsampling & (downsampling - 1):
        raise ValueError(f"{name} must be a power of two, at least 2, got {downsampling!r}")
    return downsampling


def check_positive(value: int, name: str) -> int:
    """Return `value` if it is an integer and at least 1; a ValueError naming it says so if not."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer, at least 1, got {value!r}")
    return value


def convolution(in_channels: int, out_channels: int, kernel_size: int, *, stride: int) -> nn.Conv2d:
    """Build an m x m convolution that divides height and width by `stride`, m odd."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=_half(kernel_size))


def transposed_convolution(in_channels: int, out_channels: int, kernel_size: int, *, stride: int) -> nn.ConvTranspose2d:
    """Build an m x m transposed convolution that multiplies height and width by `stride`, m odd."""
    return nn.ConvTranspose2d(
        in_channels, out_channels, kernel_size, stride, padding=_half(kernel_size), output_padding=stride - 1
    )


def _half(kernel_size: int) -> int:
    if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive, got {kernel_size!r}")
    return kernel_size // 2
