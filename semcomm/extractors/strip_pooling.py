"""SPNet's building blocks: strip pooling, which sees a whole row and a whole column at once (Hou et al., CVPR 2020)."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(
    channels_in: int, channels_out: int, *, kernel_size: int | tuple[int, int], stride: int = 1
) -> nn.Sequential:
    """Chain a convolution that keeps the size (but for its stride) and a batch normalisation.

    Args:
        channels_in: Channels in.
        channels_out: Channels out.
        kernel_size: Side, or height and width, of the kernel, odd.
        stride: Stride of the convolution.

    Shape:
        `(b, channels_in, h, w)` to `(b, channels_out, h / stride, w / stride)`.
    """
    rows, columns = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    conv = nn.Conv2d(
        channels_in, channels_out, (rows, columns), stride=stride, padding=(rows // 2, columns // 2), bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def conv_norm_relu(channels_in: int, channels_out: int, *, kernel_size: int = 3, stride: int = 1) -> nn.Sequential:
    """Chain what `conv_norm` does and a ReLU.

    Args:
        channels_in: Channels in.
        channels_out: Channels out.
        kernel_size: Side of the kernel, odd.
        stride: Stride of the convolution.

    Shape:
        `(b, channels_in, h, w)` to `(b, channels_out, h / stride, w / stride)`.
    """
    return nn.Sequential(*conv_norm(channels_in, channels_out, kernel_size=kernel_size, stride=stride), nn.ReLU())


def upsample(features: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly with the corners aligned, as SPNet was trained.

    Args:
        features: Maps of any resolution.
        size: The height and width wanted.

    Shape:
        `(b, c, i, j)` to `(b, c, *size)`.
    """
    return F.interpolate(features, tuple(size), mode="bilinear", align_corners=True)


@final
class StripGate(nn.Module):
    """Weigh every position by what its whole row and its whole column hold.

    `sigmoid(conv(relu(rows + columns)))`: the strip pooling module of Hou et al., CVPR 2020, section 3.1.

    Args:
        channels: Channels in and out.

    Shape:
        `(b, channels, h, w)` to the same, in (0, 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Compute the weights: `(b, channels, h, w)` to the same."""
        rows = self.bn1(self.conv1(features.mean(dim=3, keepdim=True)))
        columns = self.bn2(self.conv2(features.mean(dim=2, keepdim=True)))
        return self.conv3(F.relu(rows + columns)).sigmoid()


@final
class MixedPooling(nn.Module):
    """Gather context near (grids of 20 x 20 and 12 x 12) and far (whole rows and columns), and add it to the features.

    The mixed pooling module of Hou et al., CVPR 2020, section 3.2.

    Args:
        channels: Channels in and out.

    Shape:
        `(b, channels, h, w)` to the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 4
        self.conv1_1 = conv_norm_relu(channels, inner, kernel_size=1)
        self.conv1_2 = conv_norm_relu(channels, inner, kernel_size=1)
        self.conv2_0 = conv_norm(inner, inner, kernel_size=3)
        self.conv2_1 = conv_norm(inner, inner, kernel_size=3)
        self.conv2_2 = conv_norm(inner, inner, kernel_size=3)
        self.conv2_3 = conv_norm(inner, inner, kernel_size=(1, 3))
        self.conv2_4 = conv_norm(inner, inner, kernel_size=(3, 1))
        self.conv2_5 = conv_norm_relu(inner, inner)
        self.conv2_6 = conv_norm_relu(inner, inner)
        self.conv3 = conv_norm(2 * inner, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Add the context: `(b, channels, h, w)` to the same."""
        size = features.shape[2:]
        near, far = self.conv1_1(features), self.conv1_2(features)
        coarse = upsample(self.conv2_1(F.adaptive_avg_pool2d(near, 20)), size)
        coarser = upsample(self.conv2_2(F.adaptive_avg_pool2d(near, 12)), size)
        near = self.conv2_5(F.relu(self.conv2_0(near) + coarse + coarser))
        columns = self.conv2_3(far.mean(dim=2, keepdim=True))
        rows = self.conv2_4(far.mean(dim=3, keepdim=True))
        far = self.conv2_6(F.relu(rows + columns))
        return F.relu(features + self.conv3(torch.cat([near, far], dim=1)))
