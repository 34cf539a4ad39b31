"""Against numpy and scipy, not against torchmetrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats
from toys import rand_images

from semcomm.evaluation.metrics import mean_and_ci95, psnr, ssim


def gaussian_window():
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(window, window)
    return window / window.sum()


def ssim_by_hand(one, other, borders="reflect"):
    """Wang et al. 2004, equation 13, mean over all positions, with mirrored borders, and channels."""
    window, scores = gaussian_window(), []
    one, other = (np.pad(image, ((0, 0), (5, 5), (5, 5)), mode=borders) if borders else image for image in (one, other))
    for x, y in zip(one.astype(np.float64), other.astype(np.float64), strict=True):
        blur = lambda array: signal.convolve2d(array, window, mode="valid")  # noqa: E731
        mean_x, mean_y = blur(x), blur(y)
        var_x, var_y, cov = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2, blur(x * y) - mean_x * mean_y
        c1, c2 = 0.01**2, 0.03**2
        scores.append(
            (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
        )
    return np.mean(scores)


def noisy(photograph, strength, batch=3):
    sent = photograph.float().div(255).expand(batch, -1, -1, -1)
    strengths = strength * torch.arange(1, batch + 1)[:, None, None, None]
    return (sent + strengths * (rand_images(batch, *sent.shape[2:]) - 0.5)).clamp(0, 1), sent


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.4])
def test_ssim_is_the_papers(photograph, strength):
    received, sent = noisy(photograph, strength)
    expected = [ssim_by_hand(a, b) for a, b in zip(received.numpy(), sent.numpy(), strict=True)]
    np.testing.assert_allclose(ssim(received, sent).numpy(), expected, atol=2e-4)
    inside = [ssim_by_hand(a, b, borders=None) for a, b in zip(received.numpy(), sent.numpy(), strict=True)]
    np.testing.assert_allclose(expected, inside, atol=5e-3)  # what the treatment of borders can change


@given(st.integers(1, 5), st.integers(11, 30), st.integers(11, 30))
def test_ssim_of_any_size(batch, height, width):
    received, sent = rand_images(batch, height, width, seed=1), rand_images(batch, height, width, seed=2)
    expected = [ssim_by_hand(a, b) for a, b in zip(received.numpy(), sent.numpy(), strict=True)]
    np.testing.assert_allclose(ssim(received, sent).numpy(), expected, atol=2e-4)


@given(st.integers(1, 8), st.floats(0.001, 1))
def test_psnr_is_per_image(batch, strength):
    sent = rand_images(batch, 9, 13)
    received = (sent + strength * torch.linspace(0.1, 1, batch)[:, None, None, None]).clamp(0, 1)
    error = np.square(received.double().numpy() - sent.double().numpy()).mean((1, 2, 3))
    np.testing.assert_allclose(psnr(received, sent).numpy(), -10 * np.log10(error), rtol=1e-4)


def test_identical_images(photograph):
    sent = photograph[None].float() / 255
    assert psnr(sent, sent).tolist() == [math.inf]
    assert ssim(sent, sent).item() == pytest.approx(1)


def test_ssim_of_an_image_smaller_than_its_window_is_nan():
    assert ssim(rand_images(2, 10, 30), rand_images(2, 10, 30)).isnan().tolist() == [True, True]
    assert ssim(rand_images(2, 11, 11), rand_images(2, 11, 11)).isfinite().all()


def test_images_of_another_number_are_refused():
    with pytest.raises(ValueError, match="zip"):
        psnr(rand_images(2), rand_images(3))


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_confidence_interval_is_the_normal_one(values):
    mean, half = mean_and_ci95(values)
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    expected = stats.norm.ppf(0.975) * np.std(values, ddof=1) / math.sqrt(len(values))
    assert half == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_one_value_has_no_interval():
    mean, half = mean_and_ci95([3.0])
    assert mean == 3.0
    assert math.isnan(half)
