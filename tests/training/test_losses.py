"""The losses against numpy."""

import numpy as np
import pytest
from torch import nn
from toys import rand_images

from semcomm import build_deep_jscc
from semcomm.training.config import TrainingConfig
from semcomm.training.engine import train
from semcomm.training.losses import LOSSES, check_loss, log_mse


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


class Module(nn.Module):
    def forward(self, received, sent):
        return (received - sent).abs().mean()


def scaled(received, sent, factor=2.0):
    return factor * (received - sent).abs().mean()


def weighted(received, sent, weights):
    return (weights * (received - sent)).abs().mean()


@pytest.mark.parametrize("loss", [log_mse, nn.MSELoss(), Module(), scaled, max])
def test_what_takes_two_images_is_a_loss(loss):
    assert check_loss(loss) is loss


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (5, "loss must be a function of images received and sent, or a module made already, got 5"),
        (lambda received: received, "loss must take two arguments, images received and images sent: too many"),
        (weighted, "loss must take two arguments, .*: missing a required arg.*'weights'"),
        (Module, "loss must be a function .*, or a module made already, got <class"),
    ],
)
def test_what_is_no_loss_is_refused_before_anything_is_read(loss, message, tmp_path):
    system = build_deep_jscc(complex_channels=1, device="cpu")
    config = TrainingConfig(train=tmp_path / "nothing", val=tmp_path / "nothing", out=tmp_path / "out")
    with pytest.raises(ValueError, match=message):
        train(system, config, loss=loss)
    assert not (tmp_path / "out").exists()
