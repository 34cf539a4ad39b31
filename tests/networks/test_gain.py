"""The offset that tells a receiver an image's gain: it undoes power normalisation, in every system that has it."""

import pytest
import torch
from toys import rand_images, seeded, small_system

from semcomm import build_deep_jscc
from semcomm.networks.gain import tell_gain, undo_gain
from semcomm.symbols import features_to_symbols, symbols_to_features
from semcomm.transmitter.power import power_normalize


def features(seed=0):
    scales = torch.tensor([0.1, 1.0, 7.0])[:, None, None, None]
    return scales * torch.randn(3, 6, 5, 4, generator=seeded(seed)) + 0.3


def test_without_noise_the_features_come_back_at_their_own_scale():
    sent = features()
    received = undo_gain(symbols_to_features(power_normalize(features_to_symbols(tell_gain(sent))), 5, 4))
    centred = torch.cat([sent[:, :-1], sent[:, -1:] - sent[:, -1:].mean((2, 3), keepdim=True)], dim=1)
    torch.testing.assert_close(received, centred, rtol=1e-4, atol=1e-5)


def test_the_offset_takes_part_of_the_power_and_no_symbols():
    told = tell_gain(features())
    assert told.shape == features().shape
    assert told[:, -1].mean((1, 2)).tolist() == pytest.approx([0.5] * 3, abs=1e-5)
    power = power_normalize(features_to_symbols(told)).abs().square().mean(1)
    torch.testing.assert_close(power, torch.ones(3))


def test_a_gain_lost_in_noise_does_not_blow_the_features_up():
    received = torch.full((1, 2, 3, 3), -1.0)
    assert undo_gain(received).abs().max() <= 1 / 0.02 + 0.5


def systems(**changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield small_system(2, 4, norm="none", **changes).eval()
        yield build_deep_jscc(complex_channels=2, device="cpu", **changes).eval()


def test_both_systems_tell_it_and_their_receivers_use_it():
    images = rand_images(2)
    for system in systems(tell_gain=True):
        symbols = system.encode(images, 10.0)
        assert symbols.shape[1] == system.symbols_per_image(16, 16)
        torch.testing.assert_close(symbols.abs().square().mean(1), torch.ones(2))
        delivered = system.decode(symbols, (16, 16), 10.0)
        louder = system.decode(3 * symbols, (16, 16), 10.0)
        torch.testing.assert_close(louder, delivered, rtol=0, atol=1e-5)
    for system in systems():
        symbols = system.encode(images, 10.0)
        louder = system.decode(3 * symbols, (16, 16), 10.0)
        assert (louder - system.decode(symbols, (16, 16), 10.0)).abs().max() > 1e-4


def test_it_is_saved_and_loaded(tmp_path):
    from semcomm import from_pretrained

    for number, system in enumerate(systems(tell_gain=True)):
        system.save_pretrained(tmp_path / str(number))
        loaded = from_pretrained(tmp_path / str(number), device="cpu")
        symbols = system.encode(rand_images(1), 10.0)
        torch.testing.assert_close(loaded.encode(rand_images(1), 10.0), symbols)
        torch.testing.assert_close(loaded.decode(symbols, (16, 16), 10.0), system.decode(symbols, (16, 16), 10.0))
        assert loaded.config["arguments"]["tell_gain"] is True
