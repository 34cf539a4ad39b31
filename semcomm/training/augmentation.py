"""Random crops, flips and colours for the lite extractors' training images, each from a generator."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.data.classes import IGNORED


def random_crop(
    image: Tensor,
    size: tuple[int, int],
    *,
    zoom: tuple[float, float],
    generator: torch.Generator,
    labels: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Cut a random window at a random zoom, with its labels, and flip half of them left to right.

    Args:
        image: uint8 `(3, h, w)`.
        size: height and width of the window returned.
        zoom: least and greatest factor by which the image's pixels grow; drawn evenly in its logarithm.
        generator: the source of randomness.
        labels: uint8 `(h, w)`, cut by the same window, nearest neighbour; `IGNORED` outside the image, where the
            window is larger than it.

    Shape:
        float `(3, *size)` in [0, 1], and uint8 `size` or None.
    """
    low, high = math.log(zoom[0]), math.log(zoom[1])
    factor = math.exp(low + (high - low) * _uniform(generator))
    stretch = math.exp(0.15 * (2 * _uniform(generator) - 1))
    height, width = image.shape[-2:]
    window_h = max(1, round(size[0] / factor * stretch))
    window_w = max(1, round(size[1] / factor / stretch))
    top = round(_uniform(generator) * max(0, height - window_h))
    left = round(_uniform(generator) * max(0, width - window_w))
    window = image[:, top : top + window_h, left : left + window_w].float().div_(255)
    beyond = (0, max(0, window_w - width), 0, max(0, window_h - height))
    window = F.pad(window, beyond, value=0.5)
    flip = _uniform(generator) < 0.5
    resized = F.interpolate(window[None], size, mode="bilinear", antialias=factor < 1, align_corners=False)[0]
    resized = resized.clamp_(0, 1)
    if labels is None:
        return (resized.flip(-1) if flip else resized), None
    cut = F.pad(labels[top : top + window_h, left : left + window_w].float(), beyond, value=IGNORED)
    cut = F.interpolate(cut[None, None], size, mode="nearest-exact")[0, 0].to(torch.uint8)
    return (resized.flip(-1), cut.flip(-1)) if flip else (resized, cut)


def jitter_colours(image: Tensor, *, strength: float, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation and colour balance at random.

    Args:
        image: float `(3, h, w)` in [0, 1].
        strength: greatest relative change of each, such as 0.4.
        generator: the source of randomness.

    Shape:
        `(3, h, w)`, clamped to [0, 1].
    """
    draws = 1 + strength * (2 * torch.rand(6, generator=generator) - 1)
    brightness, contrast, saturation = draws[:3].tolist()
    balance = 1 + (draws[3:] - 1) / 4
    image = image * brightness * balance[:, None, None]
    grey = image.mean(dim=0, keepdim=True)
    image = grey + (image - grey) * saturation
    return ((image - grey.mean()) * contrast + grey.mean()).clamp(0, 1)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
