"""The small convolutional trunk shared by the two lite extractors."""

import math
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.networks.stages import MAX_SIZE

MAX_WORKING_AREA = 2**24


def check_working_area(area: int) -> int:
    """Refuse a working area that is no number of pixels, or that no memory would hold."""
    if not isinstance(area, int) or not 1 <= area <= MAX_WORKING_AREA:
        raise ValueError(f"working_area must be a whole number of pixels from 1 to {MAX_WORKING_AREA:,}, got {area!r}")
    return area


def resize_to_area(images: Tensor, area: int) -> Tensor:
    """Resize images to about `area` pixels each, keeping their aspect ratio.

    The network then sees objects at the scale it was trained on, and its cost does not depend on the image's size.

    Args:
        images: RGB in [0, 1].
        area: the height times the width wanted, in pixels.

    Shape:
        `(b, 3, h, w)` to `(b, 3, h', w')` with `h' w'` close to `area`.

    Example:
        >>> import torch
        >>> resize_to_area(torch.zeros(1, 3, 480, 640), 240 * 320).shape
        torch.Size([1, 3, 240, 320])
    """
    height, width = images.shape[-2:]
    scale = math.sqrt(area / (height * width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    if size == (height, width):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def conv_block(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1):
    """Convolution, batch normalisation and ReLU; stride 1 keeps the size."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


@final
class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al., CVPR 2016), pooled on the shortcut where the stride is 2.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        stride: 1, or 2 to halve the size.
        dilation: spacing of the kernels' taps.

    Shape:
        `(b, in_channels, h, w)` to `(b, out_channels, ceil(h / stride), ceil(w / stride))`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = conv_block(in_channels, out_channels, 3, stride=stride, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(out_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut.append(nn.AvgPool2d(2, ceil_mode=True))
        if stride == 2 or in_channels != out_channels:
            self.shortcut.append(nn.Conv2d(in_channels, out_channels, 1, bias=False))
            self.shortcut.append(nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions found to the shortcut."""
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


@final
class LiteTrunk(nn.Module):
    """Small residual network with feature maps at strides 4, 8 and 16; the last is dilated rather than strided on.

    Plain 3 x 3 convolutions instead of MobileNetV3's depthwise ones: more arithmetic per weight, and the weights still
    fit in a few megabytes.

    Args:
        widths: channels of the stem and of the maps at strides 4, 8 and 16.

    Shape:
        `(b, 3, h, w)` to `(b, widths[i], h / s, w / s)` for the strides `s` of 4, 8 and 16, rounded up.

    Raises:
        ValueError: if `widths` is not four positive numbers.
    """

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        if len(widths) != 4 or not all(isinstance(width, int) and 1 <= width <= MAX_SIZE for width in widths):
            raise ValueError(f"widths must be four integers from 1 to {MAX_SIZE}, got {widths}")
        stem, fine, middle, coarse = widths
        self.widths = (stem, fine, middle, coarse)
        self.stem = conv_block(3, stem, 3, stride=2)
        self.fine = ResidualBlock(stem, fine, stride=2)
        self.middle = nn.Sequential(ResidualBlock(fine, middle, stride=2), ResidualBlock(middle, middle))
        self.coarse = nn.Sequential(
            ResidualBlock(middle, coarse, stride=2),
            ResidualBlock(coarse, coarse, dilation=2),
            ResidualBlock(coarse, coarse, dilation=4),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Describe the images at three scales, finest first; the images are centred on zero here."""
        fine = self.fine(self.stem(images * 4 - 2))
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)
