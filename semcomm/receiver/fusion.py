"""Hop 6 of 6: the levels' features to one image."""

from typing import final

from torch import Tensor, nn

from semcomm.blocks import Norm, Stage, Stages, check_positive, stage_widths, transposed_convolution
from semcomm.channel.snr import SNR


@final
class FeatureFusion(nn.Module):
    """Hop 6 of 6: all levels' features v at 2/t of the image's size to the image.

    Transposed m x m convolutions: one stride-1, log2(t) - 1 stride-2 with shrinking widths, one stride-1 to RGB; PReLU
    after all but the last, which ends in a sigmoid (arXiv 2202.04754, Section II-C; the widths are chosen here).

    Args:
        in_channels: channels of v; 3(l + 1) in the paper.
        downsampling: t, a power of two, at least 2.
        kernel_size: m, odd.
        width: channels before the last convolution.
        norm: "batch" (after every convolution but the last) or "none".
        snr_adaptive: weigh the channels for the SNR after every PReLU.

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
    ):
        super().__init__()
        widths = stage_widths(check_positive(width, "width"), downsampling)[::-1]
        channels = check_positive(in_channels, "in_channels")
        stages = []
        for next_channels, stride in zip(widths, [1] + [2] * (len(widths) - 1), strict=True):
            step = transposed_convolution(channels, next_channels, kernel_size, stride=stride)
            stages.append(Stage(step, norm=norm, activation=nn.PReLU(next_channels), snr_adaptive=snr_adaptive))
            channels = next_channels
        paint = transposed_convolution(channels, 3, kernel_size, stride=1)
        stages.append(Stage(paint, norm="none", activation=nn.Sigmoid()))
        self.stages = Stages(stages)

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Fuse `(b, in_channels, 2h/t, 2w/t)` into images `(b, 3, h, w)` in [0, 1]."""
        return self.stages(features, snr_db)
