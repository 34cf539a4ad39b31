"""EfficientNet-Lite0, the trunk of the two lite extractors, and how images are brought to the size it works at."""

import math
from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.networks.stages import MAX_SIZE, check_positive
from semcomm.whole import check_whole

MAX_WORKING_AREA = 2**24

CHANNELS = (32, 16, 24, 40, 80, 112, 192, 320)
"""Channels of EfficientNet-Lite0's stem and of its seven stages."""

FEATURES = 1280
"""Channels of its head."""

STRIDE = 32
"""Pixels of an image per place of the coarsest map, along each side."""

_REPEATS = (1, 2, 2, 3, 3, 4, 1)
_KERNELS = (3, 3, 5, 3, 5, 5, 3)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)


def check_working_area(area: int) -> int:
    """Refuse a working area that is no number of pixels, or that no memory would hold."""
    return check_whole(area, "working_area", 1, MAX_WORKING_AREA, because="it is the pixels that the network sees")


def resize_to_area(images: Tensor, area: int, *, multiple: int = 1) -> Tensor:
    """Resize images to about `area` pixels each, keeping their aspect ratio.

    Args:
        images: RGB in [0, 1].
        area: the height times the width wanted, in pixels.
        multiple: both sides become the nearest multiples of it, at least one: the aspect ratio changes that much.

    Shape:
        `(b, 3, h, w)` to `(b, 3, h', w')` with `h' w'` close to `area`.

    Example:
        >>> import torch
        >>> resize_to_area(torch.zeros(1, 3, 480, 640), 240 * 320).shape
        torch.Size([1, 3, 240, 320])
    """
    height, width = images.shape[-2:]
    scale = math.sqrt(area / (height * width))
    size = tuple(multiple * max(1, round(side * scale / multiple)) for side in (height, width))
    if size == (height, width):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


@final
class SamePadding(nn.Module):
    """Pad for a convolution as TensorFlow's "same" does: the odd row and column go below and to the right.

    Args:
        kernel_size: side of the kernel.
        stride: stride of the convolution.

    Shape:
        `(b, c, h, w)` to a size of which the convolution makes `(ceil(h / stride), ceil(w / stride))`.
    """

    def __init__(self, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pad with zeros."""
        (top, bottom), (left, right) = (self._around(size) for size in x.shape[-2:])
        return F.pad(x, (left, right, top, bottom))

    def _around(self, size: int) -> tuple[int, int]:
        total = max(0, (-(-size // self.stride) - 1) * self.stride + self.kernel_size - size)
        return total // 2, total - total // 2


@final
class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; beside a shortcut where the shape stays (MobileNetV2, CVPR 2018).

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: side of the filters.
        stride: 1, or 2 to halve the size.
        expansion: how much wider the middle is.

    Shape:
        `(b, in_channels, h, w)` to `(b, out_channels, ceil(h / stride), ceil(w / stride))`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(in_channels, middle, 1), nn.ReLU6(inplace=True)]
        layers += _convolution(middle, middle, kernel_size, stride, groups=middle)
        self.layers = nn.Sequential(*layers, nn.ReLU6(inplace=True), nn.Conv2d(middle, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Filter, and add the shortcut."""
        return x + self.layers(x) if self.shortcut else self.layers(x)


class Maps(NamedTuple):
    """What the trunk sees in images `(b, 3, h, w)`, by stride."""

    fine: Tensor
    """`(b, channels[2], h / 4, w / 4)`."""
    middle: Tensor
    """`(b, channels[3], h / 8, w / 8)`."""
    coarse: Tensor
    """`(b, channels[5], h / 16, w / 16)`."""
    coarsest: Tensor
    """`(b, channels[7], h / 32, w / 32)`."""
    features: Tensor
    """`(b, features, h / 32, w / 32)`, in [0, 6]: their mean over all places tells ImageNet's classes."""


@final
class LiteTrunk(nn.Module):
    """EfficientNet-Lite0 without its classifier (Tan and Le, ICML 2019; the Lite variants have no squeeze-excitation).

    The batch normalisations are folded into the convolutions before them, so that nothing is normalised over a batch.

    Args:
        channels: channels of the stem and of the seven stages; other numbers than `CHANNELS` make a trunk that the
            published weights do not fit.
        features: channels of the head.

    Shape:
        images `(b, 3, h, w)` in [0, 1] to `Maps`, whose sizes are rounded up.

    Raises:
        ValueError: if `channels` is not eight positive numbers, or `features` is none.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, features: int = FEATURES) -> None:
        super().__init__()
        if len(channels) != 8:
            raise ValueError(f"channels must be eight integers from 1 to {MAX_SIZE}, got {tuple(channels)}")
        channels = tuple(check_positive(c, "channels") for c in channels)
        self.channels = channels
        self.features = check_positive(features, "features")
        self.stem = nn.Sequential(*_convolution(3, channels[0], 3, 2), nn.ReLU6(inplace=True))
        self.stages = nn.ModuleList()
        for stage in range(1, 8):
            self.stages.append(nn.Sequential(*build_stage(channels, stage, blocks=_REPEATS[stage - 1])))
        self.head = nn.Conv2d(channels[7], features, 1)

    def forward(self, images: Tensor) -> Maps:
        """Look at images."""
        x = self.stem((images.contiguous(memory_format=torch.channels_last) * 255 - 127) / 128)
        ends = []
        for stage in self.stages:
            x = stage(x)
            ends.append(x)
        return Maps(ends[1], ends[2], ends[4], x, F.relu6(self.head(x)))


def build_stage(channels: Sequence[int], stage: int, *, blocks: int) -> list[InvertedResidual]:
    """Build the first blocks of a stage of the trunk.

    Args:
        channels: channels of the stem and of the seven stages.
        stage: 1 to 7.
        blocks: how many.
    """
    return [
        InvertedResidual(
            channels[stage] if number else channels[stage - 1],
            channels[stage],
            kernel_size=_KERNELS[stage - 1],
            stride=1 if number else _STRIDES[stage - 1],
            expansion=_EXPANSIONS[stage - 1],
        )
        for number in range(blocks)
    ]


def _convolution(channels_in: int, channels_out: int, kernel_size: int, stride: int, groups: int = 1):
    if stride == 1:
        return [nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, groups=groups)]
    convolution = nn.Conv2d(channels_in, channels_out, kernel_size, stride, groups=groups)
    return [SamePadding(kernel_size, stride), convolution]
