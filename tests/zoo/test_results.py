"""The results page from toy measurements: who is compared, what is judged, what is missing, what is refused."""

import csv
import importlib
import json
import sys
from pathlib import Path

import pytest
import toy_measurements
from PIL import Image
from toy_measurements import write_measurements

from semcomm.data.folders import manifest_hash
from semcomm.experiments.claims import FAILS, HOLDS

ZOO = Path(__file__).parents[2] / "zoo"
CODECS = ["jpeg", "avif"]


@pytest.fixture(scope="module")
def zoo():
    """The scripts' modules, imported as `python zoo/make_results.py` would."""
    sys.path.insert(0, str(ZOO))
    try:
        names = ("make_zoo", "make_results", "results_grid", "results_rates", "results_robustness", "results_choices")
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(ZOO))


@pytest.fixture(scope="module")
def names(zoo):
    return list(zoo["make_zoo"].SYSTEMS)


@pytest.fixture(scope="module")
def grid(zoo, names, tmp_path_factory):
    out = tmp_path_factory.mktemp("zoo")
    write_measurements(out, [*names, *CODECS])
    return zoo["results_grid"].read_grid(out / "results", names)[0]


def verdicts(section):
    return {claim.text: claim.verdict for claim in section.claims}


def without(grid, *names):
    return {key: one for key, one in grid.items() if key[0] not in names}


def shifted(zoo, tmp_path, names, changes):
    """A grid in which some systems score that many dB more."""

    def rule(name, other, snr_db):
        return toy_measurements.psnr_db(name, other, snr_db) + changes.get(name, lambda _: 0.0)(snr_db)

    write_measurements(tmp_path, [*names, *CODECS], rule=rule)
    return zoo["results_grid"].read_grid(tmp_path / "results", names)[0]


def test_deep_jscc_has_the_same_or_the_next_larger_ratio(zoo):
    like = zoo["results_rates"].jscc_like
    chosen = {name: like(name) for name in zoo["results_rates"].BY_RATIO}
    assert chosen == {
        "mlsc-image-l4-t16": "deep-jscc-c1",
        "mlsc-image-l2-t8": "deep-jscc-c2",
        "mlsc-image-l3-t8": "deep-jscc-c3",
        "mlsc-image-l4-t8": "deep-jscc-c4",
        "mlsc-image-l6-t8": "deep-jscc-c5",
    }
    assert like("mlsc-image-l5-t8") == "deep-jscc-c4"  # 16/192 is 4/48


def test_fig4_compares_at_equal_cost_and_prints_both_ratios(zoo, grid):
    section = zoo["results_rates"].by_ratio(grid, "")
    assert set(verdicts(section).values()) == {HOLDS}
    ahead, by_half, beside_jpeg, _ = section.claims
    assert len(ahead.evidence) == 10
    assert [len(by_half.evidence), len(beside_jpeg.evidence)] == [2, 4]
    assert ahead.evidence[0].condition == f"k/n = {1.04 * 13 / 768:.4f} against {1.04 / 48:.4f}, 1 dB"
    assert by_half.evidence[0].difference_db == pytest.approx(0.9, abs=0.1)
    assert by_half.evidence[0].at_least == 0.5
    assert "AVIF at capacity sent 15 of the 30 photographs" in section.text


def test_half_a_decibel_is_asked_for_at_the_smallest_ratio_alone(zoo, tmp_path, names):
    grid = shifted(zoo, tmp_path, names, {"deep-jscc-c1": lambda _: 0.6})
    ahead, by_half, *_ = zoo["results_rates"].by_ratio(grid, "").claims
    assert (ahead.verdict, by_half.verdict) == (HOLDS, FAILS)


def test_codecs_win_where_the_rule_says(zoo, grid):
    section = zoo["results_rates"].by_codecs(grid, "")
    assert verdicts(section) == {"Codecs at capacity are ahead of MLSC-image at 19 dB": HOLDS}
    assert "JPEG at capacity is ahead at 13 dB, 16 dB, 19 dB." in section.text
    assert "AVIF at capacity is ahead at 10 dB, 13 dB, 16 dB, 19 dB." in section.text
    ((head, body),) = section.tables
    assert body[0][head.index("JPEG at capacity, failures")] == "2 of 30"


def test_mismatch_judges_the_cliff_and_the_model_for_all_snrs(zoo, grid, tmp_path, names):
    section = zoo["results_robustness"].mismatch(grid, "")
    assert list(verdicts(section).values()) == [HOLDS, HOLDS]

    def falls(snr_db):
        return 0.0 if snr_db >= 10 else -4.0

    changes = {"mlsc-image-l3-t8-10db": falls, "mlsc-image-l3-t8": lambda _: -0.3}
    worse = zoo["results_robustness"].mismatch(shifted(zoo, tmp_path, names, changes), "")
    assert list(verdicts(worse).values()) == [FAILS, FAILS]
    assert [one.verdict for one in worse.claims[0].evidence] == [HOLDS, FAILS, HOLDS]


def test_levels_fading_and_tuning(zoo, grid):
    levels = zoo["results_choices"].levels(grid, "")
    assert verdicts(levels)["Both together help most at low SNR"] == HOLDS
    assert levels.claims[0].evidence[0].difference_db == pytest.approx(21 / 40, abs=0.1)
    assert levels.claims[0].evidence[-1].difference_db == pytest.approx(0, abs=0.1)
    fading = zoo["results_robustness"].fading(grid, "")
    assert set(verdicts(fading).values()) == {HOLDS}
    assert len(fading.tables[0][1]) == 4
    trials = [
        {
            "change": change,
            "steps": 1500,
            "weights": 9,
            "seconds_per_step": 0.1,
            "val_psnr_db": psnr,
            "hardware": "toy",
            "val_manifest_sha256": "v" * 64,
            "train_manifest_sha256": "t" * 64,
        }
        for change, psnr in (("as in the zoo", 25.0), ("width 32", 25.25))
    ]
    tuning = zoo["results_choices"].tuning(grid, trials)
    assert list(verdicts(tuning).values()) == [HOLDS]
    assert [row[-1] for row in tuning.tables[1][1]] == ["", "+0.25"]
    assert zoo["results_choices"].tuning(without(grid, "mlsc-image-l3-t8-plain"), []) is None


def test_both_learning_rates_of_a_system_are_shown(zoo, tmp_path):
    for folder, rate, psnr_db in (("one", 2e-3, 25.04), ("lr-1e-3/one", 1e-3, 24.63), ("two", 1e-3, 20.0)):
        (tmp_path / folder).mkdir(parents=True)
        record = {"training": {"learning_rate": rate}, "metrics": {"val/psnr_db": psnr_db}}
        (tmp_path / folder / "training.json").write_text(json.dumps(record))
    rates = zoo["results_grid"].read_learning_rates(tmp_path, ["one", "two"])
    assert rates == [("one", {"0.002": 25.04, "0.001": 24.63})]
    table = zoo["results_choices"].tuning({}, [], rates).tables[0]
    assert table[1] == [["`one`", "0.002", "25.04", "0.001", "24.63"]]


def test_a_system_that_falls_with_better_channels_is_found(zoo, grid, tmp_path, names):
    rising = zoo["results_robustness"].rising
    assert list(verdicts(rising(grid, [])).values()) == [HOLDS, HOLDS]
    fallen = shifted(zoo, tmp_path, names, {"deep-jscc-c2": lambda snr_db: -float(snr_db == 19)})
    worse = rising(fallen, ["deep-jscc-c2"])
    assert list(verdicts(worse).values()) == [FAILS, HOLDS]
    (row,) = [cells for cells in worse.tables[0][1] if cells[0] == "`deep-jscc-c2`"]
    assert (row[1], row[3], row[5]) == ("yes", "no", "yes")


def test_what_is_missing_is_left_out(zoo, grid):
    assert zoo["results_choices"].levels(without(grid, "mlsc-image-l2-t8-no-caption"), "") is None
    assert zoo["results_robustness"].fading(without(grid, "mlsc-image-l4-t8", "mlsc-image-l4-t8-rayleigh"), "") is None
    assert zoo["results_rates"].by_codecs(without(grid, "mlsc-image-l4-t8"), "") is None
    alone = zoo["results_rates"].by_ratio(without(grid, *CODECS, "deep-jscc-c1", "mlsc-image-l6-t8"), "")
    assert len(alone.claims[0].evidence) == 6
    assert len(alone.claims) == 1  # nothing bears on the others


@pytest.fixture
def photographs(tmp_path):
    for number in range(2):
        (tmp_path / "test").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 0)).save(tmp_path / "test" / f"{number}.png")
    return tmp_path / "test"


def test_the_page_says_what_was_measured_and_names_what_was_not(zoo, names, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo["make_results"], "draw_picture", lambda *_: "")
    out, docs = tmp_path / "out", tmp_path / "docs"
    measured = ["deep-jscc-c4", "mlsc-image-l4-t8", "jpeg"]
    write_measurements(out, measured, manifest=manifest_hash(sorted(photographs.iterdir())))
    page = zoo["make_results"].make_page(photographs, out, docs)
    text = page.read_text()
    missing = next(line for line in text.splitlines() if line.startswith("**Missing,**"))
    assert all((f"`{name}`" in missing) != (name in measured) for name in [*names, *CODECS])
    sections = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    recipes = [line for line in text.splitlines() if line.startswith("Recipe:")]
    made = {path.name for path in (docs / "results").iterdir()}
    assert {"fig4.csv", "fig4.json", "fig4.png", "systems.csv", "systems.json", "rayleigh.png"} <= made
    for part in ("make_zoo.py", "SHA-256 `fedcba9876543210`", "1 CPU threads, toy", "6,000 steps of 8 crops, 64 x 64"):
        assert part in recipes[0]
    rows = list(csv.DictReader((docs / "results" / "fig4.csv").read_text().splitlines()))
    content = json.loads((docs / "results" / "fig4.json").read_text())
    assert [float(row["psnr_db"]) for row in rows] == [row["psnr_db"] for row in content["rows"]]
    for claim in content["claims"]:
        assert f"| {claim['claim']} | **{claim['verdict']}** |" in text
    assert content["training"]["deep-jscc-c4"]["steps"] == 6000
    assert len(sections) - 1 - ("The tuned configuration and the paper's plain one" in sections) <= len(recipes)


def test_other_photographs_are_refused(zoo, photographs, tmp_path):
    write_measurements(tmp_path / "out", ["deep-jscc-c1"])
    with pytest.raises(ValueError, match="holds other photographs than those measured"):
        zoo["make_results"].make_page(photographs, tmp_path / "out", tmp_path / "docs")
    with pytest.raises(FileNotFoundError, match="no system is measured in .*: run zoo/measure.py first"):
        zoo["make_results"].make_page(photographs, tmp_path / "none", tmp_path / "docs")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": [{}]}, "deep-jscc-c1.json is no measurement of measure.py: KeyError"),
        ({"images": ["0.jpg"]}, "its numbers do not fit each other"),
        ({"seed": 1}, "deep-jscc-c2.json has another seed than the measurements beside it"),
    ],
)
def test_a_damaged_measurement_is_named(zoo, tmp_path, change, message):
    names = ["deep-jscc-c1", "deep-jscc-c2"]
    write_measurements(tmp_path, names)
    path = tmp_path / "results" / "deep-jscc-c1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        zoo["results_grid"].read_grid(tmp_path / "results", names)


def test_a_damaged_tuning_file_is_named(zoo, tmp_path):
    assert zoo["make_results"].read_tuning(tmp_path / "tuning.json") == []
    (tmp_path / "tuning.json").write_text("[")
    with pytest.raises(ValueError, match="tuning.json is no JSON file"):
        zoo["make_results"].read_tuning(tmp_path / "tuning.json")
