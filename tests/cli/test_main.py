"""The command line: what it writes, and that bad input is one line on stderr and exit code 2."""

import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from toys import semantic_system

from semcomm import from_pretrained, list_pretrained
from semcomm.cli import main
from semcomm.data import folders
from semcomm.files.pictures import load_image
from semcomm.nested_builders import build_hybrid_code


def results(path):
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# Help


def test_help_lists_the_commands(run):
    code, out, _ = run("--help")
    assert code == 0
    for command in (
        "demo",
        "transmit",
        "train",
        "evaluate",
        "baseline",
        "models",
        "cache-features",
        "reproduce",
        "app",
    ):
        assert f" {command} " in out, command


@pytest.mark.parametrize("command", ["demo", "transmit", "train", "evaluate", "baseline", "models", "reproduce", "app"])
def test_every_command_has_help(run, command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"semcomm {command}" in out or f"{command} [OPTIONS]" in out


def test_models_are_listed(run):
    code, out, _ = run("models")
    assert code == 0
    for name in list_pretrained():
        line = next(line for line in out.splitlines() if name in line)
        assert f"{from_pretrained(name, device='cpu').bandwidth_ratio(256, 256):.4f}" in line


# transmit


def test_transmit_writes_what_arrived_and_says_what_it_cost(run, model, photo, tmp_path):
    code, out, _ = run(
        "transmit", photo, "--model", model, "--snr", 5, "--out", "got", "--json", "out.json", "--seed", 3
    )
    assert code == 0
    written = results(tmp_path / "out.json")
    assert {key: written[key] for key in ("model", "snr_db", "channel", "seed")} == {
        "model": model,
        "snr_db": 5.0,
        "channel": "awgn",
        "seed": 3,
    }
    (one,) = written["images"]
    image = load_image(photo)[None]
    sent = from_pretrained(model, device="cpu").transmit(image, 5.0, generator=torch.Generator().manual_seed(3))
    assert torch.equal(load_image(tmp_path / "got" / "photo.png"), sent.images[0])
    assert (one["k"], one["size"], one["caption"]) == (10 * 10 * 9, [40, 36], None)
    assert one["bandwidth_ratio"] == pytest.approx(900 / (3 * 40 * 36))
    assert one["symbols_per_pixel"] == pytest.approx(900 / (40 * 36))
    assert one["power"] == pytest.approx(1, rel=1e-4)
    assert one["psnr_db"] == pytest.approx(sent.psnr_db.item())
    assert one["measured_snr_db"] == pytest.approx(sent.measured_snr_db.item())
    assert f"{one['psnr_db']:.2f}" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["got", "out.json", "photo.png"]


def test_transmit_takes_photographs_of_every_kind_and_orientation(run, model, photo, tmp_path):
    with Image.open(photo) as image:
        exif = Image.Exif()
        exif[274] = 6
        image.save(tmp_path / "turned.jpg", exif=exif)
        image.convert("L").save(tmp_path / "gray.png")
        image.convert("RGBA").save(tmp_path / "clear.png")
        image.convert("CMYK").save(tmp_path / "print.jpg")
        image.convert("P").save(tmp_path / "palette.gif")
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(tmp_path / "deep.tiff")
        image.crop((0, 0, 5, 39)).save(tmp_path / "narrow.bmp")
    sizes = {"turned": (36, 40), "gray": (40, 36), "clear": (40, 36), "print": (40, 36), "palette": (40, 36)}
    sizes |= {"deep": (40, 36), "narrow": (39, 5)}
    paths = [next(tmp_path.glob(f"{name}.*")) for name in sizes]
    code, _, err = run("transmit", *paths, "--model", model, "--json", "out.json")
    assert code == 0, err
    for one, (name, size) in zip(results(tmp_path / "out.json")["images"], sizes.items(), strict=True):
        assert tuple(one["size"]) == size, name
        assert load_image(tmp_path / "received" / f"{name}.png").shape == (3, *size)
        assert one["ssim"] is None or name != "narrow"


def test_transmit_takes_what_a_hybrid_code_understands(run, hopper_path, tmp_path):
    build_hybrid_code(caption="lite", segmentation="lite", device="cpu").save_pretrained(tmp_path / "hybrid")
    options = ["--channel-uses", "9000", "--told-snr", "8", "--safe-snr", "6", "--importance", "person=0.5"]
    places = ["--out", tmp_path / "out", "--json", tmp_path / "result.json"]
    run("transmit", hopper_path, "--model", tmp_path / "hybrid", "--snr", "10", *options, *places)
    result = results(tmp_path / "result.json")
    assert (result["told_snr_db"], result["safe_snr_db"], result["importance"]) == (8, 6, {"person": 0.5})
    (image,) = result["images"]
    assert image["k"] == 9000 == sum(image["channel_uses"].values())
    assert image["received_caption"] == image["caption"]
    assert (image["lost"], image["labels_arrived"]) == (False, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--importance", "dragon=4"], "--importance must name labels among .*; got 'dragon'"),
        (["--importance", "person=-4"], r"--importance\['person'\] must be a weight from 1/1024 to 1024, got -4.0"),
        (["--importance", "person=nan"], r"--importance\['person'\] must be a weight .* got nan"),
        (["--safe-snr", "nan"], "--safe-snr must be .* got nan"),
        (["--levels", "22"], "--levels must be an integer from 2 to 21, got 22"),
        (["--levels", "3", "--channel-uses", "5"], "--levels must be None where channel_uses says k, got 3 and 5"),
    ],
)
def test_what_a_hybrid_code_cannot_do_names_the_option(refused, hybrid_folder, photo, options, message):
    assert re.search(f"semcomm: {message}", refused("transmit", photo, "--model", hybrid_folder, *options))


@pytest.mark.filterwarnings("default")
def test_a_safe_snr_above_the_one_told_is_allowed_and_said_in_one_line(run, hybrid_folder, photo):
    code, _, err = run("transmit", photo, "--model", hybrid_folder, "--snr", "5", "--safe-snr", "8")
    assert code == 0
    assert err == (
        "semcomm: warning: safe_snr_db is 8, above the SNR told, 5 dB: there the digital part will be lost\n"
    )


@pytest.fixture(scope="module")
def hybrid_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hybrid")
    build_hybrid_code(segmentation="lite", device="cpu").save_pretrained(folder)
    return folder


def test_transmit_over_rayleigh(run, model, photo, tmp_path):
    options = ("--channel", "rayleigh", "--coherence", "4", "--equalizer", "zf", "--json", "out.json")
    code, _, err = run("transmit", photo, "--model", model, *options)
    assert code == 0, err
    assert results(tmp_path / "out.json")["channel"] == "rayleigh, coherence 4, equalizer zf"


def test_transmit_decodes_a_photograph_once(run, model, photo, monkeypatch):
    decoded = []
    monkeypatch.setattr(folders, "load_image", lambda path: decoded.append(path) or load_image(path))
    assert run("transmit", photo, "--model", model)[0] == 0
    assert decoded == [photo]


def test_a_warning_is_one_line(run, monkeypatch, tmp_path):
    def warn(*_, **__):
        print(warnings.formatwarning("the channel\nis not saved", UserWarning, "saving.py", 105), file=sys.stderr)
        return 0

    usual = warnings.formatwarning
    monkeypatch.setattr(main, "app", warn)
    assert run("demo", "--out", tmp_path)[2] == "semcomm: the channel is not saved\n\n"
    assert warnings.formatwarning is usual


def test_a_seed_reproduces(run, model, photo, tmp_path):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("transmit", photo, "--model", model, "--out", out, "--seed", seed)[0] == 0
    a, b, c = ((tmp_path / out / "photo.png").read_bytes() for out in "abc")
    assert a == b
    assert a != c


# demo, train


def test_demo_prints_its_scores_and_where_it_drew_them(run, monkeypatch, photo, tmp_path):
    system = semantic_system(3, 4).eval()
    monkeypatch.setattr("semcomm.experiments.demo.demo_system", lambda: system)
    monkeypatch.setattr("semcomm.experiments.demo.demo_photograph", lambda: photo)
    code, out, err = run("demo", "--out", "here")
    assert code == 0, err
    assert (tmp_path / "here" / "demo.png").stat().st_size > 10_000
    for snr_db in ("-5", "0", "5", "10", "20"):
        assert any(line.split()[:1] == [snr_db] for line in out.splitlines())
    assert "wrote here/demo.png" in out


SMALL = (
    "--size",
    16,
    "--batch-size",
    2,
    "--l",
    2,
    "--t",
    4,
    "--width",
    4,
    "--caption",
    "none",
    "--segmentation",
    "none",
)


def test_train_makes_a_system_that_evaluate_takes_and_resumes(run, photo_folder, tmp_path):
    folders = ("--train", photo_folder, "--val", photo_folder / "more", "--out", "run")
    code, out, err = run("train", "mlsc", *folders, *SMALL, "--epochs", 1, "--snr-range", 0, 20, "--snr-adaptive")
    assert code == 0, err
    assert "wrote run" in out
    recipe = results(tmp_path / "run" / "training.json")
    assert recipe["steps"] == 2
    assert recipe["training"]["snr_db"] == [0.0, 20.0]
    assert recipe["system"]["arguments"]["snr_adaptive"] is True
    code, _, err = run("evaluate", tmp_path / "run", "--data", photo_folder, "--snr", "10")
    assert code == 0, err


def test_train_deep_jscc(run, photo_folder, tmp_path):
    folders = ("--train", photo_folder, "--val", photo_folder / "more", "--out", "run")
    numbers = ("--size", 16, "--batch-size", 2, "--steps", 1, "--snr", 7, "--bandwidth-ratio", 1 / 12)
    code, _, err = run("train", "deep-jscc", *folders, *numbers, "--channel", "rayleigh", "--coherence", "image")
    assert code == 0, err
    loaded = from_pretrained(tmp_path / "run", device="cpu")
    assert loaded.bandwidth_ratio(16, 16) == pytest.approx(1 / 12)
    assert loaded.channel.coherence == "image"


def test_results_are_written_whole_or_not_at_all(run, model, photo, tmp_path, monkeypatch):
    (tmp_path / "out.json").write_text("old")

    def fail(*_, **__):
        raise ValueError("no JSON today")

    monkeypatch.setattr("semcomm.cli.reports.json.dumps", fail)
    code, _, err = run("transmit", photo, "--model", model, "--json", "out.json")
    assert (code, "no JSON today" in err) == (2, True)
    assert (tmp_path / "out.json").read_text() == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_a_terminal_sees_a_progress_bar(run, model, photo, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    code, _, err = run("transmit", photo, "--model", model)
    assert code == 0
    assert "sending" in err
    assert "1/1" in err


# As a process of its own


def in_a_process(*arguments, cwd):
    command = [sys.executable, "-c", "from semcomm.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)


def test_errors_of_a_real_process(tmp_path, model):
    (tmp_path / "letter.jpg").write_text("Dear reader")
    done = in_a_process("transmit", "letter.jpg", "--model", model, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "semcomm: not an image that can be read: letter.jpg\n"
    assert done.stdout == ""


def test_success_of_a_real_process(tmp_path, model, photo):
    done = in_a_process("transmit", photo, "--model", model, "--json", "out.json", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert results(tmp_path / "out.json")["images"][0]["received"] == "received/photo.png"


@pytest.mark.parametrize("channel", ["rician", "ofdm", "tdl-c"])
def test_a_system_that_never_saw_a_channel_runs_over_it(run, model, photo, tmp_path, channel):
    code, _, err = run("transmit", photo, "--model", model, "--channel", channel, "--snr", "25", "--json", "out.json")
    assert code == 0, err
    said = results(tmp_path / "out.json")
    assert said["channel"].startswith(channel)
    assert said["images"][0]["psnr_db"] > 5
