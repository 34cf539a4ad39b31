"""The small extractors at a size of their own, untrained, and pictures for them."""

import torch

from semcomm.extractors.lite_captioner import MARKERS, LiteCaptioner, build_lite_captioner
from semcomm.extractors.lite_segmenter import LiteSegmenter, build_lite_segmenter

WORDS = (*MARKERS, "a", "dog", "runs", "grass", "boy")
NAMES = ("sky", "road", "person")
COLOURS = ((120, 200, 250), (120, 20, 100), (200, 10, 10))
CHANNELS = (4, 4, 5, 6, 6, 7, 8, 9)


def small_captioner() -> LiteCaptioner:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build_lite_captioner(
            WORDS, channels=CHANNELS, features=9, description=8, embedding=6, hidden=10, length=7, side=40
        )


def small_segmenter() -> LiteSegmenter:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build_lite_segmenter(
            NAMES, COLOURS, channels=CHANNELS, features=9, known=(0, 1, 2, 2), width=9, working_area=40 * 40
        )


def seeing_segmenter(**options) -> LiteSegmenter:
    """Build a small segmenter whose decoder says something, unlike an untrained one's."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        segmenter = build_lite_segmenter(
            NAMES, COLOURS, channels=CHANNELS, features=9, known=(0, 1, 2, 2), width=9, **options
        ).eval()
    with torch.no_grad():
        segmenter.head.classify.weight.normal_(0, 10, generator=torch.Generator().manual_seed(0))
        segmenter.head.evidence.classifier.weight.mul_(20)
    return segmenter.requires_grad_(False)


def pictures(count: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))
