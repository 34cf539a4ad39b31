from fractions import Fraction

import pytest
from toys import rand_images, seeded

from semcomm.experiments.figures import Bandwidth, Mismatch
from semcomm.experiments.presets import PAPER, PRESETS
from semcomm.experiments.specs import (
    CODE_NAMES,
    SNR_RANGE,
    AtCapacity,
    Code,
    DeepJSCC,
    Effort,
    Mlsc,
    Point,
    Untrained,
    as_wide,
)

EFFORT = Effort(size=16, batch_size=2, steps=2, schedule="cosine", width=2, norm="none", shortcut=False, validations=1)
STUDIES = list(PRESETS.values())


def points(study, page):
    return [point for part in study.pages[page] for point in part.points]


@pytest.mark.parametrize(
    "spec",
    [Mlsc(2, 10.0), Mlsc(3, SNR_RANGE, caption=False), Mlsc(2, 1.0, downsampling=16), DeepJSCC(3, 10.0)],
    ids=lambda spec: spec.name,
)
def test_the_announced_ratio_is_what_the_system_sends(spec):
    system = spec.build(EFFORT)
    assert system.bandwidth_ratio(64, 64) == pytest.approx(spec.ratio, abs=1e-12)
    if isinstance(spec, Mlsc):
        assert spec.symbols_per_image(50, 70) == system.symbols_per_image(50, 70)


@pytest.mark.parametrize("level", range(2, 13))
def test_deep_jscc_never_gets_less_bandwidth_and_at_most_one_channel_more(level):
    mlsc, jscc = Mlsc(level, 10.0), as_wide(Mlsc(level, 10.0))
    wanted = Fraction(3 * level + 1, 192)
    assert 0 <= Fraction(jscc.complex_channels, 48) - wanted < Fraction(1, 48)
    assert jscc.snr_db == mlsc.snr_db


def test_ablations_send_as_much_as_the_whole():
    built = [
        Mlsc(2, 10.0, caption, segmentation).build(EFFORT)
        for caption in (True, False)
        for segmentation in (True, False)
    ]
    assert len({system.symbols_per_image(64, 64) for system in built}) == 1


def test_names_say_what_differs_and_options_build_the_same():
    assert Mlsc(3, SNR_RANGE).name == "mlsc-image-l3-t8"
    faded = Mlsc(2, (0, 5), segmentation=False, caption=False, channel="rayleigh")
    assert faded.name == "mlsc-image-l2-t8-no-semantics-0to5db-rayleigh"
    assert Mlsc(2, SNR_RANGE, caption=False).options(EFFORT) == (
        "mlsc --l 2 --t 8 --caption none --norm none --width 2 --snr-adaptive --snr-range 0 20 --channel awgn"
    )
    assert Mlsc(3, 10.0, tell_gain=True).name == "mlsc-image-l3-t8-10db-gain"
    assert DeepJSCC(2, 7.0).options(EFFORT) == "deep-jscc --bandwidth-ratio 2/48 --snr 7"
    assert Point(AtCapacity("jpeg", Mlsc(4, 1.0)), 7.0).name == "jpeg-like-l4-t8-at-7dB"
    assert Point(Code("hybrid-code", Mlsc(4, 1.0)), 7.0).name == "hybrid-code-like-l4-t8-at-7dB"
    assert Point(DeepJSCC(1, SNR_RANGE), -2.0, "rayleigh").name == "deep-jscc-c1-at--2dB-over-rayleigh"


@pytest.mark.parametrize("code", CODE_NAMES)
def test_a_code_of_the_package_gets_the_channel_uses_of_a_system(code):
    spec = Code(code, Mlsc(2, 10.0))
    sent = spec.build().transmit(rand_images(1, 41, 50), 10.0, generator=seeded())
    assert sent.symbols_per_image == 6 * 7 * 7
    assert spec.ratio == Mlsc(2, 10.0).ratio


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_names_tell_points_apart(study):
    found = {point for page in study.pages for point in points(study, page)}
    same_file = [{one for one in found if one.name == name} for name in {point.name for point in found}]
    for points_of_it in same_file:  # codecs like one system at several training SNRs, which cost the same
        assert len(points_of_it) == 1 or all(isinstance(point.spec, Untrained) for point in points_of_it)
        assert len({(point.spec.ratio, point.snr_db) for point in points_of_it}) == 1
    trained = {point.spec for point in found if not isinstance(point.spec, Untrained)}
    assert len({spec.name for spec in trained}) == len(trained)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_fig4_compares_at_the_same_snr_in_training_and_test(study):
    assert isinstance(study.pages["fig4"][0], Bandwidth)
    found = points(study, "fig4")
    assert all(isinstance(one.spec, Untrained) or one.spec.snr_db == one.snr_db for one in found)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_fig5_has_the_points_that_judge_the_cliff(study):
    (mismatch, _) = study.pages["fig5"]
    assert isinstance(mismatch, Mismatch)
    tested = set(mismatch.points)
    for system in mismatch.systems:
        assert {Point(system, system.snr_db), Point(system, system.snr_db - 3)} <= tested


def test_fig5_needs_systems_for_one_snr_each():
    with pytest.raises(
        ValueError, match=r"systems must be trained at one SNR each, got \(0.0, 20.0\) for mlsc-image-l2"
    ):
        _ = Mismatch((Mlsc(2, SNR_RANGE),), (1.0,)).points


def test_the_papers_preset_is_the_papers():
    effort = PAPER.effort
    assert (effort.size, effort.batch_size, effort.norm, effort.schedule) == (256, 32, "batch", "constant")
    assert effort.test_images is None
    assert all(point.spec.downsampling == 8 for point in points(PAPER, "fig6"))
