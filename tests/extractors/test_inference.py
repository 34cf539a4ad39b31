import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms

from semcomm.extractors import inference
from semcomm.extractors.inference import IMAGENET_MEAN, IMAGENET_STD, check_images, normalize
from semcomm.networks.frozen import frozen


def test_frozen_puts_every_mode_back():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout())
    network[1].eval()
    with frozen(network):
        assert not any(module.training for module in network.modules())
        assert not network(torch.rand(2, 3, 4, 4)).requires_grad
    assert [module.training for module in network.modules()] == [True, True, False]
    assert torch.is_grad_enabled()


def test_frozen_puts_every_mode_back_after_an_error():
    network = nn.Sequential(nn.BatchNorm2d(3))
    with pytest.raises(ValueError, match="expected 4D input"), frozen(network):
        network(torch.rand(3))
    assert network[0].training
    assert torch.is_grad_enabled()


def test_normalize_agrees_with_torchvision():
    images = torch.rand(2, 3, 5, 4)
    torch.testing.assert_close(normalize(images), transforms.normalize(images, list(IMAGENET_MEAN), list(IMAGENET_STD)))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 4, 8, 8), (0, 3, 8, 8), (1, 3, 0, 8)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"images has shape \(.*\), required: \(b, 3, h, w\)"):
        check_images(torch.zeros(shape))


@pytest.mark.parametrize(("images", "kind"), [(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"), ([[0.5]], "list")])
def test_another_type_is_refused(images, kind):
    with pytest.raises(TypeError, match=f"images is .*{kind}, required: a floating-point tensor"):
        check_images(images)


@pytest.mark.parametrize("size", [(90, 70), (7, 9), (300, 41)])
def test_labels_of_a_large_image_are_those_of_a_small_one(size, monkeypatch):
    logits = torch.randn(2, 5, 9, 11, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    assert torch.equal(inference.labels_at(logits, size), whole.argmax(1))
    monkeypatch.setattr(inference, "STRIP_PIXELS", 1000)
    labels = inference.labels_at(logits, size)
    assert labels.dtype == torch.long
    best = whole.max(1).values
    chosen = whole.gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(chosen, best, rtol=0, atol=1e-5)  # another class only where two are level
    assert (labels != whole.argmax(1)).float().mean() < 1e-3
