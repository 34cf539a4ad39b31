"""Train what is untrained, measure what is unmeasured: a run goes on wherever it stopped."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast, final

import torch

from semcomm.channel.named import build_channel
from semcomm.cli.options import show_progress
from semcomm.data.folders import Photographs
from semcomm.data.layouts import find_photographs
from semcomm.experiments.measure import evaluate
from semcomm.experiments.measurement import Measurement
from semcomm.experiments.page import write_page
from semcomm.experiments.presets import Study
from semcomm.experiments.specs import Point, Spec, Trained, Untrained, has_levels
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.extractors.lite import lite_captioner, lite_segmenter
from semcomm.files.atomic import check_writable
from semcomm.files.json import read_object, write_json
from semcomm.files.lock import holds_files, only_writer
from semcomm.pretrained import from_pretrained
from semcomm.system import SemanticSystem
from semcomm.training.config import TrainingConfig
from semcomm.training.engine import RECIPE, RESULT, train
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature

SETTINGS, TRAIN_FEATURES, TEST_FEATURES = "reproduction.json", "features/train", "features/test"
SMALLEST = 16
"""Least height and width of a photograph to send and to score, in pixels: every t, and SSIM's window."""
Report = Callable[[str], None]


@final
@dataclass(frozen=True)
class Folders:
    """Where a run reads and writes.

    Args:
        train: photographs to train on.
        val: photographs to validate on while training.
        test: photographs to judge by.
        out: for everything that is made.
    """

    train: Path
    val: Path
    test: Path
    out: Path

    @cached_property
    def train_photographs(self) -> Photographs:
        """Those to train on, listed once."""
        return find_photographs(self.train)

    @cached_property
    def val_photographs(self) -> Photographs:
        """Those to validate on, listed once."""
        return find_photographs(self.val)

    @cached_property
    def test_photographs(self) -> Photographs:
        """Those to judge by, listed once."""
        return find_photographs(self.test)


def reproduce(
    page: str,
    folders: Folders,
    study: Study,
    *,
    seed: int = 0,
    workers: int = 0,
    report: Report = print,
) -> Path:
    """Make a page of a study, such as a figure of the paper with the judgement of its claims.

    Systems that are trained and points that are measured already in `folders.out` are kept, whichever page they were
    made for, so a killed run goes on with the point under way.

    Args:
        page: "fig4", "fig5" or "fig6" (arXiv 2202.04754, Section IV), or another page of the study.
        folders: where to read and write.
        study: the pages and the effort.
        seed: for crops, initial weights, SNRs and noise.
        workers: processes that decode photographs while training; 0 for none but this one.
        report: told about every piece of work.

    Returns:
        The Markdown page; beside it are the figures as PNG and the numbers as CSV and JSON.

    Raises:
        FileNotFoundError: if a folder of photographs is missing.
        ValueError: if `page` is unknown, a folder holds no photographs, or `folders.out` holds a run with other
            settings.
        OSError: if `folders.out` cannot be written, or another process is writing to it.
    """
    if page not in study.pages:
        raise ValueError(f"figure must be one of {', '.join(study.pages)}, got {page!r}")
    test_paths = folders.test_photographs.evenly(study.effort.test_images)
    settings = {
        "preset": asdict(study),
        "seed": seed,
        "train_manifest_sha256": folders.train_photographs.manifest_sha256,
        "val_manifest_sha256": folders.val_photographs.manifest_sha256,
        "test_images": len(test_paths),
        "test_manifest_sha256": test_paths.manifest_sha256,
    }
    _check_sizes(folders.val_photographs)
    _check_sizes(test_paths)
    if len(test_paths) < 2:
        raise ValueError(f"test must hold two photographs or more, for confidence intervals, got 1 in {folders.test}")
    with only_writer(folders.out):
        _claim(folders.out, json.loads(json.dumps(settings)))
        points = list(dict.fromkeys(point for part in study.pages[page] for point in part.points))
        _make_points(points, folders, study, test_paths, seed=seed, workers=workers, report=report)
        results = {point: _read_point(folders.out, point, test_paths) for point in points}
        return _write(page, folders, study, settings, results)


def _write(
    page: str, folders: Folders, study: Study, settings: dict[str, Any], results: dict[Point, Measurement]
) -> Path:
    effort, images, seed = study.effort, settings["test_images"], settings["seed"]
    systems = {point.spec.name: point.spec for point in results if not isinstance(point.spec, Untrained)}
    trainings = {name: _training(folders.out, spec) for name, spec in systems.items()}
    budgets = {
        "{steps:,} steps of {training[batch_size]} crops, {training[size]} x {training[size]}".format(**record)
        for record in trainings.values()
    }
    alike = f"; all trained for {' '.join(budgets)}" if len(budgets) == 1 else ""
    note = f"{images} test photographs, 95 % confidence{alike}; seed {seed}"
    command = study.command.format(page=page, name=study.name)
    return write_page(
        folders.out / f"{page}.md",
        folders.out,
        [part.section(results, note) for part in study.pages[page]],
        title="Results",
        text=f"What the systems of `{study.name}` score on {images} photographs, and what that says of the "
        "paper's claims (arXiv 2202.04754, Section IV). k counts padding. At capacity a codec may spend k C bits, C = "
        "log2(1 + SNR), headers counted; where its coarsest file is larger it fails, and random pixels count instead.",
        test={"images": images, "test": "/".join(folders.test.parts[-2:]), "seed": seed}
        | {"test_manifest_sha256": settings["test_manifest_sha256"]},
        trainings=trainings,
        commands={name: spec.options(effort) for name, spec in systems.items()},
        measured_by=f"`{command}`",
        trained_by=command,
    )


def _make_points(
    points: list[Point],
    folders: Folders,
    study: Study,
    test_paths: Photographs,
    *,
    seed: int,
    workers: int,
    report: Report,
) -> None:
    """Train and measure what is missing."""
    specs = list(dict.fromkeys(point.spec for point in points))
    due = [point for point in points if not point_file(folders.out, point).is_file()]
    undone = [spec for spec in specs if not isinstance(spec, Untrained) and not _is_trained(folders.out, spec)]
    if any(has_levels(spec) for spec in undone):
        report("extract captions and label maps of the training photographs")
        _extract(folders.train, folders.train_photographs, folders.out / TRAIN_FEATURES)
    if any(has_levels(point.spec) for point in due):
        report("extract captions and label maps of the test photographs")
        _extract(folders.test, test_paths, folders.out / TEST_FEATURES)
    for number, spec in enumerate(specs, start=1):
        unmeasured = [point for point in due if point.spec == spec]
        if spec in undone:
            report(f"[{number}/{len(specs)}] train {spec.name}")
            _train(cast(Trained, spec), folders, study, seed, workers)
        if unmeasured:
            report(f"[{number}/{len(specs)}] measure {spec.name}")
            _measure(spec, unmeasured, folders, test_paths, seed)


def _measure(spec: Spec, points: Sequence[Point], folders: Folders, paths: Photographs, seed: int) -> None:
    """Write every point as soon as it is measured; a codec's together, since it encodes a photograph once for all."""
    features = None
    if isinstance(spec, Untrained):
        scheme, paths = spec.build(), paths.evenly(spec.images)
        batches = [list(points)]
    else:
        scheme = from_pretrained(str(system_folder(folders.out, spec)))
        features = _features(scheme, paths, folders) if has_levels(spec) else None
        batches = [[point] for point in points]
    with show_progress("sending", total=len(points) * len(paths)) as advance:
        for batch in batches:
            if isinstance(scheme, SemanticSystem):
                scheme.channel = build_channel(batch[0].channel)
            snrs_db = [point.snr_db for point in batch]
            measured = evaluate(scheme, paths, snrs_db, seed=seed, name=spec.name, features=features, progress=advance)
            for point in batch:
                measured.at(point.snr_db).save(point_file(folders.out, point))


def _read_point(out: Path, point: Point, paths: Photographs) -> Measurement:
    file = point_file(out, point)
    measured = Measurement.load(file)
    images = point.spec.images if isinstance(point.spec, Untrained) else None
    if measured.photographs != [path.name for path in paths.evenly(images)] or measured.snrs_db != [point.snr_db]:
        raise ValueError(f"{file} is no measurement of these photographs; delete it to measure it again")
    return measured


def _training(out: Path, spec: Trained) -> dict[str, Any]:
    path = system_folder(out, spec) / RESULT
    record = read_object(path)
    kinds = {"steps": int, "weights": int, "wall_time_s": float, "train_images": int, "training": dict}
    kinds |= {"hardware": str, "train_manifest_sha256": str}
    wrong = [key for key, kind in kinds.items() if not isinstance(record.get(key), kind)]
    if (
        wrong
        or not {"batch_size", "size", "learning_rate", "schedule", "precision", "seed"} <= record["training"].keys()
    ):
        raise ValueError(f"{path} is no result of a training: {', '.join(wrong) or 'training'}; delete {path.parent}")
    return record


def system_folder(out: Path, spec: Trained) -> Path:
    """Where a trained system of a run is."""
    return out / "systems" / spec.name


def _is_trained(out: Path, spec: Trained) -> bool:
    return (system_folder(out, spec) / RESULT).is_file()


def _check_sizes(paths: Photographs) -> None:
    """Find a photograph that could not be sent or scored before anything is trained."""
    for path in paths:
        height, width = paths.read(path).shape[1:]
        if min(height, width) < SMALLEST:
            raise ValueError(f"{path}: photographs must be at least {SMALLEST} x {SMALLEST}, got {height} x {width}")


def _claim(out: Path, settings: dict[str, Any]) -> None:
    path = out / SETTINGS
    if path.is_file():
        known = read_object(path)
        different = sorted(key for key in settings if known.get(key) != settings[key])
        if different:
            raise ValueError(f"out {out} holds a run with another {', '.join(different)}; name a new folder")
        return
    if holds_files(out):
        raise ValueError(f"out must be an empty or a new folder, or one to go on in, but {out} holds other files")
    check_writable(out)
    write_json(path, settings)


def _train(spec: Trained, folders: Folders, study: Study, seed: int, workers: int) -> None:
    out, effort = system_folder(folders.out, spec), study.effort
    torch.manual_seed(seed)
    config = TrainingConfig(
        train=folders.train,
        val=folders.val,
        out=out,
        features=folders.out / TRAIN_FEATURES if has_levels(spec) else None,
        snr_db=spec.snr_db,
        size=effort.size,
        batch_size=effort.batch_size,
        schedule=effort.schedule,
        steps=effort.steps,
        validate_every=max(1, effort.steps // effort.validations),
        val_images=effort.val_images,
        seed=seed,
        workers=workers,
        on_device=effort.on_device,
    )
    train(
        spec.build(effort),
        config,
        resume=(out / RECIPE).is_file(),
        photographs=folders.train_photographs,
        val_photographs=folders.val_photographs,
    )


def _extract(folder: Path, paths: Sequence[Path], out: Path) -> None:
    """Write captions and label maps of photographs, for all systems that have any level."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    caption = CaptionFeature(lite_captioner()).to(device)
    segmentation = SegmentationFeature(lite_segmenter()).to(device)
    with show_progress("extracting", total=len(paths)) as advance:
        cache_features(paths, folder, out, caption=caption, segmentation=segmentation, progress=advance)


def _features(system: SemanticSystem, paths: Photographs, folders: Folders) -> FeatureCache:
    cache = folders.out / TEST_FEATURES
    return FeatureCache(cache, paths, folders.test, caption=system.caption, segmentation=system.segmentation)


def point_file(out: Path, point: Point) -> Path:
    """Where a point's measurement is."""
    return out / "points" / f"{point.name}.json"
