"""OFDM over multipath, against parallel flat channels and closed forms of its estimates."""

import math

import pytest
import torch
from scipy.special import j0
from toys import gaussian_symbols, seeded

from semcomm.channel import OFDMChannel, Pilots, check_channel, exponential_profile
from semcomm.channel.multipath import jakes


def test_a_long_enough_prefix_makes_parallel_flat_channels():
    """Also where taps change from one OFDM symbol to the next, and with the shortest prefix that covers them."""
    x = gaussian_symbols(3, 640)
    for options in ({"cyclic_prefix": 7}, {"coherence": "symbol"}, {"doppler": 0.1}):
        received = OFDMChannel(**options)(x, math.inf, generator=seeded(1))
        assert (received.symbols - received.csi * x).abs().max() < 1e-5


def test_given_taps_are_the_channel():
    x = gaussian_symbols(1, 128)
    received = OFDMChannel(response=[3.0, 4.0j])(x, math.inf)
    f = torch.arange(64)
    expected = 0.6 + 0.8j * torch.exp(-2j * math.pi * f / 64)
    assert torch.allclose(received.csi[0], expected.repeat(2).to(torch.complex64), atol=1e-6)
    assert torch.allclose(received.symbols, received.csi * x, atol=1e-5)


def test_profile_and_frequency_response_have_unit_energy():
    assert sum(exponential_profile(8, decay=3.0)) == pytest.approx(1)
    profile = exponential_profile(4, decay=2.0)
    assert profile[2] / profile[0] == pytest.approx(math.exp(-1))
    h = OFDMChannel(coherence="symbol")(gaussian_symbols(64, 64 * 64), 10.0, generator=seeded(1)).csi
    assert h.abs().square().mean().item() == pytest.approx(1, abs=0.02)


def test_an_argument_that_is_changed_counts_as_one_that_was_given():
    changed = OFDMChannel()
    changed.coherence = "symbol"
    x = gaussian_symbols(2, 200)
    sent = [one(x, 10.0, generator=seeded(1)).symbols for one in (changed, OFDMChannel(coherence="symbol"))]
    assert torch.equal(*sent)


def test_doppler_correlates_as_jakes_has_it():
    doppler, fades = 0.03, jakes((20_000,), 41, 0.03, torch.device("cpu"), seeded(1))
    assert fades.abs().square().mean().item() == pytest.approx(1, abs=0.02)
    for lag in (0, 3, 10, 13, 40):
        correlation = (fades[:, lag] * fades[:, 0].conj()).mean()
        assert abs(correlation.item() - j0(2 * math.pi * doppler * lag)) < 0.03, lag
    power = fades[:, 0].abs().square()
    assert power.square().mean().item() == pytest.approx(2 - 1 / 32, abs=0.1)  # nearly Gaussian


@pytest.mark.parametrize("pattern", ["comb", "block"])
def test_the_error_of_least_squares_is_the_noise_over_the_pilots_power(pattern):
    """At the pilots; with one tap and slow fading every subcarrier is a pilot's equal."""
    snr_db, pilots = 7.0, Pilots(4, "ls", pattern)
    options = {"profile": [1.0], "cyclic_prefix": 0, "response": [1.0]}
    x = gaussian_symbols(64, 48 * 6)
    received = OFDMChannel(**options, csi=pilots)(x, snr_db, generator=seeded(4))
    wrong = (received.csi - 1).abs().square()
    sigma = 10 ** (-snr_db / 10)
    if pattern == "block":
        assert wrong.mean().item() == pytest.approx(sigma, rel=0.05)
        assert received.noise_variance.mean().item() == pytest.approx(2 * sigma, rel=1e-3)
    else:  # a quarter and three quarters, a half twice: 1/16 + 9/16 and 1/2; 1 behind the last pilot
        between = wrong.reshape(64, -1, 48)[..., :45].mean((0, 1)).reshape(15, 3).mean(0)
        for share, expected in zip(between.tolist(), (10 / 16, 1 / 2, 10 / 16), strict=True):
            assert share == pytest.approx(expected * sigma, rel=0.1)
        assert wrong.reshape(64, -1, 48)[..., 45:].mean().item() == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("options", [{}, {"doppler": 0.03}, {"coherence": 8}], ids=str)
@pytest.mark.parametrize("pattern", ["comb", "block"])
def test_lmmse_beats_least_squares_and_both_tell_their_error(options, pattern):
    x, errors = gaussian_symbols(256, 640), {}
    for estimator in ("ls", "lmmse"):
        channel = OFDMChannel(**options, csi=Pilots(4, estimator, pattern))
        received = channel(x, 5.0, generator=seeded(1))
        left = (received.symbols - received.csi * x).abs().square().mean().item()
        assert received.noise_variance.mean().item() == pytest.approx(left, rel=0.05)
        errors[estimator] = left - 10**-0.5
    assert 0 < errors["lmmse"] < errors["ls"]


def test_channel_uses_count_prefixes_pilots_and_padding():
    assert OFDMChannel(fft_size=64, cyclic_prefix=16).channel_uses(640) == 800
    assert OFDMChannel(fft_size=64, cyclic_prefix=16).channel_uses(641) == 880
    assert OFDMChannel(fft_size=64, cyclic_prefix=16, csi=Pilots(8)).channel_uses(560) == 800
    assert OFDMChannel(fft_size=64, cyclic_prefix=16, csi=Pilots(8, "ls", "block")).channel_uses(64 * 14) == 16 * 80


@pytest.mark.parametrize(
    "channel",
    [
        OFDMChannel(2.0),
        OFDMChannel(csi="none", doppler=0.01),
        OFDMChannel(csi=Pilots(4)),
        OFDMChannel(2.0, csi=Pilots(8, "lmmse"), doppler=0.01),
        OFDMChannel(csi=Pilots(4, "lmmse", "block"), coherence=8, fft_size=32),
        OFDMChannel(csi=Pilots(4, "ls", "block"), doppler=0.02, fft_size=32),
    ],
    ids=str,
)
def test_the_contract_is_kept(channel):
    check_channel(channel, power=channel.power)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: OFDMChannel(cyclic_prefix=6),
            "cyclic_prefix must be at least 7 samples for a delay line of 8 taps",
        ),
        (lambda: OFDMChannel(fft_size=8), "fft_size must be at least the cyclic prefix, 16 samples, got 8"),
        (lambda: OFDMChannel(fft_size=1.5), "fft_size must be an integer of at least 2, got 1.5"),
        (lambda: OFDMChannel(cyclic_prefix=-1), "cyclic_prefix must be an integer of at least 0, got -1"),
        (lambda: OFDMChannel(csi="some"), 'csi must be "perfect", "none" or Pilots.*got \'some\''),
        (lambda: OFDMChannel(csi=Pilots(65)), "spacing of comb pilots must be at most fft_size, 64, got 65"),
        (lambda: OFDMChannel(profile=[0.0]), r"profile must hold mean powers .* got \[0.0\]"),
        (lambda: OFDMChannel(profile=[1.0, -1.0]), "profile must hold mean powers"),
        (lambda: OFDMChannel(profile=3), "profile must hold numbers, one a tap, got 3"),
        (lambda: OFDMChannel(profile=["a"]), "profile must hold numbers, one a tap"),
        (lambda: OFDMChannel(response="no"), "response must hold numbers, one a tap, got 'no'"),
        (lambda: OFDMChannel(doppler="0.1"), "doppler must be f_D T from 0 to below 0.5, got '0.1'"),
        (lambda: OFDMChannel(response=[0.0]), "response must hold finite complex taps"),
        (lambda: OFDMChannel(response=[1.0], doppler=0.1), "doppler must be None beside response, got 0.1"),
        (lambda: OFDMChannel(doppler=0.5), "doppler must be f_D T from 0 to below 0.5, got 0.5"),
        (lambda: OFDMChannel(doppler=0.1, coherence=4), "coherence must be left out beside doppler=0.1, got 4"),
        (lambda: OFDMChannel(coherence=0), "coherence must be .* got 0"),
        (lambda: exponential_profile(0, 1.0), "taps must be an integer of at least 1, got 0"),
        (lambda: exponential_profile(3, 0.0), "decay must be a number from 1e-06 to 1e.12 samples, got 0.0"),
    ],
)
def test_bad_input_is_one_clear_error(make, said):
    with pytest.raises(ValueError, match=said):
        make()
