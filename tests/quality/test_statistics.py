import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semcomm.quality.statistics import mean_and_ci95, paired_difference, student_t

SCORES = st.floats(-100, 100)


@given(st.lists(SCORES, min_size=2, max_size=30))
def test_confidence_interval_is_students(values):
    mean, half = mean_and_ci95(values)
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    expected = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    assert half == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("freedom", [*range(1, 40), 99, 100, 999, 24_000])
def test_quantiles_are_scipys(freedom):
    assert student_t(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_one_value_has_no_interval():
    mean, half = mean_and_ci95([3.0])
    assert mean == 3.0
    assert math.isnan(half)


@pytest.mark.parametrize("values", [[], [[]], 3.0, [[[1.0]]]])
def test_scores_of_another_shape_are_refused(values):
    with pytest.raises(ValueError, match=r"values must be \(images,\) or \(images, draws\)"):
        mean_and_ci95(values)
    with pytest.raises(ValueError, match=r"^a must be \(images,\)"):
        paired_difference(values, [1.0])
    with pytest.raises(ValueError, match=r"^b must be \(images,\)"):
        paired_difference([1.0], values)


def covers(samples, estimate):
    """How often the interval that `estimate` gives for a sample of mean zero holds zero."""
    intervals = [estimate(sample) for sample in samples]
    return np.mean([abs(mean) <= half for mean, half in intervals])


def test_intervals_over_images_and_draws_cover_what_they_say():
    """40 images of spread 1, 8 draws each of spread 0.5: draws pooled as if they were images are overconfident."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(2000, 40, 1)) + 0.5 * random.normal(size=(2000, 40, 8))
    assert covers(samples, mean_and_ci95) == pytest.approx(0.95, abs=0.012)
    assert covers(samples, lambda sample: mean_and_ci95(sample.ravel())) < 0.6


@pytest.mark.parametrize("images", [2, 3, 10, 24])
def test_intervals_cover_what_they_say_with_few_images(images):
    samples = np.random.default_rng(1).normal(size=(4000, images))
    assert covers(samples, mean_and_ci95) == pytest.approx(0.95, abs=0.012)


def test_several_draws_weigh_as_one_image():
    values = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert mean_and_ci95(values) == pytest.approx(mean_and_ci95(values.numpy().mean(1).tolist()))
    assert mean_and_ci95([[1.0, 3.0]])[0] == 2.0
    assert math.isnan(mean_and_ci95([[1.0, 3.0]])[1])


PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=30).map(lambda pairs: np.array(pairs).T)


@given(PAIRS)
def test_paired_difference_is_antisymmetric(pair):
    (there, half), (back, same) = paired_difference(*pair), paired_difference(*pair[::-1])
    assert there == pytest.approx(-back, abs=1e-9)
    assert half == pytest.approx(same, abs=1e-7)


@given(PAIRS, SCORES)
def test_paired_difference_of_schemes_a_constant_apart(pair, gain):
    assert paired_difference(pair[0], pair[0]) == (0.0, 0.0)
    assert paired_difference(pair[0] + gain, pair[0]) == (pytest.approx(gain, abs=1e-9), pytest.approx(0, abs=1e-7))


@given(PAIRS, st.integers(0, 5))
def test_what_images_have_in_common_cancels(pair, seed):
    common = 30 * np.random.default_rng(seed).normal(size=pair.shape[1])
    assert paired_difference(*(pair + common)) == pytest.approx(paired_difference(*pair), abs=1e-7)


@given(PAIRS)
def test_paired_difference_is_the_paired_tests(pair):
    mean, half = paired_difference(*pair)
    assert mean == pytest.approx(pair[0].mean() - pair[1].mean(), abs=1e-9)
    error = stats.sem(pair[0] - pair[1])
    assert half == pytest.approx(stats.t.ppf(0.975, pair.shape[1] - 1) * error, rel=1e-6, abs=1e-7)


def test_schemes_may_differ_in_draws_but_not_in_images():
    draws = np.arange(12.0).reshape(4, 3)
    assert paired_difference(draws, draws.mean(1)) == (0.0, 0.0)
    with pytest.raises(ValueError, match="a and b must score the same images, got 4 and 3"):
        paired_difference(draws, draws[:3])


def test_an_image_without_loss_leaves_the_difference_undefined_without_a_warning():
    mean, half = paired_difference([math.inf, 30.0], [math.inf, 29.0])
    assert math.isnan(mean)
    assert math.isnan(half)
