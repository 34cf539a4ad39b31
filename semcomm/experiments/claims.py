"""Claims, judged by differences between schemes on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from semcomm.experiments.measurement import Measurement
from semcomm.experiments.specs import Point

HOLDS, FAILS, OPEN = "holds", "does not hold", "not significant"

Results = Mapping[Point, Measurement]
"""What was measured, at one SNR each."""


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
    """A sentence and its evidence. It holds where there is evidence and all of it agrees."""

    text: str
    evidence: Sequence[Evidence]

    @property
    def verdict(self) -> str:
        """Contradicted by one comparison, a claim does not hold; shown by all, it does."""
        verdicts = {one.verdict for one in self.evidence} or {OPEN}
        return next((verdict for verdict in (FAILS, OPEN) if verdict in verdicts), HOLDS)


def compare(results: Results, better: Point, worse: Point, *, at_least: float = 0.0) -> Evidence:
    """PSNR of one point less another's, image by image, on the images that both sent."""
    one, other = results[better], results[worse]
    mean, ci95 = one.difference(other, "psnr_db", better.snr_db, worse.snr_db)
    ratios = " against ".join(dict.fromkeys(f"{each.bandwidth_ratio:.4f}" for each in (one, other)))
    snrs = f"{better.snr_db:g} dB" if better.snr_db == worse.snr_db else f"{worse.snr_db:g} to {better.snr_db:g} dB"
    return Evidence(f"k/n = {ratios}, {snrs}", mean, ci95, at_least)


def compare_all(results: Results, better: Sequence[Point], worse: Sequence[Point]) -> list[Evidence]:
    """Compare points pair by pair."""
    return [compare(results, *pair) for pair in zip(better, worse, strict=True)]
