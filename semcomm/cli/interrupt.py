"""Ctrl-C while the command line is still importing: one line instead of a traceback of whatever was under way."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

INTERRUPTED = 130


def stop_quietly() -> None:
    """Let Ctrl-C end this process at once, if it is the command `semcomm`, until `stop_by_exception` is called.

    A process that was started to ignore Ctrl-C, as in the background of a script, goes on ignoring it.
    """
    is_command = Path(sys.argv[0] if sys.argv else "").stem == "semcomm"
    is_python_s = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_command and is_python_s and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _stop)


def stop_by_exception() -> None:
    """Go back to Python's KeyboardInterrupt, if `stop_quietly` changed anything."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # an exception would come out of the middle of an import, or be swallowed there; nothing has been written yet
    os.write(sys.stderr.fileno(), b"semcomm: interrupted\n")
    os._exit(INTERRUPTED)
