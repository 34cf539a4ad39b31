"""`semcomm train`: its sub-commands, and parts of one's own."""

import json
import warnings

import pytest
from toys import PhaseFlip, small_system

from semcomm import AWGNChannel
from semcomm.cli import train as training_cli
from semcomm.networks import precision

PARTS = """
import torch
from torch import nn

from semcomm import AWGNChannel, Channel, build_mlsc_image


class Damped(Channel):
    def __init__(self):
        super().__init__()
        self.noise = AWGNChannel()

    def forward(self, x, snr_db, *, generator=None):
        return self.noise(0.5 * x, snr_db, generator=generator)


def builder():
    return build_mlsc_image(2, 4, image_size=16, caption=None, segmentation=None, width=4, device="cpu")


def absolute_error(received, images):
    return (received - images).abs().mean()
"""
SMALL = ["--size", 16, "--batch-size", 2, "--steps", 2]


@pytest.fixture
def seen(monkeypatch):
    """What a command hands on to training, instead of training."""
    taken = {}

    def keep(system, config, *, loss, resume, photographs, val_photographs):
        taken.update(system=system, config=config, loss=loss, resume=resume, photographs=photographs)
        assert len(val_photographs) > 0

    monkeypatch.setattr("semcomm.training.engine.train", keep)
    return taken


def folders(photo_folder):
    return ["--train", photo_folder, "--val", photo_folder, "--out", "run"]


def test_own_builder_channel_and_loss_are_trained(run, photo_folder, tmp_path):
    (tmp_path / "own_parts_of_a_test.py").write_text(PARTS)
    own = [
        *["--builder", "own_parts_of_a_test:builder", "--channel", "own_parts_of_a_test:Damped"],
        *["--loss", "own_parts_of_a_test:absolute_error"],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, out, err = run("train", "custom", *folders(photo_folder), *SMALL, *own, "--precision", "32-true")
    assert code == 0, err
    assert "warning: the channel, Damped, is not saved" in err
    assert "wrote run" in out
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["channel"].startswith("Damped")
    assert record["training"]["loss"] == "absolute_error"
    assert record["steps"] == 2
    assert 0 < record["metrics"]["train/loss"] < 1


def test_a_system_assembled_by_hand_is_saved_with_its_builders_name(run, photo_folder, seen, tmp_path):
    assembled = """
from semcomm import SemanticSystem

def by_hand():
    made = builder()
    return SemanticSystem(made.transmitter, made.channel, made.receiver)
"""
    (tmp_path / "parts_by_hand_of_a_test.py").write_text(PARTS + assembled)
    code, _, err = run("train", "custom", *folders(photo_folder), "--builder", "parts_by_hand_of_a_test:by_hand")
    assert code == 0, err
    assert seen["system"].config == {"builder": "parts_by_hand_of_a_test:by_hand", "arguments": {}}


def test_the_defaults_are_the_recipe(run, photo_folder, seen, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda _device: True)
    code, _, err = run("train", "deep-jscc", *folders(photo_folder))
    assert code == 0, err
    config = seen["config"]
    assert (config.size, config.batch_size, config.accumulate, config.steps, config.minutes) == (
        128,
        16,
        1,
        10_000,
        None,
    )
    assert (config.learning_rate, config.muon_rate, config.schedule) == (6e-4, 1.5e-3, "decay")
    assert (config.average_rate, config.loss, config.precision) == (1e-3, "log-mse", "bf16-mixed")
    assert config.snr_db == 10.0
    assert seen["loss"] is None


@pytest.mark.parametrize(
    ("options", "snr_db"),
    [
        (["--snr-adaptive"], (0.0, 20.0)),
        ([], 10.0),
        (["--snr-adaptive", "--snr", 0], 0.0),
        (["--snr-range", -5, 5], (-5.0, 5.0)),
    ],
)
def test_systems_that_adapt_to_the_snr_are_trained_at_all(run, photo_folder, seen, options, snr_db):
    system = ["--caption", "none", "--segmentation", "none", "--l", 2, "--t", 4, "--width", 4, "--size", 16]
    code, _, err = run("train", "mlsc", *folders(photo_folder), *system, *options)
    assert code == 0, err
    assert seen["config"].snr_db == snr_db


def test_zero_rates_mean_none_and_minutes_alone_end_a_run(run, photo_folder, seen):
    code, _, err = run(
        "train", "deep-jscc", *folders(photo_folder), "--muon-lr", 0, "--average", 0, "--minutes", 15, "--loss", "mse"
    )
    assert code == 0, err
    config = seen["config"]
    assert (config.muon_rate, config.average_rate, config.minutes, config.steps) == (None, None, 15.0, None)
    assert config.loss == "mse"


def test_without_bf16_in_the_machine_the_command_says_so(run, photo_folder, seen, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda _device: False)
    code, _, err = run("train", "deep-jscc", *folders(photo_folder))
    assert code == 0
    assert err == "semcomm: this machine has no bf16 arithmetic, so training is in float32\n"
    assert seen["config"].precision == "32-true"


def test_a_custom_system_keeps_its_builders_channel_unless_told_otherwise(run, photo_folder, seen, monkeypatch):
    monkeypatch.setattr(training_cli, "build_own", lambda _value: small_system(channel=PhaseFlip()))
    code, _, err = run("train", "custom", *folders(photo_folder), "--builder", "my:builder")
    assert code == 0, err
    assert isinstance(seen["system"].channel, PhaseFlip)
    run("train", "custom", *folders(photo_folder), "--builder", "my:builder", "--channel", "awgn")
    assert isinstance(seen["system"].channel, AWGNChannel)


@pytest.mark.parametrize(
    "command", [("deep-jscc",), ("mlsc", "--caption", "none", "--segmentation", "none", "--size", 16)]
)
def test_the_decoder_may_be_told_the_noise(run, photo_folder, seen, command):
    for option, told in (("--csi-to-decoder", True), ("--tell-gain", False)):
        code, _, err = run("train", *command, *folders(photo_folder), "--channel", "rayleigh", option)
        assert code == 0, err
        assert (seen["system"].receiver.correction is not None) is told


@pytest.mark.parametrize(
    ("command", "has", "lacks"),
    [
        ("mlsc", "--snr-adaptive", "--bandwidth-ratio"),
        ("deep-jscc", "--bandwidth-ratio", "--width"),
        ("custom", "--builder", "--caption"),
    ],
)
def test_each_system_has_its_own_options_and_all_those_of_training(run, command, has, lacks):
    code, out, _ = run("train", command, "--help")
    assert code == 0
    for option in (has, "--train", "--muon-lr", "--minutes", "--accumulate", "--resume"):
        assert option in out, option
    assert lacks not in out


def test_a_channel_that_is_no_module_is_refused(refused, photo_folder):
    said = refused("train", "deep-jscc", *folders(photo_folder), "--channel", "builtins:dict")
    assert "--channel builtins:dict must make an nn.Module, got dict" in said
