"""A larger nested MLSC-image begins as a smaller one: the same picture, and no other system in its place."""

import sys
from pathlib import Path

import pytest
import torch

from semcomm import build_deep_jscc, build_nested_mlsc_image, from_pretrained
from semcomm.saving import saved_weights

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import grow_nested


def grow(monkeypatch, old, new):
    monkeypatch.setattr(sys, "argv", ["grow_nested.py", str(old), str(new)])
    grow_nested.main()


def test_a_new_block_changes_nothing_and_is_the_same_each_time(tmp_path, monkeypatch):
    weights = saved_weights(from_pretrained("nested-mlsc-image", device="cpu"))
    last = "receiver.network.rising.1.7."
    assert any(name.startswith(last) for name in weights)
    smaller = {name: value for name, value in weights.items() if not name.startswith(last)}
    monkeypatch.setattr(
        grow_nested, "saved_weights", lambda system: smaller if system.caption else saved_weights(system)
    )
    grown = []
    for name in ("one", "two"):
        grow(monkeypatch, "nested-mlsc-image", tmp_path / name)
        grown.append(saved_weights(from_pretrained(tmp_path / name, device="cpu")))
    assert all(torch.equal(value, grown[1][name]) for name, value in grown[0].items())
    assert all(torch.equal(value, grown[0][name]) for name, value in smaller.items())
    assert not grown[0][f"{last}second.weight"].any()


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: build_deep_jscc(complex_channels=1, device="cpu"), "it shares no weights"),
        (
            lambda: build_nested_mlsc_image(width=2, caption=None, segmentation=None, device="cpu"),
            "has another shape",
        ),
    ],
)
def test_another_system_is_refused(build, why, tmp_path, monkeypatch, capsys):
    build().save_pretrained(tmp_path / "old")
    with pytest.raises(SystemExit):
        grow(monkeypatch, tmp_path / "old", tmp_path / "new")
    assert why in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
