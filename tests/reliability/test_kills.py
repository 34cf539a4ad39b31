"""Processes killed at random moments: started again they end with the bytes of one that was not, and lose nothing.

`tests/training/test_resume.py` does the same to `train`.
"""

import os
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from reliability.outcomes import half_written
from reliability.small_figure import TINY, without_extractors
from toys import ToySegmenter, caption_feature, segmentation_feature
from training_runs import STEPS, config, forked, identical, ranks, system

from semcomm.data.folders import list_images
from semcomm.experiments.run import Folders, reproduce
from semcomm.extractors.cache import CAPTIONS, FeatureCache, cache_features
from semcomm.training.engine import train
from semcomm.training.module import TrainingModule


def files(folder, *, but=()):
    """The contents of all files of a folder, by their names."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def kill_at_random(task, seconds, random):
    """Run a task in another process and kill it within so many seconds; whether it was still running."""
    with forked(task) as (process,):
        process.join(random.uniform(0, seconds))
        alive = process.is_alive()
        process.kill()
    assert alive or process.exitcode == 0
    return alive


# cache-features


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Thirty photographs of 16 x 16 pixels."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def extract(photos, out):
    return cache_features(
        list_images(photos), photos, out, caption=caption_feature(), segmentation=segmentation_feature()
    )


def kill_while_extracting(photos, folder, kills, seed):
    """Kill and go on so often; count what the last run still had to do."""
    random, killed = np.random.default_rng(seed), 0
    out, paths = folder / "cache", list_images(photos)
    began = time.monotonic()
    extract(photos, folder / "timed")
    seconds = time.monotonic() - began
    while killed < kills:
        if kill_at_random(lambda: extract(photos, out), 1.5 * seconds, random):
            killed += 1
            lines = (out / CAPTIONS).read_bytes().count(b"\n") if (out / CAPTIONS).exists() else 0
            if random.integers(2):  # else the next one that is killed goes on
                assert extract(photos, out) == len(paths) - lines
                shutil.rmtree(out)
        else:
            shutil.rmtree(out)
    extract(photos, out)
    assert files(out) == files(folder / "timed")
    FeatureCache(out, paths, photos, caption=caption_feature(), segmentation=segmentation_feature())


@pytest.fixture
def slow_segmenter(monkeypatch):
    """Make it likely that a process is killed in the middle of its work, and not before or after."""
    segment = ToySegmenter.segment

    def slow(network, images):
        time.sleep(0.003)
        return segment(network, images)

    monkeypatch.setattr(ToySegmenter, "segment", slow)


@pytest.mark.usefixtures("slow_segmenter")
def test_cache_features_killed_at_random_moments(many, tmp_path):
    kill_while_extracting(many, tmp_path, kills=3, seed=0)


@pytest.mark.slow
@pytest.mark.usefixtures("slow_segmenter")
def test_cache_features_killed_at_many_random_moments(many, tmp_path):
    kill_while_extracting(many, tmp_path, kills=20, seed=1)


# reproduce


@pytest.fixture(scope="module")
def whole_figure(photo_folder, tmp_path_factory):
    """A figure that was reproduced without an interruption, and the seconds that it took."""
    folders = Folders(photo_folder, photo_folder, photo_folder, tmp_path_factory.mktemp("figure") / "out")
    began = time.monotonic()
    figure(folders)
    return folders, time.monotonic() - began


def figure(folders):
    with without_extractors():
        reproduce("fig5", folders, TINY, report=lambda _: None)


TIMES = ("training.json", "fig5.json", "fig5.md", "systems.json")
"""Files that hold how long something took."""


def results(out):
    """What must not differ: everything but logs, and of checkpoints, which hold the time spent, the names."""
    found = {name: content for name, content in files(out, but=TIMES).items() if "/logs/" not in name}
    return {name: b"" if name.endswith(".ckpt") else content for name, content in found.items()}


def kill_while_reproducing(whole_figure, out, kills, seed):
    (folders, seconds), random, killed = whole_figure, np.random.default_rng(seed), 0
    folders = replace(folders, out=out)
    while killed < kills:
        points = files(out / "points") if (out / "points").is_dir() else {}
        if not kill_at_random(lambda: figure(folders), seconds, random):
            shutil.rmtree(out)  # it ended before: from the start, then
            continue
        killed += 1
        left = files(out / "points") if (out / "points").is_dir() else {}
        assert points.items() <= left.items()  # nothing that was measured is lost
    figure(folders)
    assert results(out) == results(whole_figure[0].out)
    assert half_written(out) == []


def test_reproduce_killed_at_random_moments(whole_figure, tmp_path):
    kill_while_reproducing(whole_figure, tmp_path / "out", kills=3, seed=0)


@pytest.mark.slow
def test_reproduce_killed_at_many_random_moments(whole_figure, tmp_path):
    kill_while_reproducing(whole_figure, tmp_path / "out", kills=20, seed=1)


# Killed while it writes its first file


def test_a_run_killed_in_its_first_write_starts_again(uninterrupted, photo_folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").touch()
    (run / ".recipe.json.abcdefgh.part").write_text("{")
    train(system(), config(photo_folder, run))
    assert identical(uninterrupted, run)
    assert half_written(run) == []


# One of several processes


def settings(photo_folder, out):
    return config(photo_folder, out, batch_size=4, devices=2, strategy="ddp")


@pytest.fixture(scope="module")
def in_two_processes(photo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("two") / "run"
    with forked(lambda: train(system(), settings(photo_folder, out)), ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    return out


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_of_several_ends_the_job_which_resumes(in_two_processes, photo_folder, tmp_path, rank):
    out = tmp_path / "run"

    def kill_one():
        if os.environ["LOCAL_RANK"] == str(rank):

            def kill(module, _optimizer):
                if module.global_step == 3:
                    os.kill(os.getpid(), signal.SIGKILL)

            TrainingModule.on_before_optimizer_step = kill
        with pytest.raises(OSError, match="another process of this run has ended; its own message says why"):
            train(system(), settings(photo_folder, out))

    with forked(kill_one, ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [-signal.SIGKILL if rank == one else 0 for one in (0, 1)]
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step=2.ckpt"]
    with forked(lambda: train(system(), settings(photo_folder, out), resume=True), ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    assert (out / "checkpoints" / f"step={STEPS}.ckpt").is_file()
    assert identical(in_two_processes, out)
