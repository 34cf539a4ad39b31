"""Measured fading. Bounds are five standard deviations of the measurement, under fixed seeds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from toys import gaussian_symbols, seeded

from semcomm import AWGNChannel, RayleighChannel

DEVIATIONS = 5
coherences = st.one_of(st.sampled_from(["symbol", "image"]), st.integers(1, 40))


def fades(coherence, batch, symbols, seed=0):
    channel = RayleighChannel(coherence=coherence, equalizer="none")
    return channel.forward_with_csi(gaussian_symbols(batch, symbols, seed=99), 10.0, generator=seeded(seed))[1]


@pytest.mark.parametrize(("coherence", "batch", "symbols"), [("symbol", 1, 2**16), ("image", 2**14, 3), (4, 4, 2**15)])
def test_fades_are_circular_gaussian_of_unit_power(coherence, batch, symbols):
    h = fades(coherence, batch, symbols)
    step = {"symbol": 1, "image": symbols}.get(coherence, coherence)
    drawn = h[:, ::step].flatten()
    count = drawn.numel()
    assert abs(drawn.abs().square().mean().item() - 1) < DEVIATIONS / math.sqrt(count)
    assert abs(drawn.mean().item()) < DEVIATIONS / math.sqrt(count)
    assert abs(drawn.square().mean().item()) < DEVIATIONS * math.sqrt(2 / count)
    assert stats.kstest(drawn.abs().square().numpy(), stats.expon.cdf).pvalue > 1e-4
    assert stats.kstest(drawn.angle().numpy(), stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-4


def test_a_block_longer_than_an_image_is_one_fade_per_image():
    assert torch.equal(fades(2**62, 2, 8), fades("image", 2, 8))


@pytest.mark.parametrize(("coherence", "length"), [("symbol", 1), (1, 1), (2, 2), (5, 5), (16, 16)])
def test_autocorrelation_is_a_triangle_as_long_as_a_block(coherence, length):
    symbols = 2**16
    h = fades(coherence, 1, symbols)[0]
    for lag in range(2 * length + 2):
        correlation = (h[lag:] * h[: symbols - lag].conj()).mean().item()
        # pairs within one block have correlation 1; sums over whole blocks have symbols / length independent terms
        assert abs(correlation - max(0, 1 - lag / length)) < DEVIATIONS * math.sqrt(length / symbols), lag


@given(st.integers(1, 3), st.integers(1, 60), coherences)
def test_a_fade_lasts_exactly_one_block(batch, symbols, coherence):
    h = fades(coherence, batch, symbols).numpy()
    assert h.shape == (batch, symbols)
    length = {"symbol": 1, "image": symbols}.get(coherence, coherence)
    blocks = np.arange(symbols) // length
    changes = h[:, 1:] != h[:, :-1]
    np.testing.assert_array_equal(changes, np.broadcast_to(np.diff(blocks) > 0, changes.shape))
    assert len(np.unique(h[:, 0])) == batch


@given(st.floats(-10, 30), coherences)
def test_received_is_faded_signal_plus_noise_of_unfaded_power(snr_db, coherence):
    x = gaussian_symbols(2, 2**13, seed=1)
    channel = RayleighChannel(4.0, coherence=coherence, equalizer="none")
    y, h = channel.forward_with_csi(x, snr_db, generator=seeded(3))
    noise = (y - h * x) / math.sqrt(4.0 / 10 ** (snr_db / 10))
    assert abs(noise.abs().square().mean().item() - 1) < DEVIATIONS / math.sqrt(2**14) + 1e-2
    assert abs((noise * h.conj()).mean().item()) < DEVIATIONS / math.sqrt(2**14) * h.abs().square().mean().sqrt() + 1e-2


@given(st.floats(-10, 30), coherences, st.floats(0.1, 10))
def test_equalisers_are_their_formulas(snr_db, coherence, power):
    x = gaussian_symbols(2, 64, seed=1) * math.sqrt(power)
    outputs = {}
    for equalizer in ("none", "zf", "mmse"):
        channel = RayleighChannel(power, coherence=coherence, equalizer=equalizer)
        outputs[equalizer], h = channel.forward_with_csi(x, snr_db, generator=seeded(3))
        assert torch.equal(outputs[equalizer], channel(x, snr_db, generator=seeded(3)))
    y, h = outputs["none"].numpy().astype(np.complex128), h.numpy().astype(np.complex128)
    np.testing.assert_allclose(outputs["zf"].numpy(), y / h, rtol=1e-4, atol=1e-5)
    expected = np.conj(h) * y / (np.abs(h) ** 2 + 10 ** (-snr_db / 10))
    np.testing.assert_allclose(outputs["mmse"].numpy(), expected, rtol=1e-4, atol=1e-5)


@given(st.floats(-10, 40), coherences, st.integers(0, 1000))
def test_mmse_is_never_worse_than_zero_forcing(snr_db, coherence, seed):
    x = gaussian_symbols(64, 128, seed=1)
    errors = {}
    for equalizer in ("zf", "mmse"):
        channel = RayleighChannel(coherence=coherence, equalizer=equalizer)
        received = channel(x, snr_db, generator=seeded(seed))
        errors[equalizer] = (received - x).abs().square().double().mean().item()
    # it is the expectation that never is; at high SNR the two differ by less than a sample's deviation
    assert errors["mmse"] <= 1.1 * errors["zf"]


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 20.0])
def test_mean_squared_error_of_mmse_is_the_closed_form(snr_db):
    symbols = 2**17
    x = gaussian_symbols(1, symbols, seed=1)
    channel = RayleighChannel(coherence="symbol", equalizer="mmse")
    errors = (channel(x, snr_db, generator=seeded(2)) - x).abs().square().double()
    variance = 10 ** (-snr_db / 10)
    # E[v / (|h|^2 + v)] over an exponential |h|^2 is v e^v E1(v)
    expected = variance * math.exp(variance) * special.exp1(variance)
    assert abs(errors.mean().item() - expected) < DEVIATIONS * errors.std().item() / math.sqrt(symbols)


def test_every_image_gets_its_own_snr():
    x = gaussian_symbols(3, 200, seed=1)
    snrs = torch.tensor([0.0, 10.0, 25.0])
    for equalizer in ("none", "zf", "mmse"):
        channel = RayleighChannel(coherence=7, equalizer=equalizer)
        together = channel(x, snrs, generator=seeded(5))
        for image, snr_db in enumerate(snrs.tolist()):
            alone = channel(x, snr_db, generator=seeded(5))
            torch.testing.assert_close(together[image], alone[image], rtol=1e-4, atol=1e-5)


def test_seeds_reproduce_and_differ():
    x = gaussian_symbols(2, 50)
    channel = RayleighChannel(coherence=3, equalizer="mmse")
    assert torch.equal(channel(x, 5.0, generator=seeded(1)), channel(x, 5.0, generator=seeded(1)))
    assert not torch.equal(channel(x, 5.0, generator=seeded(1)), channel(x, 5.0, generator=seeded(2)))
    before = torch.get_rng_state()
    channel(x, 5.0, generator=seeded(1))
    assert torch.equal(before, torch.get_rng_state())


def test_without_noise_zero_forcing_gives_the_signal_back():
    x = gaussian_symbols(2, 50)
    received = RayleighChannel(coherence="symbol", equalizer="zf")(x, math.inf, generator=seeded())
    torch.testing.assert_close(received, x)
    mmse = RayleighChannel(coherence="symbol", equalizer="mmse")(x, math.inf, generator=seeded())
    torch.testing.assert_close(mmse, x)


def test_gradient_is_the_fades_conjugate():
    x = gaussian_symbols(2, 50).requires_grad_()
    y, h = RayleighChannel(coherence=5, equalizer="none").forward_with_csi(x, 3.0, generator=seeded())
    y.real.sum().backward()
    torch.testing.assert_close(x.grad, h.conj())


def test_fading_at_the_same_mean_snr_is_worse_than_none():
    x = gaussian_symbols(1, 2**14, seed=1)
    faded = RayleighChannel(coherence="symbol", equalizer="mmse")(x, 10.0, generator=seeded())
    plain = AWGNChannel()(x, 10.0, generator=seeded())
    assert (faded - x).abs().square().mean() > 1.5 * (plain - x).abs().square().mean()


@pytest.mark.parametrize("coherence", [0, -1, True, "block", 2.0, None, ""])
def test_unknown_coherence_is_refused(coherence):
    with pytest.raises(ValueError, match=r'coherence must be "symbol", "image" or a block length >= 1, got'):
        RayleighChannel(coherence=coherence, equalizer="none")


def test_unknown_equaliser_is_refused():
    with pytest.raises(ValueError, match=r"equalizer must be .* got 'lmmse'"):
        RayleighChannel(coherence="symbol", equalizer="lmmse")


def test_repr_names_the_choices():
    assert "coherence=3, equalizer='zf'" in repr(RayleighChannel(coherence=3, equalizer="zf"))


@pytest.mark.cuda
def test_a_gpu_gets_the_fades_of_a_cpu_generator():
    x = gaussian_symbols(2, 50)
    channel = RayleighChannel(coherence=3, equalizer="mmse")
    for snr_db in (5.0, torch.tensor([5.0, 15.0])):
        on_gpu = channel(x.cuda(), snr_db, generator=seeded())
        assert on_gpu.is_cuda
        torch.testing.assert_close(on_gpu.cpu(), channel(x, snr_db, generator=seeded()), rtol=1e-4, atol=1e-5)
