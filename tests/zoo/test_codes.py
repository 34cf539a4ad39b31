"""The script that measures the hybrid code beside codecs, on two photographs and schemes that cost nothing."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semcomm.experiments.page import render
from semcomm.files.json import write_json
from semcomm.files.pictures import save_image
from semcomm.transmission import account

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import codes


@dataclass
class Worse:
    """Delivers pixels that are a number of gray levels off."""

    by: float

    def transmit(self, images, snr_db, *, generator=None, channel_uses=9):  # noqa: ARG002
        return account(images.float() / 255, (images.int() - round(self.by)).clamp_min(0).byte(), channel_uses)


@pytest.fixture
def photographs(tmp_path):
    numbers = torch.Generator().manual_seed(0)
    for name, (height, width) in {"a": (320, 480), "b": (9, 9), "c": (481, 321)}.items():
        save_image(
            torch.randint(100, 256, (3, height, width), dtype=torch.uint8, generator=numbers),
            tmp_path / f"in/{name}.png",
        )
    return tmp_path / "in"


@pytest.fixture
def rows(monkeypatch):
    off = {"nested MLSC-image": 4, "linear code": 8, "JPEG, capacity": 2}
    rows = [replace(row, build=lambda _, by=off[row.name]: Worse(by)) for row in codes.ROWS if row.name in off]
    monkeypatch.setattr(codes, "ROWS", rows)
    return rows


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["codes.py", *map(str, arguments)])
    codes.main()


def test_every_second_photograph_is_sent_and_the_page_says_who_is_ahead(photographs, rows, tmp_path, monkeypatch):
    docs = tmp_path / "docs"
    write_json(
        docs / "results" / "results-page.json",
        {"title": "R", "text": "T", "sections": [], "picture": ""},
    )
    run(monkeypatch, "--test", photographs, "--out", tmp_path / "out", "--docs", docs)
    assert {path.name for path in (tmp_path / "out/photographs").iterdir()} == {"a.png", "c.png"}
    text = (docs / "results.md").read_text()
    assert text == render(docs / "results.md", docs / "results")
    assert text.index("## Nested MLSC-image and its codes beside") < text.index("## The trained systems")
    # d gray levels off everywhere are 20 log10(255 / d) dB
    table = [line for line in text.splitlines() if line.startswith("| 10 | nested MLSC-image |")]
    assert table == ["| 10 | nested MLSC-image | " + " | ".join(["36.09 ± 0.00"] * 4) + " |"]
    assert "| 10 | linear code | " + " | ".join(["+6.02 ± 0.00"] * 4) + " |" in text
    assert "Where nested MLSC-image loses: to JPEG, capacity at 1/48 and 1 dB (-6.0 dB)" in text
    assert "linear code at" not in text
    content = json.loads((docs / "results/codes.json").read_text())
    assert {(row["model"], row["k_n"], row["snr_db"]) for row in content["rows"]} == {
        (row.name, f"1/{ratio}", snr_db)
        for row in rows
        for ratio in codes.RATIOS
        for snr_db in (row.wide if ratio == 24 else codes.SNRS_DB)
    }


def test_what_is_measured_is_not_measured_again(photographs, rows, tmp_path, monkeypatch):
    paths = codes.cut(codes.find_photographs(photographs)[::2], tmp_path / "out/photographs")
    codes.measure(paths, tmp_path / "out", codes.ROWS)
    monkeypatch.setattr(codes, "send", lambda *_: pytest.fail("measured again"))
    codes.measure(paths, tmp_path / "out", codes.ROWS)
    found = codes.read(paths, tmp_path / "out")
    assert [(row.name, ratio) for row, ratio, _ in found] == [(row.name, ratio) for row in rows for ratio in row.ratios]
    joined = found[0][2]
    assert joined.photographs == ["a.png", "c.png"]
    assert joined.scores["psnr_db"].shape == (2, 2, 1)
    np.testing.assert_allclose(joined.scores["psnr_db"], 36.0897, atol=1e-3)


def test_a_photograph_that_is_too_small_is_named(photographs, tmp_path):
    with pytest.raises(ValueError, match=r"b\.png: photographs must have 480 x 320 pixels, got \(9, 9\)"):
        codes.cut([photographs / "b.png"], tmp_path / "out")


def test_all_schemes_of_the_page_are_asked_for_the_same_channel_uses():
    for row in codes.ROWS:
        scheme = row.build(1 / 24)
        k = 3 * codes.LONG * codes.SHORT // 24
        options = {"channel_uses": k} if row.asked else {}
        assert scheme.symbols_per_image(320, 480, **options) == k == 19200


@pytest.mark.usefixtures("rows")
def test_chosen_schemes_are_measured_and_a_page_without_its_figure_is_one_clear_end(photographs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(codes, "write", lambda *_: None)
        run(patch, "--test", photographs, "--out", tmp_path / "out", "--only", "linear code")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"photographs", "linear-code"}
    with pytest.raises(SystemExit, match="no measurement of a scheme that the figure shows"):
        run(monkeypatch, "--test", photographs, "--out", tmp_path / "other", "--docs", tmp_path, "--write")
