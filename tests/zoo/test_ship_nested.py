"""Shipping nested MLSC-image, and what its networks are said to add, on a run of two steps with tiny networks."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from tiny_codebook import write_photographs
from toys import seeded

from semcomm import build_nested_mlsc_image, from_pretrained
from semcomm.data.layouts import find_photographs
from semcomm.files.pictures import load_image
from semcomm.saving import saved_weights
from semcomm.training import TrainingConfig, train
from semcomm.training.run_folder import newest_checkpoint

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import gain_of_networks
import ship_nested

PLAIN = {"caption": None, "segmentation": None, "width": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("photographs"), 3, height=64, width=64)


@pytest.fixture(scope="module")
def trained(photographs, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "nested"
    numbers = {"size": 32, "batch_size": 2, "steps": 2, "validate_every": 1, "snr_db": (0.0, 20.0), "levels": (6, 12)}
    config = TrainingConfig(
        photographs, photographs, out, **numbers, learning_rate=0.05, average_rate=0.5, precision="32-true"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        train(build_nested_mlsc_image(**PLAIN), config)
    return out


def test_a_run_is_shipped_as_its_average_in_half_precision(trained, tmp_path):
    folder = ship_nested.ship(trained, tmp_path / "shipped", before="the same for one step")
    average = torch.load(newest_checkpoint(trained), weights_only=True)["average"]
    system = from_pretrained(str(folder), device="cpu")
    assert (system.caption is None, system.segmentation is None) == (False, False)
    found = saved_weights(system)
    assert found.keys() == average.keys()
    for name, weight in average.items():
        assert torch.equal(found[name], weight.half().float()), name
    assert any(
        bool(weight.any()) for name, weight in found.items() if "leave" in name
    )  # of the training: they begin at 0
    record = json.loads((folder / "training.json").read_text())
    assert (record["steps"], record["before"]) == (2, "the same for one step")
    assert record["system"]["arguments"]["caption"] == "lite"
    golden = json.loads((folder / "golden.json").read_text())
    import test_pretrained

    assert test_pretrained.golden_output(system) == golden
    card = (folder / "README.md").read_text()
    count = sum(weight.numel() for weight in average.values())
    assert f"{count:,} trained weights" in card
    assert "3 photographs, 2 steps of 2 crops of 32 x 32 pixels" in card
    assert f"{record['metrics']['val/psnr_db']:.2f} dB on 3 photographs held back, at 10 dB and l = 10." in card
    assert "Before that: the same for one step." in card


def test_a_run_that_goes_on_is_shipped_by_its_newest_validation(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "training.json").unlink()
    (table,) = run.glob("logs/from-step-*/metrics.csv")
    validated = [row["val/psnr_db"] for row in csv.DictReader(table.read_text().splitlines()) if row["val/psnr_db"]]
    card = (ship_nested.ship(run, tmp_path / "shipped") / "README.md").read_text()
    assert "levels from\n6 to 12" in card
    assert f"{float(validated[-1]):.2f} dB on 3 photographs" in card
    assert "Before that" not in card
    table.unlink()
    with pytest.raises(ValueError, match="has not validated yet: ship it after its first validation"):
        ship_nested.ship(run, tmp_path / "again")


def test_what_cannot_be_shipped_is_said(trained, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="empty holds no checkpoint"):
        ship_nested.ship(tmp_path / "empty", tmp_path / "shipped")
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    path = newest_checkpoint(run)
    content = torch.load(path, weights_only=True)
    content["average"].popitem()
    torch.save(content, path)
    with pytest.raises(ValueError, match="holds the weights of another network than recipe.json describes"):
        ship_nested.ship(run, tmp_path / "shipped")
    monkeypatch.setattr(sys, "argv", ["ship_nested.py", str(tmp_path / "empty")])
    with pytest.raises(SystemExit, match=r"ship_nested.py: .*empty holds no checkpoint"):
        ship_nested.main()


def test_gains_are_those_of_the_same_noise_with_networks_and_without(trained, photographs, monkeypatch, capsys):
    points = ((24, 10.0), (12, 3.0))
    monkeypatch.setattr(gain_of_networks, "POINTS", points)
    monkeypatch.setattr(gain_of_networks, "PHOTOGRAPHS", 2)
    checkpoint = newest_checkpoint(trained)
    monkeypatch.setattr(sys, "argv", ["gain", str(checkpoint), "--val", str(photographs)])
    gain_of_networks.main()
    said = capsys.readouterr().out
    assert f"| nested, {checkpoint.stem} |" in said
    networks = ship_nested.system_of(checkpoint, caption=None, segmentation=None)
    plain = build_nested_mlsc_image(**PLAIN).eval()
    images = [load_image(path)[None] for path in find_photographs(photographs).evenly(2)]
    means = []
    for ratio, snr_db in points:
        gains = []
        for seed, image in enumerate(images):
            sent = [
                one.transmit(image, snr_db, channel_uses=image.numel() // ratio, generator=seeded(seed))
                for one in (networks, plain)
            ]
            assert sent[0].symbols_per_image == sent[1].symbols_per_image == image.numel() // ratio
            gains.append(float(sent[0].psnr_db - sent[1].psnr_db))
        means.append(sum(gains) / 2)
        assert abs(means[-1]) > 0.01
        assert f" {means[-1]:+.2f} ± " in said
    assert f"| {sum(means) / 2:+.2f} |" in said
