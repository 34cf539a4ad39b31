"""The commands that measure: `semcomm evaluate` and `semcomm baseline`."""

import csv
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import small_system

from semcomm.baselines import build_swin_jscc
from semcomm.cli import measuring
from semcomm.cli.options import read_weights
from semcomm.data import folders
from semcomm.data.layouts import find_photographs
from semcomm.experiments import measure
from semcomm.files.pictures import load_image
from semcomm.quality.scores import metrics_by_name
from semcomm.receiver import NoEqualizer

WHERE = {"model", "channel", "seed", "images", "bandwidth_ratio"}
ROW = WHERE | {"snr_db", "psnr_db", "psnr_ci95", "ssim", "ssim_ci95", "failures"}
RESULT = ["data", "model", "images", "k", "bandwidth_ratio", "channel", "seed", "rows", "measured"]


def results(path):
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_evaluate_writes_the_documented_json(run, model, photo_folder, tmp_path):
    arguments = ("--data", photo_folder, "--snr", "1,13", "--json", "out.json", "--seed", 4)
    code, out, err = run("evaluate", model, *arguments)
    assert code == 0, err
    written = results(tmp_path / "out.json")
    assert list(written) == RESULT
    assert (written["model"], written["data"], written["seed"]) == (model, str(photo_folder), 4)
    assert (written["images"], written["channel"]) == (4, "awgn")
    assert written["k"] == [10 * 8 * 10, 10 * 10 * 8, 10 * 8 * 10, 10 * 9 * 9]
    assert [row["snr_db"] for row in written["rows"]] == [1.0, 13.0]
    assert all(set(row) == ROW and row["failures"] == 0 for row in written["rows"])
    assert np.array(written["measured"]["scores"]["psnr_db"]).mean(axis=(1, 2)).tolist() == pytest.approx(
        [row["psnr_db"] for row in written["rows"]], abs=1e-5
    )
    for row in written["rows"]:
        assert f"{row['psnr_db']:.2f} ± {row['psnr_ci95']:.2f}" in out
    assert "4 images" in out
    run("evaluate", model, *arguments[:-3], "again.json", "--seed", 4)
    assert results(tmp_path / "again.json") == written


def test_evaluate_of_several_models_is_a_list(run, model, photo_folder, tmp_path):
    other = tmp_path / "other"
    small_system(2, 8).save_pretrained(other)
    code, _, err = run("evaluate", model, other, "--data", photo_folder, "--snr", "10", "--json", "out.json")
    assert code == 0, err
    written = results(tmp_path / "out.json")
    assert [one["model"] for one in written] == [model, str(other)]
    assert all(list(one) == RESULT for one in written)


def test_evaluate_lists_and_decodes_photographs_once(run, model, photo_folder, monkeypatch):
    decoded, listed = [], []
    monkeypatch.setattr(folders, "load_image", lambda path: decoded.append(path) or load_image(path))
    monkeypatch.setattr(measure, "load_image", None)
    monkeypatch.setattr(measure, "find_photographs", None)

    def find(path):
        listed.append(path)
        return find_photographs(path)

    monkeypatch.setattr(measuring, "choose_photographs", partial(measuring.choose_photographs, find=find))
    code, _, err = run("evaluate", model, "--codecs", "jpeg", "--data", photo_folder, "--snr", "1,10", "--skip-bad")
    assert code == 0, err
    assert sorted(decoded) == sorted(folders.list_images(photo_folder))
    assert listed == [photo_folder]


def test_a_system_keeps_its_equaliser_unless_another_is_asked_for(run, photo_folder, tmp_path):
    raw = small_system()
    raw.equalizer = NoEqualizer()
    raw.save_pretrained(tmp_path / "raw")
    measure = ["evaluate", "raw", "--data", photo_folder, "--snr", 10, "--channel", "rayleigh", "--json", "out.json"]
    said = {}
    for equalizer in (None, "none", "mmse"):
        code, _, err = run(*measure, *(() if equalizer is None else ("--equalizer", equalizer)))
        assert code == 0, err
        said[equalizer] = results(tmp_path / "out.json")
    assert said[None] == said["none"]
    assert said["none"]["channel"] == "rayleigh, coherence symbol, equalizer none"
    assert said["mmse"]["channel"] == "rayleigh, coherence symbol, equalizer mmse"
    assert said["mmse"]["rows"][0]["psnr_db"] != said["none"]["rows"][0]["psnr_db"]


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2000", "webp", "avif"])
def test_baseline_writes_the_same_json(run, photo_folder, tmp_path, codec):
    channel = "rayleigh" if codec == "webp" else "awgn"
    arguments = ("--bandwidth-ratio", 0.25, "--snr", "-15,20", "--channel", channel, "--json", "new/out.json")
    code, out, err = run("baseline", codec, "--data", photo_folder / "more", *arguments)
    assert code == 0, err
    written = results(tmp_path / "new" / "out.json")
    assert list(written) == [*RESULT[:2], "headers", "delivered", "code", "margin_db", *RESULT[2:]]
    assert (written["model"], written["images"]) == (codec, 2)
    assert (written["headers"], written["delivered"]) == (True, "random")
    assert written["channel"].startswith(channel)
    assert "capacity" in written["channel"]
    assert written["k"] == [960, 972]
    assert [row["failures"] for row in written["rows"]] == [2, 0]
    assert written["rows"][1]["psnr_db"] > written["rows"][0]["psnr_db"] + 5
    assert codec in out


def test_baseline_may_leave_headers_out_and_fail_in_gray(run, photo_folder, tmp_path):
    rows = {}
    for name, options in {"whole": (), "spared": ("--no-headers",), "gray": ("--delivered", "gray")}.items():
        arguments = ("--data", photo_folder, "--bandwidth-ratio", "1/3", "--snr", "-15,3", "--json", f"{name}.json")
        code, out, err = run("baseline", "jpeg", *arguments, *options)
        assert code == 0, err
        written = results(tmp_path / f"{name}.json")
        assert (written["headers"], written["delivered"]) == (name != "spared", "gray" if name == "gray" else "random")
        assert ("headers not counted" in out, "delivers gray pixels" in out) == (name == "spared", name == "gray")
        rows[name] = written["rows"]
    scores = [{name: rows[kind][0][name] for name in ("psnr_db", "ssim", "failures")} for kind in ("spared", "whole")]
    assert scores[0] == scores[1]  # all fail, with the same random pixels
    assert rows["spared"][1]["failures"] < rows["whole"][1]["failures"] == rows["gray"][1]["failures"]
    assert rows["gray"][0]["psnr_db"] > rows["whole"][0]["psnr_db"] + 1


def test_baseline_over_a_real_code(run, photo_folder, tmp_path):
    """A belief 3 dB too high loses everything; what arrives is a little worse than at capacity."""
    rows = {}
    chosen = {
        "ideal": (),
        "real": ("--code", "ldpc"),
        "rash": ("--code", "ldpc", "--margin", -3),
        "misled": ("--code", "ldpc", "--told-snr", 16),
    }
    for name, options in chosen.items():
        arguments = ("--data", photo_folder, "--bandwidth-ratio", "1/2", "--snr", 12, "--json", f"{name}.json")
        code, _, err = run("baseline", "jpeg", *arguments, *options)
        assert code == 0, err
        written = results(tmp_path / f"{name}.json")
        assert written["code"] == ("capacity" if name == "ideal" else "ldpc")
        assert written["margin_db"] == (-3 if name == "rash" else 0)
        assert ("LDPC" in written["channel"]) == (name != "ideal")
        (rows[name],) = written["rows"]
    assert rows["rash"]["failures"] == rows["misled"]["failures"] == 4
    assert rows["real"]["failures"] == rows["ideal"]["failures"] == 0
    assert rows["ideal"]["psnr_db"] - 4 < rows["real"]["psnr_db"] < rows["ideal"]["psnr_db"]


def test_files_go_over_any_channel_for_real(run, photo_folder, tmp_path):
    """Its prefixes and pilots take part of k: what arrives is worse than over AWGN, and arrives with a margin."""
    rows = {}
    for channel, margin in (("awgn", 0), ("ofdm", 12)):
        arguments = ("--data", photo_folder, "--bandwidth-ratio", 1, "--snr", 20, "--json", f"{channel}.json")
        code, _, err = run("baseline", "jpeg", *arguments, "--code", "ldpc", "--channel", channel, "--margin", margin)
        assert code == 0, err
        written = results(tmp_path / f"{channel}.json")
        assert written["channel"] == f"{channel}, 5G LDPC"
        (rows[channel],) = written["rows"]
    assert rows["ofdm"]["failures"] < 4
    assert rows["ofdm"]["bandwidth_ratio"] == rows["awgn"]["bandwidth_ratio"]
    assert rows["ofdm"]["psnr_db"] < rows["awgn"]["psnr_db"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--channel", "tdl-c"), "--channel must be awgn or rayleigh at capacity, got tdl-c; --code ldpc takes it"),
        (("--channel", "fso", "--code", "ldpc"), "--channel takes awgn, rayleigh"),
        (("--told-snr", "nan", "--code", "ldpc"), "--told-snr"),
        (("--snr", "nan"), "snr"),
        (("--margin", "inf", "--code", "ldpc"), "margin"),
    ],
)
def test_a_link_that_cannot_be_is_one_clear_error(refused, photo_folder, options, said):
    assert said in refused("baseline", "jpeg", "--data", photo_folder, "--bandwidth-ratio", "0.5", *options)


def test_an_unknown_codec_is_told_which_there_are(refused, photo_folder):
    error = refused("baseline", "bpg", "--data", photo_folder, "--bandwidth-ratio", "0.1")
    assert "'bpg' is not one of 'jpeg', 'jpeg2000', 'webp', 'avif'" in error
    error = refused("baseline", "jpeg", "--data", photo_folder, "--bandwidth-ratio", "0.1", "--delivered", "black")
    assert "'black' is not one of 'random', 'gray'" in error
    error = refused("baseline", "jpeg", "--data", photo_folder, "--bandwidth-ratio", "0.1", "--code", "turbo")
    assert "'turbo' is not one of 'capacity', 'ldpc'" in error
    error = refused("baseline", "jpeg", "--data", photo_folder, "--bandwidth-ratio", "0.1", "--margin", "nan")
    assert "margin" in error


def test_central_crops_and_several_draws_are_recorded(run, model, photo_folder, tmp_path):
    options = ("--data", photo_folder, "--snr", "4", "--json", "out.json", "--size", 30, "--draws", 3)
    code, _, err = run("evaluate", model, *options)
    assert code == 0, err
    written = results(tmp_path / "out.json")
    assert list(written) == [*RESULT[:2], "size", "draws", *RESULT[2:]]
    assert (written["size"], written["draws"]) == (30, 3)
    assert written["k"] == 10 * 8 * 8
    code, _, err = run("baseline", "jpeg", "--bandwidth-ratio", "1/4", *options[:-2])
    assert code == 0, err
    assert results(tmp_path / "out.json")["k"] == 3 * 30 * 30 // 4


def test_a_crop_larger_than_a_photograph_is_refused(refused, model, photo_folder):
    error = refused("evaluate", model, "--data", photo_folder, "--size", 33)
    assert "b.png: image must be at least 33 x 33 pixels (size), got 40 x 32" in error or "a.png" in error


def test_rows_as_csv_are_the_rows_of_the_json(run, model, photo_folder, tmp_path):
    code, out, err = run(
        "evaluate", model, "--data", photo_folder, "--snr", "1,4", "--json", "out.json", "--csv", "new/out.csv"
    )
    assert code == 0, err
    rows = list(csv.DictReader((tmp_path / "new" / "out.csv").read_text().splitlines()))
    expected = results(tmp_path / "out.json")["rows"]
    assert rows == [{name: str(value) for name, value in row.items()} for row in expected]
    assert {"model": model, "channel": "awgn", "seed": 0}.items() <= expected[0].items()
    assert expected[0]["bandwidth_ratio"] == pytest.approx(results(tmp_path / "out.json")["bandwidth_ratio"], abs=1e-6)
    assert "wrote new/out.csv" in out


def test_the_figure_is_a_whole_picture(run, model, photo_folder, tmp_path):
    code, _, err = run("evaluate", model, "--data", photo_folder, "--snr", "1,4", "--figure", "out.png")
    assert code == 0, err
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.width > 400
    code, _, err = run(
        "baseline", "jpeg", "--data", photo_folder, "--bandwidth-ratio", 1, "--snr", 9, "--figure", "b.png"
    )
    assert code == 0, err
    assert (tmp_path / "b.png").stat().st_size > 1000


def drawn_labels(path):
    """What an SVG figure says; matplotlib writes every text beside its glyphs as a comment."""
    return re.findall(r"<!-- (.*?) -->", path.read_text())


def test_systems_and_codecs_share_a_figure_and_a_table(run, model, photo_folder, tmp_path):
    options = ("--data", photo_folder, "--snr", "4,9", "--codecs", "jpeg,webp", "--figure", "out.svg", "--csv", "a.csv")
    code, out, err = run("evaluate", model, *options)
    assert code == 0, err
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["model"] for row in rows] == [model] * 2 + ["jpeg"] * 2 + ["webp"] * 2
    assert len({row["bandwidth_ratio"] for row in rows}) == 1  # the codecs get the model's channel uses
    assert {row["channel"] for row in rows[2:]} == {"awgn at capacity"}
    labels = " ".join(drawn_labels(tmp_path / "out.svg"))
    assert all(f"{name}, k/n = " in labels for name in (Path(model).name, "jpeg", "webp"))
    assert (
        "--codecs must be among jpeg, jpeg2000, webp, avif, or one of these with +ldpc, got bpg"
        in run("evaluate", model, "--data", photo_folder, "--codecs", "jpeg,bpg")[2]
    )


@pytest.mark.parametrize(("suffix", "start"), [(".pdf", b"%PDF"), (".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_a_figure_is_what_its_ending_says(run, photo_folder, tmp_path, suffix, start):
    options = ("--data", photo_folder, "--bandwidth-ratio", 1, "--snr", "9", "--figure", f"out{suffix}")
    assert run("baseline", "jpeg", *options)[0] == 0
    assert (tmp_path / f"out{suffix}").read_bytes().startswith(start)


def test_results_are_written_before_they_are_shown(run, model, photo_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("semcomm.cli.measure._print", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(
            "evaluate",
            model,
            "--data",
            photo_folder,
            "--snr",
            "4",
            "--json",
            "a.json",
            "--csv",
            "a.csv",
            "--figure",
            "a.png",
        )
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.json", "a.csv", "a.png"}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--levels", 2), "--levels"),
        (("--rate", 2), "--rate"),
        (("--channel-uses", 100), "--channel-uses"),
        (("--safe-snr", 5), "--safe-snr"),
        (("--importance", "person=4, sky=0.5"), "--importance"),
    ],
)
def test_a_model_that_cannot_is_refused_what_nested_systems_understand(refused, model, photo_folder, options, name):
    assert f" {name} must be None" in refused("evaluate", model, "--data", photo_folder, *options)


def test_a_rate_is_for_the_models_that_have_several(run, model, photo_folder, tmp_path):
    build_swin_jscc(channels=8, size="cifar", rate_adaptive=True, device="cpu").save_pretrained(tmp_path / "swin")
    options = ("--data", photo_folder, "--snr", "10", "--rate", "32", "--json", "out.json")
    code, _, err = run("evaluate", model, tmp_path / "swin", *options)
    assert code == 0, err
    one, several = results(tmp_path / "out.json")
    assert "rate" not in one
    assert several["rate"] == 32
    options = ("--model", tmp_path / "swin", "--rate", "32", "--out", "got", "--json", "sent.json")
    code, _, err = run("transmit", photo_folder / "a.png", *options)
    assert code == 0, err
    sent = results(tmp_path / "sent.json")
    assert (sent["rate"], sent["images"][0]["k"]) == (32, several["k"][0])


def test_weights_of_classes_are_read_or_refused(refused, model, photo_folder):
    assert read_weights("person=4, sky=0.5") == {"person": 4.0, "sky": 0.5}
    assert read_weights("") is None
    error = refused("evaluate", model, "--data", photo_folder, "--importance", "person")
    assert "--importance takes classes and weights, such as person=4,sky=0.5, got 'person'" in error


@pytest.mark.parametrize("option", ["--json", "--csv", "--figure"])
def test_a_folder_in_a_files_place_is_refused_before_the_work(refused, model, photo_folder, tmp_path, option):
    (tmp_path / "taken.png").mkdir()
    assert f"{option} takes a file, but taken.png is a folder" in refused(
        "evaluate", model, "--data", photo_folder, option, "taken.png"
    )


def test_more_metrics_are_printed_and_written(run, model, photo_folder, tmp_path):
    options = ("--data", photo_folder, "--snr", "4", "--json", "out.json", "--metrics", "ms-ssim, ms-ssim-db, fidelity")
    code, out, err = run("evaluate", model, *options)
    assert code == 0, err
    (row,) = results(tmp_path / "out.json")["rows"]
    assert set(row) - ROW == {
        f"{name}{end}"
        for name in ("ms_ssim", "ms_ssim_db", "label_agreement", "label_iou", "caption_agreement")
        for end in ("", "_ci95")
    } | {"ms_ssim_left_out", "ms_ssim_db_left_out"}
    assert row["ms_ssim"] is None  # too small for five scales
    assert 0 <= row["label_agreement"] <= 1
    assert f"{row['caption_agreement']:.3f} ± " in out


def test_an_unknown_metric_is_told_which_there_are(refused, model, photo_folder):
    error = refused("evaluate", model, "--data", photo_folder, "--metrics", "fid,ms-ssim")
    assert "metrics must be among ms-ssim, ms-ssim-db, lpips, fidelity, papr, got fid" in error


def test_lpips_without_its_weights_says_how_to_get_them(refused, model, photo_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    assert "lpips needs AlexNet's weights" in refused("evaluate", model, "--data", photo_folder, "--metrics", "lpips")


def test_no_metrics_cost_nothing():
    assert metrics_by_name([]) == {}


def test_the_same_seed_gives_the_same_bytes_whatever_else_is_evaluated(run, model, photo_folder, tmp_path):
    """There is no batch, and no worker: images are sent one by one."""
    other = tmp_path / "other"
    small_system(2, 8).save_pretrained(other)
    arguments = ("--data", photo_folder, "--snr", "-2,7", "--json", "out.json")
    written = []
    for models in ([model], [model], [model, other]):
        code, _, err = run("evaluate", *models, *arguments)
        assert code == 0, err
        written.append((tmp_path / "out.json").read_bytes())
    assert written[0] == written[1]
    assert json.loads(written[0]) == json.loads(written[2])[0]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_threads(model, photo_folder, tmp_path):
    """In processes of their own: a second OpenMP thread in this one would hang the tests that fork it."""
    for threads in ("1", "2"):
        entry = [sys.executable, "-c", "from semcomm.cli.main import main; main()"]
        command = [*entry, "evaluate", model, "--data", photo_folder, "--snr", "-2,7", "--json", f"{threads}.json"]
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        subprocess.run(list(map(str, command)), check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
