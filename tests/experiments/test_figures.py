"""The sections from toy measurements: who is compared, what is judged, what is said."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy_measurements import PADDED, toy_results, zoo_psnr_db

from semcomm.experiments.claims import FAILS, HOLDS, OPEN, Claim, Evidence
from semcomm.experiments.figures import Ablation, Bandwidth
from semcomm.experiments.presets import QUICK, SNRS_DB
from semcomm.experiments.specs import SNR_RANGE, AtCapacity, DeepJSCC, Mlsc

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import spec

FIG4, FIG5, FIG6 = QUICK.pages["fig4"][0], QUICK.pages["fig5"], QUICK.pages["fig6"][0]
BANDWIDTH, CODECS, EVERY = spec.ZOO.pages["results"]
(FADING,) = spec.FADING.pages["results"]
MISMATCH, ABLATION, CHOICES = spec.CLAIMS.pages["results"]


def section(part, psnr_db=zoo_psnr_db, **options):
    return part.section(toy_results(part.points, psnr_db, **options), "a note")


def verdicts(part, psnr_db=zoo_psnr_db, **options):
    return {claim.text: claim.verdict for claim in section(part, psnr_db, **options).claims if claim.evidence}


def shifted(changes):
    """A rule by which some systems score that many dB more than by the zoo's."""
    return lambda point: zoo_psnr_db(point) + changes.get(point.spec.name, lambda _: 0.0)(point.snr_db)


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


def test_fig4_compares_at_equal_cost_and_prints_both_ratios():
    made = section(BANDWIDTH)
    judged = [claim for claim in made.claims if claim.evidence]
    assert {claim.verdict for claim in judged} == {HOLDS}
    ahead, by_half, beside_jpeg, _ = judged
    assert len(ahead.evidence) == 10
    assert [len(by_half.evidence), len(beside_jpeg.evidence)] == [2, 4]
    assert ahead.evidence[0].condition == f"k/n = {PADDED * 13 / 768:.4f} against {PADDED / 48:.4f}, 1 dB"
    assert beside_jpeg.evidence[1].condition == f"k/n = {PADDED * 7 / 192:.4f}, 1 dB"
    assert by_half.evidence[0].difference_db == pytest.approx(0.9, abs=0.1)
    assert by_half.evidence[0].at_least == 0.5
    assert "AVIF at capacity sent 15 of the 30 photographs" in made.text
    assert [one.name for one in BANDWIDTH.curves(1.0)[1]] == [f"deep-jscc-c{c}" for c in (1, 2, 3, 4, 5)]


def test_half_a_decibel_is_asked_for_at_the_smallest_ratio_alone():
    ahead, by_half, *_ = section(BANDWIDTH, shifted({"deep-jscc-c1": lambda _: 0.6})).claims
    assert (ahead.verdict, by_half.verdict) == (HOLDS, FAILS)


@pytest.mark.parametrize(("ahead", "verdict"), [(0.5, HOLDS), (-0.5, FAILS), (0.0, OPEN)])
def test_fig4_who_is_ahead_at_small_ratios(ahead, verdict):
    def psnr_db(point):
        return 25 + (ahead if isinstance(point.spec, Mlsc) else -2 * isinstance(point.spec, AtCapacity))

    judged = verdicts(FIG4, psnr_db, jitter=0.5)
    assert judged["MLSC-image is ahead of Deep JSCC for k/n < 1/10"] == verdict
    assert judged["MLSC-image is ahead of JPEG at capacity at 10 dB for k/n < 1/10"] == HOLDS
    assert len(judged) == 3


def test_fig4_large_ratios_are_judged_apart():
    wide = Bandwidth((Mlsc(2, SNR_RANGE), Mlsc(8, SNR_RANGE)), (1.0, 10.0))

    def psnr_db(point):
        return 25 + (isinstance(point.spec, DeepJSCC) if point.spec.ratio > 0.1 else isinstance(point.spec, Mlsc))

    judged = verdicts(wide, psnr_db)
    assert judged["MLSC-image is ahead of Deep JSCC for k/n < 1/10"] == HOLDS
    assert judged["Deep JSCC is ahead of MLSC-image for k/n >= 1/10"] == HOLDS


def test_codecs_win_where_the_rule_says():
    made = section(CODECS)
    assert verdicts(CODECS) == {"Codecs at capacity are ahead of MLSC-image at 19 dB": HOLDS}
    assert "JPEG at capacity is ahead at 13 dB, 16 dB, 19 dB." in made.text
    assert "AVIF at capacity is ahead at 10 dB, 13 dB, 16 dB, 19 dB." in made.text
    ((head, body),) = made.tables
    assert body[0][head.index("JPEG at capacity, failures")] == "2 of 30"


def test_mismatch_judges_the_cliff_and_the_model_for_all_snrs():
    assert list(verdicts(MISMATCH).values()) == [HOLDS, HOLDS]

    def falls(snr_db):
        return 0.0 if snr_db >= 10 else -4.0

    worse = section(MISMATCH, shifted({"mlsc-image-l3-t8-10db": falls, "mlsc-image-l3-t8": lambda _: -0.3}))
    assert [claim.verdict for claim in worse.claims] == [FAILS, FAILS]
    assert [one.verdict for one in worse.claims[0].evidence] == [HOLDS, FAILS, HOLDS]


@pytest.mark.parametrize(("slope", "cliff", "rising"), [(0.5, HOLDS, HOLDS), (1.5, FAILS, HOLDS), (-0.5, HOLDS, FAILS)])
def test_fig5_cliffs_and_rises(slope, cliff, rising):
    mismatch, every = (section(part, lambda point: 20 + slope * point.snr_db) for part in FIG5)
    assert [claim.verdict for claim in mismatch.claims] == [cliff]
    assert [one.difference_db for one in mismatch.claims[0].evidence] == pytest.approx([3 - 3 * slope] * 3, abs=0.1)
    assert every.claims[0].verdict == rising


def test_fig5_jpeg_fails_below_the_snr_that_it_was_coded_for():
    made = section(FIG5[0])
    panel = made.figure.axes[0]
    (coded,) = [one for one in panel.containers if one.get_label() == "JPEG, coded for 10 dB"]
    y = coded.lines[0].get_ydata()
    assert y[:4] == pytest.approx([y[0]] * 4)
    assert y[4] > y[3] + 10


def test_fig6_what_the_levels_are_worth():
    def psnr_db(point):
        fading = (19 - point.snr_db) / 19
        return 20 + (0.3 * point.spec.caption + 1.0 * point.spec.segmentation) * fading + 0.5 * point.spec.caption

    assert verdicts(FIG6, psnr_db) == {
        "The caption helps": HOLDS,
        "The segmentation helps": OPEN,  # nothing is left of it at 19 dB
        "The segmentation helps more than the caption": FAILS,
        "Both together help most at low SNR": HOLDS,
    }


def test_fig6_levels_that_do_harm_do_not_help():
    assert section(FIG6, lambda point: 20 - point.spec.caption).claims[0].verdict == FAILS


def test_fig6_doing_less_harm_at_low_snr_is_no_help():
    def psnr_db(point):
        return 20 - 0.1 * (point.snr_db + 10) * (point.spec.caption + point.spec.segmentation)

    together = section(FIG6, psnr_db).claims[-1]
    assert [one.verdict for one in together.evidence] == [FAILS, HOLDS]
    assert together.verdict == FAILS


def test_fig6_may_be_trained_at_every_snr():
    matched = Ablation(Mlsc(2, SNR_RANGE), (1.0, 10.0), matched=True)
    assert all(point.spec.snr_db == point.snr_db for point in matched.points)
    assert "trained at every SNR that it is tested at" in section(matched).text


def test_the_zoos_levels_and_fading():
    made = section(ABLATION)
    assert {claim.verdict for claim in made.claims[:2]} <= {HOLDS, OPEN}
    assert made.claims[0].evidence[0].difference_db == pytest.approx(21 / 40, abs=0.1)
    assert made.claims[0].evidence[-1].difference_db == pytest.approx(0, abs=0.1)
    assert set(verdicts(FADING).values()) == {HOLDS}
    assert len(section(FADING).tables[0][1]) == 4


def test_a_system_that_falls_with_better_channels_is_found():
    assert list(verdicts(EVERY).values()) == [HOLDS, HOLDS]
    worse = section(EVERY, shifted({"deep-jscc-c2": lambda snr_db: -float(snr_db == 19)}))
    assert [claim.verdict for claim in worse.claims] == [FAILS, HOLDS]
    (row,) = [cells for cells in worse.tables[0][1] if cells[0] == "`deep-jscc-c2`"]
    assert (row[2], row[4]) == ("no", "yes")


def test_pairs_are_formed_by_the_photographs_that_both_sent():
    results = toy_results(BANDWIDTH.points, zoo_psnr_db)
    mlsc, _, _, avif, *_ = (one[0] for one in BANDWIDTH.curves(1.0))
    one, other = (next(found for point, found in results.items() if point.spec == spec) for spec in (mlsc, avif))
    expected = one.scores["psnr_db"][0, ::2, 0] - other.scores["psnr_db"][0, :, 0]
    assert one.difference(other)[0] == pytest.approx(expected.mean())
    with pytest.raises(ValueError, match=r"must share photographs, but have none in common"):
        one.difference(replace(other, photographs=[f"x{name}" for name in other.photographs]))


def test_choices_have_a_difference_for_every_snr():
    (head, gains), (_, means) = section(CHOICES).tables
    assert head == ["choice", *(f"{snr_db:g} dB" for snr_db in SNRS_DB)]
    told, of_deep_jscc, without = gains
    assert [float(cell.split(" ± ")[0]) for cell in told[1:]] == pytest.approx([0.4] * 8, abs=0.06)  # see zoo_psnr_db
    assert [float(cell.split(" ± ")[0]) for cell in of_deep_jscc[1:]] == pytest.approx([0] * 8, abs=0.06)
    expected = [(snr_db - 19) / 20 for snr_db in SNRS_DB]
    assert [float(cell.split(" ± ")[0]) for cell in without[1:]] == pytest.approx(expected, abs=0.06)
    assert [row[0] for row in means] == [
        f"`{name}`" for pair in CHOICES.pairs.values() for name in (one.name for one in pair)
    ]
