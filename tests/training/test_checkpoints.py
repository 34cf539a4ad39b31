"""Checkpoints: when they are written, and that a full disk leaves no half ones."""

import errno
import os
import resource
from contextlib import contextmanager

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from training_runs import config, system

from semcomm.training import checkpoints
from semcomm.training.checkpoints import KeepNewest, WholeCheckpoints
from semcomm.training.engine import train


@contextmanager
def largest_file(size):
    """Let no file grow beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def saved_steps(photo_folder, out, **changes):
    steps, save = [], KeepNewest._save

    def record(keeper, trainer):
        save(keeper, trainer)
        steps.append(trainer.global_step)
        assert [path.name for path in (out / "checkpoints").iterdir()] == [f"step={trainer.global_step}.ckpt"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeepNewest, "_save", record)
        train(system(), config(photo_folder, out, **changes))
    return steps


def test_there_is_one_every_so_many_steps_and_at_the_end(photo_folder, tmp_path):
    assert saved_steps(photo_folder, tmp_path, steps=5, validate_every=2) == [2, 4, 5]


def test_every_round_through_the_photographs_leaves_one(photo_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROUND_SPACING_S", 0.0)
    # four photographs, three a step: rounds end in steps 2, 3 and 4, and the fourth in 6
    assert saved_steps(photo_folder, tmp_path, steps=6, validate_every=100, batch_size=3) == [2, 3, 4, 6]


def test_rounds_of_less_than_ten_seconds_share_one(photo_folder, tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: next(clock))
    steps = saved_steps(photo_folder, tmp_path, steps=12, validate_every=100, batch_size=4)
    assert 1 < len(steps) < 8
    assert steps[-1] == 12


def test_a_full_disk_is_one_error_and_leaves_the_checkpoint_before(photo_folder, tmp_path):
    train(system(), config(photo_folder, tmp_path / "run", steps=2))
    before = (tmp_path / "run" / "checkpoints" / "step=2.ckpt").read_bytes()
    with largest_file(20_000), pytest.raises(OSError, match=r"cannot write checkpoint .*step=4.ckpt: File too large"):
        train(system(), config(photo_folder, tmp_path / "run", steps=6), resume=True)
    (left,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert left.read_bytes() == before


def test_logs_that_do_not_fit_name_the_folder(photo_folder, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(CSVLogger, "save", fail)
    with pytest.raises(OSError, match="cannot write to folder .*run: No space left on device"):
        train(system(), config(photo_folder, tmp_path / "run"))
    assert not (tmp_path / "run" / "training.json").exists()


def test_weights_that_do_not_fit_leave_no_file(tmp_path):
    with largest_file(2000), pytest.raises(OSError, match="cannot write .*model.safetensors: .*File too large"):
        system().save_pretrained(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_whole_or_not_there(tmp_path):
    writer = WholeCheckpoints()
    writer.save_checkpoint({"weight": torch.arange(1000.0)}, tmp_path / "new" / "a.ckpt")
    loaded = torch.load(tmp_path / "new" / "a.ckpt", weights_only=True)
    assert torch.equal(loaded["weight"], torch.arange(1000.0))
    with pytest.raises(ValueError, match="checkpoint .*a.ckpt is damaged: epoch, global_step, .*; delete it to start"):
        writer.load_checkpoint(tmp_path / "new" / "a.ckpt")
    with largest_file(1000), pytest.raises(OSError, match="cannot write checkpoint .*b.ckpt"):
        writer.save_checkpoint({"weight": torch.arange(1000.0)}, tmp_path / "new" / "b.ckpt")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.ckpt"]
