"""Nested systems: networks that change nothing before training, and training mode beside real frames."""

import pytest
import torch
from tiny_codebook import dead_leaves
from torch import nn
from toys import seeded

from semcomm import AWGNChannel
from semcomm.images import to_float
from semcomm.nested_builders import build_nested_mlsc_image
from semcomm.quality.image import psnr
from semcomm.transmitter.training_frames import _digital_uses

K = 2600
"""Channel uses of the photograph below: k/n = 1/16."""


@pytest.fixture(scope="module")
def nested(codebook):
    torch.manual_seed(0)
    return build_nested_mlsc_image(codebook=codebook, width=4, caption=None, segmentation=None, device="cpu")


def test_untrained_networks_change_nothing(nested, hybrid, image):
    with torch.no_grad():
        mine = nested.eval().encode(image, 10.0, channel_uses=K)
        assert torch.equal(mine, hybrid.encode(image, 10.0, channel_uses=K))
        arrived = AWGNChannel()(mine, 10.0, generator=seeded())
        shown = [system.decode(arrived, (96, 144), 10.0, channel_uses=K) for system in (nested, hybrid)]
    assert torch.equal(*shown)


class Ramp(nn.Module):
    """Adds what grows from 0 at the left to 0.02 at the right, whatever it sees."""

    def forward(self, pictures, facts, numbers):
        assert (facts.shape[-1], len(numbers)) == (pictures.shape[-1] // 16, len(pictures))
        return torch.linspace(0, 0.02, pictures.shape[-1]).expand(len(pictures), 3, *pictures.shape[-2:])


def test_real_frames_get_the_mean_of_the_picture_and_its_mirror_image(codebook, hybrid, image):
    nested = build_nested_mlsc_image(codebook=codebook, width=4, caption=None, segmentation=None, device="cpu")
    nested.receiver.network = Ramp()
    with torch.no_grad():
        arrived = AWGNChannel()(hybrid.encode(image, 10.0, channel_uses=K), 10.0, generator=seeded())
        shown, plain = (system.decode(arrived, (96, 144), 10.0, channel_uses=K) for system in (nested.eval(), hybrid))
    inside = (plain > 0) & (plain < 0.9)
    torch.testing.assert_close((shown - plain)[inside], torch.full_like(plain, 0.01)[inside], atol=1e-4, rtol=0)


def test_training_mode_is_the_closed_form_in_expectation(nested, hybrid):
    """Its PSNR over crops and draws is that of real frames within 0.7 dB; its header costs a crop less."""
    crops = to_float(torch.stack([dead_leaves(96, 144, 40 + seed) for seed in range(4)]))
    scores = {}
    with torch.no_grad():
        nested.train()
        shown = [nested(crops, 10.0, channel_uses=K, generator=seeded(seed)) for seed in range(3)]
        scores["training"] = sum(float(psnr(one, crops).mean()) for one in shown) / 3
        scores["real"] = float(psnr(hybrid(crops, 10.0, channel_uses=K, generator=seeded()), crops).mean())
    assert abs(scores["training"] - scores["real"]) < 0.7, scores


def test_the_same_batch_gives_the_same_choices(nested, image):
    nested.train()
    with torch.no_grad():
        first, second = (nested.transmitter(image, 10.0, channel_uses=K).symbols for _ in range(2))
        other = nested.transmitter(image.flip(2), 10.0, channel_uses=K).symbols
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_side_information_stays_in_training_mode(nested, image):
    assert nested.train().transmitter(image, 10.0, channel_uses=K).side is not None
    assert nested.eval().transmitter(image, 10.0, channel_uses=K).side is None


def test_gradients_reach_both_networks(codebook):
    torch.manual_seed(1)
    system = build_nested_mlsc_image(codebook=codebook, width=4, caption=None, segmentation=None, device="cpu").train()
    with torch.no_grad():
        for network in (system.transmitter.network, system.receiver.network):
            for weight in network.parameters():
                weight += 0.02 * torch.randn(weight.shape)
    crops = to_float(torch.stack([dead_leaves(64, 64, seed) for seed in range(3)]))
    received = system(crops, torch.tensor([0.0, 8.0, 16.0]), levels=10, generator=seeded())
    (received - crops).square().mean().backward()
    for network in (system.transmitter.network, system.receiver.network):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert bool(weight.grad.isfinite().all()), name
            assert bool(weight.grad.any()), name


def test_training_tells_the_network_what_the_sender_believed(nested, image, monkeypatch):
    told = []
    show = type(nested.receiver).show

    def spy(self, *arguments):
        told.append((arguments[5].tolist(), arguments[6].tolist()))
        return show(self, *arguments)

    monkeypatch.setattr(type(nested.receiver), "show", spy)
    with torch.no_grad():
        nested.train()(image, 10.0, channel_uses=K, told_snr_db=4.0, generator=seeded())
        nested(image, 10.0, channel_uses=K, generator=seeded())
    assert told == [([10.0], [4.0]), ([10.0], [10.0])]


def test_bits_cost_more_channel_uses_at_lower_snrs(codebook, nested):
    crops = to_float(dead_leaves(64, 64, 5))[None].expand(3, -1, -1, -1)
    drawing = nested.train().transmitter(crops, 15.0, levels=12).side.drawing
    uses = _digital_uses(codebook, drawing, torch.tensor([-2.0, 5.0, 15.0])).tolist()
    assert uses == sorted(uses, reverse=True)


@pytest.mark.parametrize("snr_db", [-10.0, -20.0])
def test_training_where_no_code_is_safe_is_the_linear_code(nested, image, snr_db):
    with torch.no_grad():
        shown = nested.train()(image, snr_db, channel_uses=K, generator=seeded())
    assert bool(shown.isfinite().all())
