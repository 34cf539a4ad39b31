"""The caption's socket, exercised by a toy captioner."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from toys import ToyCaptioner, rand_images

from semcomm import CaptionFeature


def bilinear(plane, size):
    """Resize with half-pixel centres and clamped borders, by scipy's spline of order 1."""
    rows, columns = [
        np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        for new, old in zip(size, plane.shape, strict=True)
    ]
    return ndimage.map_coordinates(plane, np.meshgrid(rows, columns, indexing="ij"), order=1)


@pytest.mark.parametrize("size", [16, (16, 16), (12, 20)])
def test_plane_is_the_resized_embeddings_of_the_caption(size):
    captioner = ToyCaptioner()
    images = rand_images(3, 10, 14)
    plane = CaptionFeature(captioner, size)(images)
    expected_size = (size, size) if isinstance(size, int) else size
    for image in range(3):
        names = (images[image].mean((1, 2)) * 4).long().clamp(0, 3) + 1
        embeddings = np.zeros((captioner.length, 3))
        embeddings[:3] = captioner.table.detach().numpy()[names]
        expected = bilinear(embeddings, expected_size).flatten()
        np.testing.assert_allclose(plane[image].numpy(), expected, atol=1e-5)


def test_precomputed_tokens_give_the_same_plane_without_running_the_captioner():
    captioner = ToyCaptioner()
    feature = CaptionFeature(captioner, 16)
    images = rand_images()
    tokens = feature.tokens(images)
    direct, calls = feature(images), captioner.calls
    assert torch.equal(feature(images, tokens), direct)
    assert captioner.calls == calls


def test_captions_are_spelled_out():
    images = torch.stack([torch.full((3, 8, 8), 0.1), torch.full((3, 8, 8), 0.9)])
    feature = CaptionFeature(ToyCaptioner(), 16)
    assert feature.text(feature.tokens(images)) == ["dark dark dark", "light light light"]


def test_captioner_is_frozen_and_stays_in_eval_mode():
    captioner = ToyCaptioner().train()
    feature = CaptionFeature(captioner, 16)
    assert not captioner.training
    assert not any(weight.requires_grad for weight in feature.parameters())
    images = rand_images()
    before = feature(images)
    assert feature.train() is feature
    assert feature.training
    assert not captioner.training
    assert torch.equal(feature(images), before)


def test_no_gradient_enters():
    images = rand_images().requires_grad_()
    captioner = ToyCaptioner()
    feature = CaptionFeature(captioner, 16)
    captioner.table.requires_grad_(True)  # even if someone thaws it
    assert not feature(images).requires_grad


def test_what_is_no_captioner_is_refused():
    class Imposter:
        generate = embed = text = None

    with pytest.raises(TypeError, match="captioner must be an nn.Module with generate, embed and text, got Linear"):
        CaptionFeature(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="captioner must be an nn.Module.*got Imposter"):
        CaptionFeature(Imposter())


@pytest.mark.parametrize("shape", [(3, 5), (1, 5), (2,), (2, 5, 1)])
def test_tokens_of_other_images_are_refused(shape):
    feature = CaptionFeature(ToyCaptioner(), 16)
    with pytest.raises(ValueError, match=r"tokens must be \(b, T\) for the 2 images, got embeddings"):
        feature(rand_images(2), torch.zeros(shape, dtype=torch.int64))
