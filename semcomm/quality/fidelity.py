"""Semantic fidelity: whether frozen extractors see the same in the image received as in the image sent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from semcomm.data.captions import tokenize
from semcomm.extractors.inference import one_by_one
from semcomm.extractors.lite import lite_captioner, lite_segmenter
from semcomm.networks.frozen import frozen
from semcomm.quality.segmentation import confusion_matrix
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature


@final
@dataclass(frozen=True)
class SemanticFidelity:
    """Agreement between what extractors find in an image received and in the image sent, 1 for identical images.

    The sent image's labels and words stand in for the truth, so no annotations are needed. What is measured is the
    channel's damage as these extractors see it: their own errors cancel where they are the same in both images, a
    brittle extractor lowers every score, and an extractor that gives the same answer for every image scores 1. Compare
    schemes under the same extractors only, and not one trained with them against one that was not without saying so.

    Args:
        segmentation: labels both images, or None.
        caption: describes both images, or None.

    Raises:
        TypeError: if an extractor is of another type.
        ValueError: if both are None.
    """

    segmentation: SegmentationFeature | None
    caption: CaptionFeature | None

    def __post_init__(self):
        for name, kind in {"segmentation": SegmentationFeature, "caption": CaptionFeature}.items():
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise TypeError(f"{name} must be a {kind.__name__} or None, got {type(given).__name__}")
        if self.segmentation is None and self.caption is None:
            raise ValueError("segmentation or caption must be an extractor, got None for both")

    def look(self, sent: Tensor) -> dict[str, Any]:
        """See what is in images sent once, to pass it as `labels` and `captions` however often they arrive.

        Args:
            sent: float `(b, 3, h, w)` in [0, 1].
        """
        seen: dict[str, Any] = {}
        if self.segmentation is not None:
            with frozen(self.segmentation.to(sent.device)):
                seen["labels"] = one_by_one(self.segmentation.labels, sent)
        if self.caption is not None:
            with frozen(self.caption.to(sent.device)):
                seen["captions"] = self.caption.text(one_by_one(self.caption.tokens, sent))
        return seen

    def __call__(
        self,
        received: Tensor,
        sent: Tensor,
        *,
        labels: Tensor | None = None,
        captions: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Compare images, each on its own, in eval mode and without gradients.

        Extractors are moved to the images' device, and stay there.

        Args:
            received: float `(b, 3, h, w)` in [0, 1].
            sent: likewise.
            labels: label maps of the images sent, `(b, h, w)`, made by this very `segmentation` (`Transmission.labels`
                is, where the system shares it); None to make them here.
            captions: captions of the images sent, written by this very `caption`; None to write them here.

        Returns:
            "label_agreement" and "label_iou" where there is a segmentation, "caption_agreement" where there is a
            caption; each float `(b,)` in [0, 1].

        Raises:
            ValueError: if shapes or numbers do not fit.
        """
        if received.shape != sent.shape:
            raise ValueError(f"received must have the shape of sent, {tuple(sent.shape)}, got {tuple(received.shape)}")
        known = {"labels": labels, "captions": captions}
        if (self.segmentation is not None and labels is None) or (self.caption is not None and captions is None):
            known = self.look(sent) | {name: value for name, value in known.items() if value is not None}
        arrived, scores = self.look(received), {}
        if self.segmentation is not None:
            expected = known["labels"].to(received.device)
            scores["label_agreement"] = label_agreement(arrived["labels"], expected)
            scores["label_iou"] = label_iou(arrived["labels"], expected)
        if self.caption is not None:
            scores["caption_agreement"] = caption_agreement(arrived["captions"], known["captions"]).to(received.device)
        return scores


def lite_fidelity() -> SemanticFidelity:
    """Build the semantic fidelity of the two small extractors shipped in the package.

    Different photographs, pairs of 60, score 0.81 label agreement (most pixels are background), 0.40 label IoU and
    0.42 caption agreement: read values from there upwards. The caption is the blunter instrument.
    """
    return SemanticFidelity(SegmentationFeature(lite_segmenter()), CaptionFeature(lite_captioner()))


def label_agreement(received: Tensor, sent: Tensor) -> Tensor:
    """Share of pixels with the same label in both maps: two tensors `(b, h, w)` to float `(b,)`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> label_agreement(torch.tensor([[[0, 0, 1, 2]]]), torch.tensor([[[0, 0, 1, 1]]]))
        tensor([0.7500])
    """
    _check_maps(received, sent)
    return (received == sent).flatten(1).float().mean(1)


def label_iou(received: Tensor, sent: Tensor) -> Tensor:
    """Mean intersection over union of two label maps over the classes in either: `(b, h, w)` twice to float `(b,)`.

    Small classes weigh as much as large ones, and a class that vanishes or appears counts 0, so this is the stricter
    of the two and falls first where details go. Neither map is the truth, so the score is symmetric.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> label_iou(torch.tensor([[[0, 0, 1, 2]]]), torch.tensor([[[0, 0, 1, 1]]]))
        tensor([0.5000])
    """
    _check_maps(received, sent)
    classes = int(max(received.max(), sent.max())) + 1
    scores = []
    for one, other in zip(received, sent, strict=True):
        confusion = confusion_matrix(one, other, classes)
        both = confusion.diagonal()
        either = confusion.sum(0) + confusion.sum(1) - both
        scores.append((both[either > 0] / either[either > 0]).mean())
    return torch.stack(scores)


def caption_agreement(received: Sequence[str], sent: Sequence[str]) -> Tensor:
    """Share of words in common between two captions of each image: ROUGE-1's F measure (Lin 2004), `(b,)` in [0, 1].

    2 (words in common) / (words of both), a word counted as often as it occurs, in lower case without punctuation;
    two empty captions agree. Chosen over BLEU because that is a score of a whole set against several references: of
    one short caption it is 0 as soon as no four words in a row agree, even of a three-word caption with itself, and it
    changes when the two captions change places. Word order is not scored, and words such as "a" agree by chance: see
    what captions of different images score before reading anything into a value.

    Raises:
        ValueError: if the numbers of captions differ.

    Example:
        >>> caption_agreement(["a brown dog runs"], ["a dog on the grass runs"])
        tensor([0.6000])
    """
    if len(received) != len(sent):
        raise ValueError(f"captions must be of the same images, got {len(received)} received and {len(sent)} sent")
    return torch.tensor(
        [_shared_words(tokenize(one), tokenize(other)) for one, other in zip(received, sent, strict=True)]
    )


def _shared_words(one: list[str], other: list[str]) -> float:
    shared = (Counter(one) & Counter(other)).total()
    return 2 * shared / (len(one) + len(other)) if one or other else 1.0


def _check_maps(received: Tensor, sent: Tensor) -> None:
    if received.shape != sent.shape or sent.ndim != 3:
        raise ValueError(
            f"label maps must be (b, h, w), two of one shape, got {tuple(received.shape)} and {tuple(sent.shape)}"
        )
