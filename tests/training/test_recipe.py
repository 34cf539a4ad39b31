"""The recipe: all of it together resumes bit for bit, ends in time, and refuses what it cannot do."""

import json
import signal
import time

import pytest
import torch
from PIL import Image
from toys import rand_images, small_system
from training.test_resume import at_step
from training_runs import config, identical, system, weights

from semcomm import build_deep_jscc, from_pretrained
from semcomm.training import TrainingConfig, precision, train
from semcomm.training.checkpoints import Stopped
from semcomm.training.module import TrainingModule

RECIPE = {
    "batch_size": 4,
    "accumulate": 2,
    "loss": "log-mse",
    "learning_rate": 6e-4,
    "muon_rate": 1.5e-3,
    "schedule": "decay",
    "average_rate": 1e-3,
    "precision": "bf16-mixed",
}


@pytest.fixture(autouse=True)
def _bf16(monkeypatch):
    """Let machines that only imitate bf16 run these tests, too."""
    monkeypatch.setattr(precision, "has_bf16", lambda _device: True)


@pytest.fixture(scope="module")
def whole(photo_folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "has_bf16", lambda _device: True)
        return train(system(), config(photo_folder, tmp_path_factory.mktemp("recipe") / "run", **RECIPE))


def test_the_defaults_are_the_recipe(photo_folder, tmp_path):
    defaults = TrainingConfig(photo_folder, photo_folder, tmp_path)
    assert {name: getattr(defaults, name) for name in RECIPE} == RECIPE | {"batch_size": 16, "accumulate": 1}
    assert defaults.size == 128


@pytest.mark.parametrize("stop", [0, 1, 3, 4])
def test_muon_average_accumulation_and_bf16_resume_bit_for_bit(whole, photo_folder, tmp_path, stop):
    run = tmp_path / "run"
    with at_step(stop, lambda: signal.raise_signal(signal.SIGTERM)), pytest.raises(Stopped):
        train(system(), config(photo_folder, run, **RECIPE))
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step={stop + 1}.ckpt"]
    train(system(seed=9), config(photo_folder, run, **RECIPE), resume=True)
    assert identical(whole, run)
    results = [json.loads((folder / "training.json").read_text()) for folder in (whole, run)]
    assert results[0]["metrics"]["val/psnr_db"] == results[1]["metrics"]["val/psnr_db"]
    assert results[0]["steps"] == results[1]["steps"] == 6


def kept_weights(folder):
    kept = torch.load(next((folder / "checkpoints").iterdir()), weights_only=True)
    return {name.removeprefix("system."): value for name, value in kept["state_dict"].items()}, kept["average"]


def test_what_is_saved_is_the_average_and_what_is_trained_on_is_not(whole):
    trained, average = kept_weights(whole)
    saved = weights(whole)
    assert all(torch.equal(saved[name], value) for name, value in average.items())
    assert not all(torch.equal(saved[name], trained[name]) for name in average)


def test_the_average_is_the_recursion_over_the_weights_of_all_steps(photo_folder, tmp_path):
    seen = []

    def keep(module, *_):
        if module.global_step > len(seen):
            seen.append({name: value.detach().double().clone() for name, value in module.system.named_parameters()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_train_batch_end", keep)
        train(system(norm="none"), config(photo_folder, tmp_path / "run", **RECIPE))
    average = {name: value.detach().double() for name, value in system(norm="none").named_parameters()}
    for step, now in enumerate(seen):
        average = {name: value + 9 / (10 + step) * (now[name] - value) for name, value in average.items()}
    assert len(seen) == 6
    for name, value in weights(tmp_path / "run").items():
        torch.testing.assert_close(value.double(), average[name], rtol=0, atol=1e-6)


def first_gradient(photo_folder, out, **changes):
    found = []

    def keep(module, _optimizer):
        found.append(torch.cat([weight.grad.flatten() for weight in module.parameters()]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_before_optimizer_step", keep)
        changes = {"steps": 2, "batch_size": 4, **changes}
        train(system(norm="none"), config(photo_folder, out, **changes))
    assert len(found) == 2
    return found[0]


@pytest.mark.parametrize("loss", ["mse", "log-mse"])
def test_accumulated_gradients_are_those_of_the_whole_batch(photo_folder, tmp_path, loss):
    whole, parts = (
        first_gradient(photo_folder, tmp_path / str(accumulate), loss=loss, accumulate=accumulate)
        for accumulate in (1, 4)
    )
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-5 * whole.abs().max().item())


def test_all_parts_of_a_system_learn_in_one_step(photo_folder, tmp_path):
    run = train(system(norm="none"), config(photo_folder, tmp_path / "run", **(RECIPE | {"steps": 1})))
    start = system(norm="none").state_dict()
    still = [name for name, value in weights(run).items() if torch.equal(value, start[name])]
    assert not still


def test_a_time_budget_ends_the_run_with_a_system_and_a_checkpoint(photo_folder, tmp_path):
    run = tmp_path / "run"
    began = time.monotonic()
    settings = config(photo_folder, run, **(RECIPE | {"steps": None, "minutes": 0.05, "validate_every": 10_000}))
    train(system(), settings)
    assert 3 < time.monotonic() - began < 30
    result = json.loads((run / "training.json").read_text())
    assert result["steps"] > 2
    assert 3 <= result["wall_time_s"] < 20
    assert result["training"]["minutes"] == 0.05
    assert "val/psnr_db" in result["metrics"]
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step={result['steps']}.ckpt"]
    from_pretrained(run, device="cpu")
    before = (run / "training.json").read_bytes()
    train(system(), settings, resume=True)
    assert (run / "training.json").read_bytes() == before


def test_time_before_a_resumption_counts(photo_folder, tmp_path):
    numbers = RECIPE | {"steps": None, "minutes": 0.05}
    with at_step(2, lambda: signal.raise_signal(signal.SIGTERM)), pytest.raises(Stopped):
        train(system(), config(photo_folder, tmp_path / "run", **numbers))
    path = next((tmp_path / "run" / "checkpoints").iterdir())
    kept = torch.load(path, weights_only=True)
    (callback,) = [name for name in kept["callbacks"] if name.startswith("KeepNewest")]
    kept["callbacks"][callback]["seconds"] = 1000.0
    torch.save(kept, path)
    train(system(), config(photo_folder, tmp_path / "run", **numbers), resume=True)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["steps"] <= 4


# A loss of one's own


def test_a_loss_of_ones_own_is_what_is_made_small(photo_folder, tmp_path):
    def darkness(received, images):
        assert received.shape == images.shape
        return received.mean()

    built = small_system(2, 4, norm="none")
    before = built(rand_images(), 10.0).mean().item()
    train(built, config(photo_folder, tmp_path / "run", steps=20, learning_rate=1e-2, snr_db=10.0), loss=darkness)
    assert built(rand_images(), 10.0).mean().item() < before - 0.1
    assert "darkness" in json.loads((tmp_path / "run" / "recipe.json").read_text())["training"]["loss"]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda received, images: (received - images).square().mean((1, 2, 3)), r"got shape \(2,\)"),
        (lambda _received, _images: 1.0, "got float"),
    ],
)
def test_a_loss_that_is_no_number_is_refused(photo_folder, tmp_path, loss, message):
    with pytest.raises(ValueError, match=f"loss must return a tensor without dimensions.*{message}"):
        train(system(), config(photo_folder, tmp_path / "run"), loss=loss)


# Refused, or said


def test_without_bf16_in_the_machine_float32_is_used_and_said(photo_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda _device: False)
    numbers = RECIPE | {"steps": 1}
    with pytest.warns(UserWarning, match="no bf16 arithmetic, so training is in float32"):
        train(system(), config(photo_folder, tmp_path / "bf16", **numbers))
    assert json.loads((tmp_path / "bf16" / "training.json").read_text())["training"]["precision"] == "32-true"
    train(system(), config(photo_folder, tmp_path / "float32", **(numbers | {"precision": "32-true"})))
    assert identical(tmp_path / "bf16", tmp_path / "float32")


def test_photographs_that_are_all_smaller_than_a_crop_are_refused(photo_folder, tmp_path):
    with pytest.raises(ValueError, match=r"train must hold a photograph of at least 128 x 128 pixels, .* has none"):
        train(system(), config(photo_folder, tmp_path / "run", size=128))
    assert not (tmp_path / "run").exists()
    for name, size in (("small", (127, 300)), ("large", (128, 300))):
        (tmp_path / name).mkdir()
        Image.new("RGB", size).save(tmp_path / name / "photo.png")
    with pytest.raises(ValueError, match="size of a crop"):
        train(system(), config(tmp_path / "small", tmp_path / "run", val=photo_folder, size=128))
    train(system(), config(tmp_path / "large", tmp_path / "run", val=photo_folder, size=128, steps=1))


def test_a_system_that_could_not_be_saved_is_refused_before_it_is_trained(photo_folder, tmp_path):
    by_hand = system()
    by_hand.config = None
    with pytest.raises(ValueError, match="system.config is None, so the trained system could not be saved"):
        train(by_hand, config(photo_folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_system_is_refused(photo_folder, tmp_path):
    run = train(system(), config(photo_folder, tmp_path / "run", **RECIPE))
    (run / "training.json").unlink()
    with pytest.raises(ValueError, match="cannot resume .*builder was 'build_mlsc_image'"):
        train(build_deep_jscc(complex_channels=1, device="cpu"), config(photo_folder, run, **RECIPE), resume=True)
    other = system(norm="none")
    other.config = system().config  # as systems of one's own may say the same of themselves
    with pytest.raises(ValueError, match="checkpoint is of another system, .* differs: resume with the system"):
        train(other, config(photo_folder, run, **RECIPE), resume=True)
