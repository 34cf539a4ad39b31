"""Any torchvision segmenter, any transformers segmenter or captioner, made ready for hop 1."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.segmentation import FCN_ResNet50_Weights

from semcomm.extractors.inference import IMAGENET_MEAN, IMAGENET_STD, in_dtype_of
from semcomm.extractors.palettes import default_palette
from semcomm.extractors.wrappers import TorchvisionSegmenter, TransformersCaptioner, TransformersSegmenter
from semcomm.files.tensors import listing
from semcomm.networks.frozen import frozen
from semcomm.whole import check_whole

VOC_CLASSES: tuple[str, ...] = tuple(FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"])
"""The 21 classes of torchvision's pretrained segmenters, `__background__` first."""


def segmenter_from_torchvision(
    model: nn.Module,
    *,
    class_names: Sequence[str] = VOC_CLASSES,
    palette: Sequence[Sequence[int]] | None = None,
    short_side: int | None = 520,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> TorchvisionSegmenter:
    """Make a `Segmenter` of any torchvision segmentation model; the defaults are those of torchvision's own weights.

    Args:
        model: A model of `torchvision.models.segmentation`, or another that returns `{"out": logits}`.
        class_names: One name per class, in label order; torchvision's 21 by default.
        palette: One RGB colour, 0 to 255, per class; by default the class list's own, or PASCAL VOC's colour map.
        short_side: Pixels to which the shorter side of an image is resized; None leaves it.
        mean: Each colour's mean in training.
        std: Each colour's standard deviation in training.

    Raises:
        TypeError: If `model` is not an `nn.Module`.
        ValueError: If it is not a segmentation model, has another number of classes, or an option does not fit.

    Example:
        >>> from torchvision.models.segmentation import lraspp_mobilenet_v3_large
        >>> segmenter = segmenter_from_torchvision(lraspp_mobilenet_v3_large(weights_backbone=None), short_side=None)
        >>> segmenter.segment(torch.rand(1, 3, 40, 50)).shape
        torch.Size([1, 40, 50])
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}, required: an nn.Module")
    short_side = None if short_side is None else check_whole(short_side, "short_side")
    classes = _count_classes(model)
    if classes != len(class_names):
        raise ValueError(
            f"class_names has {len(class_names)} names, required: one for each of the model's {classes} classes"
        )
    palette = default_palette(class_names) if palette is None else palette
    return TorchvisionSegmenter(
        model, class_names=class_names, palette=palette, short_side=short_side, mean=mean, std=std
    ).eval()


def segmenter_from_transformers(
    model: str | Path | nn.Module, *, processor: Any = None, palette: Sequence[Sequence[int]] | None = None
) -> TransformersSegmenter:
    """Make a `Segmenter` of any transformers segmentation model, such as SegFormer, BEiT, UPerNet or Mask2Former.

    Args:
        model: A name on the Hugging Face Hub, a folder that `save_pretrained` wrote, or a model already loaded.
        processor: The model's image processor; read from where the model is by default.
        palette: One RGB colour, 0 to 255, per class; by default the class list's own, or PASCAL VOC's colour map.

    Raises:
        ImportError: If transformers is not installed.
        FileNotFoundError: If the model or its image processor cannot be found.
        ValueError: If the model is of another kind or incomplete, or an option does not fit.
    """
    transformers = _import_transformers()
    if isinstance(model, nn.Module):
        if processor is None:
            raise ValueError("processor is None, required with a model already loaded: its image processor")
        if not type(model).__name__.endswith(("SemanticSegmentation", "UniversalSegmentation", "InstanceSegmentation")):
            raise ValueError(f"model is a {type(model).__name__}, required: a transformers semantic-segmentation model")
        return TransformersSegmenter(model, processor, palette=palette).eval()
    autos = (transformers.AutoModelForSemanticSegmentation, transformers.AutoModelForUniversalSegmentation)
    loaded = _load_model(transformers, model, autos, kind="semantic-segmentation")
    if processor is None:
        processor = _load_part(transformers.AutoImageProcessor, model, part="image processor")
    return TransformersSegmenter(loaded, processor, palette=palette).eval()


def captioner_from_transformers(
    model: str | Path, *, max_length: int = 20, beam_size: int = 1
) -> TransformersCaptioner:
    """Make a `Captioner` of any transformers image-to-text model that needs no prompt, such as BLIP, GIT or ViT-GPT2.

    Args:
        model: A name on the Hugging Face Hub, or a folder with what `save_pretrained` writes of the model, its image
            processor and its tokenizer.
        max_length: Tokens generated at most; captions are padded to it.
        beam_size: Beginnings kept while searching for the likeliest caption; 1 is greedy.

    Raises:
        ImportError: If transformers is not installed.
        FileNotFoundError: If the model, its image processor or its tokenizer cannot be found.
        ValueError: If the model is of another kind or incomplete, or an option does not fit.
    """
    transformers = _import_transformers()
    return TransformersCaptioner(
        _load_model(transformers, model, (transformers.AutoModelForImageTextToText,), kind="image-to-text"),
        _load_part(transformers.AutoImageProcessor, model, part="image processor"),
        _load_part(transformers.AutoTokenizer, model, part="tokenizer"),
        max_length=max_length,
        beam_size=beam_size,
    ).eval()


def _import_transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise ImportError("transformers is not installed, required here: pip install 'semcomm[hf]'") from error
    return transformers


def _load_model(transformers: ModuleType, source: str | Path, autos: Iterable[Any], *, kind: str) -> Any:
    """Load a model through the first auto class that knows its kind, and refuse one with untrained parts."""
    config = _load_part(transformers.AutoConfig, source, part="configuration")
    refusal = None
    for auto in autos:
        try:
            model, report = auto.from_pretrained(source, config=config, output_loading_info=True)
        except ValueError as error:
            refusal = refusal or error
            continue
        except OSError as error:
            raise FileNotFoundError(f"model '{source}' has no weights to load: {_first_line(error)}") from error
        # A pooler is often left out of checkpoints, and neither captions nor label maps come from it.
        untrained = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if untrained:
            raise ValueError(
                f"model '{source}' ({config.model_type}) is no {kind} model: "
                f"its checkpoint lacks {len(untrained)} parameters: {listing(untrained)}"
            )
        return model.float()
    raise ValueError(
        f"model '{source}' is a {config.model_type} model, required: a transformers {kind} model "
        f"({_first_line(refusal)})"
    ) from refusal


def _load_part(auto: Any, source: str | Path, *, part: str) -> Any:
    try:
        return auto.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        kind = FileNotFoundError if isinstance(error, OSError) else ValueError
        raise kind(f"model '{source}' has no {part} to load: {_first_line(error)}") from error


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _count_classes(model: nn.Module) -> int:
    """Count the classes that a segmentation model scores, by showing it a black image."""
    device = next((parameter.device for parameter in model.parameters()), None)
    with frozen(model):
        output = model(in_dtype_of(model, torch.zeros(1, 3, 32, 32, device=device)))
    scores = output.get("out") if isinstance(output, dict) else None
    if not isinstance(scores, Tensor) or scores.dim() != 4:
        raise ValueError(
            f"model {type(model).__name__} returns a {type(output).__name__}, "
            "required: {'out': logits (b, classes, h, w)}, as torchvision's segmentation models do"
        )
    return scores.shape[1]
