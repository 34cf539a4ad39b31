"""Damaged annotations, feature caches and reproductions: read, or refused with one error."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from reliability.mutations import damaged, misfilled, misfilled_text
from reliability.outcomes import attempt, cases
from reliability.small_figure import TINY, without_extractors
from toys import caption_feature, segmentation_feature
from training_runs import config, system
from trees import write_ade20k_benchmark, write_coco, write_full_ade20k

from semcomm.data.ade20k import list_ade20k_images, read_ade20k_labels
from semcomm.data.captions import read_flickr8k
from semcomm.data.coco import read_coco_captions
from semcomm.data.folders import CropDataset, list_images
from semcomm.data.segmentation import CocoObjects
from semcomm.experiments import run as reproduction
from semcomm.experiments.measurement import Measurement
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.training.checkpoints import WholeCheckpoints
from semcomm.training.engine import train


def spoil(path, random):
    """Damage one file: a JSON file or its lines by their meaning, most of the time."""
    content = path.read_bytes()
    if path.suffix == ".json":
        path.write_bytes(misfilled_text(json.loads(content), random))
    elif path.suffix == ".jsonl" and random.integers(2):
        lines = [json.loads(line) for line in content.splitlines()]
        place = int(random.integers(len(lines)))
        lines[place] = misfilled(lines[place], random)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif random.integers(20) == 0:
        path.unlink()
    else:
        path.write_bytes(damaged(content, random))


def fuzz_files(area, original, folder, targets, read, count, seed):
    """Damage one of a folder's files at a time, and read the folder."""
    names = [str(path.relative_to(original)) for path in sorted(original.rglob("*")) if targets(path)]
    shutil.copytree(original, folder, dirs_exist_ok=True)
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        name = names[number[1] % len(names)]
        spoil(folder / name, random)
        attempt(area, lambda: read(folder), case=f"{number} of {name}")
        shutil.copy(original / name, folder / name)


# Annotations


@pytest.fixture(scope="module")
def annotated(tmp_path_factory):
    """A folder in the layouts of MSCOCO, ADE20K (both) and Flickr8k."""
    root = tmp_path_factory.mktemp("annotated")
    write_coco(root / "coco", "train2017")
    write_full_ade20k(root / "full")
    write_ade20k_benchmark(root / "benchmark", "training")
    (root / "flickr").mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(next((root / "coco" / "train2017").iterdir()), root / "flickr" / name)
    (root / "flickr" / "captions.txt").write_text('image,caption\na.jpg,"A dog, running ."\nb.jpg,Two dogs .\n')
    return root


def read_annotations(root):
    read_coco_captions(root / "coco", "train2017")
    objects = CocoObjects(root / "coco", "train2017")
    for number in range(len(objects)):
        image, labels = objects[number]
        assert labels.shape == image.shape[1:]
    for layout in ("full", "benchmark"):
        for path in list_ade20k_images(root / layout, "training"):
            assert read_ade20k_labels(path).dtype == torch.uint8
    assert read_flickr8k(root / "flickr")


def is_annotation(path):
    is_picture = path.name.endswith("_seg.png") or path.parent.parent.name == "annotations"
    return is_picture or path.suffix in (".json", ".txt")


def test_damaged_annotations_are_read_or_refused(annotated, tmp_path):
    fuzz_files("annotations", annotated, tmp_path / "root", is_annotation, read_annotations, 150, seed=0)


@pytest.mark.slow
def test_thousands_of_damaged_annotations_are_read_or_refused(annotated, tmp_path):
    fuzz_files("annotations", annotated, tmp_path / "root", is_annotation, read_annotations, 4000, seed=1)


# Feature caches


@pytest.fixture(scope="module")
def cached(photo_folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cached") / "cache"
    levels = {"caption": caption_feature(), "segmentation": segmentation_feature()}
    cache_features(list_images(photo_folder), photo_folder, cache, **levels)
    return cache, levels


def read_cache(photo_folder, levels):
    paths = list_images(photo_folder)

    def read(cache):
        features = FeatureCache(cache, paths, photo_folder, **levels)
        crops = CropDataset(paths, 16, 0, features)
        for number, path in enumerate(paths):
            crops[number]
            images, semantics = to_float(load_image(path)[None]), features.semantics(path)
            levels["segmentation"](images, semantics.labels)
            assert semantics.tokens.shape == (1, 5)

    return read


def fuzz_cache(cached, photo_folder, folder, count, seed):
    cache, levels = cached
    read = read_cache(photo_folder, levels)
    fuzz_files("feature caches", cache, folder, lambda path: path.is_file(), read, count, seed)


def test_damaged_feature_caches_are_read_or_refused(cached, photo_folder, tmp_path):
    fuzz_cache(cached, photo_folder, tmp_path / "cache", 100, seed=0)


@pytest.mark.slow
def test_thousands_of_damaged_feature_caches_are_read_or_refused(cached, photo_folder, tmp_path):
    fuzz_cache(cached, photo_folder, tmp_path / "cache", 3000, seed=1)


def test_a_damaged_line_is_made_again(cached, photo_folder, tmp_path):
    cache, levels = cached
    copy = shutil.copytree(cache, tmp_path / "cache")
    lines = (copy / "captions.jsonl").read_text().splitlines()
    lines[0] = lines[0].replace('"tokens": [', '"tokens": ["x", ')
    (copy / "captions.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"lacks .*a\.png; run cache-features again"):
        FeatureCache(copy, list_images(photo_folder), photo_folder, **levels)
    assert cache_features(list_images(photo_folder), photo_folder, copy, **levels) == 1
    read_cache(photo_folder, levels)(copy)


# Training runs and reproductions

AREA = "training runs"


def fuzz_run(uninterrupted, photo_folder, folder, count, seed):
    """Resume a run with one damaged file; it has one step left to make, or none."""
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        run = shutil.copytree(uninterrupted, folder / "run")
        (checkpoint,) = (run / "checkpoints").iterdir()
        name = ["recipe.json", "training.json", f"checkpoints/{checkpoint.name}"][number[1] % 3]
        spoil(run / name, random)
        if name.startswith("checkpoints"):
            (run / "training.json").unlink()
            attempt(AREA, partial(WholeCheckpoints().load_checkpoint, checkpoint), case=f"{number} of {name}")
            if random.integers(8):
                shutil.rmtree(run)
                continue
        resume = partial(train, system(), config(photo_folder, run), resume=True)
        attempt(AREA, resume, case=f"{number} of {name}")
        shutil.rmtree(run)


def test_damaged_training_runs_resume_or_are_refused(uninterrupted, photo_folder, tmp_path):
    fuzz_run(uninterrupted, photo_folder, tmp_path, 60, seed=0)


@pytest.mark.slow
def test_a_thousand_damaged_training_runs_resume_or_are_refused(uninterrupted, photo_folder, tmp_path):
    fuzz_run(uninterrupted, photo_folder, tmp_path, 1000, seed=1)


@pytest.fixture(scope="module")
def reproduced(photo_folder, tmp_path_factory):
    """A finished figure of systems without extractors, which are what takes long."""
    folders = reproduction.Folders(photo_folder, photo_folder, photo_folder, tmp_path_factory.mktemp("figure") / "out")
    with without_extractors():
        reproduction.reproduce("fig5", folders, TINY, report=lambda _: None)
    return folders


def fuzz_reproduction(reproduced, folder, monkeypatch, count, seed):
    def done(*_, **__):
        raise ValueError("this would be done again")

    for name in ("train", "evaluate", "cache_features"):
        monkeypatch.setattr(reproduction, name, done)
    monkeypatch.setattr("semcomm.experiments.page.save_figure", lambda *_: None)

    def targets(path):
        return path.name in ("training.json", "reproduction.json") or path.parent.name == "points"

    def read(out):
        return reproduction.reproduce("fig5", replace(reproduced, out=out), TINY, report=lambda _: None)

    fuzz_files("reproductions", reproduced.out, folder, targets, read, count, seed)


def test_damaged_reproductions_go_on_or_are_refused(reproduced, tmp_path, monkeypatch):
    fuzz_reproduction(reproduced, tmp_path / "out", monkeypatch, 40, seed=0)


@pytest.mark.slow
def test_a_thousand_damaged_reproductions_go_on_or_are_refused(reproduced, tmp_path, monkeypatch):
    fuzz_reproduction(reproduced, tmp_path / "out", monkeypatch, 1000, seed=1)


def test_damaged_points_are_named(reproduced, tmp_path):
    path = next((reproduced.out / "points").iterdir())
    content = json.loads(path.read_text())
    for number in cases(100):
        (tmp_path / path.name).write_bytes(misfilled_text(content, np.random.default_rng(number)))
        attempt("reproductions", lambda: Measurement.load(tmp_path / path.name), case=str(number), naming=path.name)
