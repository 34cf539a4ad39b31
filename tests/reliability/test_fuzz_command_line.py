"""Command lines with wrong, missing and odd arguments: exit code 0, or 2 and one line on stderr, and no half file."""

import os
import shutil

import numpy as np
import pytest
from reliability.outcomes import cases, check_whole, command
from reliability.small_figure import TINY
from toys import caption_feature, segmentation_feature

from semcomm.cli import cache_features as cache_cli
from semcomm.cli import main as cli
from semcomm.cli import train as training_cli

MODEL, PHOTO, PHOTOS = "model", "photos/a.png", "photos"
TEXTS = (
    "", " ", "-", "--", "-1", "0", "1", "2", "4", "7", "0.5", "1e308", "-1e400", "1e-320", "nan", "inf", "-inf",
    "0x10", "1/0", "1/12", "1/48", "-1/12", "1,2", "1,,2", ",", "1;2", "1 2", "true", "None", "[]", "{}", "*", "~",
    "%s", "'", "\n", "lite", "none", "mlsc", "deep-jscc", "awgn", "rayleigh", "image", "symbol", "zf", "jpeg", "avif",
    "fidelity", "ms-ssim", "٣", "\udcff", "é", "a" * 300, "a" * 5000, "/dev/null", "/dev/null/x", "/proc/nothing/x",
    ".", "..", "photos", PHOTO, "model", "model/config.json", "letter.jpg", "half.png", "empty", "pipe", "link",
    "nowhere", "nowhere/deep/x.json", "owner/name", "coco",
)  # fmt: skip
HUGE = ("9" * 30, str(2**31), str(2**63), "1000000000")
WORK = ("--steps", "--epochs", "--minutes", "--draws", "--workers")
"""How much to do: a huge number is no fault there, and takes as long as it takes."""
SMALL = {"--caption": "none", "--segmentation": "none", "--size": "16", "--l": "2", "--t": "4", "--width": "2"}
TRAIN = {"--train": PHOTOS, "--val": PHOTOS, "--out": "run"}
BASES = {
    "transmit": ([PHOTO], {"--model": MODEL, "--snr": "10", "--channel": "rayleigh", "--coherence": "4"}
        | {"--equalizer": "zf", "--out": "received", "--json": "out.json", "--seed": "3"}),
    "evaluate": ([MODEL], {"--data": PHOTOS, "--snr": "1,10", "--channel": "awgn", "--size": "12", "--draws": "1"}
        | {"--metrics": "", "--json": "out.json", "--csv": "out.csv", "--seed": "1"}),
    "baseline": (["jpeg"], {"--data": PHOTOS, "--bandwidth-ratio": "1/6", "--snr": "10", "--channel": "awgn"}
        | {"--delivered": "gray", "--size": "16", "--json": "out.json", "--csv": "out.csv", "--seed": "1"}),
    "train": (["mlsc"], TRAIN | SMALL | {"--batch-size": "2", "--steps": "1", "--lr": "1e-3", "--norm": "none"}
        | {"--snr": "5", "--validate-every": "1", "--val-images": "1", "--workers": "0", "--devices": "1"}
        | {"--num-nodes": "1", "--precision": "32-true", "--schedule": "constant", "--gradient-clip": "1"}
        | {"--muon-lr": "1e-3", "--average": "0.1", "--accumulate": "2", "--loss": "mse", "--minutes": "1"}),
    "train deep-jscc": (["deep-jscc"], TRAIN | {"--bandwidth-ratio": "1/12", "--size": "16", "--batch-size": "2"}
        | {"--epochs": "1", "--channel": "rayleigh", "--coherence": "image"}),
    "cache-features": ([PHOTOS], {"--out": "cache", "--caption": "lite", "--segmentation": "lite"}),
    "reproduce": (["fig4"], TRAIN | {"--test": PHOTOS, "--preset": "quick", "--workers": "0", "--seed": "1"}),
    "train-extractor": (["caption"], {"--data": "coco", "--out": "extractor", "--steps": "1", "--batch-size": "1"}
        | {"--lr": "1e-3", "--validate-every": "1", "--patience": "1", "--seed": "0"}),
    "demo": ([], {"--out": "demo"}),
    "models": ([], {}),
}  # fmt: skip
FLAGS = ("--resume", "--skip-bad", "--no-headers", "--snr-adaptive", "--help", "-x", "--snrr", "--json", "--out")
SHARES = {"transmit": 5, "evaluate": 3, "baseline": 4, "train": 5, "train deep-jscc": 2, "cache-features": 2}


@pytest.fixture
def stubs(monkeypatch):
    """Leave out what takes long: the steps of a training, the work of a reproduction, the real extractors."""
    from semcomm.experiments import presets, run

    def begin(*_, **__):
        raise OSError("here the work begins")

    def feature(make, real):
        return lambda value: make() if value == "lite" else real(value)

    monkeypatch.setattr("semcomm.training.engine.Trainer.fit", lambda *_, **__: None)
    monkeypatch.setattr("semcomm.training.engine.Trainer.validate", lambda *_, **__: None)
    monkeypatch.setattr("semcomm.training.extractors._fit", begin)
    monkeypatch.setattr(run, "_make_points", begin)
    for preset in ("quick", "paper"):
        monkeypatch.setitem(presets.PRESETS, preset, TINY)
    for name, make in {"build_caption": caption_feature, "build_segmentation": segmentation_feature}.items():
        for commands in (training_cli, cache_cli):
            monkeypatch.setattr(commands, name, feature(make, getattr(commands, name)))
    monkeypatch.setattr(cli, "run_demo", begin)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("COLUMNS", "200")


def mutated(random):
    """A command line that would work, but for one or two arguments."""
    names = [name for name in BASES for _ in range(SHARES.get(name, 1))]
    name = names[int(random.integers(len(names)))]
    positional, options = list(BASES[name][0]), dict(BASES[name][1])
    arguments = []
    for _ in range(int(random.integers(1, 3))):
        option = str(random.choice([*options, "--none"]))
        text = str(TEXTS[int(random.integers(len(TEXTS)))])
        match int(random.integers(10)):
            case 0 if option in options:
                del options[option]
            case 1:
                arguments.append(str(random.choice(FLAGS)))
            case 2:
                positional = [text, *positional[1:]]
            case 3:
                positional.append(text)
            case 4 if option not in WORK:
                options[option] = str(random.choice(HUGE))
            case _ if option in options and not (option in ("--steps", "--epochs") and text.isdecimal()):
                options[option] = text
    arguments += [part for option, value in options.items() for part in (option, value)]
    return [name.split()[0], *positional, *arguments]


def fuzz(desk, folder, monkeypatch, count, seed):
    for number in cases(count, seed):
        work = folder / "work" / "desk"
        shutil.copytree(desk, work)
        os.mkfifo(work / "pipe")
        (work / "link").symlink_to("nothing")
        monkeypatch.chdir(work)
        command("command lines", mutated(np.random.default_rng(number)), folder / "work")
        check_whole(folder / "work")
        monkeypatch.chdir(folder)
        shutil.rmtree(folder / "work")


@pytest.mark.usefixtures("stubs")
def test_mutated_command_lines(desk, tmp_path, monkeypatch):
    fuzz(desk, tmp_path, monkeypatch, 250, seed=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more --workers than this machine has processors
@pytest.mark.usefixtures("stubs")
def test_thousands_of_mutated_command_lines(desk, tmp_path, monkeypatch):
    fuzz(desk, tmp_path, monkeypatch, 4000, seed=1)


@pytest.mark.usefixtures("stubs")
@pytest.mark.parametrize("name", sorted(BASES.keys() - {"train-extractor"}))  # whose two data sets are not there
def test_the_command_lines_that_are_mutated_work(desk, tmp_path, monkeypatch, name):
    work = shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(work)
    positional, options = BASES[name]
    arguments = [name.split()[0], *positional, *(part for pair in options.items() for part in pair)]
    code, _, said = command("command lines", arguments, work)
    assert code == 0 or "here the work begins" in said, said
