"""Trainings of equal time: steps that the minutes have, weights at the end, the table; what comparing scripts share."""

import argparse
import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import compare_recipes
import trainings

FOLDERS = argparse.Namespace(train=Path("train"), val=Path("val"), out=Path("out"), minutes=15.0, trial=1.5)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What would be trained: folder and options; every run makes 60 steps in 90 seconds."""
    calls = []

    def train_missing(out, train, val, *options):
        assert (train, val) == (FOLDERS.train, FOLDERS.val)
        calls.append((out, " ".join(map(str, options))))
        run = tmp_path / out
        run.mkdir(parents=True, exist_ok=True)
        (run / "training.json").write_text(json.dumps({"wall_time_s": 90.0, "steps": 60}))
        return run

    monkeypatch.setattr(compare_recipes, "train_missing", train_missing)
    return calls


def test_steps_are_those_that_the_minutes_have(asked):
    seconds = compare_recipes.seconds_per_step("adam", FOLDERS)
    compare_recipes.train("adam", seconds, FOLDERS)
    (trial, timed), (run, trained) = asked
    assert (trial, run) == (Path("out/trials/adam"), Path("out/adam"))
    assert "--minutes 1.5" in timed
    assert "--steps 600 " in trained  # 15 minutes of 1.5 s
    assert all("--muon-lr 0 --lr 1e-3" in options for options in (timed, trained))


@pytest.mark.parametrize("choice", compare_recipes.CHOICES.values(), ids=compare_recipes.CHOICES)
def test_every_choice_is_one_that_the_command_takes(choice, refused):
    options = [*compare_recipes.SYSTEM.split(), *choice.options.split(), "--train", "no-such-folder", "--val", "."]
    assert "no-such-folder" in refused("train", *options, "--out", "out")


def test_the_table_has_paired_differences():
    rows = [
        {"change": "the recipe", "steps": 1234, "hardware": "an abacus", "psnr_db": {"1": [20.0, 22.0, 21.0]}},
        {"change": "worse", "steps": 99, "hardware": "an abacus", "psnr_db": {"1": [19.0, 20.0, 20.0]}},
    ]
    text = compare_recipes.table({"minutes": 15.0, "photographs": 3, "rows": rows})
    assert "3 validation photographs, after the steps that 15 minutes of an abacus have" in text
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert cells[2][:3] == ["the recipe", "1,234", "21.00"]
    assert cells[3] == ["worse", "99", "19.67", "-1.33 ± 1.43"]  # t = 4.303, s = 0.577, three photographs


def test_weights_at_the_end_are_judged_beside_their_average(tmp_path, monkeypatch):
    from semcomm import build_deep_jscc

    system = build_deep_jscc(complex_channels=1, device="cpu")
    run = tmp_path / "recipe"
    system.save_pretrained(run)
    told = ("steps", "hardware", "train_manifest_sha256", "val_manifest_sha256")
    (run / "training.json").write_text(json.dumps(dict.fromkeys(told, 1)))
    last = {f"system.{name}": value + 1 for name, value in system.state_dict().items()}
    (run / "checkpoints").mkdir()
    torch.save({"state_dict": last}, run / "checkpoints" / "step=7.ckpt")
    monkeypatch.setattr(compare_recipes, "scores", lambda system, _: next(iter(system.parameters())).mean().item())
    average, end = compare_recipes.judge("recipe", 1.5, argparse.Namespace(out=tmp_path, val=tmp_path))
    assert (average["change"], end["change"]) == ("the recipe", "no moving average")
    assert end["psnr_db"] == pytest.approx(average["psnr_db"] + 1)


def test_a_run_that_has_ended_is_not_trained_again(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(trainings.subprocess, "run", lambda command, **_: ran.append(command))
    trainings.train_missing(tmp_path / "runs" / "new", "train", "val", "mlsc", "--l", 4)
    assert ran.pop() == [
        "semcomm",
        "train",
        "mlsc",
        "--l",
        "4",
        *f"--train train --val val --out {tmp_path}/runs/new".split(),
    ]
    (tmp_path / "runs" / "new").mkdir()
    (tmp_path / "runs" / "new" / "recipe.json").touch()
    trainings.train_missing(tmp_path / "runs" / "new", "train", "val")
    assert ran.pop()[-1] == "--resume"
    (tmp_path / "runs" / "new" / "training.json").touch()
    trainings.train_missing(tmp_path / "runs" / "new", "train", "val")
    assert not ran


def test_only_what_is_between_its_marks_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(trainings, "DOCS", tmp_path)
    page = "a\n<!-- one: begin -->\n{}<!-- one: end -->\nb\n<!-- two: begin -->\nkept\n<!-- two: end -->\nc\n"
    (tmp_path / "page.md").write_text(page.format("old\n"))
    assert trainings.put_into_page("page.md", "one", "new\nlines\n") == tmp_path / "page.md"
    assert (tmp_path / "page.md").read_text() == page.format("new\nlines\n")
