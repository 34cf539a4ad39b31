"""What one scheme scored at one SNR, on disk: every image's numbers, so that claims can be judged pair by pair."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

from semcomm.experiments.measure import Measurement
from semcomm.files.json import read_object, write_json


@final
@dataclass(frozen=True)
class PointResult:
    """One point of a curve.

    Args:
        bandwidth_ratio: all channel uses over all source dimensions.
        psnr_db: of each image.
        ssim: of each image.
        failures: images that another one stands in for.
    """

    bandwidth_ratio: float
    psnr_db: list[float]
    ssim: list[float]
    failures: int


def write_point(path: Path, measured: Measurement) -> None:
    """Write a measurement at one SNR, whole or not at all."""
    (snr_db,) = measured.scores
    scores = measured.scores[snr_db]
    point = PointResult(
        bandwidth_ratio=measured.bandwidth_ratio,
        psnr_db=[round(value, 6) for value in scores["psnr_db"].mean(axis=1).tolist()],
        ssim=[round(value, 6) for value in scores["ssim"].mean(axis=1).tolist()],
        failures=measured.failures[snr_db],
    )
    write_json(path, asdict(point))


def read_point(path: Path, images: int) -> PointResult:
    """Read what `write_point` wrote of that many images.

    Raises:
        ValueError: naming the file, if it holds something else.
    """
    try:
        point = PointResult(**read_object(path))
        numbers = [point.bandwidth_ratio, point.failures, *point.psnr_db, *point.ssim]
        if not len(point.psnr_db) == len(point.ssim) == images or not all(map(math.isfinite, numbers)):
            raise ValueError("its numbers do not fit each other")
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{path} is no result of a reproduction: {error}; delete it to measure it again") from error
    return point
