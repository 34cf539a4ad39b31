"""Runs that were cut short end with the weights of one that was not, bit for bit."""

import csv
import json
import shutil
import signal
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from training_runs import STEPS, config, forked, identical, system, wait_for

from semcomm.training.checkpoints import SIGNALS, Stopped
from semcomm.training.engine import train
from semcomm.training.module import TrainingModule
from semcomm.training.run_folder import newest_checkpoint, step_of


@contextmanager
def at_step(number, act):
    """Do something in the middle of a step, when its gradients are there and its weights are not updated."""

    def hook(module, _optimizer):
        if module.global_step == number:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_before_optimizer_step", hook)
        yield


def validated_steps(logs):
    with (logs / "metrics.csv").open() as file:
        return [int(row["step"]) + 1 for row in csv.DictReader(file) if row["val/psnr_db"]]


@pytest.mark.parametrize(
    ("stop", "number", "code"), [(0, signal.SIGINT, 130), (2, signal.SIGTERM, 143), (3, signal.SIGUSR1, 138)]
)
def test_a_run_stopped_by_a_signal_goes_on(uninterrupted, photo_folder, tmp_path, stop, number, code):
    run, handlers = tmp_path / "run", [signal.getsignal(one) for one in SIGNALS]
    with at_step(stop, lambda: signal.raise_signal(number)), pytest.raises(Stopped) as stopped:
        train(system(), config(photo_folder, run))
    name = signal.Signals(number).name
    assert str(stopped.value) == f"stopped by {name}; the same command with --resume goes on after step {stop + 1}"
    assert stopped.value.code == code
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step={stop + 1}.ckpt"]
    assert not (run / "model.safetensors").exists()
    assert [signal.getsignal(one) for one in SIGNALS] == handlers
    train(system(seed=9), config(photo_folder, run), resume=True)
    assert json.loads((run / "training.json").read_text())["resumed_from_step"] == stop + 1
    assert identical(uninterrupted, run)
    assert validated_steps(run / "logs" / f"from-step-{stop + 1}") == [2, 4, 6][(stop + 1) // 2 :]


def test_a_second_interrupt_does_not_wait_for_the_step(uninterrupted, photo_folder, tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with at_step(3, twice), pytest.raises(Stopped, match="SIGINT; .* goes on after step 2"):
        train(system(), config(photo_folder, tmp_path / "run"))
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert identical(uninterrupted, tmp_path / "run")


def test_a_signal_during_validation_stops_there(uninterrupted, photo_folder, tmp_path):
    def interrupt(module, *_):
        if module.global_step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_validation_batch_start", interrupt)
        with pytest.raises(Stopped, match="goes on after step 4"):
            train(system(), config(photo_folder, tmp_path / "run"))
    assert validated_steps(tmp_path / "run" / "logs" / "from-step-0") == [2]
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert identical(uninterrupted, tmp_path / "run")


def test_a_run_that_failed_resumes_from_its_last_whole_step(uninterrupted, photo_folder, tmp_path):
    def fail():
        raise RuntimeError("the power supply hums")

    with at_step(5, fail), pytest.raises(RuntimeError, match="hums"):
        train(system(), config(photo_folder, tmp_path / "run"))
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step=4.ckpt"]
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert identical(uninterrupted, tmp_path / "run")


def kill_again_and_again(photo_folder, folder, seed, kills):
    """Kill a run at random moments, and resume it, until it is over; return how often it was killed."""
    random, killed = np.random.default_rng(seed), 0
    moments = sorted(random.integers(20, size=kills))
    settings = config(photo_folder, folder / "run", steps=24, validate_every=5)
    finished, recipe = settings.out / "training.json", settings.out / "recipe.json"
    while not finished.exists():
        resume = recipe.exists()
        if not resume:
            shutil.rmtree(settings.out, ignore_errors=True)
        with forked(lambda again=resume: train(system(), settings, resume=again)) as (process,):
            if killed < kills:
                # about there, that is: at the first checkpoint after it, and a bit
                wait_for(
                    lambda child=process, step=moments[killed]: (
                        not child.is_alive() or step_of(newest_checkpoint(settings.out)) >= step
                    )
                )
                process.join(random.uniform(0, 0.2))
                killed += process.is_alive()
                process.kill()
    return killed


@pytest.fixture(scope="module")
def long_run(photo_folder, tmp_path_factory):
    return train(system(), config(photo_folder, tmp_path_factory.mktemp("long") / "run", steps=24, validate_every=5))


def test_a_run_killed_at_random_moments_ends_with_the_same_weights(long_run, photo_folder, tmp_path):
    assert kill_again_and_again(photo_folder, tmp_path, seed=0, kills=3) >= 1
    assert identical(long_run, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_run_killed_at_many_random_moments_ends_with_the_same_weights(long_run, photo_folder, tmp_path, seed):
    assert kill_again_and_again(photo_folder, tmp_path, seed, kills=5) >= 2
    assert identical(long_run, tmp_path / "run")


@pytest.mark.parametrize("kept", [0, 1, 20, 2000])
def test_a_half_written_checkpoint_is_never_read(uninterrupted, photo_folder, tmp_path, kept):
    run = tmp_path / "run"
    with at_step(3, lambda: signal.raise_signal(signal.SIGTERM)), pytest.raises(Stopped):
        train(system(), config(photo_folder, run))
    cut = run / "checkpoints" / ".step=5.ckpt.x7f3"  # as write_whole leaves it when it is killed
    cut.write_bytes((run / "checkpoints" / "step=4.ckpt").read_bytes()[:kept])
    train(system(), config(photo_folder, run), resume=True)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step=6.ckpt"]
    assert identical(uninterrupted, run)


# More steps than before


def test_at_a_constant_rate_a_finished_run_may_have_more_steps(uninterrupted, photo_folder, tmp_path):
    train(system(), config(photo_folder, tmp_path / "run", steps=3))
    states = torch.load(newest_checkpoint(tmp_path / "run"), weights_only=True)["callbacks"].values()
    (seconds,) = (state["seconds"] for state in states if "seconds" in state)
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    result = json.loads((tmp_path / "run" / "training.json").read_text())
    assert result["steps"] == result["training"]["steps"] == STEPS
    assert result["resumed_from_step"] == 3
    assert seconds > 0
    assert result["wall_time_s"] >= round(seconds, 1)
    assert identical(uninterrupted, tmp_path / "run")


def test_fewer_steps_or_a_cosine_of_another_length_are_another_run(uninterrupted, photo_folder, tmp_path):
    with pytest.raises(ValueError, match="cannot resume .*: steps was 6, now 4"):
        train(system(), config(photo_folder, uninterrupted, steps=4), resume=True)
    train(system(), config(photo_folder, tmp_path, steps=2, schedule="cosine"))
    with pytest.raises(ValueError, match="cannot resume .*: steps was 2, now 4"):
        train(system(), config(photo_folder, tmp_path, steps=4, schedule="cosine"), resume=True)
    with pytest.raises(ValueError, match="cannot resume .*: schedule was 'cosine', now 'constant'; steps was 2, now 4"):
        train(system(), config(photo_folder, tmp_path, steps=4), resume=True)


# Whole, moved, finished


def test_a_run_may_be_moved_before_it_is_resumed(uninterrupted, photo_folder, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "moved")
    for written_last in ("model.safetensors", "training.json"):
        (tmp_path / "moved" / written_last).unlink()
    train(system(), config(photo_folder, tmp_path / "moved"), resume=True)
    assert "val/psnr_db" in json.loads((tmp_path / "moved" / "training.json").read_text())["metrics"]
    assert json.loads((tmp_path / "moved" / "training.json").read_text())["resumed_from_step"] == STEPS
    assert identical(uninterrupted, tmp_path / "moved")


def test_a_finished_run_is_left_as_it_is(uninterrupted, photo_folder, tmp_path):
    run = shutil.copytree(uninterrupted, tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    train(system(), config(photo_folder, run), resume=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_killed_before_its_first_checkpoint_starts_again(uninterrupted, photo_folder, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(uninterrupted / "recipe.json", tmp_path / "run")
    train(system(), config(photo_folder, tmp_path / "run"), resume=True)
    assert identical(uninterrupted, tmp_path / "run")
