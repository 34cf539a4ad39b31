"""The losses against numpy."""

import numpy as np
import pytest
from toys import rand_images

from semcomm.training.losses import LOSSES, log_mse


def test_log_mse_is_the_mean_of_the_images_logarithms():
    received, images = rand_images(3, seed=1), rand_images(3, seed=2)
    received[0] = images[0]
    errors = ((received - images).numpy().astype(np.float64) ** 2).mean((1, 2, 3))
    assert log_mse(received, images).item() == pytest.approx(np.log(errors + 3e-4).mean(), rel=1e-5)
    assert LOSSES["log-mse"] is log_mse
    assert LOSSES["mse"](received, images).item() == pytest.approx(errors.mean(), rel=1e-5)


def test_halving_any_images_error_counts_the_same():
    images = rand_images(2, seed=1)
    errors = rand_images(2, seed=2) - 0.5
    errors[1] *= 0.3
    small = [errors.clone(), errors.clone()]
    for image, one in enumerate(small):
        one[image] *= 0.5
    gains = [(log_mse(images + errors, images) - log_mse(images + one, images)).item() for one in small]
    assert gains[0] == pytest.approx(np.log(4) / 2, rel=0.01)
    assert gains[1] == pytest.approx(gains[0], rel=0.15)
