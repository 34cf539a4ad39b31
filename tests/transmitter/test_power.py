import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import gaussian_symbols

from semcomm import PowerNormalize
from semcomm.transmitter.power import power_normalize


@given(st.integers(1, 8), st.integers(1, 50), st.floats(-44, 37), st.floats(0.01, 100), st.integers(0, 99))
def test_every_image_has_the_power_whatever_its_scale(batch, symbols, exponent, power, seed):
    x = gaussian_symbols(batch, symbols, seed) * 10.0**exponent
    sent = PowerNormalize(power)(x)
    silent = x.abs().amax(1) == 0
    measured = np.square(np.abs(sent.numpy().astype(np.complex128))).mean(1)
    np.testing.assert_allclose(measured, np.where(silent, 0, power), rtol=1e-4)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=8), st.integers(2, 40))
def test_an_image_does_not_depend_on_its_neighbours(exponents, symbols):
    scales = torch.tensor([10.0**exponent for exponent in exponents])[:, None]
    x = gaussian_symbols(len(exponents), symbols) * scales
    together = PowerNormalize()(x)
    alone = torch.cat([PowerNormalize()(x[image : image + 1]) for image in range(len(x))])
    assert torch.equal(together, alone)


@given(st.integers(0, 99), st.floats(0.1, 10))
def test_symbols_keep_their_direction(seed, power):
    x = gaussian_symbols(1, 30, seed)
    array = x.numpy().astype(np.complex128)
    expected = array * math.sqrt(power / np.mean(np.abs(array) ** 2))
    np.testing.assert_allclose(power_normalize(x, power).numpy(), expected, rtol=1e-5)


def test_silence_stays_silent_beside_a_loud_image_with_finite_gradients():
    x = torch.zeros(2, 5, dtype=torch.complex64)
    x[1] = 3 - 4j
    x.requires_grad_()
    sent = PowerNormalize()(x)
    assert torch.equal(sent[0], torch.zeros(5, dtype=torch.complex64))
    torch.testing.assert_close(sent[1], torch.full((5,), 0.6 - 0.8j))
    sent.real.sum().backward()
    assert torch.isfinite(torch.view_as_real(x.grad)).all()


def test_gradient_is_the_numerical_one():
    x = gaussian_symbols(2, 3).to(torch.complex128)

    def in_double(real, imaginary):
        # power_normalize takes complex64 only, so its formula is differentiated in double here
        symbols = torch.complex(real, imaginary)
        return symbols / symbols.abs().square().mean(1, keepdim=True).sqrt()

    leaf = x.to(torch.complex64).requires_grad_()
    weight = gaussian_symbols(2, 3, seed=8)
    (gradient,) = torch.autograd.grad((power_normalize(leaf) * weight).real.sum(), leaf)
    double = x.requires_grad_()
    (expected,) = torch.autograd.grad((in_double(double.real, double.imag) * weight).real.sum(), double)
    torch.testing.assert_close(gradient, expected.to(torch.complex64), rtol=1e-4, atol=1e-5)


def test_real_symbols_are_refused():
    with pytest.raises(TypeError, match=r"symbols must be complex64 symbols \(b, k\), got real torch.float32"):
        PowerNormalize()(torch.zeros(1, 4))


@pytest.mark.parametrize("power", [0, -1.0, math.nan, math.inf, "1"])
def test_power_must_be_positive(power):
    with pytest.raises(ValueError, match="power must be a positive finite number, got"):
        PowerNormalize(power)


def test_repr_shows_the_power():
    assert repr(PowerNormalize(2)) == "PowerNormalize(power=2.0)"


@pytest.mark.cuda
def test_the_same_on_a_gpu():
    x = gaussian_symbols(3, 40)
    torch.testing.assert_close(PowerNormalize()(x.cuda()).cpu(), PowerNormalize()(x))
