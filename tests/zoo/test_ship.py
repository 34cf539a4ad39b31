"""The zoo's script on a zoo of two systems, trained for two steps."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reliability import small_figure

from semcomm.experiments.comparisons import EverySystem
from semcomm.experiments.presets import SNRS_DB, Study
from semcomm.experiments.run import Folders, reproduce
from semcomm.experiments.specs import as_wide
from semcomm.pretrained import from_pretrained

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import ship
import spec


@pytest.fixture(scope="module")
def finished(photo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("zoo") / "out"
    folders = Folders(photo_folder, photo_folder, photo_folder, out)
    effort = replace(small_figure.EFFORT, schedule="cosine", test_images=None)
    part = EverySystem((spec.L4, as_wide(spec.L4)), SNRS_DB)
    reproduce("results", folders, Study("zoo", effort, {"results": (part,)}, spec.ZOO.command), report=lambda _: None)
    return folders


def test_the_page_goes_to_the_documentation(finished, tmp_path):
    page = ship.publish(finished, tmp_path / "docs", with_picture=True)
    text = page.read_text()
    assert "Recipe: `python zoo/ship.py --train TRAIN --val VAL --test TEST --out OUT`; 4 whole photographs" in text
    assert "![One photograph, all schemes](results/picture.png)" in text
    assert "JPEG at capacity: k = " in text
    assert {path.name for path in (tmp_path / "docs" / "results").iterdir()} == {
        "systems.csv", "systems.json", "results-page.json", "picture.png"
    }  # fmt: skip


def test_sections_of_another_study_stay_on_the_page(finished, tmp_path):
    results = tmp_path / "docs" / "results"
    ship.publish(finished, tmp_path / "docs", with_picture=False)
    stored = json.loads((results / "results-page.json").read_text())
    other = json.loads((results / "systems.json").read_text())
    (results / "fig9.json").write_text(json.dumps(other | {"section": "Another study", "text": "kept"}))
    (results / "systems.json").write_text(json.dumps(other | {"text": "measured before"}))
    (results / "results-page.json").write_text(
        json.dumps(stored | {"sections": ["fig9", "systems"], "text": "by hand"})
    )
    text = ship.publish(finished, tmp_path / "docs", with_picture=False).read_text()
    assert text.index("## Another study") < text.index("## Every system")
    assert "measured before" not in text
    assert "by hand" in text
    assert text.count("| `deep-jscc-c4` | 2 |") == 1  # trained once, in two sections


def test_a_system_goes_into_the_package_with_its_recipe_and_scores(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(ship, "WEIGHTS", tmp_path)
    folder = ship.ship(as_wide(spec.L4), finished)
    assert folder == tmp_path / "deep-jscc-c4"
    record = json.loads((folder / "training.json").read_text())
    (scores,) = record["evaluations"]
    assert record["command"].startswith("semcomm train deep-jscc --bandwidth-ratio 4/48 --snr-range 0 20")
    assert (scores["images"], scores["channel"], [row["snr_db"] for row in scores["rows"]]) == (4, "awgn", [*SNRS_DB])
    point = json.loads((finished.out / "points" / "deep-jscc-c4-at-10dB.json").read_text())
    psnr_db = [row["psnr_db"] for row in scores["rows"] if row["snr_db"] == 10]
    assert psnr_db == [pytest.approx(np.mean(point["measured"]["scores"]["psnr_db"]), abs=1e-5)]
    card = (folder / "README.md").read_text()
    assert "c = 4 complex channels (k/n = 0.0833" in card
    assert f"| 10 | {psnr_db[0]:.2f} ± " in card
    assert from_pretrained(str(folder), device="cpu").symbols_per_image(32, 32) == 4 * 64


def test_the_specification_trains_what_the_package_ships():
    names = {system.name for systems in spec.SHIPPED.values() for system in systems}
    shipped = {path.name for path in ship.WEIGHTS.iterdir()} - {
        "caption-lite",
        "segmentation-lite",
        "efficientnet-lite0",
        "hybrid-code",
        "linear-code",
        "nested-mlsc-image",
    }
    assert names == shipped
    for study, systems in spec.SHIPPED.items():
        measured = {point.spec for part in spec.STUDIES[study].pages["results"] for point in part.points}
        assert measured >= set(systems)
