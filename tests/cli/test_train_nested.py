"""`semcomm train nested`: a run that can be evaluated, and what it refuses."""

import json

import pytest
from tiny_codebook import write_photographs

from semcomm import from_pretrained


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("photographs"), 4, height=64, width=64)


@pytest.fixture
def arguments(photographs, codebook, tmp_path):
    codebook.save(tmp_path / "codebook.safetensors")
    own = ["--codebook", tmp_path / "codebook.safetensors", "--caption", "none", "--segmentation", "none"]
    small = ["--width", 4, "--size", 32, "--batch-size", 2, "--precision", "32-true", "--validate-every", 2]
    return ["train", "nested", "--train", photographs, "--val", photographs, "--out", "nested", *own, *small]


def test_a_run_is_trained_and_loaded(run, arguments, tmp_path):
    code, _, err = run(*arguments, "--steps", 2, "--levels", "6,12")
    assert code == 0, err
    recipe = json.loads((tmp_path / "nested" / "training.json").read_text())
    assert recipe["training"]["snr_db"] == [-6.0, 21.0]
    assert recipe["training"]["levels"] == [6, 12]
    system = from_pretrained(tmp_path / "nested", device="cpu")
    assert system.config["builder"] == "build_nested_mlsc_image"
    assert any(bool(weight.any()) for name, weight in system.named_parameters() if "leave" in name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--levels", "4"], "--levels takes two whole numbers, the lowest first, such as 4,21, got '4'"),
        (["--levels", "1,30"], "--levels must be from 2 to 21, the lowest first, got 1,30"),
        (["--levels", "9,5"], "--levels must be from 2 to 21, the lowest first, got 9,5"),
        (["--size", 40], "--size must be a multiple of 16, whole blocks, got 40"),
    ],
)
def test_what_is_refused(refused, arguments, given, said):
    assert said in refused(*arguments, "--steps", 1, *given)
