"""Two schemes on the same photographs."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from semcomm import build_linear_code
from semcomm.experiments.differences import difference_cells, difference_rows, draw_differences
from semcomm.experiments.equal_uses import InChannelUses
from semcomm.experiments.measurement import Measurement

SNRS, IMAGES = [1.0, 7.0], 6


def measurement(name, psnr_db):
    scores = {"psnr_db": psnr_db, "ssim": psnr_db / 40}
    images = [f"{number}.png" for number in range(IMAGES)]
    counts = [100] * IMAGES, [3000] * IMAGES
    return Measurement(name, "awgn", 4, images, *counts, SNRS, scores, np.zeros(psnr_db.shape, dtype=bool))


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    hard = random.normal(25, 5, (1, IMAGES, 1))
    b = hard + random.normal(0, 0.1, (2, IMAGES, 2))
    lead = np.array([0.3, 0.0])[:, None, None]
    return measurement("a", hard + lead + random.normal(0, 0.1, (2, IMAGES, 3))), measurement("b", b)


def test_rows_are_paired_differences_with_students_intervals(pair):
    a, b = pair
    rows = difference_rows(a, b)
    assert [(row["snr_db"], row["score"]) for row in rows] == [(x, y) for x in SNRS for y in ("psnr_db", "ssim")]
    for place, row in zip((0, 0, 1, 1), rows, strict=True):
        images = a.scores[row["score"]][place].mean(1) - b.scores[row["score"]][place].mean(1)
        low, high = stats.t.interval(0.95, IMAGES - 1, images.mean(), stats.sem(images))
        assert row["difference"] == pytest.approx(images.mean(), abs=1e-6)
        assert row["difference_ci95"] == pytest.approx((high - low) / 2, abs=1e-6)
        assert row["significant"] == bool(low > 0 or high < 0)
        assert row["difference_ci95"] < row["a_mean_ci95"] / 5  # what photographs differ by has cancelled
    assert rows[0]["significant"]
    assert {"a_bandwidth_ratio": 0.033333, "images": IMAGES, "seed": 4}.items() <= rows[0].items()


def test_what_is_not_finite_is_not_judged(pair):
    a, b = pair
    lossless = replace(a, scores=a.scores | {"psnr_db": np.full_like(a.scores["psnr_db"], math.inf)})
    rows = difference_rows(lossless, b)
    assert (rows[0]["a_mean"], rows[0]["difference"], rows[0]["significant"]) == (None, None, None)
    head, body = difference_cells(rows)
    assert head == ["SNR (dB)", "score", "a", "b", "difference", "significant"]
    assert body[0][2::2] == ["- ± -", "- ± -"]
    assert body[1][-1] in ("yes", "no")


def test_the_figure_rules_zero_and_draws_what_the_rows_say(pair):
    rows = difference_rows(*pair)
    figure = draw_differences(rows, width="double")
    psnr = figure.axes[0]
    (container,) = psnr.containers
    drawn = [float(value) for value in container.lines[0].get_ydata()]
    assert drawn == pytest.approx([row["difference"] for row in rows[::2]])
    assert [line for line in psnr.lines if list(line.get_ydata()) == [0, 0]]


def test_a_system_takes_the_channel_uses_of_another_image_by_image(codebook):
    system = build_linear_code(codebook=codebook)
    scheme = InChannelUses(system, lambda height, width: height * width // 20)
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    for image in (images, images[..., :32]):
        sent = scheme.transmit(image, 10.0, generator=torch.Generator().manual_seed(1))
        assert sent.symbols_per_image == image[0, 0].numel() // 20
        again = system.transmit(
            image, 10.0, generator=torch.Generator().manual_seed(1), channel_uses=image[0, 0].numel() // 20
        )
        assert torch.equal(sent.images, again.images)
