import math
from dataclasses import replace

import numpy as np
import pytest

from semcomm.experiments.claims import FAILS, HOLDS, OPEN, Claim, Evidence, fig4_claims, fig5_claims, fig6_claims
from semcomm.experiments.specs import POINTS, QUICK, AtCapacity, DeepJSCC, Mlsc, Point
from semcomm.experiments.store import PointResult

IMAGES = 30
HARD_TO_SEND = np.random.default_rng(0).normal(0, 4, IMAGES)
"""What images differ by, in dB: far more than schemes do."""


def results(figure, psnr_db, preset=QUICK, jitter=0.05):
    """Every point's PSNR: what `psnr_db(scheme, snr)` says, plus what all schemes share, plus a little noise."""
    random = np.random.default_rng(1)
    return {
        point: PointResult(
            bandwidth_ratio=point.scheme.ratio,
            psnr_db=(psnr_db(point.scheme, point.snr_db) + HARD_TO_SEND + random.normal(0, jitter, IMAGES)).tolist(),
            ssim=[0.5] * IMAGES,
            failures=0,
        )
        for point in POINTS[figure](preset)
    }


def verdicts(claims):
    return {claim.text: claim.verdict for claim in claims}


@pytest.mark.parametrize(
    ("mean", "half", "verdict"),
    [(0.3, 0.2, HOLDS), (-0.3, 0.2, FAILS), (0.1, 0.2, OPEN), (0, 0, OPEN), (5, math.nan, OPEN), (math.nan, 1, OPEN)],
)
def test_a_difference_counts_beyond_its_interval(mean, half, verdict):
    assert Evidence("", mean, half).verdict == verdict


def test_one_contradiction_refutes_and_one_doubt_leaves_open():
    good, bad, open_ = Evidence("", 1, 0.1), Evidence("", -1, 0.1), Evidence("", 0, 0.1)
    assert Claim("", [good, good]).verdict == HOLDS
    assert Claim("", [good, open_]).verdict == OPEN
    assert Claim("", [good, open_, bad]).verdict == FAILS
    assert Claim("", []).verdict == OPEN


def test_evidence_says_what_both_schemes_really_spent():
    measured = results("fig4", lambda *_: 20)
    padded = {point: replace(one, bandwidth_ratio=one.bandwidth_ratio * 1.04) for point, one in measured.items()}
    mlsc, jpeg = padded[Point(Mlsc(2, 1.0), 1.0)], padded[Point(AtCapacity("jpeg", 2), 1.0)]
    assert mlsc.bandwidth_ratio == jpeg.bandwidth_ratio
    ahead, beside_jpeg = fig4_claims(QUICK, padded)
    assert ahead.evidence[0].condition == f"k/n = {1.04 * 7 / 192:.4f} against {1.04 * 2 / 48:.4f}, 1 dB"
    assert beside_jpeg.evidence[0].condition == f"k/n = {1.04 * 7 / 192:.4f}, 1 dB"


@pytest.mark.parametrize(("ahead", "verdict"), [(0.5, HOLDS), (-0.5, FAILS), (0.0, OPEN)])
def test_fig4_who_is_ahead_at_small_ratios(ahead, verdict):
    def psnr_db(scheme, _):
        return 25 + (ahead if isinstance(scheme, Mlsc) else -2 * isinstance(scheme, AtCapacity))

    judged = verdicts(fig4_claims(QUICK, results("fig4", psnr_db, jitter=0.5)))
    assert judged["MLSC-image is ahead of Deep JSCC for k/n < 1/10"] == verdict
    assert judged["MLSC-image is ahead of JPEG at capacity for k/n < 1/10"] == HOLDS


def test_fig4_large_ratios_are_judged_apart():
    wide = replace(QUICK, levels=(2, 8))

    def psnr_db(scheme, _):
        return 25 + (isinstance(scheme, DeepJSCC) if scheme.ratio > 0.1 else isinstance(scheme, Mlsc))

    judged = verdicts(fig4_claims(wide, results("fig4", psnr_db, wide)))
    assert judged["MLSC-image is ahead of Deep JSCC for k/n < 1/10"] == HOLDS
    assert judged["Deep JSCC is ahead of MLSC-image for k/n >= 1/10"] == HOLDS
    small_only = fig4_claims(QUICK, results("fig4", psnr_db))
    assert "Deep JSCC is ahead of MLSC-image for k/n >= 1/10" not in verdicts(small_only)


@pytest.mark.parametrize(("slope", "cliff", "rising"), [(0.5, HOLDS, HOLDS), (1.5, FAILS, HOLDS), (-0.5, HOLDS, FAILS)])
def test_fig5_cliffs_and_rises(slope, cliff, rising):
    judged = fig5_claims(QUICK, results("fig5", lambda _, snr_db: 20 + slope * snr_db))
    assert [claim.verdict for claim in judged] == [cliff, rising]
    assert [one.difference_db for one in judged[0].evidence] == pytest.approx([3 - 3 * slope] * 3, abs=0.1)


def test_fig6_what_the_levels_are_worth():
    def psnr_db(scheme, snr_db):
        return 20 + (0.3 * scheme.caption + 1.0 * scheme.segmentation) * (19 - snr_db) / 19 + 0.5 * scheme.caption

    judged = verdicts(fig6_claims(QUICK, results("fig6", psnr_db)))
    assert judged == {
        "The caption helps": HOLDS,
        "The segmentation helps": OPEN,  # nothing is left of it at 19 dB
        "The segmentation helps more than the caption": FAILS,
        "Both together help most at low SNR": HOLDS,
    }


def test_fig6_levels_that_do_harm_do_not_help():
    judged = fig6_claims(QUICK, results("fig6", lambda scheme, _: 20 - scheme.caption))
    assert judged[0].verdict == FAILS


def test_fig6_doing_less_harm_at_low_snr_is_no_help():
    def psnr_db(scheme, snr_db):
        return 20 - 0.1 * (snr_db + 10) * (scheme.caption + scheme.segmentation)

    together = fig6_claims(QUICK, results("fig6", psnr_db))[-1]
    assert [one.verdict for one in together.evidence] == [FAILS, HOLDS]
    assert together.verdict == FAILS
