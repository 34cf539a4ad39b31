"""Against numpy and scipy, not against torchmetrics."""

import math

import numpy as np
import pytest
import pytorch_msssim
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from toys import rand_images

from semcomm.files.pictures import load_image
from semcomm.quality import image as metrics
from semcomm.quality.image import ms_ssim, ms_ssim_db, psnr, ssim

SCORES = st.floats(-100, 100)


def gaussian_window():
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(window, window)
    return window / window.sum()


def ssim_by_hand(one, other, borders="reflect", luminance=True):
    """Wang et al. 2004, equation 13, mean over all positions, with mirrored borders, and channels."""
    window, scores = gaussian_window(), []
    one, other = (np.pad(image, ((0, 0), (5, 5), (5, 5)), mode=borders) if borders else image for image in (one, other))
    for x, y in zip(one.astype(np.float64), other.astype(np.float64), strict=True):
        blur = lambda array: signal.convolve2d(array, window, mode="valid")  # noqa: E731
        mean_x, mean_y = blur(x), blur(y)
        var_x, var_y, cov = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2, blur(x * y) - mean_x * mean_y
        c1, c2 = 0.01**2, 0.03**2
        contrast = (2 * cov + c2) / (var_x + var_y + c2)
        scores.append(contrast * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1) if luminance else contrast)
    return np.mean(scores)


@pytest.fixture
def hopper(_hopper):
    """Just enough of the photograph for five scales, of odd height."""
    return torch.from_numpy(_hopper[60:239, 180:358].copy()).permute(2, 0, 1)


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


@pytest.mark.parametrize("pixels", [1, 400, 1000])
def test_ssim_of_a_large_image_comes_in_strips(pixels, monkeypatch):
    received, sent = rand_images(2, 57, 23, seed=1), rand_images(2, 57, 23, seed=2)
    whole = ssim(received, sent)
    monkeypatch.setattr(metrics, "STRIP_PIXELS", pixels)
    torch.testing.assert_close(ssim(received, sent), whole, rtol=1e-5, atol=1e-6)


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


@pytest.mark.parametrize("size", [(161, 161), (176, 200), (179, 178), (163, 237)])
@pytest.mark.parametrize("strength", [0.02, 0.1, 0.8])
def test_ms_ssim_is_the_reference_implementation_s(hopper_path, size, strength):
    photograph = load_image(hopper_path)[:, 60 : 60 + size[0], 180 : 180 + size[1]]
    received, sent = noisy(photograph, strength)
    expected = pytorch_msssim.ms_ssim(received, sent, data_range=1.0, size_average=False)
    np.testing.assert_allclose(ms_ssim(received, sent).numpy(), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(ms_ssim_db(received, sent).numpy(), -10 * np.log10(1 - expected.numpy()), atol=1e-2)


def test_ms_ssim_in_db(hopper):
    sent = hopper[None].float() / 255
    assert ms_ssim_db(sent, sent).item() > 60
    assert ms_ssim_db(1 - sent, sent).tolist() == [0.0]
    assert ms_ssim_db(sent[..., :160], sent[..., :160]).isnan().all()


def test_ms_ssim_of_one_image_does_not_depend_on_the_batch(hopper):
    received, sent = noisy(hopper, 0.2)
    alone = torch.cat([ms_ssim(received[i : i + 1], sent[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(ms_ssim(received, sent), alone)


def test_ms_ssim_of_identical_images_and_of_a_negative(hopper):
    sent = hopper[None].float() / 255
    assert ms_ssim(sent, sent).tolist() == [pytest.approx(1)]
    assert ms_ssim(1 - sent, sent).tolist() == [0.0]


def test_ms_ssim_of_an_image_too_small_for_five_scales_is_nan():
    assert ms_ssim(rand_images(2, 160, 200), rand_images(2, 160, 200)).isnan().tolist() == [True, True]
    assert ms_ssim(rand_images(1, 200, 160), rand_images(1, 200, 160)).isnan().all()
    assert ms_ssim(rand_images(2, 161, 161), rand_images(2, 161, 161)).isfinite().all()


def test_images_of_another_number_are_refused():
    with pytest.raises(ValueError, match="must be of one shape"):
        psnr(rand_images(2), rand_images(3))


@pytest.mark.parametrize("score", [psnr, ssim, ms_ssim, ms_ssim_db])
def test_images_that_cannot_be_compared_are_refused(score):
    images = rand_images(1, 180, 180)
    with pytest.raises(TypeError, match=r"sent must hold floats in \[0, 1\], got torch.uint8; divide uint8 by 255"):
        score(images, images.to(torch.uint8))
    with pytest.raises(ValueError, match=r"received and sent must be of one shape .* got \(1, 3, 179, 180\) and"):
        score(images[:, :, 1:], images)
