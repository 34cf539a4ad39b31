"""Hop 2 of 6: features to what the channel carries."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.channel.snr import SNR
from semcomm.networks.stages import (
    Norm,
    SNRConditioning,
    Stage,
    Stages,
    check_downsampling,
    check_positive,
    convolution,
    stage_widths,
)
from semcomm.symbols import plane_size
from semcomm.whole import check_whole


@final
class EncoderModule(nn.Module):
    """Hop 2 of 6: an image-like feature to complex channels at 1/t of its size.

    log2(t) stride-2 m x m convolutions with growing widths, then one stride-1 to the output channels; PReLU after all
    but the last (arXiv 2202.04754, Fig. 3; the widths are chosen here).

    With `shortcut`, a linear transform of t x t blocks is added to what they make (chosen here): a learned transform
    code, of which the convolutions learn what is missing. Training begins where a linear code is.

    Args:
        in_channels: channels of the feature.
        complex_channels: complex channels c sent; channel 2j is the real, 2j+1 the imaginary part of channel j.
        downsampling: t, a power of two, at least 2.
        kernel_size: m, odd.
        width: channels after the first convolution.
        norm: "batch" (after every convolution, as in the paper) or "none".
        snr_adaptive: condition the channels on the SNR after every PReLU, and at the end where there is a shortcut.
        shortcut: add the linear transform.

    Shape:
        `(b, in_channels, h, w)`, h and w multiples of t, to `(b, 2c, h/t, w/t)`.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import torch
        >>> EncoderModule(3, 3, downsampling=8, kernel_size=3)(torch.rand(1, 3, 64, 96)).shape
        torch.Size([1, 6, 8, 12])
    """

    def __init__(
        self,
        in_channels: int,
        complex_channels: int,
        *,
        downsampling: int,
        kernel_size: int,
        width: int = 32,
        norm: Norm = "batch",
        snr_adaptive: bool = False,
        shortcut: bool = False,
    ):
        super().__init__()
        self.complex_channels = check_positive(complex_channels, "complex_channels")
        self.downsampling = self.strip_rows = check_downsampling(downsampling)
        kernel_size = check_whole(kernel_size, "kernel_size")
        stages = []
        channels = check_positive(in_channels, "in_channels")
        for next_channels in stage_widths(check_positive(width, "width"), downsampling):
            step = convolution(channels, next_channels, kernel_size, stride=2)
            stages.append(Stage(step, norm=norm, activation=nn.PReLU(next_channels), snr_adaptive=snr_adaptive))
            channels = next_channels
        stages.append(Stage(convolution(channels, 2 * complex_channels, kernel_size, stride=1), norm=norm))
        self.stages = Stages(stages)
        self.shortcut = nn.Conv2d(in_channels, 2 * complex_channels, downsampling, downsampling) if shortcut else None
        self.conditioning = SNRConditioning(2 * complex_channels) if shortcut and snr_adaptive else None

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Encode `(b, in_channels, h, w)` into `(b, 2c, h/t, w/t)`; `snr_db` matters where `snr_adaptive`."""
        encoded = self.stages(features, snr_db)
        if self.shortcut is not None:
            encoded = encoded + self.shortcut(features)
        return encoded if self.conditioning is None else self.conditioning(encoded, snr_db)


@final
class TextEncoder(nn.Module):
    """Hop 2 of 6: the caption's plane to one complex channel, c_1, by a fully connected layer.

    A dense layer on H W inputs has 134 M weights at 256 x 256; `rank` factorises it into two thin ones (chosen here;
    `rank=None` is the paper's dense layer). At another image size than the built one the result is resized bilinearly.

    Args:
        image_size: (H, W), the size of the caption's plane.
        downsampling: t, a power of two, at least 2.
        rank: inner size of the factorised layer, or None for a dense one.

    Shape:
        plane `(b, H W)`, to `(b, 2, rows, columns)`.

    Raises:
        ValueError: if `rank` is not positive.

    Example:
        >>> import torch
        >>> TextEncoder((64, 64), downsampling=8)(torch.rand(1, 64 * 64), (8, 12)).shape
        torch.Size([1, 2, 8, 12])
    """

    def __init__(self, image_size: tuple[int, int], *, downsampling: int, rank: int | None = 64):
        super().__init__()
        self.plane_size = plane_size(*image_size, downsampling)
        self.complex_channels = 1
        inputs = image_size[0] * image_size[1]
        outputs = 2 * self.plane_size[0] * self.plane_size[1]
        if rank is None:
            self.connect: nn.Module = nn.Linear(inputs, outputs)
        else:
            rank = check_positive(rank, "text_rank")
            self.connect = nn.Sequential(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs))

    def forward(self, plane: Tensor, size: tuple[int, int]) -> Tensor:
        """Encode the caption's plane `(b, H W)` into `(b, 2, *size)`."""
        features = self.connect(plane).unflatten(1, (2, *self.plane_size))
        if not torch.compiler.is_exporting() and tuple(size) == self.plane_size:  # a graph must do for any size
            return features
        return F.interpolate(features, size=size, mode="bilinear", align_corners=False)
