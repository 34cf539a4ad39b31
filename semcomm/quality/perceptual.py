"""LPIPS of single images, for those who have its network's weights on disk."""

from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor, nn
from torchvision.models import AlexNet_Weights, alexnet

LPIPS_SMALLEST = 31
"""Least height and width at which all five of AlexNet's convolutions have an output."""

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


def lpips_weights() -> Path:
    """Where AlexNet's ImageNet weights must lie: torchvision's file in torch's hub folder (`TORCH_HOME`).

    They are neither shipped nor downloaded here; `lpips_weights().is_file()` says whether LPIPS can be computed.
    """
    name = PurePosixPath(AlexNet_Weights.IMAGENET1K_V1.url).name
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def lpips(received: Tensor, sent: Tensor) -> Tensor:
    r"""LPIPS of each image, a distance: 0 for identical images (Zhang et al. 2018, equation 1; AlexNet, version 0.1).

    $\sum_l \frac{1}{H_l W_l} \sum_{h,w} \sum_c w_{lc} (\hat f_{lchw} - \hat f'_{lchw})^2$, where f and f' are the two
    images' features after AlexNet's five convolutions, scaled to unit length at every position. The weights w are part
    of torchmetrics, AlexNet's must be on disk. Nothing is downloaded: a score should not depend on what a machine may
    fetch, so asking for it without weights is an error.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        sent: likewise.

    Returns:
        float `(b,)`; NaN where an image is smaller than 31 x 31.

    Raises:
        OSError: if there is no file at `lpips_weights()`; the message says how to get it.
        ValueError: if the file holds something else.
    """
    features, heads = _load(lpips_weights())
    if min(sent.shape[2:]) < LPIPS_SMALLEST:
        return torch.full((sent.shape[0],), torch.nan, device=sent.device)
    features.to(sent.device)
    layers = zip(_unit_features(features, received), _unit_features(features, sent), heads, strict=True)
    distances = [((one - other).square() * head.to(sent.device)).sum(1).mean((1, 2)) for one, other, head in layers]
    return torch.stack(distances).sum(0)


def _unit_features(features: nn.Sequential, images: Tensor) -> list[Tensor]:
    shift, scale = (images.new_tensor(values).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
    x, taps = (2 * images - 1 - shift) / scale, []
    for layer in features:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            taps.append(x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt())
    return taps


@cache
def _load(file: Path) -> tuple[nn.Sequential, list[Tensor]]:
    if not file.is_file():
        raise FileNotFoundError(
            f"lpips needs AlexNet's weights in {str(file)!r}, there is no such file; "
            "torchvision.models.alexnet(weights='IMAGENET1K_V1') downloads it there"
        )
    with torch.device("meta"):  # draws no random numbers behind the caller's back
        features = alexnet(weights=None).features[:-1]
    try:
        # torchvision's own loading would unpickle whatever the file holds.
        weights = torch.load(file, map_location="cpu", weights_only=True)
        backbone = {name: weights[f"features.{name}"] for name in features.state_dict()}
        features.load_state_dict(backbone, assign=True)
    except Exception as error:  # reading what is no checkpoint ends in errors without a common type
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{str(file)!r} must hold torchvision's AlexNet weights: {reason}") from error
    with (files("torchmetrics.functional.image") / "lpips_models" / "alex.pth").open("rb") as packaged:
        heads = torch.load(packaged, map_location="cpu", weights_only=True)
    return features.requires_grad_(False).eval(), [heads[f"lin{layer}.model.1.weight"] for layer in range(5)]
