"""Crops that are cut on a device are those that the data set cuts."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from semcomm import build_deep_jscc
from semcomm.data.folders import CropDataset, StepBatches, list_images
from semcomm.training.config import TrainingConfig
from semcomm.training.device_crops import DeviceCrops
from semcomm.training.engine import train

SIZE = 24


@pytest.fixture
def photographs(tmp_path):
    random = np.random.default_rng(0)
    for number, (height, width) in enumerate([(30, 41), (24, 24), (64, 25), (17, 40)]):
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return list_images(tmp_path)


def test_crops_are_those_of_the_data_set(photographs):
    crops = CropDataset(photographs, SIZE, seed=5)
    batches = iter(DeviceCrops(crops, StepBatches(6, first_step=3), torch.device("cpu")))
    for step in (3, 4):
        batch = next(batches)
        assert batch.keys() == {"images"}
        expected = torch.stack([crops[number]["images"] for number in range(6 * step, 6 * step + 6)])
        assert torch.equal(batch["images"], expected)


class Features:
    """Label maps that tell every pixel's place, and tokens that tell the photograph."""

    def labels(self, path):
        with Image.open(path) as image:
            width, height = image.size
        return (torch.arange(height * width) % 251).to(torch.uint8).reshape(height, width)

    def tokens(self, path):
        return torch.tensor([int(path.stem), 7])


def test_label_maps_and_captions_go_with_their_crops(photographs):
    crops = CropDataset(photographs, SIZE, seed=1, features=Features())
    batch = DeviceCrops(crops, [], torch.device("cpu")).cut(list(range(9)))
    for name in ("images", "labels", "tokens"):
        assert torch.equal(batch[name], torch.stack([crops[number][name] for number in range(9)]))


class LargestOfHost(TorchDispatchMode):
    """The bytes of the largest tensor that is made on the CPU."""

    def __init__(self):
        super().__init__()
        self.nbytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ARG002
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.device.type == "cpu":
            self.nbytes = max(self.nbytes, made.nbytes)
        return made


def test_photographs_are_joined_on_the_device_not_on_the_host(photographs):
    crops = CropDataset(photographs, SIZE, seed=1, features=Features())
    largest = max(crops.whole(number)["images"].nbytes for number in range(len(crops)))
    with LargestOfHost() as host:
        DeviceCrops(crops, [], torch.device("meta"))
    assert host.nbytes <= largest


def test_a_run_on_the_device_is_the_run_with_a_loader(photo_folder, tmp_path):
    weights = []
    for on_device in (False, True):
        torch.manual_seed(0)
        system = build_deep_jscc(complex_channels=1, device="cpu")
        out = tmp_path / str(on_device)
        settings = {"size": 16, "batch_size": 2, "steps": 3, "precision": "32-true", "on_device": on_device}
        train(system, TrainingConfig(train=photo_folder, val=photo_folder, out=out, **settings))
        weights.append(system.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
