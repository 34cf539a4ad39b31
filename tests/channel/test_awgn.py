"""Measured noise. Bounds are five standard deviations of the measurement, under fixed seeds."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from toys import gaussian_symbols, seeded

from semcomm import AWGNChannel

SYMBOLS = 2**16
DEVIATIONS = 5


def noise_at(snr_db, power=1.0, batch=1, symbols=SYMBOLS, seed=0):
    """What the channel adds to silence."""
    silence = torch.zeros(batch, symbols, dtype=torch.complex64)
    return AWGNChannel(power)(silence, snr_db, generator=seeded(seed))


@given(st.floats(-20, 40), st.floats(0.01, 100))
def test_noise_power_is_what_the_snr_says(snr_db, power):
    measured = noise_at(snr_db, power).abs().square().mean().item()
    expected = power / 10 ** (snr_db / 10)
    # |w|^2 is exponential: its standard deviation is its mean
    assert abs(measured / expected - 1) < DEVIATIONS / math.sqrt(SYMBOLS)


@given(st.floats(-10, 30))
def test_noise_power_refers_to_the_constraint_and_not_to_the_signal(snr_db):
    x = 7 * gaussian_symbols(1, SYMBOLS, seed=1)
    added = AWGNChannel()(x, snr_db, generator=seeded(2)) - x
    measured = added.abs().square().mean().item() * 10 ** (snr_db / 10)
    assert abs(measured - 1) < DEVIATIONS / math.sqrt(SYMBOLS) + 1e-3  # + rounding of x + w - x at 30 dB


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_circular_and_gaussian(seed):
    noise = noise_at(0.0, seed=seed)[0]
    for part in (noise.real, noise.imag):
        assert abs(part.mean().item()) < DEVIATIONS * math.sqrt(0.5 / SYMBOLS)
        # a squared Gaussian has sqrt(2) times its mean as standard deviation
        assert abs(part.square().mean().item() / 0.5 - 1) < DEVIATIONS * math.sqrt(2 / SYMBOLS)
        assert stats.kstest(part.numpy(), stats.norm(scale=math.sqrt(0.5)).cdf).pvalue > 1e-4
    assert abs((noise.real * noise.imag).mean().item()) < DEVIATIONS * 0.5 / math.sqrt(SYMBOLS)
    assert abs(noise.square().mean().item()) < DEVIATIONS * math.sqrt(2 / SYMBOLS)


def test_noise_is_white_and_independent_across_images():
    noise = noise_at(0.0, batch=3)
    for lag in (1, 2, 3, 8, 64):
        correlation = (noise[:, lag:] * noise[:, :-lag].conj()).mean(1).abs().max().item()
        assert correlation < DEVIATIONS / math.sqrt(SYMBOLS - lag)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        correlation = (noise[one] * noise[other].conj()).mean().abs().item()
        assert correlation < DEVIATIONS / math.sqrt(SYMBOLS)


def test_every_image_gets_its_own_snr():
    snrs = torch.tensor([-10.0, 0.0, 13.0, math.inf])
    measured = noise_at(snrs, power=3.0, batch=4).abs().square().mean(1)
    for power, snr_db in zip(measured.tolist(), snrs.tolist(), strict=True):
        expected = 3 / 10 ** (snr_db / 10)
        assert abs(power - expected) <= expected * DEVIATIONS / math.sqrt(SYMBOLS)


def test_a_tensor_of_equal_snrs_is_the_number():
    x = gaussian_symbols(3, 50)
    by_number = AWGNChannel()(x, 7.0, generator=seeded())
    for tensor in (torch.full((3,), 7.0), torch.tensor(7.0), torch.tensor(7)):
        torch.testing.assert_close(AWGNChannel()(x, tensor, generator=seeded()), by_number)


def test_seeds_reproduce_and_differ():
    assert torch.equal(noise_at(0.0, seed=1), noise_at(0.0, seed=1))
    assert not torch.equal(noise_at(0.0, seed=1), noise_at(0.0, seed=2))


def test_the_global_generator_is_left_alone_when_another_is_given():
    before = torch.get_rng_state()
    noise_at(0.0)
    assert torch.equal(before, torch.get_rng_state())


def test_gradient_passes_unchanged():
    x = gaussian_symbols(2, 9).requires_grad_()
    weight = gaussian_symbols(2, 9, seed=5)
    (AWGNChannel()(x, 3.0, generator=seeded()) * weight).real.sum().backward()
    torch.testing.assert_close(x.grad, weight.conj())


def test_no_noise_at_infinite_snr():
    x = gaussian_symbols(2, 9)
    assert torch.equal(AWGNChannel()(x, math.inf), x)


@pytest.mark.cuda
def test_noise_on_a_gpu_has_the_same_power():
    silence = torch.zeros(1, SYMBOLS, dtype=torch.complex64, device="cuda")
    for generator in (torch.Generator("cuda").manual_seed(0), seeded(), None):
        noise = AWGNChannel()(silence, torch.tensor([10.0]), generator=generator)
        assert noise.is_cuda
        assert abs(10 * noise.abs().square().mean().item() - 1) < DEVIATIONS / math.sqrt(SYMBOLS)
