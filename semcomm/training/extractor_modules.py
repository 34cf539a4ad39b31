"""What Lightning runs to train the lite extractors: the losses, the schedule and the validation scores.

Import this only where Lightning is needed: it is an optional dependency.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.data.classes import IGNORED
from semcomm.extractors.lite_captioner import PADDING, LiteCaptioner
from semcomm.extractors.lite_segmenter import LiteSegmenter
from semcomm.networks.precision import has_bf16
from semcomm.quality.segmentation import evaluate_segmenter

try:
    from lightning.pytorch import LightningModule
except ImportError as error:
    raise ImportError("training needs Lightning: pip install 'semcomm[train]'") from error


class _ExtractorTraining(LightningModule):
    """AdamW with a short warm-up and a cosine to zero, around any network with a loss.

    Args:
        network: what is trained; its frozen parameters stay out.
        steps: optimiser steps of the whole run.
        learning_rate: highest learning rate.
        weight_decay: decay of the matrices' weights.
        own_stage_rate: learning rate of a head's `own_stage`, which begins trained, relative to the rest.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        steps: int,
        learning_rate: float,
        weight_decay: float,
        own_stage_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.steps = steps
        self.learning_rate = learning_rate
        self.own_stage_rate = own_stage_rate
        self.weight_decay = weight_decay

    def on_train_epoch_start(self) -> None:
        """Begin each epoch's dropout alike in a run that went on from a checkpoint and in one that did not."""
        torch.manual_seed(self.current_epoch)

    def configure_optimizers(self) -> Any:
        """Build the optimiser and its schedule, stepped once per batch."""
        groups = []
        named = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        for begun in (False, True):
            trained = [p for name, p in named if ("own_stage" in name) == begun]
            rate = self.learning_rate * (self.own_stage_rate if begun else 1.0)
            for matrices in (False, True):
                chosen = [p for p in trained if (p.ndim > 1) == matrices]
                if chosen:
                    decay = self.weight_decay if matrices else 0.0
                    groups.append({"params": chosen, "weight_decay": decay, "lr": rate})
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
        warm_up = max(1, min(200, self.steps // 10))

        def factor(step: int) -> float:
            progress = min(1.0, step / self.steps)
            return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * progress))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def overlap_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Measure how little likely and true labels overlap: 1 less the mean soft IoU of the classes that occur.

    IoU_c = sum p_c [y = c] / (sum p_c + sum [y = c] - sum p_c [y = c]), over all known pixels of the batch together.

    Shape:
        logits `(b, classes, h, w)` and int64 labels `(b, h, w)`, `IGNORED` where unknown, to a number in [0, 1].
    """
    known = labels != IGNORED
    truth = labels[known]
    likely = logits.float().softmax(dim=1).movedim(1, -1)[known]
    hits = likely.new_zeros(logits.shape[1]).index_add(0, truth, likely.gather(1, truth[:, None])[:, 0])
    occurrences = torch.bincount(truth, minlength=logits.shape[1])
    overlap = hits / (likely.sum(dim=0) + occurrences - hits)
    return 1 - overlap[occurrences > 0].mean() if len(truth) else logits.sum() * 0


class SegmenterTraining(_ExtractorTraining):
    """Train a lite segmenter by cross entropy and overlap on crops.

    Args:
        network: the segmenter.
        validation: labelled images whose mean IoU is "score".
        steps: optimiser steps of the whole run.
        learning_rate: highest learning rate.
        own_stage_rate: learning rate of the head's own stage, which begins trained, relative to the rest.
        weight_decay: decay of the convolutions' weights.
        overlap_weight: weight of `overlap_loss` beside the cross entropy.
    """

    def __init__(
        self,
        network: LiteSegmenter,
        validation: Callable[[], Iterable[tuple[Tensor, Tensor]]],
        *,
        steps: int,
        learning_rate: float,
        own_stage_rate: float,
        weight_decay: float,
        overlap_weight: float,
    ) -> None:
        super().__init__(
            network,
            steps=steps,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            own_stage_rate=own_stage_rate,
        )
        self.segmenter = network
        self.validation = validation
        self.overlap_weight = overlap_weight

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:  # noqa: ARG002
        """Score a batch of crops already at the network's scale."""
        images, labels = batch
        with torch.autocast(images.device.type, torch.bfloat16, enabled=has_bf16(images.device)):
            logits = self.segmenter.head(self.segmenter.trunk(images)).float()
        # Every second pixel: the logits are at a quarter of the size, and neighbours say the same.
        labels = labels[:, ::2, ::2].long()
        logits = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
        loss = loss / (labels != IGNORED).sum().clamp_min(1)
        overlap = overlap_loss(logits, labels)
        self.log_dict({"loss": loss, "overlap": overlap}, prog_bar=True)
        return loss + self.overlap_weight * overlap

    def validation_step(self, batch: Any, batch_index: int) -> None:  # noqa: ARG002
        """Score the whole validation images, once per validation."""
        scores = evaluate_segmenter(self.segmenter, self.validation())
        self.log("score", scores["mean_iou"], prog_bar=True, batch_size=1)
        self.log("pixel_accuracy", scores["pixel_accuracy"], prog_bar=True, batch_size=1)


class CaptionerTraining(_ExtractorTraining):
    """Train a lite captioner's words beside its frozen trunk: to write the next word and to name an image's words.

    Args:
        network: the captioner.
        validate: gives the scores of the captioner, among them "score", higher is better.
        steps: optimiser steps of the whole run.
        learning_rate: highest learning rate.
        weight_decay: decay of the matrices' weights.
        word_weight: weight of the word naming loss, summed over the vocabulary, beside the caption's.
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
        word_weight: float,
        label_smoothing: float,
    ) -> None:
        super().__init__(network, steps=steps, learning_rate=learning_rate, weight_decay=weight_decay)
        self.captioner = network
        self.validate = validate
        self.word_weight = word_weight
        self.label_smoothing = label_smoothing

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> Tensor:  # noqa: ARG002
        """Score a batch of images with their captions: features, tokens `(b, n, T)`, word shares `(b, V)`."""
        features, tokens, words = batch
        description = self.captioner.describe(features.float())
        context = self.captioner.context(description).repeat_interleave(tokens.shape[1], dim=0)
        tokens = tokens.flatten(0, 1)
        tokens = tokens[:, : int((tokens != PADDING).sum(1).max())]
        scores = self.captioner.next_word_logits(context, tokens)
        caption = F.cross_entropy(
            scores.flatten(0, 1), tokens.flatten(), ignore_index=PADDING, label_smoothing=self.label_smoothing
        )
        naming = F.binary_cross_entropy_with_logits(self.captioner.word_logits(description), words, reduction="none")
        naming = naming.sum(dim=1).mean()
        self.log_dict({"caption": caption, "naming": naming}, prog_bar=True)
        return caption + self.word_weight * naming

    def validation_step(self, batch: Any, batch_index: int) -> None:  # noqa: ARG002
        """Score the captioner on the validation captions, once per validation."""
        self.log_dict(self.validate(self.captioner), prog_bar=True, batch_size=1)
