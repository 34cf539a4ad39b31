"""`semcomm compare`, and codecs over a real code beside systems."""

import csv
import json
import re

import numpy as np
import pytest
from toys import settle, small_system

from semcomm import build_linear_code


def test_compare_prints_and_writes_paired_differences(run, model, photo_folder, tmp_path):
    other = tmp_path / "other"
    settle(small_system(2, 4)).save_pretrained(other)
    files = ("--json", "out.json", "--csv", "out.csv", "--latex", "out.tex", "--figure", "out.pdf")
    code, out, err = run("compare", model, other, "--data", photo_folder, "--snr", "1,13", *files)
    assert code == 0, err
    written = json.loads((tmp_path / "out.json").read_text())
    a, b = (np.array(one["measured"]["scores"]["psnr_db"])[..., 0] for one in written["measured"])
    rows = [row for row in written["differences"] if row["score"] == "psnr_db"]
    assert [row["difference"] for row in rows] == pytest.approx((a - b).mean(1), abs=1e-5)
    for row in rows:
        assert f"{row['difference']:+.2f} ± {row['difference_ci95']:.2f}" in out
    assert "A and B differ in their channel uses" in err  # 10 and 7 complex channels
    assert len(list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))) == 4
    assert (tmp_path / "out.tex").read_text().startswith(r"\begin{tabular}{llrrrr}")
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


def test_who_can_choose_gets_the_channel_uses_of_who_cannot(run, model, photo_folder, tmp_path, codebook):
    linear = tmp_path / "linear"
    build_linear_code(codebook=codebook).save_pretrained(linear)
    options = ("--data", photo_folder / "more", "--snr", "9", "--json", "out.json")
    fixed = [10 * 8 * 10, 10 * 9 * 9]
    for pair in ((linear, model), ("jpeg", model), (model, "webp+ldpc")):
        code, _, err = run("compare", *pair, *options)
        assert code == 0, err
        measured = json.loads((tmp_path / "out.json").read_text())["measured"]
        assert [one["k"] for one in measured] == [fixed, fixed]
        assert "equal cost" not in err
    assert measured[1]["channel"] == "awgn, 5G LDPC"
    code, _, err = run("compare", linear, "jpeg", *options, "--channel-uses", 300)
    assert code == 0, err
    assert [one["k"] for one in json.loads((tmp_path / "out.json").read_text())["measured"]] == [300, 300]
    code, _, err = run("compare", "jpeg", "webp", *options, "--bandwidth-ratio", "1/3")
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jpeg", "jpeg"), "A and B must be different, got jpeg twice"),
        (("jpeg", "avif"), "--bandwidth-ratio k/n is for two codecs, which need it"),
        (("MODEL", "avif", "--bandwidth-ratio", "1/3"), "--bandwidth-ratio k/n is for two codecs"),
        (("MODEL", "nope"), "no trained system 'nope'"),
        (("MODEL", "jpeg", "--channel", "rician"), "a codec needs a channel of known capacity, awgn or rayleigh"),
        (("MODEL", "jpeg", "--levels", 3), "--levels: neither .* nor jpeg can choose it"),
        (("MODEL", "jpeg", "--safe-snr", 3), "--safe-snr: neither .* nor jpeg can choose it"),
        (("MODEL", "jpeg", "--figure", "out.gif"), "--figure takes a name that ends in"),
        (("MODEL", "jpeg", "--figure-width", "triple"), "Invalid value for '--figure-width'"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(refused, model, photo_folder, arguments, message):
    arguments = [model if one == "MODEL" else one for one in arguments]

    error = refused("compare", *arguments, "--data", photo_folder)

    assert re.search(message, error), error


def test_a_codec_over_a_real_code_stands_beside_a_system(run, model, photo_folder, tmp_path):
    options = ("--data", photo_folder / "more", "--snr", "9", "--csv", "a.csv", "--latex", "a.tex", "--figure", "a.svg")
    code, _, err = run("evaluate", model, *options, "--codecs", "jpeg,jpeg+ldpc", "--figure-width", "single")
    assert code == 0, err
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["channel"] for row in rows] == ["awgn", "awgn at capacity", "awgn, 5G LDPC"]
    assert (tmp_path / "a.tex").read_text().count("jpeg") == 2
    assert 'width="252pt"' in (tmp_path / "a.svg").read_text()


def test_codecs_get_what_the_system_was_told_to_spend(run, photo_folder, tmp_path, codebook):
    build_linear_code(codebook=codebook).save_pretrained(tmp_path / "linear")
    options = ("--data", photo_folder / "more", "--snr", "9", "--json", "out.json", "--channel-uses", 300)
    assert run("evaluate", tmp_path / "linear", *options, "--codecs", "jpeg")[0] == 0
    assert [one["k"] for one in json.loads((tmp_path / "out.json").read_text())] == [300, 300]
