"""Hop 1 of 6: what the frozen extractors find in images."""

from torch import Tensor

from semcomm.contracts import Semantics
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature


def extract_semantics(
    images: Tensor,
    given: Semantics | None,
    caption: CaptionFeature | None,
    segmentation: SegmentationFeature | None,
) -> Semantics:
    """Run the extractors that there are on images `(b, 3, h, w)`, for what `given` does not hold along."""
    tokens, labels = (None, None) if given is None else (given.tokens, given.labels)
    if caption is not None and tokens is None:
        tokens = caption.tokens(images)
    if segmentation is not None and labels is None:
        labels = segmentation.labels(images)
    return Semantics(
        None if tokens is None else tokens.to(images.device), None if labels is None else labels.to(images.device)
    )
