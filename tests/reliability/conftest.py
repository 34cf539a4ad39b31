"""The count of mutated cases, printed at the end of a session."""

import resource
import shutil

import pytest
from PIL import Image
from reliability.outcomes import COUNTS
from training_runs import config, system
from trees import write_coco

from semcomm.training.engine import train


@pytest.fixture(scope="session", autouse=True)
def memory_is_short():
    """Let no case take all of the machine's memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (32 * 1024**3, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def pytest_terminal_summary(terminalreporter):
    if COUNTS:
        terminalreporter.section("mutated input: cases, successes, clear errors")
        for area, counts in sorted(COUNTS.items()):
            terminalreporter.line(f"{area:32} {counts.total():6} {counts['success']:6} {counts['refused']:6}")
        total = sum(COUNTS.values(), start=type(next(iter(COUNTS.values())))())
        terminalreporter.line(f"{'in all':32} {total.total():6} {total['success']:6} {total['refused']:6}")


@pytest.fixture(scope="session")
def uninterrupted(photo_folder, tmp_path_factory):
    """One whole training run; others are compared with it."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(system(), config(photo_folder, out))
    return out


@pytest.fixture(scope="session")
def desk(photo_folder, model, tmp_path_factory):
    """A folder with everything that a command line may name."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "photos").mkdir()
    for name in ("a.png", "b.png"):
        with Image.open(photo_folder / name) as image:
            image.crop((0, 0, 24, 20)).save(folder / "photos" / name)
    shutil.copytree(model, folder / "model")
    write_coco(folder / "coco", "train2017", "val2017")
    (folder / "letter.jpg").write_text("Dear reader")
    (folder / "half.png").write_bytes((folder / "photos" / "a.png").read_bytes()[:700])
    (folder / "empty").mkdir()
    return folder
