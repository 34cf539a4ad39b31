import csv
import json
import math

import numpy as np
import pytest
from scipy import stats

from semcomm.experiments.measurement import Measurement, draw, latex_table, table

SNRS = [1.0, 7.0]


def measurement(name="mine", *, images=6, draws=3, seed=0, shift=0.0):
    random = np.random.default_rng(seed)
    hard = np.random.default_rng(1).normal(0, 5, (1, images, 1))
    shape = (len(SNRS), images, draws)
    return Measurement(
        name=name,
        channel="awgn",
        seed=4,
        photographs=[f"{number}.png" for number in range(images)],
        symbols=[100 + number for number in range(images)],
        dimensions=[3000] * images,
        snrs_db=SNRS,
        scores={"psnr_db": 25 + shift + hard + random.normal(0, 0.1, shape), "ssim": random.uniform(0.5, 0.9, shape)},
        failed=random.random(shape) < 0.2,
        settings={"draws": draws},
    )


def test_means_are_over_photographs_and_intervals_are_students():
    one = measurement()
    for place, snr_db in enumerate(SNRS):
        means = one.scores["psnr_db"][place].mean(axis=1)
        interval = stats.t.interval(0.95, len(means) - 1, means.mean(), stats.sem(means))
        mean, half_width = one.mean("psnr_db", snr_db)
        assert (mean - half_width, mean + half_width) == pytest.approx(interval)
        assert one.at(snr_db).mean("psnr_db") == (mean, half_width)
        assert one.rows[place]["failures"] == one.failed[place].sum()
    assert one.bandwidth_ratio == pytest.approx(sum(one.symbols) / 18_000)


def test_differences_are_paired():
    one, other = measurement(seed=2, shift=0.3), measurement("theirs", seed=3)
    differences = (one.scores["psnr_db"] - other.scores["psnr_db"])[1].mean(axis=1)
    mean, half_width = one.difference(other, "psnr_db", 7.0)
    assert mean == pytest.approx(differences.mean())
    assert half_width == pytest.approx(stats.t.ppf(0.975, 5) * stats.sem(differences))
    assert half_width < 0.1 * one.mean("psnr_db", 7.0)[1]
    across = one.difference(other, "psnr_db", 7.0, 1.0)
    assert across[0] == pytest.approx((one.scores["psnr_db"][1] - other.scores["psnr_db"][0]).mean())


def test_what_was_not_measured_is_refused():
    with pytest.raises(ValueError, match="snr_db must be one of 1, 7, at which mine was measured, got 3"):
        measurement().mean("psnr_db", 3.0)
    with pytest.raises(ValueError, match="got None"):
        measurement().mean("psnr_db")
    with pytest.raises(ValueError, match="score must be one of psnr_db, ssim, got 'lpips'"):
        measurement().mean("lpips", 1.0)


def test_every_kind_of_file_says_the_same(tmp_path):
    one = measurement()
    for suffix in ("json", "csv", "md", "png", "pdf", "svg"):
        one.save(tmp_path / f"one.{suffix}")
    content = json.loads((tmp_path / "one.json").read_text())
    assert content["rows"] == one.rows
    rows = list(csv.DictReader((tmp_path / "one.csv").read_text().splitlines()))
    assert rows == [{name: str(value) for name, value in row.items()} for row in one.rows]
    assert {"model", "channel", "seed", "bandwidth_ratio", "draws"} <= rows[0].keys()
    assert (tmp_path / "one.md").read_text() == f"{one.table()}\n"
    assert [(tmp_path / f"one.{suffix}").read_bytes()[:4] for suffix in ("png", "pdf", "svg")] == [
        b"\x89PNG", b"%PDF", b"<?xm"
    ]  # fmt: skip
    loaded = Measurement.load(tmp_path / "one.json")
    assert (loaded.name, loaded.symbols, loaded.snrs_db, loaded.settings) == (
        one.name, one.symbols, one.snrs_db, one.settings
    )  # fmt: skip
    for name, values in one.scores.items():
        np.testing.assert_allclose(loaded.scores[name], values, atol=1e-6)
    assert (loaded.failed == one.failed).all()
    with pytest.raises(ValueError, match=r"path must end in .json, .csv, .md, .tex, .png, .pdf, .svg, got .*one.xls"):
        one.save(tmp_path / "one.xls")


def test_what_is_not_a_number_survives_the_disk(tmp_path):
    one = measurement()
    one.scores["ssim"][0, 2] = math.nan
    one.scores["psnr_db"][1, 0, 0] = math.inf
    one.save(tmp_path / "one.json")
    loaded = Measurement.load(tmp_path / "one.json")
    assert np.isnan(loaded.scores["ssim"][0, 2]).all()
    assert loaded.scores["psnr_db"][1, 0, 0] == math.inf
    assert loaded.rows[0]["ssim_left_out"] == 1
    assert loaded.rows[1]["psnr_db"] is None
    kept = np.delete(one.scores["ssim"][0], 2, axis=0)
    assert one.mean("ssim", 1.0)[0] == pytest.approx(kept.mean())


def test_several_share_a_table_and_a_figure():
    both = [measurement(), measurement("a/folder/theirs", shift=1)]
    lines = table(both).splitlines()
    assert lines[0] == "| model | k/n | SNR (dB) | PSNR (dB) | SSIM | failures |"
    assert len(lines) == 2 + 4
    mean, half_width = both[1].mean("psnr_db", 7.0)
    assert f"| {mean:.2f} ± {half_width:.2f} |" in lines[-1]
    figure = draw(both)
    assert [axes.get_ylabel() for axes in figure.axes] == ["PSNR (dB)", "SSIM"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine, k/n = 0.0342", "theirs, k/n = 0.0342"]
    drawn = figure.axes[0].containers[0].lines[0].get_ydata()
    assert drawn == pytest.approx([both[0].mean("psnr_db", snr_db)[0] for snr_db in SNRS], abs=1e-6)


def test_a_table_for_latex_says_what_the_other_says(tmp_path):
    one, other = measurement("deep_jscc & 50 %"), measurement("other")
    lines = latex_table([one, other]).splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrr}"
    assert (lines[1], lines[3], lines[-2], lines[-1]) == (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")
    assert lines[2] == r"model & k/n & SNR (dB) & PSNR (dB) & SSIM & failures \\"
    assert lines[4].startswith(r"deep\_jscc \& 50 \% & ")
    plain = [line.removesuffix(r" \\").replace(r"$\pm$", "±").split(" & ")[-5:] for line in lines[4:8]]
    assert plain == [line.strip("| ").split(" | ")[-5:] for line in table([one, other]).splitlines()[2:]]
    one.save(tmp_path / "one.tex")
    assert (tmp_path / "one.tex").read_text() == one.latex() == latex_table([one])


def test_letters_in_a_pdf_are_truetype(tmp_path):
    measurement().save(tmp_path / "one.pdf")
    content = (tmp_path / "one.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/TrueType" in content or b"/CIDFontType2" in content


def test_a_difference_is_of_the_photographs_that_both_have_whatever_their_order():
    def measured(names, psnr_db):
        scores = {"psnr_db": np.array(psnr_db)[None, :, None]}
        count = len(names)
        return Measurement("m", "awgn", 0, names, [9] * count, [90] * count, [10.0], scores, np.zeros((1, count, 1)))

    one = measured(["a", "b", "c"], [30.0, 20.0, 25.0])
    other = measured(["c", "d", "b"], [24.0, 99.0, 18.0])
    mean, half = one.difference(other, "psnr_db", 10.0)
    assert mean == pytest.approx((1 + 2) / 2)  # c and b
    assert half == pytest.approx(12.706 * 0.5, rel=1e-3)  # Student's t of one degree, and the standard error
