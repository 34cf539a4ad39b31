"""The results page is what is stored beside it, byte for byte, and says what was measured."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from toy_measurements import toy_results, training, zoo_psnr_db

from semcomm.experiments.claims import FAILS, HOLDS, OPEN, Claim, Evidence
from semcomm.experiments.page import Section, put_first, render, store_section, write_page
from semcomm.experiments.presets import QUICK
from semcomm.experiments.specs import Untrained

DOCS = Path(__file__).parents[2] / "docs"
TEST = {"images": 30, "test": "toys/val", "test_manifest_sha256": "0123456789abcdef" * 4, "seed": 0}


def write(folder, sections, **changes):
    names = {name for section in sections for name in section.systems}
    options = {
        "title": "Results",
        "text": "What toys score.",
        "test": TEST,
        "trainings": dict.fromkeys(names, training()),
        "commands": {name: f"train {name}" for name in names},
        "measured_by": "`measure`",
        "trained_by": "make all",
    }
    return write_page(folder / "toys.md", folder / "toys", sections, **(options | changes))


def test_the_results_page_is_made_of_what_is_stored_byte_for_byte():
    assert render(DOCS / "results.md", DOCS / "results") == (DOCS / "results.md").read_text(encoding="utf-8")


def test_a_number_that_is_changed_changes_the_page(tmp_path):
    shutil.copytree(DOCS / "results", tmp_path / "results")
    path = tmp_path / "results" / "fig4.json"
    content = json.loads(path.read_text())
    content["claims"][0]["evidence"][0]["difference_db"] += 0.01
    path.write_text(json.dumps(content))
    changed = render(tmp_path / "results.md", tmp_path / "results").splitlines()
    lines = (DOCS / "results.md").read_text().splitlines()
    assert [(old, new) for old, new in zip(lines, changed, strict=True) if old != new] == [
        (line := "| k/n = 0.0183 against 0.0212, 1 dB | +1.17 ± 0.31 | holds |", line.replace("+1.17", "+1.18"))
    ]


def test_the_page_says_what_was_measured(tmp_path):
    parts = [part for page in QUICK.pages.values() for part in page]
    results = toy_results([point for part in parts for point in part.points], zoo_psnr_db)
    page = write(tmp_path, [part.section(results, "a note") for part in parts])
    text = page.read_text()
    made = {path.name for path in (tmp_path / "toys").iterdir()}
    assert {"fig4.csv", "fig4.json", "fig4.png", "systems.csv", "systems.json", "toys-page.json"} <= made
    recipes = [line for line in text.splitlines() if line.startswith("Recipe:")]
    assert len(recipes) == len(parts)
    for words in (
        "`measure`",
        "make all",
        "SHA-256 `fedcba9876543210`",
        "1 CPU threads, toy",
        "6,000 steps of 8 crops",
    ):
        assert words in recipes[0]
    assert "[CSV](toys/fig4.csv), [JSON](toys/fig4.json)" in recipes[0]
    content = json.loads((tmp_path / "toys" / "fig4.json").read_text())
    rows = list(csv.DictReader((tmp_path / "toys" / "fig4.csv").read_text().splitlines()))
    assert [float(row["psnr_db"]) for row in rows] == [row["psnr_db"] for row in content["rows"]]
    for claim in content["claims"]:
        assert f"| {claim['claim']} | **{claim['verdict']}** |" in text
    assert set(content["training"]) == {
        point.spec.name for point in parts[0].points if not isinstance(point.spec, Untrained)
    }
    assert render(page, tmp_path / "toys") == text


@pytest.mark.parametrize(
    ("evidence", "heading", "words"),
    [
        ([1.0, 2.0], "What holds", "- It is so."),
        ([1.0, -2.0, 0.1], "What does not hold", "- It is so (1 of 3 confirm, 1 of 3 refute)."),
        ([0.1, 0.2], "What these photographs cannot decide", "- It is so (no comparison is significant)."),
    ],
)
def test_claims_are_sorted_by_their_verdicts(tmp_path, evidence, heading, words):
    claims = [Claim("It is so", [Evidence("x, 1 dB", one, 0.5) for one in evidence]), Claim("Nothing bears on it", [])]
    text = write(tmp_path, [Section("one", "One", "Words.", claims=claims)]).read_text()
    assert f"**{heading}:**\n\n{words}" in text
    assert "Nothing bears on it" not in text
    assert {HOLDS, FAILS, OPEN} == {"holds", "does not hold", "not significant"}


def test_what_a_difference_must_exceed_is_printed_where_it_is_not_zero(tmp_path):
    claims = [Claim("By half", [Evidence("x, 1 dB", 0.8, 0.1, at_least=0.5)])]
    text = write(tmp_path, [Section("one", "One", "Words.", claims=claims)]).read_text()
    assert "| where | difference (dB) | at least (dB) | verdict |" in text
    assert "| x, 1 dB | +0.80 ± 0.10 | +0.5 | holds |" in text


def test_sections_put_first_stand_before_the_trained_systems(tmp_path):
    page = write(tmp_path, [Section("one", "One", "Words.")])
    folder = tmp_path / "toys"
    before = page.read_text()
    for key in ("codes", "cliff"):
        section = Section(key, key.title(), f"About {key}.", tables=[(["k"], [["9"]])], rows=[{"k": 9}])
        store_section(section, folder, test=TEST, recipe=f"Recipe: `{key}`.")
        put_first(page, folder, key)
    put_first(page, folder, "codes")  # again: where it was
    text = page.read_text()
    places = [text.index(words) for words in ("# Results", "## Codes", "## Cliff", "## The trained systems", "## One")]
    assert places == sorted(places)
    assert text.count("## Codes") == 1
    assert "Recipe: `cliff`. Numbers: [CSV](toys/cliff.csv), [JSON](toys/cliff.json)." in text
    assert text.endswith(before.removeprefix("# Results\n\n"))
    assert render(page, folder) == text
