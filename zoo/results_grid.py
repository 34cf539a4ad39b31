"""What `measure.py` and the trainings left in the zoo's folder, read for the results page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semcomm.experiments.claims import Evidence
from semcomm.experiments.store import PointResult
from semcomm.files.json import read_object
from semcomm.quality.image import mean_and_ci95, paired_difference

CODECS = {"jpeg": "JPEG at capacity", "avif": "AVIF at capacity"}


@dataclass(frozen=True)
class Scored:
    """One scheme's scores of single images, per SNR in dB."""

    images: Sequence[str]
    points: Mapping[float, PointResult]

    @property
    def ratio(self) -> float:
        """All channel uses over all source dimensions."""
        return next(iter(self.points.values())).bandwidth_ratio

    def mean(self, snr_db: float, score: str = "psnr_db") -> tuple[float, float]:
        """Mean over images and half width of its 95 % confidence interval."""
        return mean_and_ci95(getattr(self.points[snr_db], score))

    def of(self, images: Sequence[str], snr_db: float) -> list[float]:
        """PSNR of these images."""
        by_name = dict(zip(self.images, self.points[snr_db].psnr_db, strict=True))
        return [by_name[image] for image in images]


Grid = Mapping[tuple[str, str], Scored]
"""Scores by (system, channel), or by (codec, system whose channel uses it gets)."""


def difference(
    better: Scored, worse: Scored, snr_db: float, other_snr_db: float | None = None, *, at_least: float = 0.0
) -> Evidence:
    """PSNR of one scheme less the other's, image by image, on the images that both sent."""
    both = [image for image in better.images if image in set(worse.images)]
    other = snr_db if other_snr_db is None else other_snr_db
    mean, ci95 = paired_difference(better.of(both, snr_db), worse.of(both, other))
    ratios = " against ".join(dict.fromkeys(f"{one.ratio:.4f}" for one in (better, worse)))
    snrs = f"{snr_db:g} dB" if other == snr_db else f"{other:g} to {snr_db:g} dB"
    return Evidence(f"k/n = {ratios}, {snrs}", mean, ci95, at_least)


def read_grid(folder: Path, names: Sequence[str]) -> tuple[dict[tuple[str, str], Scored], dict[str, Any]]:
    """Read what is measured of these systems and the codecs.

    Returns:
        The scores, and what all measurements have in common: photographs and seed.

    Raises:
        ValueError: if a file is damaged, or measurements are of different photographs or seeds.
    """
    grid: dict[tuple[str, str], Scored] = {}
    settings: dict[str, Any] = {}
    for name in [*names, *CODECS]:
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        content = read_object(path)
        try:
            grid |= _scored(name, content)
            shared = {key: content[key] for key in ("test", "seed")}
            if name not in CODECS:  # a codec may have sent some of the photographs only
                shared |= {key: content[key] for key in ("images", "test_manifest_sha256")}
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(f"{path} is no measurement of measure.py: {error!r}; delete it") from error
        for key, value in shared.items():
            if settings.setdefault(key, value) != value:
                raise ValueError(f"{path} has another {key} than the measurements beside it; delete it, measure again")
    return grid, settings


def _scored(name: str, content: dict[str, Any]) -> dict[tuple[str, str], Scored]:
    points: dict[tuple[str, str], dict[float, PointResult]] = {}
    for point in content["points"]:
        result = PointResult(point["symbols"] / point["dimensions"], point["psnr_db"], point["ssim"], point["failures"])
        if not len(result.psnr_db) == len(result.ssim) == len(content["images"]):
            raise ValueError("its numbers do not fit each other")
        if not all(map(math.isfinite, [*result.psnr_db, *result.ssim])):
            raise ValueError("a score is not finite")
        key = (name, point["like"] if name in CODECS else point["channel"])
        points.setdefault(key, {})[float(point["snr_db"])] = result
    return {key: Scored(content["images"], found) for key, found in points.items()}


def read_learning_rates(out: Path, names: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Read which systems were trained at several learning rates: validation PSNR in dB by rate, the zoo's first."""
    compared = []
    for name in names:
        paths = [out / name / "training.json", *sorted(out.glob(f"lr-*/{name}/training.json"))]
        records = [read_object(path) for path in paths if path.is_file()]
        if len(records) > 1:
            scores = {f"{one['training']['learning_rate']:g}": one["metrics"]["val/psnr_db"] for one in records}
            compared.append((name, scores))
    return compared


def read_trainings(out: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the `training.json` of every system that is trained."""
    paths = {name: out / name / "training.json" for name in names}
    return {name: read_object(path) for name, path in paths.items() if path.is_file()}
