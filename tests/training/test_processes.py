"""Several processes: the same gradients, losses and scores as one, written by one of them."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from training_runs import STEPS, config, forked, identical, ranks, system, wait_for, weights

from semcomm import RayleighChannel
from semcomm.data.folders import Photographs, list_images
from semcomm.training.engine import _WholeImages, train
from semcomm.training.module import TrainingModule


def recorded(settings, built, folder, **arguments):
    """Train, and keep the gradients of every step that this process sees."""

    def keep(module, _optimizer):
        gradients = {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
        torch.save(gradients, folder / f"rank-{module.global_rank}-step-{module.global_step}.pt")

    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_before_optimizer_step", keep)
        train(built, settings, **arguments)


def gradients(folder, rank=0, step=0):
    return torch.load(folder / f"rank-{rank}-step-{step}.pt", weights_only=True)


def result(folder):
    return json.loads((folder / "training.json").read_text())


def run(folder, name, photo_folder, **changes):
    """Train with noise, fades and one SNR per image; resume a run that is there already."""
    built = system(norm="none", channel=RayleighChannel())
    settings = config(photo_folder, folder / name, batch_size=4, val=folder / "val", validate_every=3, **changes)
    recorded(settings, built, folder / f"{name}-gradients", resume=(folder / name).exists())


@pytest.fixture(scope="module")
def one_and_two(photo_folder, tmp_path_factory):
    """The same run in one process and in two."""
    folder = tmp_path_factory.mktemp("processes")
    # three photographs to validate on, so that one of two processes has one more
    (folder / "val").mkdir()
    for path in ("a.png", "b.png", "more/c.png"):
        (folder / "val" / path.replace("/", "-")).write_bytes((photo_folder / path).read_bytes())
    run(folder, "one", photo_folder)
    with forked(lambda: run(folder, "two", photo_folder, devices=2, strategy="ddp"), ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    return folder


def test_two_processes_compute_the_gradients_of_one(one_and_two):
    expected = gradients(one_and_two / "one-gradients")
    assert max(gradient.abs().max() for gradient in expected.values()) > 1e-3
    for rank in (0, 1):
        torch.testing.assert_close(gradients(one_and_two / "two-gradients", rank), expected, rtol=1e-5, atol=1e-7)


def test_two_processes_report_what_one_does_and_end_with_its_weights(one_and_two):
    one, two = result(one_and_two / "one"), result(one_and_two / "two")
    assert two["metrics"] == pytest.approx(one["metrics"], rel=1e-5)
    assert one["processes"] == 1
    assert two["processes"] == 2
    assert two["steps"] == STEPS
    torch.testing.assert_close(weights(one_and_two / "two"), weights(one_and_two / "one"), rtol=1e-3, atol=1e-5)


def test_several_processes_write_what_one_does(one_and_two):
    def names(run):
        found = (path.relative_to(one_and_two / run) for path in (one_and_two / run).rglob("*") if path.is_file())
        return sorted(str(path) for path in found if "tfevents" not in path.name)

    assert names("two") == names("one")
    assert len(list((one_and_two / "two").rglob("*tfevents*"))) == 1


@pytest.mark.parametrize(("number", "rank"), [(signal.SIGTERM, 0), (signal.SIGINT, 1)])
def test_a_signal_to_one_process_stops_all_and_they_resume(one_and_two, photo_folder, number, rank):
    name = f"stopped-in-{rank}"

    def stopped():
        if os.environ["LOCAL_RANK"] == str(rank):
            TrainingModule.on_before_zero_grad = lambda *_: os.kill(os.getpid(), number)
        run(one_and_two, name, photo_folder, devices=2, strategy="ddp")

    def resumed():
        run(one_and_two, name, photo_folder, devices=2, strategy="ddp")

    with forked(stopped, ranks(2)) as processes:
        wait_for(lambda: processes[0].exitcode is not None)
    assert [process.exitcode for process in processes] == [128 + number, 0]
    (checkpoint,) = (one_and_two / name / "checkpoints").iterdir()
    assert checkpoint.name == "step=1.ckpt"
    with forked(resumed, ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    assert result(one_and_two / name)["resumed_from_step"] == 1
    assert identical(one_and_two / "two", one_and_two / name)


def slurm_tasks():
    """What srun tells two tasks on one machine."""
    job = {"SLURM_JOB_ID": "12345", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}
    place = {"SLURM_NODELIST": "localhost", "SLURM_NODEID": "0", "MASTER_PORT": ranks(2)[0]["MASTER_PORT"]}
    return [job | place | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} for rank in (0, 1)]


def two_machines():
    """What a user tells one process on each of two machines."""
    return [rank | {"NODE_RANK": rank["LOCAL_RANK"], "LOCAL_RANK": "0"} for rank in ranks(2)]


@pytest.mark.parametrize(("environments", "devices"), [(slurm_tasks, {"devices": 2}), (two_machines, {"num_nodes": 2})])
def test_whoever_starts_the_processes_the_result_is_the_same(one_and_two, photo_folder, environments, devices):
    name = environments.__name__
    with forked(lambda: run(one_and_two, name, photo_folder, **devices), environments()) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    assert identical(one_and_two / "two", one_and_two / name)


def test_a_process_that_fails_ends_the_others_with_an_error(one_and_two, photo_folder):
    def fail():
        raise ValueError("a photograph that only this process reads")

    def failing():
        if os.environ["LOCAL_RANK"] == "1":
            TrainingModule.on_before_zero_grad = lambda *_: fail()
            run(one_and_two, "failing", photo_folder, devices=2)
        with pytest.raises(OSError, match="another process of this run has ended; its own message says why"):
            run(one_and_two, "failing", photo_folder, devices=2)

    with forked(failing, ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 1]


def test_every_photograph_counts_once_in_the_validation(photo_folder):
    paths = Photographs(list_images(photo_folder)[:3])
    shares = [_WholeImages(paths, rank=rank, world_size=2) for rank in (0, 1)]
    places = [[share[index]["place"] for index in range(len(share))] for share in shares]
    kept = [[share[index]["weight"] for index in range(len(share))] for share in shares]
    assert places == [[0, 2], [1, 3]]
    assert kept == [[1 / 3, 1 / 3], [1 / 3, 0.0]]


@pytest.mark.slow
def test_the_command_line_starts_the_other_processes_itself(photo_folder, tmp_path):
    script = tmp_path / "semcomm_script.py"
    script.write_text("from semcomm.cli.main import main\nmain()\n")
    small = "--caption none --segmentation none --l 2 --t 4 --width 4 --size 16 --batch-size 4 --steps 2 --norm none"
    folders = ["--train", photo_folder, "--val", photo_folder / "more", "--out", tmp_path / "run"]
    several = ["--devices", "2", "--strategy", "ddp"]
    command = [sys.executable, script, "train", "mlsc", *folders, *small.split(), *several]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("wrote") == 1
    assert result(tmp_path / "run")["processes"] == 2
