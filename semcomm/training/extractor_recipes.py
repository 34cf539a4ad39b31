"""How each lite extractor is trained: its data, augmentation and settings, and how it is judged."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from semcomm.data.captions import CaptionedImage, common_words
from semcomm.data.classes import CAMVID_CLASSES, CLASS_NAMES, PALETTE
from semcomm.data.segmentation import LabelledImage, load_small
from semcomm.extractors.lite import load_lite
from semcomm.extractors.lite_captioner import MARKERS, LiteCaptioner, build_lite_captioner
from semcomm.extractors.lite_segmenter import LiteSegmenter, build_lite_segmenter
from semcomm.quality.captions import (
    bleu,
    caption_likelihood,
    caption_tokens,
    evaluate_captioner,
    write_captions,
)
from semcomm.quality.segmentation import evaluate_segmenter
from semcomm.training.augmentation import jitter_colours, random_crop
from semcomm.training.extractor_data import (
    CaptionSources,
    LabelledSources,
    class_weights,
    find_captions,
    find_labelled,
)
from semcomm.training.sampling import SeededAugmentation

CAPTIONS_PER_STEP = 5
"""Captions of each image that one step reads."""


class Recipe(NamedTuple):
    """All that `train_extractor` needs to know about one kind of extractor."""

    module: Any
    dataset: SeededAugmentation
    weights: list[float]
    """How often each training image is drawn, relative to the others."""
    manifest: list[dict]
    judge: Callable[[Any], dict]
    """Scores the finished extractor on held-out images."""
    settings: dict
    """What `training.json` says of the recipe."""


def segmentation_recipe(
    data: Sequence[str | Path], steps: int, learning_rate: float, begin_from: str | Path | None
) -> Recipe:
    """Prepare a segmenter on CamVid's labels and COCO's objects: crops at many scales, rare classes weighed up."""
    from semcomm.training.extractor_modules import SegmenterTraining

    settings = {
        "crop": [160, 208],
        "zoom": [0.5, 1.3],
        "colour_jitter": 0.5,
        "class_weight_power": 0.3,
        "partial_weight": 0.5,
        "coco_share": 0.2,
        "weight_decay": 0.02,
    }
    sources = find_labelled(data)
    network = build_lite_segmenter(CLASS_NAMES, PALETTE)
    _begin(network, begin_from)
    shares = {"camvid": 1 - settings["coco_share"], "coco": settings["coco_share"]}
    samples: list[LabelledImage] = []
    weights: list[float] = []
    for origin, found in sources.train.items():
        samples += [found[i] for i in range(len(found))]
        weights += [shares[origin] / len(found)] * len(found)
    module = SegmenterTraining(
        network,
        class_weights([labels for _, labels in samples], power=settings["class_weight_power"]),
        [sources.validation[i] for i in range(len(sources.validation))],
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=settings["weight_decay"],
        partial_weight=settings["partial_weight"],
    )
    size, zoom, strength = tuple(settings["crop"]), tuple(settings["zoom"]), settings["colour_jitter"]

    def augment(sample: LabelledImage, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        image, labels = random_crop(sample[0], size, zoom=zoom, generator=generator, labels=sample[1])
        return jitter_colours(image, strength=strength, generator=generator), labels

    dataset = SeededAugmentation(samples, augment)
    return Recipe(
        module, dataset, weights, sources.manifest, lambda segmenter: judge_segmenter(segmenter, sources), settings
    )


def caption_recipe(
    data: Sequence[str | Path], steps: int, learning_rate: float, begin_from: str | Path | None
) -> Recipe:
    """Prepare a captioner on Flickr8k's and COCO's captions; a trunk given keeps its first two stages as they are."""
    from semcomm.training.extractor_modules import CaptionerTraining

    settings = {
        "crop": [128, 128],
        "least_word_count": 5,
        "colour_jitter": 0.2,
        "label_smoothing": 0.1,
        "word_weight": 1.0,
        "weight_decay": 0.1,
    }
    sources = find_captions(data)
    words = (*MARKERS, *common_words(sources.train, least=settings["least_word_count"]))
    network = build_lite_captioner(words)
    _begin(network, begin_from)
    if begin_from is not None:
        # Edges and textures are learned already; few captioned images could only spoil them.
        network.trunk.stem.requires_grad_(False)
        network.trunk.fine.requires_grad_(False)
    module = CaptionerTraining(
        network,
        lambda captioner: validate_captions(captioner, sources.validation),
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=settings["weight_decay"],
        word_weight=settings["word_weight"],
        label_smoothing=settings["label_smoothing"],
    )
    samples = [_captioned(sample, network) for sample in sources.train]
    size = tuple(settings["crop"])

    def augment(sample: tuple[Tensor, Tensor, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        image, tokens, shares = sample
        # At a zoom of 1 the window's area is the whole image's.
        whole = (size[0] * size[1] / (image.shape[1] * image.shape[2])) ** 0.5
        image, _ = random_crop(image, size, zoom=(whole, 1.5 * whole), generator=generator)
        chosen = torch.randint(0, len(tokens), (CAPTIONS_PER_STEP,), generator=generator)
        return jitter_colours(image, strength=settings["colour_jitter"], generator=generator), tokens[chosen], shares

    dataset = SeededAugmentation(samples, augment)
    return Recipe(
        module,
        dataset,
        [1.0] * len(samples),
        sources.manifest,
        lambda captioner: judge_captioner(captioner, sources),
        settings,
    )


def judge_segmenter(segmenter: LiteSegmenter, sources: LabelledSources) -> dict:
    """Score a segmenter on CamVid's validation and test images, and on COCO's validation objects."""
    tests = {"camvid_val": sources.validation, "camvid_test": sources.test}
    scores = {
        name: evaluate_segmenter(segmenter, (samples[i] for i in range(len(samples))), scored=range(CAMVID_CLASSES))
        for name, samples in tests.items()
        if samples is not None
    }
    if sources.things is not None:
        things = sources.things
        scores["coco_val_objects"] = evaluate_segmenter(segmenter, (things[i] for i in range(len(things))))
    return scores


def judge_captioner(captioner: LiteCaptioner, sources: CaptionSources) -> dict:
    """Score a captioner on the Flickr8k images held out."""
    return {"flickr8k_test": evaluate_captioner(captioner, sources.test, sources.train)}


def validate_captions(captioner: LiteCaptioner, samples: Sequence[CaptionedImage]) -> dict[str, float]:
    """Score a captioner while it trains.

    Returns:
        "score", the mean log p per token of the true captions; "margin", how much that is above a wrong image's;
        and "bleu_4".
    """
    right = caption_likelihood(captioner, samples)
    wrong = caption_likelihood(captioner, samples, shift=1)
    written = write_captions(captioner, samples)
    return {
        "score": float(right.mean()),
        "margin": float((right - wrong).mean()),
        "bleu_4": bleu(written, [sample.captions for sample in samples])["bleu_4"],
    }


def _captioned(sample: CaptionedImage, captioner: LiteCaptioner) -> tuple[Tensor, Tensor, Tensor]:
    image = load_small(sample.path, 2 * captioner.working_area)
    tokens = caption_tokens(captioner.words, sample.captions, length=captioner.length)
    shares = torch.zeros(len(captioner.words))
    for row in tokens:
        shares[row.unique()] += 1 / len(tokens)
    shares[: len(MARKERS)] = 0
    return image, tokens, shares


def _begin(network: LiteCaptioner | LiteSegmenter, folder: str | Path | None) -> None:
    if folder is None:
        return
    begun = load_lite(folder)
    if type(begun) is type(network):
        network.load_state_dict(begun.state_dict())
    else:
        network.trunk.load_state_dict(begun.trunk.state_dict())
