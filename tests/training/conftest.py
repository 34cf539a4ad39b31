"""One whole training run, which the tests of this folder compare others with."""

import pytest
from training_runs import config, system

from semcomm.training.engine import train


@pytest.fixture(scope="session")
def uninterrupted(photo_folder, tmp_path_factory):
    """One whole run; the others are compared with it."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(system(), config(photo_folder, out)) == out
    return out
