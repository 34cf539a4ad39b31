"""What every test gets: one thread, fixed hypothesis profiles, and a real photograph."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch reads it: threads of OpenMP in this process hang its forks

# ruff: noqa: E402
import sys
from pathlib import Path

import hypothesis
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

CHECKS = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile("local", deadline=None, max_examples=20, suppress_health_check=CHECKS)
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=20, suppress_health_check=CHECKS, derandomize=True, database=None
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

torch.set_num_threads(1)  # the tensors are tiny, and sums in one order are reproducible


def pytest_runtest_setup(item):
    if "cuda" in item.keywords and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")


@pytest.fixture(scope="session")
def hopper_path():
    """The photograph that matplotlib ships: 512 x 600 pixels, RGB."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def _hopper(hopper_path):
    with Image.open(hopper_path) as image:
        return np.array(image.convert("RGB"))


@pytest.fixture
def photograph(_hopper):
    """A crop of it, uint8 `(3, 96, 80)`: a face, cloth and background."""
    return torch.from_numpy(_hopper[60:156, 200:280].copy()).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="session")
def photo_folder(_hopper, tmp_path_factory):
    """Four small crops of it as PNG files, of three sizes, in a folder with a subfolder."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    crops = {
        "a.png": _hopper[60:92, 200:240],
        "b.png": _hopper[150:190, 220:252],
        "more/c.png": _hopper[300:332, 100:140],
        "more/d.png": _hopper[100:136, 60:96],
    }
    for name, crop in crops.items():
        Image.fromarray(crop).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A small system on disk, as an argument."""
    from toys import settle, small_system

    folder = tmp_path_factory.mktemp("model")
    settle(small_system(3, 4)).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def saved(tmp_path):
    """A small trained-looking system, and the folder it was saved to."""
    from toys import settle, small_system

    system = settle(small_system(3, snr_adaptive=True))
    system.save_pretrained(tmp_path / "saved")
    return system, tmp_path / "saved"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder: exit code, stdout, stderr."""
    from semcomm.cli import main as cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["semcomm", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return call


@pytest.fixture
def refused(run):
    """Run what must be refused; the one line that says why."""

    def call(*arguments):
        code, _, err = run(*arguments)
        assert code == 2, err
        assert err.count("\n") == 1, err
        assert err.startswith("semcomm: ")
        assert "Traceback" not in err
        return err

    return call


@pytest.fixture
def photo(photograph, tmp_path):
    """A small photograph in a file of its own."""
    path = tmp_path / "photo.png"
    Image.fromarray(photograph.permute(1, 2, 0).numpy()[:40, :36]).save(path)
    return path


@pytest.fixture(scope="session")
def codebook():
    """A small codebook of the hybrid code, fitted on synthetic photographs."""
    from tiny_codebook import tiny_codebook

    return tiny_codebook()
