"""The command line of a run: what it says and exits with when a signal ends it."""

import os
import signal
import sys

import pytest
from training_runs import forked

from semcomm.cli.main import main
from semcomm.training.module import TrainingModule


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(photo_folder, tmp_path, number, code):
    small = "--caption none --segmentation none --l 2 --t 4 --width 4 --size 16 --batch-size 2 --workers 1"
    folders = ["--train", photo_folder, "--val", photo_folder / "more", "--out", tmp_path / "run"]

    def stopped():
        sys.argv = ["semcomm", "train", "mlsc", *map(str, folders), *small.split()]
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT), stream)
        sys.stderr = os.fdopen(2, "w")
        # a terminal sends its interrupt to the processes that decode photographs, too
        TrainingModule.on_before_zero_grad = lambda *_: os.killpg(os.getpgrp(), number)
        os.setpgrp()
        main()

    with forked(stopped) as (process,):
        pass
    assert process.exitcode == code
    name = signal.Signals(number).name
    said = f"semcomm: stopped by {name}; the same command with --resume goes on after step 1\n"
    assert (tmp_path / "err").read_text() == said
