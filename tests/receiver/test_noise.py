"""What a decoder is told of the noise in each symbol: the true number, at the symbol's place, and nothing at first."""

import math

import pytest
import torch
from toys import rand_images, seeded, small_system

from semcomm import RayleighChannel, build_deep_jscc, from_pretrained
from semcomm.channel import OFDMChannel, Pilots
from semcomm.contracts import Received
from semcomm.receiver.equalizer import EQUALIZERS, MMSEEqualizer
from semcomm.receiver.noise import NoiseCorrection, log_residual_noise
from semcomm.symbols import features_to_symbols, symbols_to_features

CHANNELS = RayleighChannel(), OFDMChannel(coherence="symbol", csi=Pilots(8, "lmmse"))


def systems(**changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield small_system(2, 4, norm="none", **changes).eval()
        yield build_deep_jscc(complex_channels=2, device="cpu", **changes).eval()


@pytest.mark.parametrize("channel", CHANNELS, ids=["rayleigh", "ofdm"])
@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_it_is_the_error_that_mmse_leaves(channel, snr_db):
    """Measured, among symbols that are told to be good, middling and bad."""
    x = torch.randn(1, 100_000, dtype=torch.complex64, generator=seeded())
    received = MMSEEqualizer()(channel(x, snr_db, generator=seeded(1)))
    told = log_residual_noise(received)[0].exp()
    error = (received.symbols - x)[0].abs().square()
    for chosen in told.argsort().chunk(3):
        assert error[chosen].mean().item() == pytest.approx(told[chosen].mean().item(), rel=0.05)


@pytest.mark.parametrize("equalizer", EQUALIZERS.values(), ids=EQUALIZERS)
def test_no_equaliser_changes_it(equalizer):
    received = RayleighChannel()(torch.ones(2, 50, dtype=torch.complex64), 5.0, generator=seeded())
    torch.testing.assert_close(log_residual_noise(equalizer()(received)), log_residual_noise(received))


def test_its_limits_are_nothing_left_and_forty_decibels():
    symbols = torch.zeros(1, 3, dtype=torch.complex64)
    csi = torch.tensor([[0j, 1.0, 1.0]])
    told = log_residual_noise(Received(symbols, csi, torch.tensor([[0.1, 0.0, 1e-20]])))
    assert told[0].tolist() == pytest.approx([0.0, -9.2104, -9.2104], abs=1e-3)
    assert log_residual_noise(Received(symbols, None, torch.tensor(1.0)))[0].tolist() == pytest.approx(
        [-0.69315] * 3, abs=1e-4
    )


def test_each_symbols_noise_stands_where_the_symbol_does():
    """A correction whose prior mean is the noise it is told, in both parts, against the formula symbol by symbol."""
    correction = NoiseCorrection(2, rounds=1)
    look, write = (stage.convolution for stage in correction.rounds[0].stages)
    with torch.no_grad():
        for one in (look, write):
            one.weight.zero_()
            one.bias.zero_()
        correction.rounds[0].stages[0].activation.weight.fill_(1.0)
        for channel in range(2):
            look.weight[channel, 4 + channel, 2, 2] = 1.0
            write.weight[2 * channel : 2 * channel + 2, channel, 2, 2] = 1.0
        write.bias[4:] = math.log(0.5)
    h = torch.randn(3, 2 * 4 * 5, dtype=torch.complex64, generator=seeded())
    f = torch.randn(3, 2 * 4 * 5, dtype=torch.complex64, generator=seeded(1))
    received = Received(f, h, torch.tensor(0.3))
    with torch.no_grad():
        corrected = features_to_symbols(correction(symbols_to_features(f, 4, 5), received))
    told = log_residual_noise(received)
    error, mean = told.exp(), torch.complex(told, told)
    torch.testing.assert_close(corrected, (0.5 * f + error * mean) / (0.5 * (1 - error) + error))


def test_the_right_mean_and_variance_make_the_best_estimate():
    """Symbols of mean 2 + 2j and little variance: the formula's error is that of Bayes, far below the equaliser's."""
    correction = NoiseCorrection(1)
    with torch.no_grad():
        correction.rounds[-1].stages[1].convolution.bias[:2] = 2.0
        correction.rounds[-1].stages[1].convolution.bias[2:] = math.log(0.04)
    x = 2 + 2j + 0.2 * torch.randn(1, 40_000, dtype=torch.complex64, generator=seeded())
    received = MMSEEqualizer()(RayleighChannel()(x, 5.0, generator=seeded(1)))
    with torch.no_grad():
        corrected = features_to_symbols(correction(symbols_to_features(received.symbols, 200, 200), received))
    noise = 1 / (1 / log_residual_noise(received).exp() - 1)  # of the symbol divided by its fade
    error = (corrected - x).abs().square().mean().item()
    assert error == pytest.approx((0.04 * noise / (0.04 + noise)).mean().item(), rel=0.03)
    assert error < 0.1 * (received.symbols - x).abs().square().mean().item()


def test_a_round_sees_what_the_round_before_made():
    """The first round's mean is 3; the second one's is half of what it sees of the first."""
    correction = NoiseCorrection(1)
    look, write = (stage.convolution for stage in correction.rounds[1].stages)
    with torch.no_grad():
        correction.rounds[0].stages[1].convolution.bias[:2] = 3.0
        for one in (look, write):
            one.weight.zero_()
            one.bias.zero_()
        look.weight[0, 3, 2, 2], write.weight[:2, 0, 2, 2] = 1.0, 0.5
        lost = Received(torch.zeros(1, 20, dtype=torch.complex64), torch.zeros(1, 20), torch.tensor(1.0))
        assert correction(torch.zeros(1, 2, 4, 5), lost).tolist() == torch.full((1, 2, 4, 5), 1.5).tolist()


def test_training_starts_from_the_system_without_and_changes_it():
    images = rand_images(2)
    for plain, told in zip(systems(), systems(csi_to_decoder=True), strict=True):
        new = told.load_state_dict(plain.state_dict(), strict=False)
        assert not new.unexpected_keys
        assert all(name.startswith("receiver.correction.") for name in new.missing_keys)
        plain.channel = told.channel = RayleighChannel()
        before = told(images, 10.0, generator=seeded())
        assert torch.equal(before, plain(images, 10.0, generator=seeded()))
        (before - images).square().mean().backward()
        last = told.receiver.correction.rounds[-1].stages[1].convolution
        with torch.no_grad():
            last.weight -= 10.0 * last.weight.grad
        assert not torch.equal(told(images, 10.0, generator=seeded()), before)


def test_it_is_saved_and_loaded(tmp_path):
    for number, system in enumerate(systems(csi_to_decoder=True)):
        torch.nn.init.normal_(system.receiver.correction.rounds[-1].stages[1].convolution.weight, generator=seeded())
        system.save_pretrained(tmp_path / str(number))
        loaded = from_pretrained(tmp_path / str(number), device="cpu")
        symbols = system.encode(rand_images(1), 10.0)
        torch.testing.assert_close(loaded.decode(symbols, (16, 16), 10.0), system.decode(symbols, (16, 16), 10.0))
        assert loaded.config["arguments"]["csi_to_decoder"] is True


def test_noise_that_nobody_tells_is_one_clear_error():
    system = next(systems(csi_to_decoder=True))
    symbols = system.encode(rand_images(1))
    with pytest.raises(ValueError, match=r"received.noise_variance is None.*\(csi_to_decoder=True\): give snr_db"):
        system.decode(symbols, (16, 16))
