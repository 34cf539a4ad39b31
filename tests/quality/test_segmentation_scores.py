"""Scores of label maps against counts by hand and torchmetrics."""

import pytest
import torch
from torch import nn
from torchmetrics.classification import MulticlassJaccardIndex

from semcomm.quality.segmentation import confusion_matrix, evaluate_segmenter, intersection_over_union


class _ByBrightness(nn.Module):
    """Labels a pixel by its red value, so that a test chooses every answer."""

    def __init__(self, classes):
        super().__init__()
        self.class_names = tuple(f"class {number}" for number in range(classes))
        self.register_buffer("palette", torch.rand(classes, 3))

    def segment(self, images):
        return (images[:, 0] * 255).round().long()


def test_iou_agrees_with_torchmetrics():
    generator = torch.Generator().manual_seed(0)
    labels, predicted = torch.randint(0, 5, (2, 40, 30), generator=generator)
    ours = intersection_over_union(confusion_matrix(predicted, labels, 5))
    theirs = MulticlassJaccardIndex(5, average="none")(predicted, labels)
    torch.testing.assert_close(ours.float(), theirs)


def test_scores_by_hand():
    """Class 2 is never true; an answer of 2 is still a miss; 255 counts nowhere."""
    labels = torch.tensor([[0, 0, 1, 1, 255]], dtype=torch.uint8)
    answers = torch.tensor([[0, 2, 1, 0, 0]], dtype=torch.uint8)
    image = answers.expand(3, -1, -1)
    scores = evaluate_segmenter(_ByBrightness(4), [(image, labels)])
    # Class 0: one hit, one missed, one false. Class 1: one hit, one missed. Classes 2 and 3 never occur.
    expected = {"class 0": pytest.approx(1 / 3), "class 1": pytest.approx(1 / 2), "class 2": None, "class 3": None}
    assert scores["iou"] == expected
    assert scores["mean_iou"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert scores["pixel_accuracy"] == pytest.approx(2 / 4)
    assert scores["images"] == 1
