"""Saving and loading the lite extractors, and the two that are shipped in the package."""

import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from semcomm.extractors.lite_captioner import LiteCaptioner, build_lite_captioner
from semcomm.extractors.lite_segmenter import LiteSegmenter, build_lite_segmenter
from semcomm.extractors.lite_trunk import CHANNELS, FEATURES
from semcomm.files.json import read_object, write_json
from semcomm.files.tensors import load_checked, read_safetensors, write_safetensors

__all__ = [
    "LiteCaptioner",
    "LiteSegmenter",
    "golden_image",
    "golden_output",
    "lite_captioner",
    "lite_segmenter",
    "load_lite",
    "save_lite",
]

_SHIPPED = Path(__file__).parents[1] / "_weights"
TRUNK = "efficientnet-lite0"
"""The folder of the trunk that the shipped extractors share."""

_NAMES = {LiteCaptioner: "caption-lite", LiteSegmenter: "segmentation-lite"}


def lite_captioner() -> LiteCaptioner:
    """Load the captioner shipped in the package, on the CPU, frozen and in eval mode.

    Example:
        >>> captioner = lite_captioner()
        >>> captioner.generate(golden_image()).shape[1] == captioner.length
        True
    """
    return cast(LiteCaptioner, load_lite(_SHIPPED / _NAMES[LiteCaptioner]))


def lite_segmenter() -> LiteSegmenter:
    """Load the segmenter shipped in the package, on the CPU, frozen and in eval mode.

    Example:
        >>> segmenter = lite_segmenter()
        >>> segmenter.segment(golden_image()).shape == golden_image()[:, 0].shape
        True
    """
    return cast(LiteSegmenter, load_lite(_SHIPPED / _NAMES[LiteSegmenter]))


def load_lite(folder: str | Path) -> LiteCaptioner | LiteSegmenter:
    """Load a lite extractor that `save_lite` or `train_extractor` wrote, frozen and in eval mode.

    Args:
        folder: holds `config.json` and `model.safetensors`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, the configuration is not a lite extractor's, or the weights are of another
            network.
    """
    folder = Path(folder)
    model, shares_trunk = _build(folder)
    weights = read_safetensors(folder / "model.safetensors")
    if shares_trunk:
        weights |= {f"trunk.{name}": value for name, value in shipped_trunk().items()}
    load_checked(model, {name: value.float() for name, value in weights.items()}, source=folder / "model.safetensors")
    return model.requires_grad_(False).eval()


def shipped_trunk() -> dict[str, Tensor]:
    """Read the trunk's weights that the package ships once for both extractors: EfficientNet-Lite0's, for ImageNet."""
    return read_safetensors(_SHIPPED / TRUNK / "model.safetensors")


def save_lite(model: LiteCaptioner | LiteSegmenter, folder: str | Path) -> None:
    """Write `config.json` and `model.safetensors`; matrices in half precision, all else in single.

    A trunk that is the package's own, `shipped_trunk`, is named and not written again.

    Args:
        model: the extractor.
        folder: where to; it is made when it does not exist.
    """
    folder = Path(folder)
    trunk, own = compact(model.trunk), compact(model)
    shipped = shipped_trunk()
    shares = trunk.keys() == shipped.keys() and all(torch.equal(value, shipped[name]) for name, value in trunk.items())
    if shares:
        own = {name: value for name, value in own.items() if not name.startswith("trunk.")}
    write_json(folder / "config.json", _configuration(model, shares))
    write_safetensors(folder / "model.safetensors", own)


def compact(network: nn.Module) -> dict[str, Tensor]:
    """Give a network's weights as they are stored: matrices in half precision, all else in single."""
    return {
        name: (value.half() if value.ndim > 1 else value.float()).cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def golden_image(height: int = 144, width: int = 192) -> Tensor:
    """Draw the synthetic picture whose output `golden.json` records: a blue-to-green fade with waves and a disc.

    Shape:
        `(1, 3, height, width)` in [0, 1], a formula of the position alone.
    """
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    x = torch.linspace(0, 1, width)[None].expand(height, width)
    waves = 0.15 * torch.sin(2 * math.pi * (5 * x + 3 * y * y))
    red = 0.35 + 0.4 * x * y + waves
    green = 0.45 + 0.2 * y - waves / 2
    blue = 0.85 - 0.7 * y + waves / 3
    disc = ((x - 0.6) ** 2 + (y - 0.65) ** 2 < 0.03).float()
    image = torch.stack([red * (1 - disc) + 0.5 * disc, green * (1 - disc) + 0.35 * disc, blue * (1 - disc)])
    return image.clamp(0, 1)[None]


@torch.no_grad()
def golden_output(model: LiteCaptioner | LiteSegmenter) -> dict:
    """Run an extractor on `golden_image` and keep what a test can recompute.

    Returns:
        for a segmenter, logits at a 3 x 4 grid of pixels; for a captioner, the caption, its tokens and the mean
        log-likelihood per token that the captioner gives it.
    """
    image = golden_image()
    if isinstance(model, LiteSegmenter):
        rows = torch.tensor([12, 72, 130])[:, None]
        logits = model(image)[0][:, rows, torch.tensor([10, 70, 115, 180])]
        return {"logits": logits.permute(1, 2, 0).double().mul(1e4).round().div(1e4).tolist()}
    tokens = model.generate(image)
    likelihood = float(model.log_likelihood(image, tokens))
    return {"text": model.text(tokens)[0], "tokens": tokens[0].tolist(), "log_likelihood": round(likelihood, 5)}


def _configuration(model: LiteCaptioner | LiteSegmenter, shares_trunk: bool) -> dict:
    own_trunk = {"channels": list(model.trunk.channels), "features": model.trunk.features}
    shared = {"kind": _NAMES[type(model)], "trunk": TRUNK if shares_trunk else own_trunk}
    if isinstance(model, LiteSegmenter):
        return shared | {
            "class_names": list(model.class_names),
            "palette": model.palette.mul(255).round().int().tolist(),
            "known": model.head.evidence.membership.argmax(dim=0).flatten().tolist(),
            "width": model.head.narrow[0].out_channels,
            "working_area": model.working_area,
            "smaller_areas": list(model.smaller_areas),
            "kin": list(model.kin),
        }
    return shared | {
        "words": list(model.words),
        "counts": list(model.counts),
        "description": model.narrow.out_features,
        "embedding": model.embedding.embedding_dim,
        "hidden": model.decoder.hidden_size,
        "length": model.length,
        "side": model.side,
        "beams": model.beams,
    }


def _build(folder: Path) -> tuple[LiteCaptioner | LiteSegmenter, bool]:
    builders = {"caption-lite": build_lite_captioner, "segmentation-lite": build_lite_segmenter}
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"no configuration: {folder / 'config.json'} is missing")
    try:
        settings = read_object(folder / "config.json")
        builder = builders[settings.pop("kind")]
        trunk = settings.pop("trunk")
        own_trunk = {"channels": CHANNELS, "features": FEATURES} if trunk == TRUNK else dict(trunk)
        first = settings.pop("words" if builder is build_lite_captioner else "class_names")
        return builder(first, **own_trunk, **settings), trunk == TRUNK
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"config.json in {str(folder)!r} must describe a lite extractor ({' or '.join(builders)}): {error!r}"
        ) from error
