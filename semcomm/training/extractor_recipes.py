"""How each lite extractor is trained: its data, augmentation and settings, and how it is judged."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from semcomm.data.captions import CaptionedImage, common_words
from semcomm.data.classes import VOC_CLASSES
from semcomm.data.segmentation import LabelledImage
from semcomm.extractors.imagenet import VOC_IN_IMAGENET, load_imagenet
from semcomm.extractors.lite import load_lite, shipped_trunk
from semcomm.extractors.lite_captioner import MARKERS, LiteCaptioner, build_lite_captioner, stretch
from semcomm.extractors.lite_segmenter import LiteSegmenter, build_lite_segmenter
from semcomm.extractors.palettes import default_palette
from semcomm.files.pictures import load_image
from semcomm.images import to_float, to_uint8
from semcomm.quality.captions import (
    caption_likelihood,
    caption_scores,
    caption_tokens,
    evaluate_captioner,
    write_captions,
)
from semcomm.quality.segmentation import evaluate_segmenter
from semcomm.training.augmentation import jitter_colours, random_crop
from semcomm.training.class_sentences import sentences_for
from semcomm.training.extractor_data import (
    CaptionSources,
    LabelledSources,
    sampling_weights,
)
from semcomm.training.sampling import SeededAugmentation

_OFTEN_MISSED = ("boat", "bottle", "chair", "potted plant", "sofa", "tv monitor")
"""Classes that the network which made most of the label maps seldom found."""

_ANIMALS = ("bird", "cat", "cow", "dog", "horse", "sheep")
"""Classes of which an image seldom shows two, and which a single place of it seldom tells apart."""


class Recipe(NamedTuple):
    """All that `train_extractor` needs to know about one kind of extractor."""

    module: Any
    dataset: SeededAugmentation
    weights: list[float]
    """How often each training image is drawn, relative to the others."""
    manifest: list[dict]
    finish: Callable[[], None]
    """Changes the trained network before it is kept."""
    judge: Callable[[Any], dict]
    """Scores the finished extractor on held-out images."""
    settings: dict
    """What `training.json` says of the recipe."""


def segmentation_recipe(
    sources: LabelledSources, steps: int, learning_rate: float, begin_from: str | Path | None
) -> Recipe:
    """Prepare a segmenter in VOC's classes: crops at many scales, images with rare classes drawn more often."""
    from semcomm.training.extractor_modules import SegmenterTraining

    if not (sources.train and sources.validation):
        raise ValueError(
            "a segmenter needs labelled images to train on, and others to tune on: give labelled and "
            "labelled_validation, or a data folder in CamVid's layout"
        )
    settings = {
        "crop": [256, 256],
        "zoom": [0.7, 1.9],
        "colour_jitter": 0.3,
        "rare_below": 0.2,
        "shares": {"camvid": 0.05, "coco": 0.2},
        "own_stage_rate": 0.2,
        "weight_decay": 0.02,
        "overlap_weight": 0.5,
        "bias": {"background": -1.0} | dict.fromkeys(_OFTEN_MISSED, 1.5),
    }
    network = build_lite_segmenter(
        VOC_CLASSES,
        default_palette(VOC_CLASSES),
        known=_known_labels(),
        working_area=448 * 448,
        smaller_areas=(320 * 320, 256 * 256),
        kin=[VOC_CLASSES.index(name) for name in _ANIMALS],
    )
    _begin(network, begin_from)
    samples: list[LabelledImage] = []
    weights: list[float] = []
    rest = [origin for origin in sources.train if origin not in settings["shares"]]
    for origin, found in sources.train.items():
        read = [found[i] for i in range(len(found))]
        drawn = torch.tensor(sampling_weights([labels for _, labels in read], often=settings["rare_below"]))
        images = sum(len(sources.train[one]) for one in rest)
        share = settings["shares"].get(origin) or (1 - sum(settings["shares"].values())) * len(found) / images
        samples += read
        weights += (share * drawn / drawn.sum()).tolist()
    module = SegmenterTraining(
        network,
        lambda: (images[i] for images in sources.validation for i in range(len(images))),
        steps=steps,
        learning_rate=learning_rate,
        own_stage_rate=settings["own_stage_rate"],
        weight_decay=settings["weight_decay"],
        overlap_weight=settings["overlap_weight"],
    )
    size, zoom, strength = tuple(settings["crop"]), tuple(settings["zoom"]), settings["colour_jitter"]

    def augment(sample: LabelledImage, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        image, labels = random_crop(sample[0], size, zoom=zoom, generator=generator, labels=sample[1])
        return jitter_colours(image, strength=strength, generator=generator), labels

    @torch.no_grad()
    def finish() -> None:
        for name, bias in settings["bias"].items():
            network.head.classify.bias[VOC_CLASSES.index(name)] += bias  # pyright: ignore[reportOptionalSubscript]

    return Recipe(
        module,
        SeededAugmentation(samples, augment),
        weights,
        sources.manifest,
        finish,
        lambda segmenter: judge_segmenter(segmenter, sources),
        settings,
    )


def caption_recipe(sources: CaptionSources, steps: int, learning_rate: float, begin_from: str | Path | None) -> Recipe:
    """Prepare a captioner whose trunk and head stay as they are: each image is looked at in several views, once."""
    from semcomm.training.extractor_modules import CaptionerTraining

    settings = {
        "views": 8,
        "colour_jitter": 0.2,
        "least_word_count": 5,
        "captions_per_step": 3,
        "label_smoothing": 0.1,
        "word_weight": 0.1,
        "weight_decay": 0.1,
        "sure": 0.5,
        "uncaptioned_share": 0.2,
    }
    words, counts = common_words(sources.train, least=settings["least_word_count"])
    network = build_lite_captioner((*MARKERS, *words), counts=(*(0,) * len(MARKERS), *counts))
    _begin(network, begin_from)
    network.eval()
    generator = torch.Generator().manual_seed(int(torch.randint(0, 2**31, ())))
    samples = [_captioned(sample, network, settings, generator) for sample in sources.train]
    weights = [1.0] * len(samples)
    taught = _taught(sources.uncaptioned, network, settings["sure"])
    if taught:
        share = settings["uncaptioned_share"]
        weights += [share / (1 - share) * len(samples) / len(taught)] * len(taught)
        samples += taught
    held_back = torch.cat([_features(network, _whole(sample.path, network.side)) for sample in sources.validation])
    references = [sample.captions for sample in sources.validation]
    module = CaptionerTraining(
        network,
        lambda captioner: validate_captions(captioner, held_back, references),
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=settings["weight_decay"],
        word_weight=settings["word_weight"],
        label_smoothing=settings["label_smoothing"],
    )

    def augment(sample: tuple[Tensor, Tensor, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        views, tokens, shares = sample
        view = int(torch.randint(0, len(views), (), generator=generator))
        chosen = torch.randint(0, len(tokens), (settings["captions_per_step"],), generator=generator)
        return views[view], tokens[chosen], shares

    dataset = SeededAugmentation(samples, augment)
    return Recipe(
        module,
        dataset,
        weights,
        sources.manifest,
        lambda: None,
        lambda captioner: judge_captioner(captioner, sources),
        settings,
    )


def judge_segmenter(segmenter: LiteSegmenter, sources: LabelledSources) -> dict:
    """Score a segmenter on every set of images held back."""
    return {
        name: evaluate_segmenter(segmenter, (images[i] for i in range(len(images))))
        for name, images in sources.judged.items()
    }


def judge_captioner(captioner: LiteCaptioner, sources: CaptionSources) -> dict:
    """Score a captioner on the Flickr8k images held out."""
    return {"flickr8k_test": evaluate_captioner(captioner, sources.test, sources.train)}


def validate_captions(
    captioner: LiteCaptioner, features: Tensor, references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Score a captioner while it trains, on images that it has looked at.

    Returns:
        "score", the mean CIDEr-D; "bleu_4"; "likelihood", the mean log p per token of the true captions; "margin",
        how much that is above a wrong image's.
    """
    with torch.no_grad():
        contexts = captioner.context(captioner.describe(features.float()))
    right = caption_likelihood(captioner, contexts, references)
    wrong = caption_likelihood(captioner, contexts, references, shift=1)
    scores = caption_scores(write_captions(captioner, contexts), references)
    return {
        "score": scores["cider_d"],
        "bleu_4": scores["bleu_4"],
        "likelihood": float(right.mean()),
        "margin": float((right - wrong).mean()),
    }


def _captioned(
    sample: CaptionedImage, captioner: LiteCaptioner, settings: dict, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Look at an image whole, mirrored and in random crops, and turn its captions into tokens and word shares."""
    side = captioner.side
    whole = _whole(sample.path, side)
    views = [whole, whole.flip(-1)]
    larger = to_uint8(_whole(sample.path, round(1.3 * side)))[0]
    for _ in range(settings["views"] - len(views)):
        # A window of the square, 60 to 100 % of it.
        crop, _ = random_crop(larger, (side, side), zoom=(1 / 1.3, 1.0), generator=generator)
        views.append(jitter_colours(crop, strength=settings["colour_jitter"], generator=generator)[None])
    return _features(captioner, torch.cat(views)).half(), *_tokens_and_shares(captioner, sample.captions)


def _taught(paths: Sequence[Path], captioner: LiteCaptioner, sure: float) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Look at photographs without captions, and keep those whose class gives them sentences."""
    if not paths:
        return []
    classifier, samples = load_imagenet().classifier.requires_grad_(False), []
    for path in paths:
        whole = _whole(path, captioner.side)
        features = _features(captioner, torch.cat([whole, whole.flip(-1)]))
        sentences = sentences_for(classifier(features).mean(0), sure=sure)
        if sentences:
            samples.append((features.half(), *_tokens_and_shares(captioner, sentences)))
    return samples


def _tokens_and_shares(captioner: LiteCaptioner, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Turn an image's captions into tokens `(n, T)`, and the share of them that each word is in `(V,)`."""
    tokens = caption_tokens(captioner.words, captions, length=captioner.length + 2)
    shares = torch.zeros(len(captioner.words))
    for row in tokens:
        shares[row.unique()] += 1 / len(tokens)
    shares[: len(MARKERS)] = 0
    return tokens, shares


def _whole(path: Path, side: int) -> Tensor:
    return stretch(to_float(load_image(path)[None]), side)


@torch.no_grad()
def _features(captioner: LiteCaptioner, images: Tensor) -> Tensor:
    return captioner.look(images)


def _begin(network: LiteCaptioner | LiteSegmenter, folder: str | Path | None) -> None:
    """Begin with the shipped trunk and ImageNet's classifier, or with an extractor's weights; the trunk stays so."""
    begun = None if folder is None else load_lite(folder)
    trunk = shipped_trunk() if begun is None else begun.trunk.state_dict()
    network.trunk.load_state_dict({name: value.float() for name, value in trunk.items()})
    if begun is not None and type(begun) is type(network):
        network.load_state_dict(begun.state_dict())
    elif isinstance(network, LiteSegmenter):
        classifier = load_imagenet().classifier
        network.head.evidence.classifier.load_state_dict(
            {"weight": classifier.weight[:, :, None, None], "bias": classifier.bias}
        )
        begun_stage = network.trunk.stages[5].state_dict()
        own_stage = network.head.own_stage
        own_stage.load_state_dict({name: begun_stage[name] for name in own_stage.state_dict()})
    network.trunk.requires_grad_(False)
    if isinstance(network, LiteSegmenter):
        network.head.evidence.requires_grad_(False)


def _known_labels() -> list[int]:
    """Give the VOC label of each of ImageNet's classes."""
    labels = [0] * 1000
    for name, several in VOC_IN_IMAGENET.items():
        for one in several:
            labels[one] = VOC_CLASSES.index(name)
    return labels
