"""The segmentation's socket, exercised by a toy segmenter."""

import numpy as np
import pytest
import torch
from torch import nn
from toys import ToySegmenter, rand_images

from semcomm import SegmentationFeature


def test_feature_is_the_label_map_in_its_colours():
    segmenter = ToySegmenter()
    images = rand_images(2, 9, 13)
    colors = SegmentationFeature(segmenter)(images)
    weight, bias = segmenter.rule.weight.detach().numpy()[:, :, 0, 0], segmenter.rule.bias.detach().numpy()
    scores = np.einsum("kc,bchw->bkhw", weight, images.numpy()) + bias[:, None, None]
    expected = segmenter.palette.numpy()[scores.argmax(1)].transpose(0, 3, 1, 2)
    assert len(np.unique(scores.argmax(1))) > 1
    np.testing.assert_array_equal(colors.numpy(), expected)


def test_precomputed_labels_give_the_same_colours_without_running_the_segmenter():
    segmenter = ToySegmenter()
    feature = SegmentationFeature(segmenter)
    images = rand_images()
    labels = feature.labels(images)
    direct, calls = feature(images), segmenter.calls
    for dtype in (torch.int64, torch.uint8, torch.int16):
        assert torch.equal(feature(images, labels.to(dtype)), direct)
    assert segmenter.calls == calls


def test_segmenter_is_frozen_and_stays_in_eval_mode():
    segmenter = ToySegmenter().train()
    feature = SegmentationFeature(segmenter)
    assert not any(weight.requires_grad for weight in feature.parameters())
    images = rand_images()
    before = feature(images)
    assert feature.train() is feature
    assert feature.training
    assert not any(module.training for module in segmenter.modules())
    assert torch.equal(feature(images), before)
    assert segmenter.norm.num_batches_tracked == 0


def test_no_gradient_enters():
    images = rand_images().requires_grad_()
    feature = SegmentationFeature(ToySegmenter())
    assert not feature(images).requires_grad


def test_palette_moves_with_the_module_but_is_not_saved():
    feature = SegmentationFeature(ToySegmenter())
    assert "palette" in dict(feature.named_buffers())
    assert "palette" not in feature.state_dict()
    assert feature.class_names == ToySegmenter.class_names


def test_what_is_no_segmenter_is_refused():
    with pytest.raises(
        TypeError, match="segmenter must be an nn.Module with segment, palette and class_names, got Linear"
    ):
        SegmentationFeature(nn.Linear(1, 1))

    class Imposter:
        segment = palette = class_names = None

    with pytest.raises(TypeError, match="got Imposter"):
        SegmentationFeature(Imposter())


@pytest.mark.parametrize(
    ("palette", "shape"),
    [
        (torch.zeros(3, 3), r"\(3, 3\)"),
        (torch.zeros(4, 4), r"\(4, 4\)"),
        (torch.full((4, 3), 255.0), r"\(4, 3\)"),
        (torch.full((4, 3), -0.1), r"\(4, 3\)"),
        (torch.full((4, 3), float("nan")), r"\(4, 3\)"),
    ],
)
def test_a_palette_that_does_not_fit_is_refused(palette, shape):
    class Painted(ToySegmenter):
        @property
        def palette(self):
            return palette

    with pytest.raises(
        ValueError, match=rf"segmenter.palette must hold RGB in \[0, 1\] for its 4 classes, got {shape}"
    ):
        SegmentationFeature(Painted())


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 16, 15), (2, 1, 16, 16), (16, 16)])
def test_labels_of_other_images_are_refused(shape):
    with pytest.raises(ValueError, match=r"labels must have shape \(2, 16, 16\) for these images, got \("):
        SegmentationFeature(ToySegmenter())(rand_images(), torch.zeros(shape, dtype=torch.int64))


@pytest.mark.parametrize(("wrong", "span"), [(4, r"0\.\.4"), (-1, r"-1\.\.0"), (255, r"0\.\.255")])
def test_labels_without_a_colour_are_refused(wrong, span):
    labels = torch.zeros(2, 16, 16, dtype=torch.int64)
    labels[1, 2, 3] = wrong
    with pytest.raises(ValueError, match=rf"labels must be in 0\.\.3, got {span}"):
        SegmentationFeature(ToySegmenter())(rand_images(), labels)
