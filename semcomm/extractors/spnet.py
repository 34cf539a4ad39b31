"""SPNet, the paper's segmenter: a dilated ResNet with strip pooling, and the loader of its published checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.ade20k_classes import ADE20K_CLASSES, ADE20K_PALETTE
from semcomm.extractors.inference import check_images, in_dtype_of, normalize, one_by_one
from semcomm.extractors.palettes import palette_tensor
from semcomm.extractors.strip_pooling import MixedPooling, StripGate, conv_norm_relu, upsample
from semcomm.files.tensors import count_blocks, load_checked, read_state_dict
from semcomm.networks.frozen import frozen

_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


@final
class Bottleneck(nn.Module):
    """A ResNet bottleneck whose middle may be dilated and gated by strip pooling.

    Args:
        channels_in: Channels in.
        width: Channels of the middle; four times as many come out.
        stride: Stride of the middle convolution.
        dilation: Dilation of the middle convolution.
        gated: Whether a `StripGate` weighs the middle.

    Shape:
        `(b, channels_in, h, w)` to `(b, 4 width, h / stride, w / stride)`.
    """

    def __init__(
        self, channels_in: int, width: int, *, stride: int = 1, dilation: int = 1, gated: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or channels_in != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, 4 * width, 1, stride=stride, bias=False), nn.BatchNorm2d(4 * width)
            )
        self.spm = StripGate(width) if gated else None

    def forward(self, features: Tensor) -> Tensor:
        """Add the block's refinement to its input."""
        middle = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(features))))))
        if self.spm is not None:
            middle = middle * self.spm(middle)
        refined = self.bn3(self.conv3(middle))
        kept = features if self.downsample is None else self.downsample(features)
        return F.relu(refined + kept)


@final
class DilatedResNet(nn.Module):
    """SPNet's trunk: a deep-stem ResNet at 1/8 of the resolution, strip pooling in the places the paper chose.

    The last two stages trade their strides for dilations, 2 and then 4, 8, 16 (multi-grid). Strip pooling sits in the
    last bottleneck of each stage and in every bottleneck of the last one.

    Args:
        blocks: Bottlenecks per stage.

    Shape:
        `(b, 3, h, w)` to `(b, 2048, h/8, w/8)`.
    """

    def __init__(self, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            *conv_norm_relu(3, 64, stride=2), *conv_norm_relu(64, 64), nn.Conv2d(64, 128, 3, padding=1, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(128)
        first, second, third, fourth = blocks
        self.layer1 = _stage(128, 64, dilations=[1] * first)
        self.layer2 = _stage(256, 128, stride=2, dilations=[1] * second)
        self.layer3 = _stage(512, 256, dilations=[1] + [2] * (third - 1))
        self.layer4 = _stage(1024, 512, dilations=[4 * 2**i for i in range(fourth)], all_gated=True)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of the last stage."""
        features = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(features))))


@final
class StripPoolingHead(nn.Module):
    """Turn the trunk's last features into class scores, through two `MixedPooling` modules.

    Args:
        channels: Channels in.
        classes: Classes to tell apart.

    Shape:
        `(b, channels, i, j)` to `(b, classes, i, j)`.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        inner = channels // 2
        self.trans_layer = conv_norm_relu(channels, inner, kernel_size=1)
        self.strip_pool1 = MixedPooling(inner)
        self.strip_pool2 = MixedPooling(inner)
        self.score_layer = nn.Sequential(
            *conv_norm_relu(inner, inner // 2), nn.Dropout2d(0.1), nn.Conv2d(inner // 2, classes, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Score the classes: `(b, channels, i, j)` to `(b, classes, i, j)`."""
        return self.score_layer(self.strip_pool2(self.strip_pool1(self.trans_layer(features))))


@final
class SPNet(nn.Module):
    """Label every pixel with a network of rows and columns: a `Segmenter` for hop 1 of 6.

    Hou, Zhang, Cheng, Feng, "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR 2020.

    Args:
        trunk: Images to features.
        head: Features to class scores.
        class_names: One name per class, in label order.
        palette: One RGB colour, 0 to 255, per class.

    Shape:
        Network-ready images (ImageNet's mean and standard deviation) `(b, 3, h, w)`, any size, to logits
        `(b, classes, h, w)`.

    Raises:
        ValueError: If `palette` has not three values, 0 to 255, for each of `class_names`.
    """

    palette: Tensor

    def __init__(
        self,
        trunk: nn.Module,
        head: nn.Module,
        *,
        class_names: Sequence[str] = ADE20K_CLASSES,
        palette: Sequence[Sequence[int]] = ADE20K_PALETTE,
    ) -> None:
        super().__init__()
        self.pretrained = trunk
        self.head = head
        self.class_names = tuple(class_names)
        self.register_buffer("palette", palette_tensor(palette, self.class_names), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes: network-ready `(b, 3, h, w)` to logits `(b, classes, h, w)`."""
        return upsample(self.head(self.pretrained(x)), x.shape[2:])

    def segment(self, images: Tensor) -> Tensor:
        """Label the pixels: images `(b, 3, h, w)` in [0, 1], any size, to int64 label maps `(b, h, w)`.

        Raises:
            TypeError: If `images` is not a floating-point tensor.
            ValueError: If its shape is another.
        """
        check_images(images)
        with frozen(self):
            return one_by_one(lambda image: self(normalize(image)).argmax(dim=1), in_dtype_of(self, images))


def build_spnet(
    depth: int = 50,
    *,
    class_names: Sequence[str] = ADE20K_CLASSES,
    palette: Sequence[Sequence[int]] = ADE20K_PALETTE,
) -> SPNet:
    """Build an SPNet with random weights.

    Args:
        depth: Layers of its ResNet, 50 or 101.
        class_names: One name per class, in label order.
        palette: One RGB colour, 0 to 255, per class.

    Raises:
        ValueError: If `depth` is neither, or `palette` does not match `class_names`.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     network = build_spnet(50).eval()
        ...     network(torch.zeros(1, 3, 97, 129)).shape
        torch.Size([1, 150, 97, 129])
    """
    if depth not in _BLOCKS:
        raise ValueError(f"depth is {depth!r}, required: 50 or 101")
    classes = len(class_names)
    return SPNet(
        DilatedResNet(_BLOCKS[depth]),
        StripPoolingHead(2048, classes),
        class_names=class_names,
        palette=palette,
    )


def load_spnet(
    path: str | Path,
    *,
    class_names: Sequence[str] = ADE20K_CLASSES,
    palette: Sequence[Sequence[int]] = ADE20K_PALETTE,
) -> SPNet:
    """Load a published SPNet checkpoint; its depth, 50 or 101, is read from it.

    Its auxiliary head, `auxlayer`, served the training alone and is left out.

    Args:
        path: A safetensors file, or a PyTorch one that holds tensors only.
        class_names: One name per class of the checkpoint, in label order; ADE20K's by default.
        palette: One RGB colour, 0 to 255, per class.

    Returns:
        The network, on the CPU, in eval mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file needs unpickling, is damaged, is of another network, or has another number of classes.
    """
    state = {name: value for name, value in read_state_dict(path).items() if not name.startswith("auxlayer.")}
    blocks = count_blocks(state, ("pretrained.layer1", "pretrained.layer2", "pretrained.layer3", "pretrained.layer4"))
    depth = next((depth for depth, counts in _BLOCKS.items() if counts == blocks), 50)
    scores = state.get("head.score_layer.4.weight")
    if scores is not None and scores.dim() and len(scores) != len(class_names):
        raise ValueError(
            f"checkpoint '{path}' has {len(scores)} classes, class_names has {len(class_names)}: required is one name "
            "(and one colour of the palette) for each of its classes"
        )
    network = build_spnet(depth, class_names=class_names, palette=palette)
    load_checked(network, state, source=path)
    return network.eval()


def _stage(
    channels_in: int, width: int, *, dilations: Sequence[int], stride: int = 1, all_gated: bool = False
) -> nn.Sequential:
    last = len(dilations) - 1
    return nn.Sequential(
        *(
            Bottleneck(
                channels_in if i == 0 else 4 * width,
                width,
                stride=stride if i == 0 else 1,
                dilation=dilation,
                gated=all_gated or i == last,
            )
            for i, dilation in enumerate(dilations)
        )
    )
