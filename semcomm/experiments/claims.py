"""The paper's claims, judged by differences between schemes on the same images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from semcomm.experiments.specs import (
    AtCapacity,
    Mlsc,
    Point,
    Preset,
    ablation_snrs,
    ablations,
    as_wide,
)
from semcomm.experiments.store import PointResult
from semcomm.quality.image import paired_difference

HOLDS, FAILS, OPEN = "holds", "does not hold", "not significant"
SMALL_RATIO = 1 / 10
"""Below this k/n MLSC-image is said to be ahead (arXiv 2202.04754, Section IV)."""
CLIFF_DB = 3.0
"""A scheme falls off a cliff if 3 dB less SNR than it was made for cost it more than this."""

Results = Mapping[Point, PointResult]


@final
@dataclass(frozen=True)
class Evidence:
    """One comparison that bears on a claim.

    Args:
        condition: where.
        difference_db: mean over images of what must be large for the claim to hold.
        ci95: half width of its 95 % confidence interval.
        at_least: how large.
    """

    condition: str
    difference_db: float
    ci95: float
    at_least: float = 0.0

    @property
    def verdict(self) -> str:
        """Whether the difference is above `at_least`, below it or neither, beyond its confidence interval."""
        excess = self.difference_db - self.at_least
        if not abs(excess) > self.ci95:  # nor where one of them is NaN
            return OPEN
        return HOLDS if excess > 0 else FAILS


@final
@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and what bears on it; it holds if it does under every condition, of which there are."""

    text: str
    evidence: Sequence[Evidence]

    @property
    def verdict(self) -> str:
        """Contradicted by one comparison, a claim does not hold; shown by all, it does."""
        verdicts = {one.verdict for one in self.evidence} or {OPEN}
        return next((verdict for verdict in (FAILS, OPEN) if verdict in verdicts), HOLDS)


def fig4_claims(preset: Preset, results: Results) -> list[Claim]:
    """Judge who is ahead at which k/n."""
    pairs = [(Mlsc(level, snr_db), snr_db) for snr_db in preset.snrs_db for level in preset.levels]
    small = [pair for pair in pairs if pair[0].ratio < SMALL_RATIO]
    large = [pair for pair in pairs if pair[0].ratio >= SMALL_RATIO]

    def ahead(mlsc: Mlsc, snr_db: float) -> Evidence:
        return _compare(results, Point(mlsc, snr_db), Point(as_wide(mlsc), snr_db))

    def behind(mlsc: Mlsc, snr_db: float) -> Evidence:
        return _compare(results, Point(as_wide(mlsc), snr_db), Point(mlsc, snr_db))

    def beside_jpeg(mlsc: Mlsc, snr_db: float) -> Evidence:
        return _compare(results, Point(mlsc, snr_db), Point(AtCapacity("jpeg", mlsc.level), snr_db))

    claims = [
        Claim("MLSC-image is ahead of Deep JSCC for k/n < 1/10", [ahead(*pair) for pair in small]),
        Claim("MLSC-image is ahead of JPEG at capacity for k/n < 1/10", [beside_jpeg(*pair) for pair in small]),
        Claim("Deep JSCC is ahead of MLSC-image for k/n >= 1/10", [behind(*pair) for pair in large]),
    ]
    return [claim for claim in claims if claim.evidence]


def fig5_claims(preset: Preset, results: Results) -> list[Claim]:
    """Judge how gracefully quality falls below the training SNR."""
    cliffs = []
    for snr_db in preset.mismatch_snrs_db:
        system = Mlsc(preset.mismatch_level, snr_db)
        own, below = Point(system, snr_db), Point(system, snr_db - 3)
        if below in results:
            lost, ci95 = paired_difference(results[own].psnr_db, results[below].psnr_db)
            cliffs.append(Evidence(f"trained at {snr_db:g} dB", CLIFF_DB - lost, ci95))
    tested = sorted(preset.test_snrs_db)
    rises = [
        replace(
            _compare(results, Point(system, high), Point(system, low)),
            condition=f"trained at {system.snr_db:g} dB, {low:g} to {high:g} dB",
        )
        for system in (Mlsc(preset.mismatch_level, snr_db) for snr_db in preset.mismatch_snrs_db)
        for low, high in zip(tested, tested[1:], strict=False)
    ]
    return [
        Claim("No cliff: 3 dB less SNR than in training cost less than 3 dB of PSNR", cliffs),
        Claim("A better channel gives a better image, whatever the training SNR", rises),
    ]


def fig6_claims(preset: Preset, results: Results) -> list[Claim]:
    """Judge what the semantic levels are worth at equal k."""
    full, no_caption, no_segmentation, neither = ablations(preset)
    snrs = ablation_snrs(preset)

    def gains(better: Mlsc, worse: Mlsc) -> list[Evidence]:
        return [
            _compare(
                results,
                Point(replace(better, snr_db=training), snr_db),
                Point(replace(worse, snr_db=training), snr_db),
            )
            for training, snr_db in snrs
        ]

    def gain_per_image(snr: tuple[float | tuple[float, float], float]) -> np.ndarray:
        with_levels, without = (Point(replace(system, snr_db=snr[0]), snr[1]) for system in (full, neither))
        return np.array(results[with_levels].psnr_db) - np.array(results[without].psnr_db)

    lowest, highest = min(snrs, key=lambda snr: snr[1]), max(snrs, key=lambda snr: snr[1])
    worth_it = paired_difference(gain_per_image(lowest), np.zeros_like(gain_per_image(lowest)))
    more_when_low = paired_difference(gain_per_image(lowest), gain_per_image(highest))
    return [
        Claim("The caption helps", gains(full, no_caption)),
        Claim("The segmentation helps", gains(full, no_segmentation)),
        Claim("The segmentation helps more than the caption", gains(no_caption, no_segmentation)),
        Claim(
            "Both together help most at low SNR",
            [
                Evidence(f"gain at {lowest[1]:g} dB", *worth_it),
                Evidence(f"gain at {lowest[1]:g} dB over gain at {highest[1]:g} dB", *more_when_low),
            ],
        ),
    ]


CLAIMS: dict[str, Callable[[Preset, Results], list[Claim]]] = {
    "fig4": fig4_claims,
    "fig5": fig5_claims,
    "fig6": fig6_claims,
}


def _compare(results: Results, better: Point, worse: Point) -> Evidence:
    difference, ci95 = paired_difference(results[better].psnr_db, results[worse].psnr_db)
    ratios = dict.fromkeys(f"{results[point].bandwidth_ratio:.4f}" for point in (better, worse))
    return Evidence(f"k/n = {' against '.join(ratios)}, {better.snr_db:g} dB", difference, ci95)
