"""Measurements of a study's points, with scores by a rule instead of by transmissions; a scheme that sends nothing."""

import numpy as np
import torch

from semcomm.experiments.measurement import Measurement
from semcomm.experiments.specs import AtCapacity, Code, DeepJSCC, Untrained
from semcomm.images import to_float
from semcomm.transmission import account

IMAGES = 30
PADDED = 1.04
"""What padding adds to every k."""


def toy_results(points, psnr_db, *, jitter=0.05):
    """Every point's PSNR: what `psnr_db(point)` says, plus what all schemes share, plus a little noise.

    What images differ by is far more than what schemes do.
    """
    random = np.random.default_rng(0)
    shared = random.normal(0, 4, IMAGES)
    results = {}
    for point in dict.fromkeys(points):
        half = isinstance(point.spec, Untrained) and point.spec.images is not None
        every = slice(None, None, 2 if half else 1)
        scores = (psnr_db(point) + shared + random.normal(0, jitter, IMAGES))[every]
        failed = np.zeros((1, len(scores), 1), dtype=bool)
        if isinstance(point.spec, AtCapacity):
            failed[0, : max(0, round(-point.snr_db))] = True
        results[point] = Measurement(
            name=point.spec.name,
            channel=point.channel,
            seed=0,
            photographs=[f"{number}.jpg" for number in range(IMAGES)][every],
            symbols=[round(1_000_000 * PADDED * point.spec.ratio)] * len(scores),
            dimensions=[1_000_000] * len(scores),
            snrs_db=[point.snr_db],
            scores={"psnr_db": scores[None, :, None], "ssim": scores[None, :, None] / 40},
            failed=failed,
        )
    return results


def zoo_psnr_db(point):
    """A rule by which every claim of the zoo's page holds but those against codecs."""
    spec, snr_db = point.spec, point.snr_db
    if isinstance(spec, AtCapacity):
        return 12 + 0.75 * (snr_db + 2) + 3 * (spec.codec == "avif") + (spec.like.level == 6)
    score = 21 + 0.12 * (snr_db + 2) - 0.002 * (snr_db + 2) ** 2
    if isinstance(spec, DeepJSCC | Code):
        return score - 0.9
    missing = (not spec.caption) + (not spec.segmentation)
    score += 0.4 * spec.tell_gain - (19 - snr_db) / 40 * missing
    return score - 0.8 * (point.channel == "rayleigh") - 0.5 * (point.channel != spec.channel)


def training():
    """A `training.json`."""
    return {
        "training": {
            "size": 64,
            "batch_size": 8,
            "learning_rate": 0.001,
            "schedule": "cosine",
            "seed": 0,
            "precision": "32-true",
        },
        "steps": 6000,
        "weights": 123456,
        "wall_time_s": 600.0,
        "hardware": "1 CPU threads, toy",
        "versions": {"torch": "2"},
        "train_images": 2280,
        "train_manifest_sha256": "fedcba9876543210" * 4,
    }


class Brightness:
    """Delivers gray images of a random brightness, so that draws can be told apart."""

    def transmit(self, images, snr_db, *, generator=None):  # noqa: ARG002
        gray = torch.randint(0, 256, (1, 1, 1, 1), dtype=torch.uint8, generator=generator)
        return account(to_float(images), gray.expand_as(images).contiguous(), 7)
