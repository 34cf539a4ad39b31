"""Two processes, one folder: one of them works, the other is told so, and nothing is corrupted."""

import multiprocessing
import re
import shutil
import sys
from dataclasses import replace

import pytest
from PIL import Image
from reliability.small_figure import TINY, without_extractors
from toys import ToySegmenter, caption_feature, segmentation_feature
from training_runs import config, forked, identical, system, wait_for

from semcomm.cli import main as cli
from semcomm.data.folders import list_images
from semcomm.experiments import run as reproduction
from semcomm.experiments.run import Folders, reproduce
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.files.lock import holds_files, only_writer
from semcomm.files.pictures import load_image
from semcomm.training.engine import train
from semcomm.training.module import TrainingModule

BUSY = "another process is writing to folder .*{}: wait for its end, or name another folder"


@pytest.fixture
def hold():
    """Two events: the first process has begun; it may go on."""
    context = multiprocessing.get_context("fork")
    return context.Event(), context.Event()


def first_and_second(hold, patch_first, work, out):
    """Start the work, refuse it to a second process meanwhile, and let the first one end."""
    begun, go_on = hold

    def wait(*_):
        begun.set()
        assert go_on.wait(60)

    def first():
        patch_first(wait)
        work()

    with forked(first) as (process,):
        assert begun.wait(60)
        with pytest.raises(OSError, match=BUSY.format(re.escape(out.name))):
            work()
        go_on.set()
    assert process.exitcode == 0


def test_one_feature_cache(photo_folder, tmp_path, hold):
    out, levels = tmp_path / "cache", {"caption": caption_feature(), "segmentation": segmentation_feature()}
    paths = list_images(photo_folder)

    def patch(wait):
        segment = ToySegmenter.segment
        ToySegmenter.segment = lambda network, images: wait() or segment(network, images)

    first_and_second(hold, patch, lambda: cache_features(paths, photo_folder, out, **levels), out)
    assert cache_features(paths, photo_folder, out, **levels) == 0
    FeatureCache(out, paths, photo_folder, **levels)


@pytest.mark.parametrize("resume", [False, True])
def test_one_folder_of_a_training_run(uninterrupted, photo_folder, tmp_path, hold, resume):
    out = tmp_path / "run"
    if resume:
        train(system(), config(photo_folder, out, steps=2))

    def patch(wait):
        TrainingModule.on_before_zero_grad = wait

    first_and_second(hold, patch, lambda: train(system(), config(photo_folder, out), resume=resume), out)
    assert identical(uninterrupted, out)


def test_one_folder_of_a_reproduction(photo_folder, tmp_path, hold):
    folders = Folders(photo_folder, photo_folder, photo_folder, tmp_path / "out")

    def patch(wait):
        evaluate = reproduction.evaluate
        reproduction.evaluate = lambda *given, **options: wait() or evaluate(*given, **options)

    with without_extractors():
        first_and_second(hold, patch, lambda: reproduce("fig5", folders, TINY, report=lambda _: None), folders.out)
        alone = replace(folders, out=tmp_path / "alone")
        reproduce("fig5", alone, TINY, report=lambda _: None)
    for name in ("fig5.csv", "fig5.png"):
        assert (folders.out / name).read_bytes() == (alone.out / name).read_bytes()


def test_many_that_transmit_into_one_folder(model, photo_folder, tmp_path):
    photos = [str(path) for path in list_images(photo_folder)]
    results = ["--out", str(tmp_path / "got"), "--json", str(tmp_path / "out.json")]

    def send():
        sys.argv = ["semcomm", "transmit", *photos, "--model", model, *results]
        cli.main()

    with forked(send, [{}] * 4) as processes:
        pass
    assert [process.exitcode for process in processes] == [0] * 4
    together = {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()}
    assert sorted(together) == ["a.png", "b.png", "c.png", "d.png"]
    for path in (tmp_path / "got").iterdir():
        assert load_image(path).ndim == 3
    written = (tmp_path / "out.json").read_text()
    shutil.rmtree(tmp_path / "got")
    with forked(send):
        pass
    assert {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()} == together
    assert (tmp_path / "out.json").read_text() == written


def test_a_lock_goes_with_the_process_that_held_it(tmp_path, hold):
    begun, _ = hold

    def holding():
        with only_writer(tmp_path / "out"):
            begun.set()
            wait_for(lambda: False)

    with forked(holding) as (process,):
        assert begun.wait(60)
        with pytest.raises(OSError, match=BUSY.format("out")), only_writer(tmp_path / "out"):
            pass
        process.kill()
    assert (tmp_path / "out" / ".lock").exists()
    assert not holds_files(tmp_path / "out")
    with only_writer(tmp_path / "out"):
        Image.new("RGB", (2, 2)).save(tmp_path / "out" / "kept.png")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept.png"]


def test_a_folder_that_stays_empty_is_not_left_behind(tmp_path):
    with only_writer(tmp_path / "new" / "out"):
        assert (tmp_path / "new" / "out" / ".lock").is_file()
    assert list(tmp_path.iterdir()) == []


def test_what_was_half_written_is_removed(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in (".a.json.x1y2z3a4.part", "deep/.b.png.x1y2z3a4.part"):
        (tmp_path / name).touch()
    assert not holds_files(tmp_path / "deep")
    (tmp_path / "deep" / "note.part").touch()
    with only_writer(tmp_path):
        assert holds_files(tmp_path / "deep")
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "note.part"]
