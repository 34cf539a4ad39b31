"""The parity fixtures: facts about the published networks, in the folder that SEMCOMM_PARITY names."""

import json
import math
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def parity_folder():
    folder = os.environ.get("SEMCOMM_PARITY")
    if not folder:
        pytest.skip("SEMCOMM_PARITY is not set: the folder with the published networks' names, shapes and outputs")
    return Path(folder)


@pytest.fixture(scope="session")
def read_shapes(parity_folder):
    """Every tensor's name and shape in a published checkpoint."""
    return lambda name: json.loads((parity_folder / f"{name}_state_dict.json").read_text())


@pytest.fixture(scope="session")
def read_reference(parity_folder):
    """The published network's outputs when its tensors are filled by the rule."""
    return lambda name: np.load(parity_folder / f"{name}_reference.npz")


@pytest.fixture(scope="session")
def fill_by_rule():
    return lambda shapes: {name: torch.from_numpy(_fill(name, tuple(shape))) for name, shape in shapes.items()}


def _fill(name, shape):
    """Make one tensor as the fixtures' README says."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith(("running_mean", "bias")) or "bias_" in name:
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = rng.uniform(0.5, 1.5, shape) * (0.2 if ".bn3." in name else 1.0)
    else:
        values = rng.standard_normal(shape) * math.sqrt(1 / math.prod(shape[1:]))
        values = values * (3 if name in ("embed.weight", "linear.weight") else 1)
    return values.astype(np.float32)
