"""Real training runs of a few steps: what they write, and that they learn."""

import csv
import json
import math
from importlib.metadata import version

import pytest
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from toys import caption_feature, segmentation_feature, small_system
from training_runs import STEPS, config, identical, system, weights

from semcomm import AWGNChannel, Channel, RayleighChannel, from_pretrained
from semcomm.data.folders import list_images, manifest_hash
from semcomm.training import engine
from semcomm.training.engine import train
from semcomm.training.module import TrainingModule


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
    assert recipe["metrics"].keys() >= {"train/loss", "train/mse", "val/psnr_db"}
    assert recipe["wall_time_s"] > 0
    assert recipe["processes"] == 1
    assert "CPU" in recipe["hardware"]
    assert recipe["versions"].keys() == {"python", "semcomm", "torch", "torchvision", "lightning"}
    assert recipe["versions"]["torch"] == version("torch")
    assert str(photo_folder) not in json.dumps(recipe)


def test_logs_hold_the_loss_and_the_validation(uninterrupted):
    with (uninterrupted / "logs" / "from-step-0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    validations = [float(row["val/psnr_db"]) for row in rows if row["val/psnr_db"]]
    losses = [float(row["train/mse"]) for row in rows if row["train/mse"]]
    assert len(validations) == STEPS / 2
    assert all(3 < one < 40 for one in validations)
    minutes = [float(row["val/minutes"]) for row in rows if row["val/minutes"]]
    recorded = json.loads((uninterrupted / "training.json").read_text())
    assert len(minutes) == len(validations)
    assert sorted(minutes) == minutes
    assert 0 < minutes[-1] <= recorded["wall_time_s"] / 60 + 1e-3
    assert losses
    assert all(0 < loss < 1 for loss in losses)
    assert list((uninterrupted / "logs" / "from-step-0").glob("events.out.tfevents.*"))


def test_validation_is_what_the_saved_system_does(uninterrupted, photo_folder):
    from semcomm.files.pictures import load_image
    from semcomm.images import to_float

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

    def record(module, batch, batch_index):
        loss = training_step(module, batch, batch_index)
        losses.append(loss.item())
        return loss

    training_step = TrainingModule.training_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", record)
        changes = {"steps": 120, "validate_every": 120, "learning_rate": 5e-3, "snr_db": 15.0, "schedule": "cosine"}
        train(system(norm="none"), config(photo_folder, tmp_path, **changes))
    assert len(losses) == 120
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_learning_rate_follows_the_schedule(photo_folder, tmp_path, schedule):
    rates = []

    def record(_module, optimizer):
        rates.append(optimizer.param_groups[0]["lr"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_before_optimizer_step", record)
        train(system(), config(photo_folder, tmp_path, schedule=schedule, steps=4, validate_every=4))
    cosine = [1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx([1e-3] * 4 if schedule == "constant" else cosine)


def test_semantic_levels_and_a_fading_channel_train_too(photo_folder, tmp_path):
    levels = {"caption": caption_feature(), "segmentation": segmentation_feature()}
    channel = RayleighChannel(coherence="image")
    built = small_system(2, 4, channel=channel, **levels)
    frozen = {name: value.clone() for name, value in built.transmitter.segmentation.state_dict().items()}
    train(built, config(photo_folder, tmp_path, steps=2, snr_db=10.0))
    assert not [name for name in weights(tmp_path) if "captioner" in name or "segmenter" in name]
    assert all(torch.equal(value, frozen[name]) for name, value in built.transmitter.segmentation.state_dict().items())


def test_a_diverged_run_ships_nothing(photo_folder, tmp_path):
    with pytest.raises(ValueError, match=r"diverged: weights are NaN or inf; learning_rate 1e\+30 is too high"):
        train(system(), config(photo_folder, tmp_path / "run", learning_rate=1e30))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_settings_that_lightning_refuses_leave_the_folder_free(photo_folder, tmp_path):
    def refuse(**_):
        raise MisconfigurationException("You requested gpu: [0, 1]; but your machine only has: [0]")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "Trainer", refuse)
        with pytest.raises(ValueError, match="Lightning refuses these devices: .*machine only has"):
            train(system(), config(photo_folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    train(system(), config(photo_folder, tmp_path / "run"))


# Arithmetic


def applied_gradients(photo_folder, out, **changes):
    """Gradients as the optimiser got them, step by step."""
    applied = []

    def keep(module, *_):
        applied.append(torch.cat([weight.grad.flatten() for weight in module.parameters()]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_train_batch_end", keep)
        train(system(), config(photo_folder, out, steps=2, **changes))
    return applied


def test_the_gradients_norm_is_clipped(photo_folder, tmp_path):
    free = applied_gradients(photo_folder, tmp_path / "free")
    limit = free[0].norm().item() / 3
    clipped = applied_gradients(photo_folder, tmp_path / "clipped", gradient_clip=limit)
    torch.testing.assert_close(clipped[0], free[0] / 3, rtol=1e-4, atol=1e-8)
    assert all(gradient.norm() <= 1.001 * limit for gradient in clipped)
    assert json.loads((tmp_path / "clipped" / "recipe.json").read_text())["training"]["gradient_clip"] == limit


@pytest.mark.filterwarnings("ignore:the channel, Watched, is not saved")
def test_mixed_precision_computes_nearly_the_same_and_sends_whole_symbols(photo_folder, tmp_path):
    losses, seen = {}, []

    class Watched(Channel):
        def __init__(self):
            super().__init__()
            self.noise = AWGNChannel()

        def forward(self, x, snr_db, *, generator=None):
            received = self.noise(x, snr_db, generator=generator)
            seen.extend([x.dtype, received.dtype])
            power = x.detach().abs().square().mean(1)
            torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-5, atol=0)
            return received

    def record(module, batch, batch_index):
        loss = training_step(module, batch, batch_index)
        assert torch.is_autocast_enabled("cpu") == (module.config.precision == "bf16-mixed")
        losses.setdefault(module.config.precision, []).append(loss.item())
        assert loss.dtype == torch.float32
        return loss

    training_step = TrainingModule.training_step
    for precision in ("32-true", "bf16-mixed"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingModule, "training_step", record)
            train(system(channel=Watched()), config(photo_folder, tmp_path / precision, precision=precision))
    assert set(seen) == {torch.complex64}
    assert losses["bf16-mixed"] == pytest.approx(losses["32-true"], rel=0.02)
    assert losses["bf16-mixed"] != losses["32-true"]
    assert all(value.dtype == torch.float32 for value in weights(tmp_path / "bf16-mixed").values() if value.ndim)


def test_validation_may_be_on_fewer_photographs(photo_folder, tmp_path):
    out = train(system(), config(photo_folder, tmp_path / "run", val=photo_folder, val_images=2, steps=1))
    recipe = json.loads((out / "training.json").read_text())
    chosen = [photo_folder / "a.png", photo_folder / "more" / "c.png"]
    assert recipe["val_images"] == 2
    assert recipe["val_manifest_sha256"] == manifest_hash(chosen)
    assert recipe["weights"] == sum(weight.numel() for weight in system().parameters())


def test_a_run_begins_with_another_systems_weights(uninterrupted, photo_folder, tmp_path):
    settings = config(photo_folder, tmp_path / "tuned", begin_from=str(uninterrupted), steps=1, learning_rate=1e-12)
    tuned = from_pretrained(train(system(), settings), device="cpu").state_dict()
    for name, value in from_pretrained(uninterrupted, device="cpu").state_dict().items():
        if "num_batches" not in name and "running" not in name:
            torch.testing.assert_close(tuned[name], value, atol=1e-6, rtol=0)
    recipe = json.loads((tmp_path / "tuned" / "training.json").read_text())
    assert recipe["training"]["begin_from"] == uninterrupted.name


def test_a_run_does_not_begin_with_a_system_built_otherwise(uninterrupted, photo_folder, tmp_path):
    with pytest.raises(ValueError, match="begin_from must be a system that is built alike, .* is not; missing"):
        train(small_system(5, 4), config(photo_folder, tmp_path / "tuned", begin_from=str(uninterrupted)))
    assert not (tmp_path / "tuned").exists()
