"""What `evaluate` takes, and what it refuses by its name."""

import json

import numpy as np
import pytest
import torch
from toy_measurements import Brightness
from toys import small_system

from semcomm.experiments.measure import evaluate
from semcomm.quality.image import psnr


@pytest.fixture(scope="module")
def system():
    return small_system().eval()


def test_metrics_that_cannot_be_are_refused(photo_folder):
    with pytest.raises(ValueError, match="metrics must be among ms-ssim, ms-ssim-db, lpips, fidelity, papr, got fid"):
        evaluate(Brightness(), photo_folder, 10, metrics=["fid"])
    with pytest.raises(ValueError, match="metrics must not be named ssim, which are always measured"):
        evaluate(Brightness(), photo_folder, 10, metrics={"ssim": psnr})
    with pytest.raises(
        ValueError, match=r"metrics\['map'\] must return one number per image, got shape \(1, 3, 32, 40\)"
    ):
        evaluate(Brightness(), photo_folder, 10, metrics={"map": lambda received, sent: received - sent})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheme": 5}, "scheme must be made already and have a method transmit, as a system has, got 5"),
        ({"scheme": Brightness}, "scheme must be made already and have a method transmit"),
        ({"scheme": torch.nn.Identity()}, r"scheme must be .* have a method transmit, .* got Identity\(\)"),
        ({"snr_db": None}, "snr_db must be a number of dB, or several, got None"),
        ({"snr_db": True}, "snr_db must be a number of dB, or several, got True"),
        ({"photographs": None}, "photographs must be a folder, files or images .* got NoneType"),
        ({"photographs": 5}, "photographs must be a folder, files or images .* got int"),
        ({"metrics": 5}, "metrics must be names, or functions by name, got 5"),
        ({"metrics": {"a": 5}}, r"metrics\['a'\] must be a function of images received and sent, got 5"),
        ({"metrics": {3: psnr}}, r"metrics\[3\] must be a function of images received and sent"),
        ({"metrics": {"a": lambda received, sent: None}}, r"metrics\['a'\] must return a tensor .* got NoneType"),  # noqa: ARG005
        ({"metrics": {"a": lambda received, sent: 1j}}, r"metrics\['a'\] must return a tensor .* got torch.complex"),  # noqa: ARG005
        ({"features": 5}, "features must be a FeatureCache or None, got int"),
        ({"progress": 5}, "progress must be a function without arguments, got 5"),
    ],
)
def test_arguments_of_another_kind_are_named(arguments, message):
    given = {"scheme": Brightness(), "photographs": torch.rand(1, 3, 16, 16), "snr_db": 10.0} | arguments
    with pytest.raises(TypeError, match=message):
        evaluate(**given)


def test_a_scheme_that_returns_no_transmission_is_named():
    class Bare:
        def transmit(self, images, snr_db, *, generator=None):  # noqa: ARG002
            return images

    with pytest.raises(TypeError, match="scheme: transmit of Bare must return a Transmission, got Tensor"):
        evaluate(Bare(), torch.rand(1, 3, 16, 16), 10.0)


def test_numbers_of_numpy_are_taken_and_what_is_no_number_is_refused(system, photo_folder):
    measured = evaluate(system, photo_folder, np.float32(10), draws=np.int64(2), seed=np.int64(3))
    assert measured.json() == evaluate(system, photo_folder, 10, draws=2, seed=3).json()
    assert json.dumps(measured.json())
    with pytest.raises(TypeError, match="snr_db must be a number of dB, or several, got '10'"):
        evaluate(system, photo_folder, "10")
    with pytest.raises(ValueError, match="draws must be an integer of at least 1, got 1.5"):
        evaluate(system, photo_folder, 10, draws=1.5)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        evaluate(system, photo_folder, 10, seed=-1)
    with pytest.raises(TypeError, match=r"photographs must be a folder, files or images \(3, h, w\), got int"):
        evaluate(system, [3], 10)
