"""Train what is untrained, measure what is unmeasured: a reproduction goes on wherever it stopped."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import torch

from semcomm.cli.options import show_progress
from semcomm.data.folders import evenly, manifest_hash
from semcomm.data.layouts import find_photographs
from semcomm.experiments.measure import measure
from semcomm.experiments.page import write_page
from semcomm.experiments.specs import POINTS, AtCapacity, Learned, Point, Preset, has_levels
from semcomm.experiments.store import read_point, write_point
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.extractors.lite import lite_captioner, lite_segmenter
from semcomm.files.atomic import check_writable
from semcomm.files.json import read_object, write_json
from semcomm.files.lock import holds_files, only_writer
from semcomm.files.pictures import load_image
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
    """Where a reproduction reads and writes.

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


def reproduce(
    figure: str,
    folders: Folders,
    preset: Preset,
    *,
    seed: int = 0,
    workers: int = 0,
    report: Report = print,
) -> Path:
    """Reproduce a figure of the paper (arXiv 2202.04754, Section IV) with the judgement of its claims.

    Systems that are trained and points that are measured already in `folders.out` are kept, whichever figure they were
    made for, so a killed run goes on with the point under way.

    Args:
        figure: "fig4", "fig5" or "fig6".
        folders: where to read and write.
        preset: the grid and the effort.
        seed: of crops, initial weights, SNRs and noise.
        workers: processes that decode photographs while training; 0 for none but this one.
        report: told about every piece of work.

    Returns:
        The Markdown page; beside it are the figure as PNG and the numbers as CSV and JSON.

    Raises:
        FileNotFoundError: if a folder of photographs is missing.
        ValueError: if `figure` is unknown, a folder holds no photographs, or `folders.out` holds a reproduction with
            other settings.
        OSError: if `folders.out` cannot be written, or another process is writing to it.
    """
    if figure not in POINTS:
        raise ValueError(f"figure must be one of {', '.join(POINTS)}, got {figure!r}")
    test_paths = evenly(find_photographs(folders.test), preset.effort.test_images)
    settings = {
        "preset": asdict(preset),
        "seed": seed,
        "train_manifest_sha256": manifest_hash(find_photographs(folders.train)),
        "val_manifest_sha256": manifest_hash(find_photographs(folders.val)),
        "test_images": len(test_paths),
        "test_manifest_sha256": manifest_hash(test_paths),
    }
    _check_sizes([*find_photographs(folders.val), *test_paths])
    if len(test_paths) < 2:
        raise ValueError(f"test must hold two photographs or more, for confidence intervals, got 1 in {folders.test}")
    with only_writer(folders.out):
        _claim(folders.out, json.loads(json.dumps(settings)))
        points = list(dict.fromkeys(POINTS[figure](preset)))
        _make_points(points, folders, preset, test_paths, seed=seed, workers=workers, report=report)
        results = {point: read_point(_point_file(folders.out, point), len(test_paths)) for point in points}
        return write_page(figure, folders.out, preset, settings, results)


def _make_points(
    points: list[Point],
    folders: Folders,
    preset: Preset,
    test_paths: list[Path],
    *,
    seed: int,
    workers: int,
    report: Report,
) -> None:
    """Train and measure what is missing."""
    schemes = list(dict.fromkeys(point.scheme for point in points))
    due = [point for point in points if not _point_file(folders.out, point).is_file()]
    undone = [
        scheme for scheme in schemes if not isinstance(scheme, AtCapacity) and not _is_trained(folders.out, scheme)
    ]
    if any(has_levels(scheme) for scheme in (*undone, *(point.scheme for point in due))):
        report("extract captions and label maps")
        _extract(folders.train, find_photographs(folders.train), folders.out / TRAIN_FEATURES)
        _extract(folders.test, test_paths, folders.out / TEST_FEATURES)
    for number, scheme in enumerate(schemes, start=1):
        unmeasured = [point for point in due if point.scheme == scheme]
        if not unmeasured and (isinstance(scheme, AtCapacity) or _is_trained(folders.out, scheme)):
            continue
        if isinstance(scheme, AtCapacity):
            sender, features = scheme.build(), None
        else:
            if not _is_trained(folders.out, scheme):
                report(f"[{number}/{len(schemes)}] train {scheme.name}")
                _train(scheme, folders, preset, seed, workers)
            sender = from_pretrained(str(system_folder(folders.out, scheme)))
            features = _features(sender, test_paths, folders) if has_levels(scheme) else None
        report(f"[{number}/{len(schemes)}] measure {scheme.name}")
        with show_progress("sending", total=len(unmeasured) * len(test_paths)) as advance:
            for point in unmeasured:
                measured = measure(sender, test_paths, [point.snr_db], seed=seed, features=features, progress=advance)
                write_point(_point_file(folders.out, point), measured)


def system_folder(out: Path, scheme: Learned) -> Path:
    """Where a trained system of a reproduction is."""
    return out / "systems" / scheme.name


def _is_trained(out: Path, scheme: Learned) -> bool:
    return (system_folder(out, scheme) / RESULT).is_file()


def _check_sizes(paths: Sequence[Path]) -> None:
    """Find a photograph that could not be sent or scored before anything is trained."""
    for path in paths:
        height, width = load_image(path).shape[1:]
        if min(height, width) < SMALLEST:
            raise ValueError(f"{path}: photographs must be at least {SMALLEST} x {SMALLEST}, got {height} x {width}")


def _claim(out: Path, settings: dict[str, Any]) -> None:
    path = out / SETTINGS
    if path.is_file():
        known = read_object(path)
        different = sorted(key for key in settings if known.get(key) != settings[key])
        if different:
            raise ValueError(f"out {out} holds a reproduction with another {', '.join(different)}; name a new folder")
        return
    if holds_files(out):
        raise ValueError(f"out must be an empty or a new folder, or one to go on in, but {out} holds other files")
    check_writable(out)
    write_json(path, settings)


def _train(scheme: Learned, folders: Folders, preset: Preset, seed: int, workers: int) -> None:
    out, effort = system_folder(folders.out, scheme), preset.effort
    torch.manual_seed(seed)
    config = TrainingConfig(
        train=folders.train,
        val=folders.val,
        out=out,
        features=folders.out / TRAIN_FEATURES if has_levels(scheme) else None,
        snr_db=scheme.snr_db,
        size=effort.size,
        batch_size=effort.batch_size,
        schedule=effort.schedule,
        steps=effort.steps,
        validate_every=max(1, effort.steps // effort.validations),
        val_images=effort.val_images,
        seed=seed,
        workers=workers,
    )
    train(scheme.build(effort), config, resume=(out / RECIPE).is_file())


def _extract(folder: Path, paths: Sequence[Path], out: Path) -> None:
    """Write captions and label maps of photographs, for all systems that have any level."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    caption = CaptionFeature(lite_captioner()).to(device)
    segmentation = SegmentationFeature(lite_segmenter()).to(device)
    with show_progress("extracting", total=len(paths)) as advance:
        cache_features(paths, folder, out, caption=caption, segmentation=segmentation, progress=advance)


def _features(system: SemanticSystem, paths: list[Path], folders: Folders) -> FeatureCache:
    cache = folders.out / TEST_FEATURES
    return FeatureCache(cache, paths, folders.test, caption=system.caption, segmentation=system.segmentation)


def _point_file(out: Path, point: Point) -> Path:
    return out / "points" / f"{point.name}.json"
