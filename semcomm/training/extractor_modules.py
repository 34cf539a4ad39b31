"""What Lightning runs to train the lite extractors: the losses, the schedule and the validation scores.

Import this only where Lightning is needed: it is an optional dependency.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.data.classes import CAMVID_CLASSES, IGNORED, NOT_A_THING, STUFF
from semcomm.extractors.lite_captioner import LiteCaptioner
from semcomm.extractors.lite_segmenter import LiteSegmenter
from semcomm.quality.segmentation import evaluate_segmenter

try:
    from lightning.pytorch import LightningModule
except ImportError as error:
    raise ImportError("training needs Lightning: pip install 'semcomm[train]'") from error


class _ExtractorTraining(LightningModule):
    """AdamW with a short warm-up and a cosine to zero, around any network with a loss."""

    def __init__(self, network: nn.Module, steps: int, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.network = network
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def configure_optimizers(self) -> Any:
        """Build the optimiser and its schedule, stepped once per batch."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.learning_rate,
        )
        warm_up = max(1, min(200, self.steps // 10))

        def factor(step: int) -> float:
            progress = min(1.0, step / self.steps)
            return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * progress))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class SegmenterTraining(_ExtractorTraining):
    """Train a lite segmenter on CamVid's labels and COCO's partial ones.

    Args:
        network: the segmenter.
        class_weights: weight of each class in the cross entropy.
        validation: CamVid-like labelled images whose mean IoU over CamVid's classes is "score".
        steps: optimiser steps of the whole run.
        learning_rate: highest learning rate.
        weight_decay: decay of the convolutions' weights.
        partial_weight: weight of a pixel known only to be outside every COCO object; 0 ignores such pixels.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: LiteSegmenter,
        class_weights: Tensor,
        validation: Sequence[tuple[Tensor, Tensor]],
        *,
        steps: int,
        learning_rate: float,
        weight_decay: float,
        partial_weight: float,
    ) -> None:
        super().__init__(network, steps, learning_rate, weight_decay)
        self.segmenter = network
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.validation = validation
        self.partial_weight = partial_weight

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:  # noqa: ARG002
        """Score a batch of crops already at the network's scale."""
        images, labels = batch
        images = images.contiguous(memory_format=torch.channels_last)
        logits = self.segmenter.head(self.segmenter.trunk(images))
        logits = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
        loss = partial_cross_entropy(logits, labels, self.class_weights, self.partial_weight)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_index: int) -> None:  # noqa: ARG002
        """Score the whole validation images, once per validation."""
        scores = evaluate_segmenter(self.segmenter, self.validation, scored=range(CAMVID_CLASSES))
        self.log("score", scores["mean_iou"], prog_bar=True, batch_size=1)
        self.log("pixel_accuracy", scores["pixel_accuracy"], prog_bar=True, batch_size=1)


def partial_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor, partial_weight: float) -> Tensor:
    """Cross entropy where some pixels are labelled only "none of the COCO things".

    Such a pixel costs -log of the summed probability of `STUFF`: it is one of them, we are not told which.

    Args:
        logits: scores of every class.
        labels: a class, `NOT_A_THING` or `IGNORED`.
        class_weights: weight of each class.
        partial_weight: weight of a pixel labelled `NOT_A_THING`.

    Shape:
        logits `(b, classes, h, w)`, labels `(b, h, w)`, class_weights `(classes,)` to a scalar.
    """
    labels = labels.long()
    known = labels < logits.shape[1]
    target = labels.masked_fill(~known, IGNORED)
    loss = F.cross_entropy(logits, target, class_weights, ignore_index=IGNORED, reduction="sum")
    weight = class_weights[labels[known]].sum()
    partial = labels == NOT_A_THING
    if partial_weight > 0 and partial.any():
        scores = logits.permute(0, 2, 3, 1)[partial]
        outside = scores.logsumexp(1) - scores[:, list(STUFF)].logsumexp(1)
        loss = loss + partial_weight * outside.sum()
        weight = weight + partial_weight * partial.sum()
    return loss / weight.clamp_min(1)


class CaptionerTraining(_ExtractorTraining):
    """Train a lite captioner to write the next word and to name an image's words.

    Args:
        network: the captioner.
        validate: gives the scores of the captioner, among them "score", higher is better.
        steps: optimiser steps of the whole run.
        learning_rate: highest learning rate.
        weight_decay: decay of the matrices' weights.
        word_weight: weight of the word naming loss beside the caption's.
        label_smoothing: share of the probability spread over the vocabulary.
    """

    def __init__(
        self,
        network: LiteCaptioner,
        validate: Callable[[LiteCaptioner], dict[str, float]],
        *,
        steps: int,
        learning_rate: float,
        weight_decay: float,
        word_weight: float = 1.0,
        label_smoothing: float = 0.1,
    ) -> None:
        super().__init__(network, steps, learning_rate, weight_decay)
        self.captioner = network
        self.validate = validate
        self.word_weight = word_weight
        self.label_smoothing = label_smoothing

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> Tensor:  # noqa: ARG002
        """Score a batch of crops with all their captions: images, tokens `(b, n, T)`, word shares `(b, V)`."""
        images, tokens, words = batch
        description = self.captioner.describe(images.contiguous(memory_format=torch.channels_last))
        context = self.captioner.context(description).repeat_interleave(tokens.shape[1], dim=0)
        tokens = tokens.flatten(0, 1)
        scores = self.captioner.next_word_logits(context, tokens)
        caption = F.cross_entropy(
            scores.flatten(0, 1), tokens.flatten(), ignore_index=0, label_smoothing=self.label_smoothing
        )
        # Summed over the vocabulary: nearly all of its words are absent from any one image.
        naming = F.binary_cross_entropy_with_logits(self.captioner.word_logits(description), words, reduction="none")
        naming = naming.sum(dim=1).mean()
        self.log_dict({"caption": caption, "naming": naming}, prog_bar=True)
        return caption + self.word_weight * naming / 10

    def validation_step(self, batch: Any, batch_index: int) -> None:  # noqa: ARG002
        """Score the captioner on the validation captions, once per validation."""
        self.log_dict(self.validate(self.captioner), prog_bar=True, batch_size=1)
