"""Ctrl-C, whenever it comes: exit code 130 and one line."""

import os
import signal
import subprocess
import sys

import pytest
from training_runs import forked

from semcomm.cli import interrupt
from semcomm.cli import main as cli

EARLY = """
import os, signal, sys, threading, time

def interrupt():
    while "torch" not in sys.modules:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
from semcomm.cli.main import main
main()
"""


def heed_interrupts():
    """In a new process: forget that these tests may run in the background, where Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def interrupts():
    """Python's own handler of Ctrl-C, wherever these tests run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_during_the_imports_is_one_line(tmp_path):
    script = tmp_path / "semcomm"
    script.write_text(EARLY)
    command = [sys.executable, script, "models"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=heed_interrupts)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "semcomm: interrupted\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt])
def test_an_interrupt_of_a_command_is_one_line(run, monkeypatch, error):
    def interrupted():
        raise error

    monkeypatch.setattr(cli, "list_pretrained", interrupted)
    code, out, err = run("models")
    assert (code, out, err) == (130, "", "semcomm: interrupted\n")


@pytest.mark.parametrize(("name", "taken"), [("/usr/bin/semcomm", True), ("semcomm.exe", True), ("/x/pytest", False)])
@pytest.mark.usefixtures("interrupts")
def test_only_the_command_takes_interrupts(monkeypatch, name, taken):
    monkeypatch.setattr(sys, "argv", [name, "train"])
    interrupt.stop_quietly()
    assert (signal.getsignal(signal.SIGINT) is interrupt._stop) == taken
    interrupt.stop_by_exception()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interrupts")
def test_a_command_that_was_told_to_ignore_interrupts_does(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["semcomm", "train"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt.stop_quietly()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_second_stage_leaves_other_handlers_alone(tmp_path):
    def child():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        interrupt.stop_by_exception()
        os.kill(os.getpid(), signal.SIGINT)
        (tmp_path / "alive").touch()

    with forked(child):
        pass
    assert (tmp_path / "alive").exists()
