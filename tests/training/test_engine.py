"""Real training runs of a few steps: what they write, that they learn, that they resume bit for bit."""

import csv
import json
import math
import shutil
from importlib.metadata import version

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors.torch import load_file
from toys import caption_feature, rand_images, segmentation_feature, small_system

from semcomm import RayleighChannel, from_pretrained
from semcomm.data.folders import list_images, manifest_hash
from semcomm.training.config import TrainingConfig
from semcomm.training.engine import train
from semcomm.training.module import TrainingModule

STEPS = 6


def config(photo_folder, out, **changes):
    numbers = {"size": 16, "batch_size": 2, "steps": STEPS, "validate_every": 2, "seed": 3, "snr_db": (0.0, 20.0)}
    folders = {"train": photo_folder, "val": photo_folder / "more", "out": out}
    return TrainingConfig(**(folders | numbers | changes))


def system(**changes):
    return small_system(2, 4, snr_adaptive=True, **changes)


def weights(folder):
    return load_file(folder / "model.safetensors")


def identical(one, other):
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(scope="module")
def uninterrupted(photo_folder, tmp_path_factory):
    """One whole run; the others are compared with it."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(system(), config(photo_folder, out)) == out
    return out


# One run


def test_a_run_leaves_a_trained_system_and_its_recipe(uninterrupted, photo_folder):
    loaded = from_pretrained(uninterrupted, device="cpu")
    start = system()
    assert not all(torch.equal(value, start.state_dict()[name]) for name, value in loaded.state_dict().items())
    recipe = json.loads((uninterrupted / "training.json").read_text())
    assert recipe["system"] == start.config
    assert recipe["training"]["snr_db"] == [0.0, 20.0]
    assert recipe["training"]["seed"] == 3
    assert recipe["steps"] == STEPS
    assert recipe["resumed_from_step"] == 0
    assert recipe["train_images"] == 4
    assert recipe["train_manifest_sha256"] == manifest_hash(list_images(photo_folder))
    assert recipe["val_images"] == 2
    assert recipe["metrics"].keys() >= {"train/mse", "val/psnr_db"}
    assert recipe["wall_time_s"] >= 0
    assert recipe["versions"]["torch"] == version("torch")
    assert str(photo_folder) not in json.dumps(recipe)


def test_logs_hold_the_loss_and_the_validation(uninterrupted):
    with (uninterrupted / "logs" / "from-step-0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    validations = [float(row["val/psnr_db"]) for row in rows if row["val/psnr_db"]]
    losses = [float(row["train/mse"]) for row in rows if row["train/mse"]]
    assert len(validations) == STEPS / 2
    assert all(3 < one < 40 for one in validations)
    assert losses
    assert all(0 < loss < 1 for loss in losses)
    assert list((uninterrupted / "logs" / "from-step-0").glob("events.out.tfevents.*"))


def test_validation_is_what_the_saved_system_does(uninterrupted, photo_folder):
    from semcomm.images import load_image, to_float

    settings = config(photo_folder, uninterrupted)
    module = TrainingModule(from_pretrained(uninterrupted, device="cpu"), settings)
    scores = []
    for number, path in enumerate(list_images(photo_folder / "more")):
        images = to_float(load_image(path))[None]
        with torch.no_grad():
            received = module.system(images, 10.0, generator=module._generator(1, number))
        scores.append(-10 * math.log10((received - images).square().mean().item()))
    recorded = json.loads((uninterrupted / "training.json").read_text())["metrics"]["val/psnr_db"]
    assert recorded == pytest.approx(sum(scores) / 2, abs=1e-3)


def test_the_same_run_again_gives_the_same_weights_and_another_seed_does_not(uninterrupted, photo_folder, tmp_path):
    torch.manual_seed(77)
    train(system(), config(photo_folder, tmp_path / "again"))
    assert identical(uninterrupted, tmp_path / "again")
    train(system(), config(photo_folder, tmp_path / "other", seed=4, steps=2))
    train(system(), config(photo_folder, tmp_path / "first", steps=2))
    assert not identical(tmp_path / "first", tmp_path / "other")


def test_it_learns(photo_folder, tmp_path):
    losses = []

    def record(module, batch):
        loss = training_step(module, batch)
        losses.append(loss.item())
        return loss

    training_step = TrainingModule.training_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", record)
        changes = {"steps": 60, "validate_every": 60, "learning_rate": 5e-3, "snr_db": 15.0, "schedule": "cosine"}
        train(system(norm="none"), config(photo_folder, tmp_path, **changes))
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_learning_rate_follows_the_schedule(photo_folder, tmp_path, schedule):
    rates = []

    def record(module, batch):
        rates.append(module.optimizers().param_groups[0]["lr"])
        return training_step(module, batch)

    training_step = TrainingModule.training_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", record)
        train(system(), config(photo_folder, tmp_path, schedule=schedule, steps=4, validate_every=4))
    cosine = [1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx([1e-3] * 4 if schedule == "constant" else cosine)


def test_semantic_levels_and_a_fading_channel_train_too(photo_folder, tmp_path):
    levels = {"caption": caption_feature(), "segmentation": segmentation_feature()}
    channel = RayleighChannel(coherence="image", equalizer="mmse")
    built = small_system(2, 4, channel=channel, **levels)
    frozen = {name: value.clone() for name, value in built.transmitter.segmentation.state_dict().items()}
    train(built, config(photo_folder, tmp_path, steps=2, snr_db=10.0))
    assert not [name for name in weights(tmp_path) if "captioner" in name or "segmenter" in name]
    assert all(torch.equal(value, frozen[name]) for name, value in built.transmitter.segmentation.state_dict().items())


# One step


def test_a_step_is_the_mean_squared_error_at_the_drawn_snrs(photo_folder, tmp_path):
    module = TrainingModule(system().eval(), config(photo_folder, tmp_path))
    module.log = lambda *_, **__: None
    batch = {"images": (rand_images(5) * 255).to(torch.uint8)}
    seen = []
    forward = module.system.channel.forward
    module.system.channel.forward = lambda x, snr_db, **rest: seen.append(snr_db) or forward(x, snr_db, **rest)
    loss = module.training_step(batch)
    snrs = seen[0]
    assert snrs.shape == (5,)
    assert len(set(snrs.tolist())) == 5
    assert snrs.min() >= 0
    assert snrs.max() <= 20
    again = module.training_step(batch)
    assert torch.equal(loss, again)
    images = batch["images"].float() / 255
    generator = module._generator(0, 0)
    expected_snrs = 20 * torch.rand(5, generator=generator)
    received = module.system(images, expected_snrs, generator=generator)
    torch.testing.assert_close(loss, (received - images).square().mean())


def test_snrs_are_uniform_over_the_range(photo_folder, tmp_path):
    module = TrainingModule(system(), config(photo_folder, tmp_path, snr_db=(-5.0, 15.0)))
    drawn = torch.cat([module._snr_db(100, module._generator(0, step)) for step in range(100)])
    # uniform on -5..15: standard deviation 5.77, ten thousand draws; five deviations of the mean
    assert abs(drawn.mean().item() - 5) < 5 * 5.77 / 100
    assert abs(drawn.std().item() - 5.77) < 0.2
    assert drawn.min() >= -5
    assert drawn.max() <= 15
    fixed = TrainingModule(system(), config(photo_folder, tmp_path, snr_db=7.0))
    assert fixed._snr_db(100, fixed._generator(0, 0)) == 7.0


def test_frozen_weights_are_left_out_of_the_optimizer(photo_folder, tmp_path):
    built = small_system(caption=caption_feature(), segmentation=segmentation_feature())
    optimizer = TrainingModule(built, config(photo_folder, tmp_path)).configure_optimizers()
    optimised = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    frozen = {id(weight) for weight in built.parameters() if not weight.requires_grad}
    assert frozen
    assert not optimised & frozen
    assert len(optimised) + len(frozen) == len(list(built.parameters()))


# Interrupted and resumed


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(uninterrupted, photo_folder, tmp_path, stop):
    training_step = TrainingModule.training_step

    def fail(module, batch):
        if module.global_step == stop:
            raise Interrupted
        return training_step(module, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", fail)
        with pytest.raises(Interrupted):
            train(system(), config(photo_folder, tmp_path / "run"))
    assert not (tmp_path / "run" / "model.safetensors").exists()
    train(system(seed=9), config(photo_folder, tmp_path / "run"), resume=True)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["resumed_from_step"] == stop
    assert identical(uninterrupted, tmp_path / "run")


def test_a_run_that_was_killed_resumes_from_its_last_checkpoint(uninterrupted, photo_folder, tmp_path):
    training_step = TrainingModule.training_step

    def fail(module, batch):
        if module.global_step == 5:
            raise Interrupted
        return training_step(module, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", fail)
        patch.setattr(ModelCheckpoint, "on_exception", lambda *_: None)  # a killed process saves nothing
        with pytest.raises(Interrupted):
            train(system(), config(photo_folder, tmp_path / "run"))
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step=4.ckpt"]
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["resumed_from_step"] == 4
    assert identical(uninterrupted, tmp_path / "run")


def test_a_run_may_be_moved_before_it_is_resumed(uninterrupted, photo_folder, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "moved")
    for written_last in ("model.safetensors", "training.json"):
        (tmp_path / "moved" / written_last).unlink()
    train(system(), config(photo_folder, tmp_path / "moved"), resume=True)
    assert json.loads((tmp_path / "moved" / "training.json").read_text())["resumed_from_step"] == STEPS
    assert identical(uninterrupted, tmp_path / "moved")


def test_a_finished_run_is_left_as_it_is(uninterrupted, photo_folder, tmp_path):
    run = shutil.copytree(uninterrupted, tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    train(system(), config(photo_folder, run), resume=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_diverged_run_ships_nothing(photo_folder, tmp_path):
    with pytest.raises(ValueError, match=r"diverged: weights are NaN or inf; learning_rate 1e\+30 is too high"):
        train(system(), config(photo_folder, tmp_path / "run", learning_rate=1e30))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_settings_that_lightning_refuses_leave_the_folder_free(photo_folder, tmp_path):
    with pytest.raises(ValueError, match="bogus"):
        train(system(), config(photo_folder, tmp_path / "run", precision="bogus"))
    train(system(), config(photo_folder, tmp_path / "run"))


def test_a_run_killed_before_its_first_checkpoint_starts_again(uninterrupted, photo_folder, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(uninterrupted / "recipe.json", tmp_path / "run")
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert identical(uninterrupted, tmp_path / "run")


# Refusals


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: 0}, f"{name} must be at least 1, got 0")
            for name in ("size", "batch_size", "steps", "validate_every", "devices", "num_nodes")
        ),
        ({"learning_rate": 0.0}, "learning_rate must be positive and finite, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive and finite, got nan"),
        ({"schedule": "linear"}, """schedule must be "constant" or "cosine", got 'linear'"""),
        ({"workers": -1}, "workers must be at least 0, got -1"),
        ({"snr_db": (10.0, 0.0)}, r"snr_db must be a number or a range \(low, high\), low < high, got \(10.0, 0.0\)"),
        ({"snr_db": (5.0, 5.0)}, "snr_db must be a number or a range"),
        ({"snr_db": (math.nan, 5.0)}, "snr_db must be a number or a range"),
        ({"snr_db": math.nan}, "snr_db must be .*got nan"),
        ({"snr_db": -math.inf}, "snr_db must be .*got -inf"),
        ({"snr_db": (-math.inf, 5.0)}, "snr_db must be .*-inf"),
        ({"snr_db": (0.0, math.inf)}, "snr_db must be .*inf"),
    ],
)
def test_numbers_out_of_range_are_refused(photo_folder, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        config(photo_folder, tmp_path, **changes)


def test_the_description_holds_what_decides_the_result(photo_folder, tmp_path):
    described = config(photo_folder, tmp_path).describe()
    assert not described.keys() & {"train", "val", "out", "features", "workers"}
    assert described.keys() >= {"seed", "steps", "batch_size", "snr_db", "learning_rate", "size", "precision"}
    assert json.loads(json.dumps(described))["size"] == 16
