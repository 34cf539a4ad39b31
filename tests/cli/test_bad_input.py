"""Bad input to the command line: one line on stderr, exit code 2, nothing half-written."""

import re
import sys

import pytest
from PIL import Image
from toys import small_system


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["transmit", "nothing.png"], "no such image file: nothing.png"),
        (["transmit", "letter.jpg"], "not an image that can be read: letter.jpg"),
        (["transmit", "half.png"], "image half.png is truncated or damaged"),
        (["transmit", "tiny.png"], "tiny.png: images must be at least 4 x 4 pixels"),
        (["transmit", "photo.png", "--snr", "nan"], "--snr must be a finite number of dB, got nan"),
        (["transmit", "photo.png", "--snr", "-1e9"], "snr_db must be an SNR in dB, at least -300"),
        (
            ["transmit", "photo.png", "--snr", "inf", "--json", "out.json"],
            "--snr must be a finite number of dB, got inf",
        ),
        (["transmit", "photo.png", "--snr", "loud"], "Invalid value for '--snr'"),
        (["transmit", "photo.png", "--model", "nope"], "no trained system 'nope'"),
        (["transmit", "photo.png", "--model", "photo.png"], "photo.png is a file; from_pretrained takes the folder"),
        (["transmit", "photo.png", "--model", "."], "no configuration: config.json is missing"),
        (
            ["transmit", "photo.png", "--channel", "fso"],
            "--channel takes awgn, rayleigh, .*uma, or module:MyChannel, got 'fso'",
        ),
        (["transmit", "photo.png", "--channel", "rayleigh", "--coherence", "0"], "coherence must be .* got 0"),
        (["transmit", "photo.png", "--channel", "rayleigh", "--coherence", "x"], "coherence must be .* got 'x'"),
        (["transmit", "photo.png", "--seed", "-1"], "Invalid value for '--seed'"),
        (["transmit", "photo.png", "photo.png"], "images must have different names"),
        (["transmit", "photo.png", "--out", "letter.jpg"], "cannot write to folder letter.jpg"),
        (["transmit", "photo.png", "--json", "letter.jpg/out.json"], "cannot write to folder letter.jpg"),
        (["transmit", "photo.png", "--snrr", "3"], "No such option:? .?--snrr"),
        (["transmit", "photo.png", "--caption", "nowhere"], "--caption takes lite, none or a folder"),
        (["transmit", "photo.png", "--segmentation", "nowhere"], "--segmentation takes lite, none or an SPNet"),
        (["transmit"], "(?i)missing argument 'images"),
        (["evaluate", "nope", "--data", "."], "no trained system 'nope'"),
        (["evaluate", "MODEL", "--data", "nowhere"], "no such folder of images: nowhere"),
        (["evaluate", "MODEL", "--data", "empty"], "no images .* in folder empty"),
        (["evaluate", "MODEL", "--data", "."], "letter.jpg|half.png"),
        (["evaluate", "MODEL", "--data", "good", "--snr", "1;2"], "--snr takes numbers separated by commas.*got '1;2'"),
        (["evaluate", "MODEL", "--data", "good", "--snr", ""], "--snr takes numbers separated by commas"),
        (["evaluate", "MODEL", "--data", "good", "--snr", "1,nan"], "--snr takes -300 to 300 dB"),
        (["evaluate", "MODEL", "--data", "good", "--snr", "inf"], "--snr takes -300 to 300 dB"),
        (["evaluate", "MODEL"], "Missing option '--data'"),
        (
            ["evaluate", "MODEL", "--data", "good", "--snr", "1", "--json", "letter.jpg/x"],
            "cannot write to folder letter.jpg",
        ),
        (["baseline", "gif", "--data", "good", "--bandwidth-ratio", "0.1"], "Invalid value for .*jpeg"),
        (["baseline", "jpeg", "--data", "good", "--bandwidth-ratio", "0"], "bandwidth_ratio must be positive, got 0"),
        (["baseline", "jpeg", "--data", "good"], "Missing option '--bandwidth-ratio'"),
        (["demo", "--out", "letter.jpg"], "cannot write to folder letter.jpg"),
        (["nonsense"], "No such command 'nonsense'"),
        (["train", "mlsc", "--train", "good"], "Missing option '--val'"),
        (
            ["train", "mlsc", "--train", "good", "--val", "good", "--out", "o", "--snr", "1", "--snr-range", "1", "2"],
            "give --snr or --snr-range",
        ),
        (
            ["train", "mlsc", "--train", "good", "--val", "good", "--out", "o", "--steps", "1", "--epochs", "2"],
            "give --steps or --epochs",
        ),
        (
            ["train", "mlsc", "--train", "good", "--val", "good", "--out", "o", "--epochs", "1", "--batch-size", "0"],
            "batch_size must be an integer of at least 1, got 0",
        ),
        (
            [
                "train",
                "mlsc",
                "--train",
                "good",
                "--val",
                "good",
                "--out",
                "o",
                "--l",
                "1",
                "--caption",
                "none",
                "--segmentation",
                "none",
            ],
            "l must be an integer from 2 to 16",
        ),
        (
            [
                "train",
                "mlsc",
                "--train",
                "good",
                "--val",
                "good",
                "--out",
                "o",
                "--t",
                "6",
                "--caption",
                "none",
                "--segmentation",
                "none",
            ],
            "t must be a power of two",
        ),
        (
            [
                "train",
                "mlsc",
                "--train",
                "good",
                "--val",
                "good",
                "--out",
                "o",
                "--size",
                "4",
                "--caption",
                "none",
                "--segmentation",
                "none",
            ],
            "image_size must be .* at least t = 8",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--bandwidth-ratio", "0.1"],
            "multiple of 1/48",
        ),
        (
            ["train", "deep-jscc", "--train", "nowhere", "--val", "good", "--out", "o"],
            "no such folder of images: nowhere",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--resume", "--size", "16"],
            "nothing to resume in o",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", ".", "--size", "16"],
            "out must be an empty or a new folder",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "letter.jpg", "--size", "16"],
            "cannot write to folder letter.jpg",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--snr", "nan"],
            "snr_db must be finite",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--lr", "0"],
            "learning_rate must be positive",
        ),
        (["cache-features", "nowhere", "--out", "o"], "no such folder of images: nowhere"),
        (["transmit", "good"], r"images must be files, but good is a folder: give good/\*"),
        (["transmit", "tiny.png", "--json", "tiny.png"], "--json tiny.png would overwrite a photograph"),
        (
            ["transmit", "tiny.png", "--out", "o", "--json", "o/tiny.png"],
            "--json o/tiny.png would overwrite a photograph",
        ),
        (["transmit", "tiny.png", "--caption", "none"], "--caption none: .* sends every level"),
        (["evaluate", "MODEL", "--data", "good", "--json", "good/photo.png"], "would overwrite a photograph"),
        (
            ["evaluate", "MODEL", "--data", "good", "--json", "out.json", "--csv", "out.json"],
            "--json and --csv are both",
        ),
        (["evaluate", "MODEL", "--data", "good", "--figure", "out.jpg"], r"--figure takes a name that ends in \.png"),
        (
            ["train", "mlsc", "--train", "good", "--val", "good", "--out", "o", "--bandwidth-ratio", "1/2"],
            "No such option",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--snr-adaptive"],
            "No such option",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--coherence", "5"],
            "--coherence is of --channel rayleigh and rician, not of awgn",
        ),
        (
            ["evaluate", "MODEL", "--data", "good", "--channel", "rician", "--codecs", "jpeg"],
            "--codecs needs a channel of known capacity, awgn or rayleigh, got --channel rician",
        ),
        (["evaluate", "MODEL", "--data", "good", "--coherence", "image"], "--coherence is of --channel rayleigh and"),
        (
            ["transmit", "good/a.png", "--model", "MODEL", "--equalizer", "zf"],
            "--equalizer is of channels that fade, not of --channel awgn",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--size", "128"],
            "train must hold a photograph of at least 128 x 128 pixels",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--loss", "mine"],
            "--loss takes module:name, such as my_parts:mine, got 'mine'",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--loss", "math:pi"],
            "--loss math:pi must be a function or a class, got float",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--minutes", "0"],
            "minutes must be None or positive",
        ),
        (
            ["train", "deep-jscc", "--train", "good", "--val", "good", "--out", "o", "--channel", "math:nan"],
            "--channel math:nan must be a function or a class, got float",
        ),
        (["train", "custom", "--train", "good", "--val", "good", "--out", "o"], "Missing option '--builder'"),
        (
            ["train", "custom", "--train", "good", "--val", "good", "--out", "o", "--builder", "nowhere:mine"],
            "--builder nowhere:mine: cannot import 'nowhere' here: No module named 'nowhere'",
        ),
        (
            ["train", "custom", "--train", "good", "--val", "good", "--out", "o", "--builder", "math:mine"],
            "--builder math:mine: module 'math' has no 'mine'",
        ),
        (
            ["train", "custom", "--train", "good", "--val", "good", "--out", "o", "--builder", "builtins:dict"],
            "--builder builtins:dict must return a SemanticSystem, got dict",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(refused, model, photo, tmp_path, arguments, message, monkeypatch):
    monkeypatch.setattr("semcomm.experiments.demo.demo_photograph", lambda: photo)
    (tmp_path / "letter.jpg").write_text("Dear reader")
    (tmp_path / "half.png").write_bytes(photo.read_bytes()[:1500])
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "photo.png").write_bytes(photo.read_bytes())
    arguments = [model if one == "MODEL" else one for one in arguments]
    if arguments[0] == "transmit" and "--model" not in arguments:
        arguments += ["--model", model]
    said = refused(*arguments)
    assert re.search(message, said), said
    assert not (tmp_path / "out.json").exists()
    assert not (tmp_path / "o").exists()


def test_no_command_shows_help_or_one_line(run):
    code, out, err = run()
    assert code in (0, 2)
    assert "transmit" in out + err
    assert "Traceback" not in out + err


def test_a_missing_extra_is_named(refused, photo_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    for name in [name for name in sys.modules if name.startswith("semcomm.training.")]:
        if name.split(".")[-1] in ("engine", "module"):
            monkeypatch.delitem(sys.modules, name)
    said = refused("train", "deep-jscc", "--train", photo_folder, "--val", photo_folder, "--out", "o")
    assert "training needs lightning" in said
    assert "pip install 'semcomm[train]'" in said


def test_the_page_without_gradio_names_the_extra(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "the page needs gradio: pip install 'semcomm[app]'" in refused("app", "--no-browser")


def test_a_truncated_checkpoint_is_one_line(refused, photo, tmp_path):
    small_system().save_pretrained(tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "model.safetensors is truncated" in refused("transmit", photo, "--model", tmp_path / "broken")
    weights.write_bytes(b"\x80\x04.")
    assert "is a pickle, which could run code" in refused("transmit", photo, "--model", tmp_path / "broken")


def test_control_c_is_130_without_a_traceback(run, model, photo, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("semcomm.data.folders.load_image", interrupt)
    code, _, err = run("transmit", photo, "--model", model)
    assert code == 130
    assert "Traceback" not in err


def test_transmit_never_overwrites_what_it_sends(run, hopper_path, tmp_path):
    from PIL import Image

    with Image.open(hopper_path) as image:
        image.resize((40, 32)).save(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    code, _, err = run("transmit", "photo.png", "--out", ".")
    assert code == 2
    assert "would overwrite" in err
    assert (tmp_path / "photo.png").read_bytes() == before


def test_bandwidth_ratios_may_be_fractions(run):
    code, _, err = run("baseline", "jpeg", "--data", "nowhere", "--bandwidth-ratio", "1/0")
    assert code == 2
    assert "such as 1/12, got 1/0" in err
    code, _, err = run("baseline", "jpeg", "--data", "nowhere", "--bandwidth-ratio", "1/12")
    assert code == 2
    assert "no such folder of images" in err


def test_no_photograph_is_sent_where_one_cannot_be(refused, photo, tmp_path, model):
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    said = refused("transmit", photo, "tiny.png", "--model", model, "--out", "o")
    assert re.search(r"tiny.png: images must be at least \d x \d pixels, got 3 x 3; enlarge it", said), said
    assert not list((tmp_path / "o").glob("*"))
