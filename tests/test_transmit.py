"""`transmit`: what arrived, and its account."""

import math

import numpy as np
import pytest
import torch
import torch._inductor.config
from toys import (
    rand_images,
    seeded,
    semantic_system,
    settle,
    small_system,
)

from semcomm import AWGNChannel, Channel, build_deep_jscc, evaluate
from semcomm.contracts import Received, Sent
from semcomm.images import to_uint8
from semcomm.transmission import account, measured_power, measured_snr_db, uses_by_part

SNR_DB = 10.0


def independent_psnr(received, sent):
    error = (received.double() / 255 - sent.double() / 255).square().mean((1, 2, 3))
    return -10 * np.log10(error.numpy())


def test_transmission_accounts_for_itself(photograph):
    system = semantic_system(3)
    images = photograph[None, :, :50, :70].repeat(2, 1, 1, 1)
    images[1] = images[1].flip(2)
    sent = system.transmit(images, SNR_DB, generator=seeded(1))
    k = 10 * 13 * 18
    assert (sent.symbols_per_image, sent.symbols.shape, sent.received_symbols.shape) == (k, (2, k), (2, k))
    assert sent.bandwidth_ratio == k / (3 * 50 * 70)
    assert sent.symbols_per_pixel == pytest.approx(3 * sent.bandwidth_ratio)
    assert (sent.images.dtype, sent.images.shape) == (torch.uint8, images.shape)
    np.testing.assert_allclose(sent.psnr_db.numpy(), independent_psnr(sent.images, images), rtol=1e-4)
    assert sent.ssim.shape == (2,)
    np.testing.assert_allclose(sent.power.numpy(), 1, rtol=1e-4)
    # the noise power's estimate from k symbols has a relative standard deviation of 1/sqrt(k): five of them, in dB
    assert np.abs(sent.measured_snr_db.numpy() - SNR_DB).max() < 5 * 10 / math.log(10) / math.sqrt(k)
    floats = images.float() / 255
    assert sent.captions == system.transmitter.caption.text(system.transmitter.caption.tokens(floats))
    assert torch.equal(sent.labels, system.transmitter.segmentation.labels(floats))
    assert sent.failed is None
    assert not sent.symbols.requires_grad
    assert not sent.images.requires_grad


def test_uint8_and_float_are_the_same_photograph(photograph):
    system = small_system()
    from_bytes = system.transmit(photograph[None], SNR_DB, generator=seeded())
    from_floats = system.transmit(photograph[None].float() / 255, SNR_DB, generator=seeded())
    assert torch.equal(from_bytes.images, from_floats.images)
    forward = system.eval()(photograph[None].float() / 255, SNR_DB, generator=seeded())
    assert torch.equal(from_bytes.images, to_uint8(forward))


@pytest.mark.parametrize("training", [True, False])
def test_transmit_is_in_eval_mode_and_restores_the_mode(training):
    system = settle(semantic_system(norm="batch"))
    expected = system(rand_images(), SNR_DB, generator=seeded())
    system.train(training)
    statistics = {name: value.clone() for name, value in system.state_dict().items()}
    sent = system.transmit(rand_images(), SNR_DB, generator=seeded())
    assert torch.equal(sent.images, to_uint8(expected))
    assert system.training is training
    assert all(torch.equal(value, statistics[name]) for name, value in system.state_dict().items())


def test_without_semantic_levels_there_is_no_caption_and_no_label_map():
    for system in (small_system(), build_deep_jscc(complex_channels=2, device="cpu")):
        sent = system.transmit(rand_images(), SNR_DB)
        assert sent.captions is None
        assert sent.labels is None


def test_one_snr_per_image():
    snrs = torch.tensor([0.0, 20.0])
    sent = small_system().transmit(rand_images(2, 64, 64), snrs, generator=seeded())
    k = sent.symbols_per_image
    assert (sent.measured_snr_db - snrs).abs().max() < 5 * 10 / math.log(10) / math.sqrt(k)


def test_account_of_a_perfect_and_of_a_small_image():
    images = torch.arange(3 * 64).reshape(1, 3, 8, 8).to(torch.uint8)
    sent = account(images.float() / 255, images, 48)
    assert sent.psnr_db.tolist() == [math.inf]
    assert math.isnan(sent.ssim.item())
    assert (sent.symbols_per_image, sent.bandwidth_ratio, sent.symbols_per_pixel) == (48, 0.25, 0.75)


def test_measured_power_and_snr():
    x = torch.tensor([[3 + 4j, 0j], [1j, 1 + 0j]])
    y = x + torch.tensor([[0.5, 0.0], [0.0, 0.1j]])
    assert measured_power(x).tolist() == [12.5, 1.0]
    expected = 10 * np.log10([25 / 0.25, 2 / 0.01])
    np.testing.assert_allclose(measured_snr_db(x, Received(y)).numpy(), expected, rtol=1e-5)
    h = torch.tensor([[2j, 1.0], [-1.0, 0.5j]])
    np.testing.assert_allclose(measured_snr_db(x, Received(h * x + (y - x), h)).numpy(), expected, rtol=1e-5)


def test_transmit_leaves_every_module_in_its_own_mode():
    system = small_system().train()
    system.transmitter.eval()
    system.transmit(rand_images(), 10.0)
    assert system.receiver.training
    assert not any(module.training for module in system.transmitter.modules())


def test_a_channel_that_delivers_nan_is_named():
    class Broken(AWGNChannel):
        def forward(self, x, snr_db, *, generator=None):
            return super().forward(x, snr_db, generator=generator) * math.nan

    with pytest.raises(ValueError, match="channel Broken delivered NaN or inf"):
        small_system(channel=Broken()).transmit(rand_images(1, 16, 16), SNR_DB)


class TwoStreams(Channel):
    """Two symbols in a channel use, after six channel uses of pilots."""

    def channel_uses(self, k):
        return -(-k // 2) + 6

    def forward(self, x, snr_db, *, generator=None):
        return AWGNChannel()(x, snr_db, generator=generator)


def test_streams_share_channel_uses_in_every_count():
    """112 symbols of a 16 x 16 image in 62 channel uses: in the account, in k/n, in a measurement and its CSV."""
    system = small_system(2, 4, channel=TwoStreams())
    sent = system.transmit(rand_images(1), SNR_DB)
    assert sent.symbols.shape == (1, 7 * 16)
    assert sent.symbols_per_image == system.symbols_per_image(16, 16) == 56 + 6
    assert sent.bandwidth_ratio == system.bandwidth_ratio(16, 16) == 62 / 768
    measured = evaluate(system, rand_images(2), SNR_DB)
    assert measured.symbols == [62, 62]
    assert measured.rows[0]["bandwidth_ratio"] == pytest.approx(62 / 768, abs=1e-6)
    parts = uses_by_part(Sent(sent.symbols, channel_uses={"bits": 40, "details": torch.tensor([72])}), 62)
    assert parts["overhead"].tolist() == [-50]
    assert sum(parts.values()).tolist() == [62]
