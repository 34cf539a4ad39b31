"""What arrived beside the image, and PSNR where it matters."""

import pytest
import torch

from semcomm.quality.image import psnr
from semcomm.quality.meaning import arrivals, psnr_by_importance
from semcomm.transmission import Transmission

IMAGES = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(3))
NAMES = ("sky", "person")


def transmission(**parts):
    scores = torch.zeros(2)
    return Transmission(IMAGES, 9, 0.1, 0.3, scores, scores, **parts)


def test_what_arrived_is_counted_image_by_image():
    labels = torch.zeros(2, 12, 10, dtype=torch.int64)
    labels[1] = -1
    scores = arrivals(
        transmission(
            captions=["a dog", "a cat"],
            received_captions=["a dog", None],
            received_labels=labels,
            lost=torch.tensor([False, True]),
        )
    )
    assert {name: value.tolist() for name, value in scores.items()} == {
        "bits_arrived": [1, 0],
        "caption_arrived": [1, 0],
        "labels_arrived": [1, 0],
    }
    assert arrivals(transmission()) == {}


def test_inside_and_outside_are_the_psnr_of_their_pixels():
    received = (IMAGES + 0.1 * torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(4))).clamp(0, 1)
    labels = torch.zeros(2, 12, 10, dtype=torch.int64)
    labels[:, :, 4:] = 1
    scores = psnr_by_importance(received, IMAGES, labels, {"person": 4.0}, NAMES)
    inside, outside = psnr(received[..., 4:], IMAGES[..., 4:]), psnr(received[..., :4], IMAGES[..., :4])
    assert torch.allclose(scores["psnr_inside_db"].float(), inside, atol=1e-4)
    assert torch.allclose(scores["psnr_outside_db"].float(), outside, atol=1e-4)
    assert psnr_by_importance(received, IMAGES, 0 * labels, {"person": 4.0}, NAMES)["psnr_inside_db"].isnan().all()


def test_unknown_labels_are_refused():
    with pytest.raises(ValueError, match="labels among sky, person; got dog"):
        psnr_by_importance(IMAGES, IMAGES, torch.zeros(2, 12, 10), {"dog": 2.0}, NAMES)
