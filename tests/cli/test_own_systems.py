"""`transmit` and `evaluate` with builders and channels of one's own."""

import json

import pytest
from toys import small_system

PARTS = """
from semcomm import AWGNChannel, Channel, SemanticSystem, build_deep_jscc, saveable


class Deaf(Channel):
    def forward(self, x, snr_db, *, generator=None):
        return AWGNChannel()(0 * x, snr_db, generator=generator)


class Loud(Deaf):
    def __init__(self, gain):
        super().__init__()


def build_wide(width):
    return build_mine(width)


@saveable
def build_mine(channels=2):
    made = build_deep_jscc(complex_channels=channels, device="cpu")
    return SemanticSystem(made.transmitter, AWGNChannel(), made.receiver)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The name of a module with parts, and a folder with a system that its builder made."""
    (tmp_path / "parts_of_ones_own.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    import parts_of_ones_own

    parts_of_ones_own.build_mine(3).save_pretrained(tmp_path / "mine")
    return "parts_of_ones_own", tmp_path / "mine"


def rows(path):
    (row,) = json.loads(path.read_text())["rows"]
    return row


def test_systems_of_ones_own_are_evaluated_beside_the_packages(run, photo_folder, mine, tmp_path):
    module, folder = mine
    small_system().save_pretrained(tmp_path / "theirs")
    measure = ["--data", photo_folder, "--snr", 10, "--size", 16, "--json"]
    code, _, err = run("evaluate", folder, "theirs", "--builder", f"{module}:build_mine", *measure, "both.json")
    assert code == 0, err
    own, theirs = json.loads((tmp_path / "both.json").read_text())
    assert own["bandwidth_ratio"] == 3 / 48
    assert theirs["bandwidth_ratio"] == 7 / 48
    code, _, err = run(
        *["evaluate", folder, "--builder", f"{module}:build_mine", "--channel", f"{module}:Deaf", *measure, "deaf.json"]
    )
    assert code == 0, err
    assert json.loads((tmp_path / "deaf.json").read_text())["channel"] == f"{module}:Deaf, equalizer mmse"
    assert rows(tmp_path / "deaf.json")["psnr_db"] != own["rows"][0]["psnr_db"]


def test_systems_of_ones_own_transmit(run, photo_folder, mine, tmp_path):
    module, folder = mine
    photograph = sorted(photo_folder.rglob("*.png"))[0]
    given = [
        "--model",
        folder,
        "--builder",
        f"{module}:build_mine",
        "--channel",
        f"{module}:Deaf",
        "--json",
        "one.json",
    ]
    code, _, err = run("transmit", photograph, *given)
    assert code == 0, err
    sent = json.loads((tmp_path / "one.json").read_text())
    assert sent["images"][0]["k"] * 48 == 3 * 3 * sent["images"][0]["size"][0] * sent["images"][0]["size"][1]


def test_what_is_missing_is_named(refused, photo_folder, mine):
    module, folder = mine
    data = ["--data", photo_folder]
    said = refused("evaluate", folder, *data)
    assert f"{folder} was saved by a builder of your own: give --builder {module}:build_mine" in said
    training = ["train", "custom", "--train", photo_folder, "--val", photo_folder, "--out", "out"]
    said = refused(*training, "--builder", f"{module}:build_wide")
    assert f"--builder {module}:build_wide must take no arguments, or have defaults for all: missing a req" in said
    said = refused(*training, "--builder", f"{module}:build_mine", "--channel", f"{module}:Loud")
    assert f"--channel {module}:Loud must take no arguments, or have defaults for all: missing a req" in said
    said = refused("evaluate", folder, "--builder", f"{module}:theirs", *data)
    assert f"--builder {module}:theirs: module '{module}' has no 'theirs'" in said
    said = refused("evaluate", folder, "--builder", f"{module}:build_mine", "--channel", "fso", *data)
    assert "umi, uma, or module:MyChannel, got 'fso'" in said
    said = refused(
        *["evaluate", folder, "--builder", f"{module}:build_mine", "--channel", f"{module}:Deaf", *data],
        *["--coherence", "image"],
    )
    assert f"--coherence is of --channel rayleigh and rician, not of {module}:Deaf" in said
    said = refused(
        *["evaluate", folder, "--builder", f"{module}:build_mine", "--channel", f"{module}:Deaf", *data],
        *["--codecs", "jpeg"],
    )
    assert f"--codecs needs a channel of known capacity, awgn or rayleigh, got --channel {module}:Deaf" in said
