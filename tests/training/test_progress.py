"""The bar of a training run: its share and its time left are those of the whole run."""

import io
import re
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from semcomm.training.progress import StepsBar


def trainer(step):
    return SimpleNamespace(global_step=step, is_global_zero=True, callback_metrics={"val/psnr_db": torch.tensor(21.5)})


def drawn(bar):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(bar.progress.get_renderable())
    return console.export_text()


@pytest.fixture
def clock(monkeypatch):
    """A terminal, and the time that the bar reads."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    return [1000.0]


def run(bar, clock, *steps, seconds):
    """Take steps, each after as many seconds."""
    bar.progress.get_time = bar.progress.tasks[0]._get_time = lambda: clock[0]
    bar.on_train_start(trainer(steps[0]), None)
    for step in steps[1:]:
        clock[0] += seconds
        bar.on_train_batch_end(trainer(step), None, None, None, 0)


def test_time_left_is_that_of_the_remaining_steps(clock):
    bar = StepsBar(1000)
    run(bar, clock, 0, 100, 200, 300, seconds=30)
    text = drawn(bar)
    bar.teardown(trainer(300), None, "fit")
    assert "step 300/1,000" in text
    assert "0:01:30 left 0:03:30" in text  # 700 steps of 0.3 s
    assert "val/psnr_db 21.5" in text


def test_a_resumed_run_does_not_count_what_it_found_as_its_own_speed(clock):
    bar = StepsBar(1000)
    run(bar, clock, 800, 850, 900, seconds=60)
    text = drawn(bar)
    bar.on_exception(trainer(900), None, KeyboardInterrupt())
    assert "step 900/1,000" in text
    assert "0:02:00 left 0:02:00" in text  # 100 steps of 1.2 s
    assert not bar.progress.live.is_started


def test_a_run_that_time_ends_shows_the_time_until_then(clock):
    bar = StepsBar(None, minutes=10, seconds=lambda: clock[0] - 1000)
    run(bar, clock, 0, 7, 14, seconds=60)
    text = drawn(bar)
    bar.teardown(trainer(14), None, "fit")
    assert re.search(r"step 14 +0:02:00 left 0:08:00", text)


def test_nothing_is_drawn_without_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    bar = StepsBar(10)
    bar.on_train_start(trainer(0), None)
    bar.on_train_batch_end(trainer(1), None, None, None, 0)
    bar.teardown(trainer(1), None, "fit")
    assert capsys.readouterr() == ("", "")
