"""`--skip-bad` on the command line: damaged photographs are counted, named and left out, or named with the remedy."""

import json
import sys

import pytest
from PIL import Image
from toys import settle, small_system
from trees import write_ade20k_benchmark

from semcomm import from_pretrained
from semcomm.cli import main as cli
from semcomm.data.folders import list_images, manifest_hash
from semcomm.experiments.measure import evaluate

TRAIN = ["train", "deep-jscc", "--size", 16, "--steps", 1, "--batch-size", 2, "--out", "out"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `main()` in an empty folder: exit code and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["semcomm", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, capsys.readouterr().err

    return call


@pytest.fixture
def photos(photo_folder, tmp_path):
    """Two good photographs, between two files that cannot be read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes((photo_folder / name).read_bytes())
    (folder / "aa.jpg").write_text("Dear reader")
    (folder / "c.png").write_bytes((photo_folder / "a.png").read_bytes()[:300])
    return folder


@pytest.fixture
def model(tmp_path):
    settle(small_system(3, 4)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_without_it_the_first_damaged_file_is_named_with_the_remedy(run, photos, model):
    for arguments in (
        ["evaluate", model, "--data", photos, "--snr", 10],
        ["baseline", "jpeg", "--data", photos, "--bandwidth-ratio", "1/4", "--snr", 10],
        ["cache-features", photos, "--out", "cache", "--caption", "none"],
        [*TRAIN, "--train", photos, "--val", photos],
    ):
        code, err = run(*arguments)
        assert code == 2
        assert err.count("\n") == 1
        assert err.startswith("semcomm: not an image that can be read: ")
        assert err.endswith("aa.jpg; --skip-bad leaves such files out\n"), err


def test_a_process_of_a_data_loader_names_it_too(run, photos, photo_folder):
    (photos / "aa.jpg").unlink()
    code, err = run(*TRAIN, "--train", photos, "--val", photo_folder, "--workers", 1, "--steps", 3)
    assert (code, err.count("\n")) == (2, 1)
    assert "Traceback" not in err
    assert f"image {photos / 'c.png'} is truncated or damaged" in err
    assert err.endswith("; --skip-bad leaves such files out\n")


def complaints(err, folder):
    first, *others = [line for line in err.splitlines() if line.startswith("semcomm: ")]
    assert first == f"semcomm: {folder}: cannot be read, not used: 2 of 4"
    assert "aa.jpg" in others[0]
    assert "c.png is truncated or damaged" in others[1]
    return others[2:]


def test_evaluate_and_baseline_leave_them_out(run, photos, model, tmp_path):
    good = [photos / "a.png", photos / "b.png"]
    code, err = run("evaluate", model, "--data", photos, "--snr", 10, "--skip-bad", "--json", "out.json")
    assert code == 0
    assert complaints(err, photos) == []
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["images"], written["skipped"]) == (2, ["aa.jpg", "c.png"])
    (row,) = evaluate(from_pretrained(model, device="cpu"), good, [10.0]).rows
    assert written["rows"] == [row | {"model": str(model), "channel": "awgn"}]
    options = ["--bandwidth-ratio", "1/4", "--snr", 10, "--skip-bad", "--json", "baseline.json"]
    code, err = run("baseline", "jpeg", "--data", photos, *options)
    assert code == 0
    assert complaints(err, photos) == []
    written = json.loads((tmp_path / "baseline.json").read_text())
    assert (written["images"], written["skipped"]) == (2, ["aa.jpg", "c.png"])


def test_where_all_is_well_it_changes_nothing_but_the_record(run, photo_folder, model, tmp_path):
    for name, option in (("with", ["--skip-bad"]), ("without", [])):
        code, err = run("evaluate", model, "--data", photo_folder, "--snr", 10, "--json", f"{name}.json", *option)
        assert (code, err) == (0, "")
    with_it, without = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("with", "without"))
    assert with_it.pop("skipped") == []
    assert with_it == without


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*")
def test_train_leaves_them_out_and_records_them(run, photos, tmp_path):
    good = [photos / "a.png", photos / "b.png"]
    arguments = [*TRAIN, "--train", photos, "--val", photos, "--skip-bad"]
    arguments[arguments.index("--steps") : arguments.index("--steps") + 2] = ["--epochs", 2]
    code, err = run(*arguments)
    assert code == 0
    assert len(complaints(err, photos)) == 3  # the same of the photographs to validate on
    written = json.loads((tmp_path / "out" / "training.json").read_text())
    assert written["skipped"] == ["aa.jpg", "c.png"] * 2
    assert (written["train_images"], written["val_images"], written["steps"]) == (2, 2, 2)
    assert written["train_manifest_sha256"] == manifest_hash(good)
    assert str(photos) not in json.dumps(written)


def test_features_of_good_photographs_serve_training(run, photos, tmp_path):
    for name in ("a.png", "b.png"):
        with Image.open(photos / name) as image:
            image.resize((32, 32)).save(photos / name)
    levels = ["--caption", "none", "--skip-bad"]
    code, err = run("cache-features", photos, "--out", "cache", *levels)
    assert code == 0
    assert complaints(err, photos) == []
    assert {path.name for path in (tmp_path / "cache").rglob("*.png")} == {"a.png.png", "b.png.png"}


def test_nothing_good_is_one_error(run, photos):
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(b"")
    code, err = run("baseline", "jpeg", "--data", photos, "--bandwidth-ratio", "1/4", "--skip-bad")
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("semcomm: none of 4 photographs can be read: not an image that can be read: ")


def test_other_errors_stay_as_they_are(run, photo_folder, model):
    code, err = run("evaluate", model, "--data", photo_folder, "--snr", "nan")
    assert code == 2
    assert "skip-bad" not in err


def test_no_label_map_is_evaluated(run, tmp_path):
    root = write_ade20k_benchmark(tmp_path / "ade", "training", "validation")
    command = ["baseline", "jpeg", "--bandwidth-ratio", "1/2", "--snr", 10, "--json", "out.json"]
    code, err = run(*command, "--data", root)
    assert code == 2
    assert "holds several splits of a data set; name one of" in err
    list_images(root / "annotations")
    for path in list_images(root / "images" / "validation"):
        Image.new("RGB", (64, 64)).save(path)
    for path in list_images(root / "images" / "training"):
        path.unlink()
    (root / "images" / "training").rmdir()
    code, err = run(*command, "--data", root)
    assert (code, err) == (0, f"semcomm: {root}: not used: pictures that are annotations: 2\n")
    assert json.loads((tmp_path / "out.json").read_text())["images"] == 1


def test_files_that_are_no_pictures_are_counted_aloud(run, photo_folder, model, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes((photo_folder / name).read_bytes())
    with Image.open(folder / "a.png") as image:
        for suffix in (".jp2", ".mpo", ".gif", ".j2k"):  # what transmit takes
            image.save(folder / f"c{suffix}")
    for name in ("notes.txt", "more.txt", "Makefile", ".hidden"):
        (folder / name).write_text("")
    code, err = run("evaluate", model, "--data", folder, "--snr", 10, "--json", "out.json")
    assert (code, err) == (0, f"semcomm: {folder}: not used: files without a picture's suffix: 3 (none 1, .txt 2)\n")
    assert json.loads((tmp_path / "out.json").read_text())["images"] == 6
    pictures = sorted(path for path in folder.iterdir() if path.suffix not in ("", ".txt"))
    code, err = run("transmit", *pictures[2:], "--model", model)
    assert code == 2  # four of one name would be written to one file
    assert "must have different names" in err
    for path in pictures:
        assert run("transmit", path, "--model", model) == (0, "")
