"""Small training runs, in this process or in others that can be killed, and how their results compare."""

import multiprocessing
import os
import socket
import time
import warnings
from contextlib import contextmanager

import torch
from safetensors.torch import load_file
from toys import small_system

from semcomm.training.config import PAPER, TrainingConfig

STEPS = 6


def config(photo_folder, out, **changes):
    numbers = {"size": 16, "batch_size": 2, "steps": STEPS, "validate_every": 2, "seed": 3, "snr_db": (0.0, 20.0)}
    numbers = PAPER | numbers
    folders = {"train": photo_folder, "val": photo_folder / "more", "out": out}
    return TrainingConfig(**(folders | numbers | changes))


def system(**changes):
    return small_system(2, 4, snr_adaptive=True, **changes)


def weights(folder):
    return load_file(folder / "model.safetensors")


def identical(one, other):
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@contextmanager
def forked(task, environments=({},)):
    """Run `task` in one copy of this process per environment: real processes, without the seconds that imports take."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_run, args=(task, environment)) for environment in environments]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads; this one's threads are idle
        for process in processes:
            process.start()
    try:
        yield processes
        for process in processes:
            process.join(60)
    finally:
        for process in processes:
            process.kill()


def _run(task, environment):
    os.environ.update(environment)
    torch.set_num_threads(1)
    task()


def ranks(number):
    """What Lightning's launcher tells each of several processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(number), "NODE_RANK": "0"}
    return [common | {"LOCAL_RANK": str(rank)} for rank in range(number)]


def wait_for(condition, seconds=30):
    """Wait until something has happened in another process."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
