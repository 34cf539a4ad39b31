"""Equalisers: their formulas, their closed forms, and that the decoder is told what noise is left."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from toys import gaussian_symbols, rand_images, seeded, small_system

from semcomm import AWGNChannel, PowerNormalize, RayleighChannel, SemanticSystem
from semcomm.contracts import Received
from semcomm.receiver.equalizer import EQUALIZERS, MMSEEqualizer, NoEqualizer, ZeroForcingEqualizer

DEVIATIONS = 5
coherences = st.one_of(st.sampled_from(["symbol", "image"]), st.integers(1, 40))
equalizers = pytest.mark.parametrize("equalizer", [MMSEEqualizer(), ZeroForcingEqualizer(), NoEqualizer()], ids=repr)


def mean_square(values):
    return values.abs().square().double().mean().item()


@given(st.floats(-10, 30), coherences, st.floats(0.1, 10))
def test_equalisers_are_their_formulas(snr_db, coherence, power):
    x = gaussian_symbols(2, 64, seed=1) * math.sqrt(power)
    received = RayleighChannel(power, coherence=coherence)(x, snr_db, generator=seeded(3))
    y, h = (part.numpy().astype(np.complex128) for part in (received.symbols, received.csi))
    np.testing.assert_allclose(ZeroForcingEqualizer()(received).symbols.numpy(), y / h, rtol=1e-4, atol=1e-5)
    expected = np.conj(h) * y / (np.abs(h) ** 2 + 10 ** (-snr_db / 10))
    np.testing.assert_allclose(MMSEEqualizer(power)(received).symbols.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert NoEqualizer()(received) is received


@equalizers
@pytest.mark.parametrize("snr_db", [-5.0, 10.0, torch.tensor([0.0, 20.0])])
def test_what_is_left_is_gain_and_noise_as_told(equalizer, snr_db):
    x = gaussian_symbols(2, 2**16, seed=1)
    raw = RayleighChannel()(x, snr_db, generator=seeded(2))
    equalised = equalizer(raw)
    noise = (equalised.symbols - equalised.csi * x) / equalised.noise_variance.expand(x.shape).sqrt()
    assert abs(mean_square(noise) - 1) < DEVIATIONS / math.sqrt(x.numel())
    # where the noise is loud it is really loud, symbol by symbol
    loud = equalised.noise_variance.expand(x.shape) > equalised.noise_variance.median()
    if loud.any():
        assert abs(mean_square(noise[loud]) - 1) < DEVIATIONS / math.sqrt(int(loud.sum()))
    # and the SNR of a symbol is that of its fade, whoever equalised it
    ratio = equalised.csi.abs().square() / equalised.noise_variance
    torch.testing.assert_close(ratio, raw.csi.abs().square() / raw.noise_variance, rtol=1e-3, atol=1e-6)


@given(st.floats(-10, 40), coherences, st.integers(0, 1000))
def test_mmse_is_never_worse_than_zero_forcing(snr_db, coherence, seed):
    x = gaussian_symbols(64, 128, seed=1)
    received = RayleighChannel(coherence=coherence)(x, snr_db, generator=seeded(seed))
    mmse, zf = (mean_square(equalizer(received).symbols - x) for equalizer in (MMSEEqualizer(), ZeroForcingEqualizer()))
    # it is the expectation that never is; at high SNR the two differ by less than a sample's deviation
    assert mmse <= 1.1 * zf


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 20.0])
def test_mean_squared_error_of_mmse_is_the_closed_form(snr_db):
    symbols = 2**17
    x = gaussian_symbols(1, symbols, seed=1)
    received = MMSEEqualizer()(RayleighChannel()(x, snr_db, generator=seeded(2)))
    errors = (received.symbols - x).abs().square().double()
    variance = 10 ** (-snr_db / 10)
    # E[v / (|h|^2 + v)] over an exponential |h|^2 is v e^v E1(v)
    expected = variance * math.exp(variance) * special.exp1(variance)
    assert abs(errors.mean().item() - expected) < DEVIATIONS * errors.std().item() / math.sqrt(symbols)


@pytest.mark.parametrize("equalizer", [MMSEEqualizer(), ZeroForcingEqualizer()], ids=repr)
def test_without_noise_the_signal_is_given_back(equalizer):
    x = gaussian_symbols(2, 50)
    received = equalizer(RayleighChannel()(x, math.inf, generator=seeded()))
    torch.testing.assert_close(received.symbols, x)
    assert (received.noise_variance == 0).all()


def test_a_fade_of_zero_under_mmse_is_silence():
    received = Received(torch.ones(1, 1) + 0j, torch.zeros(1, 1) + 0j, torch.tensor(0.0))
    assert MMSEEqualizer()(received).symbols.abs().item() == 0


@equalizers
def test_without_csi_nothing_changes(equalizer):
    received = Received(gaussian_symbols(1, 5), None, torch.tensor(0.1))
    assert equalizer(received) is received


def test_fading_at_the_same_mean_snr_is_worse_than_none():
    x = gaussian_symbols(1, 2**14, seed=1)
    faded = MMSEEqualizer()(RayleighChannel()(x, 10.0, generator=seeded())).symbols
    plain = AWGNChannel()(x, 10.0, generator=seeded())
    assert mean_square(faded - x) > 1.5 * mean_square(plain - x)


def test_mmse_is_the_default_and_knows_the_power():
    parts = small_system()
    system = SemanticSystem(
        parts.transmitter, RayleighChannel(4.0), parts.receiver, constraint=PowerNormalize(4.0)
    ).eval()
    assert system.equalizer.power == 4.0
    sent = system.transmit(rand_images(), 10.0, generator=seeded())
    raw = RayleighChannel(4.0)(sent.symbols, 10.0, generator=seeded())
    assert torch.equal(sent.received_symbols, MMSEEqualizer(4.0)(raw).symbols)
    system.equalizer = NoEqualizer()
    assert torch.equal(system.transmit(rand_images(), 10.0, generator=seeded()).received_symbols, raw.symbols)


def test_names_are_those_of_the_command_line():
    assert {name: type(build()) for name, build in EQUALIZERS.items()} == {
        "mmse": MMSEEqualizer,
        "zf": ZeroForcingEqualizer,
        "none": NoEqualizer,
    }
