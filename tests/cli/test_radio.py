"""`semcomm transmit --symbols` and `semcomm receive`, through files."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("sigmf", reason="needs the extra radio")

from semcomm import from_pretrained  # noqa: E402
from semcomm.files.pictures import load_image  # noqa: E402
from semcomm.quality.image import psnr  # noqa: E402
from semcomm.radio import Recording, burst_uses  # noqa: E402
from semcomm.radio.front_end import front_end  # noqa: E402

JSCC = "deep-jscc-c4"


def picture_psnr(path, photo):
    return float(psnr(load_image(path)[None] / 255, load_image(photo)[None] / 255))


def test_bare_symbols_are_the_systems(run, photo, tmp_path):
    code, out, err = run("transmit", photo, "--model", JSCC, "--symbols", "s.sigmf", "--json", "s.json")
    assert code == 0, err
    heard = Recording.load(tmp_path / "s.sigmf")
    system = from_pretrained(JSCC, device="cpu")
    expected = system.encode(load_image(photo)[None] / 255)[0]
    assert np.allclose(heard.samples, expected.detach(), atol=1e-6)
    said = json.loads((tmp_path / "s.json").read_text())
    assert (said["k"], said["symbols"], said["burst"]) == (360, 360, False)
    assert "k = 360, bare symbols" in out
    code, _, err = run("receive", "s.sigmf", "--snr", 30, "--json", "r.json")
    assert code == 0, err
    received = load_image(tmp_path / "received" / "s.png").float() / 255
    with torch.no_grad():
        assert torch.allclose(received, system.decode(expected[None], (40, 36), 30.0)[0], atol=0.003)
    assert json.loads((tmp_path / "r.json").read_text())["snr_db"] == 30


def test_a_burst_arrives_through_a_radio(run, photo, tmp_path):
    code, out, err = run("transmit", photo, "--model", JSCC, "--burst", "--symbols", "s.sigmf-meta")
    assert code == 0, err
    uses = burst_uses(360)
    assert f"k = {uses}, {uses - 360} of them preamble, pilots and pulse ends" in out
    sent = Recording.load(tmp_path / "s.sigmf-meta")
    radio = {"carrier_offset": 0.01, "delay": 0.4, "silence": 900, "paths": (1, 0, 0.1j), "bits": 8}
    samples = front_end(sent.samples, 10.0, generator=torch.Generator().manual_seed(0), **radio)
    replace(sent, samples=samples).save(tmp_path / "h.sigmf")
    code, out, err = run("receive", "h.sigmf", "--json", "r.json")
    assert code == 0, err
    said = json.loads((tmp_path / "r.json").read_text())
    assert said["snr_db"] == pytest.approx(10, abs=1.2)
    assert said["carrier_offset"] == pytest.approx(0.01, abs=1e-4)
    assert said["k"] == uses
    assert "carrier +1.00" in out
    # as good as ideal symbols at that SNR
    generator = torch.Generator().manual_seed(1)
    ideal = from_pretrained(JSCC, device="cpu").transmit(load_image(photo)[None], 10.0, generator=generator).psnr_db
    assert picture_psnr(tmp_path / "received" / "h.png", photo) > float(ideal) - 0.8


def test_levels_and_the_snr_told_go_with_the_file(run, photo, tmp_path, codebook):
    from semcomm import build_linear_code

    linear = build_linear_code(codebook=codebook)
    linear.save_pretrained(tmp_path / "linear")
    options = ("--model", tmp_path / "linear", "--levels", 3, "--told-snr", 8)
    assert run("transmit", photo, *options, "--symbols", "s.sigmf")[0] == 0
    heard = Recording.load(tmp_path / "s.sigmf")
    assert (heard.choices, heard.told_snr_db, heard.symbols) == ({"levels": 3}, 8.0, 9 * 10)
    code, _, err = run("receive", "s.sigmf", "--model", tmp_path / "linear", "--snr", 40)
    assert code == 0, err
    ideal = linear.transmit(load_image(photo)[None], 40.0, told_snr_db=8.0, levels=3).psnr_db
    assert picture_psnr(tmp_path / "received" / "s.png", photo) == pytest.approx(float(ideal), abs=0.3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("transmit", "photo.png", "--burst"), "--burst is of --symbols FILE, which is missing"),
        (("transmit", "photo.png", "photo.png", "--symbols", "s"), "--symbols writes one photograph, got 2"),
        (
            ("transmit", "photo.png", "--model", JSCC, "--symbols", "s", "--channel", "rayleigh"),
            "leave --channel rayleigh out",
        ),
        (("transmit", "photo.png", "--symbols", "photo.png/s"), "cannot write to folder photo.png"),
        (("receive", "nothing.sigmf"), "no such recording: nothing.sigmf"),
        (("receive", "photo.png"), "photo.png is no SigMF recording that can be read"),
        (("receive", "s.sigmf", "--snr", "nan"), "--snr must be a finite number of dB, got nan"),
    ],
)
def test_bad_input_is_one_line(refused, photo, tmp_path, arguments, message):  # noqa: ARG001
    assert message in refused(*arguments)
    assert {path.name for path in tmp_path.iterdir()} <= {"photo.png", "received"}


def test_what_a_recording_says_is_checked(refused, tmp_path):
    samples = np.ones(360, dtype=np.complex64)
    good = Recording(samples, (40, 36), 360, JSCC, 10.0, False)
    for changes, message in (
        ({"system": "somebody/else"}, "made by 'somebody/else', which the package has not: name its folder by --model"),
        ({"symbols": 361}, f"says that its photograph takes 361 symbols, but {JSCC} takes 360"),
        ({"samples": samples[1:]}, "must hold 360 bare symbols, got 359"),
        ({"samples": samples * np.nan}, "must hold finite symbols"),
        ({"burst": True, "samples": np.ones(5000, dtype=np.complex64)}, "samples hold no burst"),
        ({"choices": {"levels": 3}}, "levels must be None"),
    ):
        replace(good, **changes).save(tmp_path / "s.sigmf")
        assert message in refused("receive", "s.sigmf"), message
    replace(good, burst=True).save(tmp_path / "s.sigmf")
    assert "--snr is for bare symbols" in refused("receive", "s.sigmf", "--snr", 3)


def test_a_missing_extra_is_one_clear_error(refused, photo, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "sigmf" else find(name))
    error = refused("transmit", photo, "--model", JSCC, "--symbols", "s")
    assert "SigMF recordings need sigmf: pip install 'semcomm[radio]'" in error
