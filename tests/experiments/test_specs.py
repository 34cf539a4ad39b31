from fractions import Fraction

import pytest

from semcomm.experiments.specs import PAPER, POINTS, PRESETS, SNR_RANGE, AtCapacity, DeepJSCC, Effort, Mlsc, as_wide

EFFORT = Effort(size=16, batch_size=2, steps=2, schedule="cosine", width=2, norm="none", shortcut=False, validations=1)
PRESET_NAMES = list(PRESETS)


@pytest.mark.parametrize(
    "scheme",
    [Mlsc(2, 10.0), Mlsc(3, SNR_RANGE, caption=False), Mlsc(2, 1.0, downsampling=16), DeepJSCC(3, 10.0)],
    ids=lambda scheme: scheme.name,
)
def test_the_announced_ratio_is_what_the_system_sends(scheme):
    assert scheme.build(EFFORT).bandwidth_ratio(64, 64) == pytest.approx(scheme.ratio, abs=1e-12)


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


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("figure", POINTS)
def test_names_tell_points_apart(preset, figure):
    points = set(POINTS[figure](PRESETS[preset]))
    assert len({point.name for point in points}) == len(points)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_fig4_compares_at_the_same_snr_in_training_and_test(preset):
    points = POINTS["fig4"](PRESETS[preset])
    assert all(isinstance(point.scheme, AtCapacity) or point.scheme.snr_db == point.snr_db for point in points)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_fig5_has_the_points_that_judge_the_cliff(preset):
    tested = {(point.scheme, point.snr_db) for point in POINTS["fig5"](PRESETS[preset])}
    for snr_db in PRESETS[preset].mismatch_snrs_db:
        system = Mlsc(PRESETS[preset].mismatch_level, snr_db)
        assert {(system, snr_db), (system, snr_db - 3)} <= tested


def test_the_papers_preset_is_the_papers():
    effort = PAPER.effort
    assert (effort.size, effort.batch_size, effort.norm, effort.schedule) == (256, 32, "batch", "constant")
    assert effort.test_images is None
    assert all(mlsc.scheme.downsampling == 8 for mlsc in POINTS["fig6"](PAPER))
