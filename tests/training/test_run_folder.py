"""Whose a folder is: nothing is overwritten, and no run goes on under another recipe."""

import shutil

import pytest
from training_runs import config, system

from semcomm.training.engine import train


def test_nothing_to_resume(photo_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume in .*recipe.json is missing; leave --resume out"):
        train(system(), config(photo_folder, tmp_path), resume=True)


def test_a_folder_with_other_files_is_left_alone(photo_folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="out must be an empty or a new folder, but .* holds other files"):
        train(system(), config(photo_folder, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_is_not_started_twice_in_one_folder(uninterrupted, photo_folder):
    before = (uninterrupted / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="out holds a training run already: .*; resume it, or name another folder"):
        train(system(), config(photo_folder, uninterrupted))
    assert (uninterrupted / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 4}, "batch_size was 2, now 4$"),
        ({"seed": 8}, "seed was 3, now 8$"),
        ({"snr_db": 10.0}, r"snr_db was \[0.0, 20.0\], now 10.0$"),
        ({"size": 8, "learning_rate": 0.1}, "learning_rate was 0.001, now 0.1; size was 16, now 8$"),
    ],
)
def test_a_run_with_other_numbers_is_not_resumed(uninterrupted, photo_folder, changes, message):
    with pytest.raises(ValueError, match=f"cannot resume .* with other settings: {message}"):
        train(system(), config(photo_folder, uninterrupted, **changes), resume=True)


def test_a_run_with_other_photographs_or_another_system_is_not_resumed(uninterrupted, photo_folder):
    with pytest.raises(ValueError, match="cannot resume .*: train_images was 4, now 2; train_manifest_sha256 was "):
        train(system(), config(photo_folder, uninterrupted, train=photo_folder / "more"), resume=True)
    with pytest.raises(ValueError, match="cannot resume .*: width was 4, now 6$"):
        train(system(width=6), config(photo_folder, uninterrupted), resume=True)


def test_missing_photographs_and_unwritable_folders_are_refused(photo_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder of images"):
        train(system(), config(photo_folder, tmp_path / "out", train=photo_folder / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images"):
        train(system(), config(photo_folder, tmp_path / "out", val=tmp_path / "empty"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write to folder .*file"):
        train(system(), config(photo_folder, tmp_path / "file" / "out"))


def test_features_are_for_semantic_levels_only(photo_folder, tmp_path):
    from semcomm import build_deep_jscc

    built = build_deep_jscc(complex_channels=2, device="cpu")
    with pytest.raises(ValueError, match="features must be None for a system without semantic levels"):
        train(built, config(photo_folder, tmp_path / "out", features=tmp_path))


def test_a_run_that_ended_before_its_first_checkpoint_may_be_started_again(photo_folder, tmp_path):
    bad, out = tmp_path / "photos" / "bad.png", tmp_path / "run"
    shutil.copytree(photo_folder, bad.parent)
    bad.write_text("Dear reader")
    with pytest.raises(ValueError, match=r"bad\.png"):
        train(system(), config(bad.parent, out))
    assert not list(out.rglob("*.ckpt"))
    bad.unlink()
    train(system(), config(bad.parent, out))
    assert (out / "model.safetensors").is_file()
