"""Hop 6 of 6: the levels' features to one image."""

from typing import final

from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.networks.stages import (
    Norm,
    Stage,
    Stages,
    check_downsampling,
    check_positive,
    convolution,
    stage_widths,
    transposed_convolution,
)
from semcomm.whole import check_whole


@final
class FeatureFusion(nn.Module):
    """Hop 6 of 6: all levels' features v at 2/t of the image's size to the image.

    Transposed m x m convolutions: one stride-1, then stride-2 ones with shrinking widths up to half the image's size,
    PReLU after each, and a sub-pixel convolution to RGB with a sigmoid (arXiv 2202.04754, Section II-C; the widths are
    chosen here). The last is a transposed convolution with a 2m x 2m kernel, computed at half the image's size (Shi et
    al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network",
    2016).

    With `shortcut`, a linear map of each position of v to its t/2 x t/2 pixels is added before the sigmoid, as in the
    encoders.

    Args:
        in_channels: channels of v; 3(l + 1) in the paper.
        downsampling: t, a power of two, at least 2.
        kernel_size: m, odd.
        width: channels after an encoder's first convolution; the fusion mirrors it.
        norm: "batch" (after every convolution but the last) or "none".
        snr_adaptive: condition the channels on the SNR after every PReLU.
        shortcut: add the linear map.

    Shape:
        `(b, in_channels, 2h/t, 2w/t)` to `(b, 3, h, w)` in [0, 1].

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import torch
        >>> FeatureFusion(9, downsampling=8)(torch.rand(1, 9, 16, 24)).shape
        torch.Size([1, 3, 64, 96])
    """

    def __init__(
        self,
        in_channels: int,
        *,
        downsampling: int,
        kernel_size: int = 3,
        width: int = 32,
        norm: Norm = "batch",
        snr_adaptive: bool = False,
        shortcut: bool = False,
    ):
        super().__init__()
        downsampling, kernel_size = check_downsampling(downsampling), check_whole(kernel_size, "kernel_size")
        widths = stage_widths(check_positive(width, "width"), downsampling)[::-1]
        if len(widths) > 1:
            widths.pop()  # the last doubling is the sub-pixel convolution's
        enlarge = 1 if downsampling == 2 else 2
        channels = check_positive(in_channels, "in_channels")
        stages = []
        for next_channels, stride in zip(widths, [1] + [2] * (len(widths) - 1), strict=True):
            step = transposed_convolution(channels, next_channels, kernel_size, stride=stride)
            stages.append(Stage(step, norm=norm, activation=nn.PReLU(next_channels), snr_adaptive=snr_adaptive))
            channels = next_channels
        stages.append(Stage(convolution(channels, 3 * enlarge**2, kernel_size, stride=1), norm="none"))
        self.stages = Stages(stages)
        self.enlarge = nn.PixelShuffle(enlarge)
        block = downsampling // 2
        self.shortcut = nn.ConvTranspose2d(in_channels, 3, block, block) if shortcut else None

    strip_rows = 1

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Fuse `(b, in_channels, 2h/t, 2w/t)` into images `(b, 3, h, w)` in [0, 1]."""
        painted = self.enlarge(self.stages(features, snr_db))
        if self.shortcut is not None:
            painted = painted + self.shortcut(features)
        return painted.sigmoid()
