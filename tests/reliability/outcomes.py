"""What mutated input may end in, success or one clear error, and the count of what it ended in."""

import contextlib
import io
import json
import signal
import sys
from collections import Counter, defaultdict

from PIL import Image
from safetensors.torch import load_file

from semcomm.cli import main as cli

MOST_SECONDS = 10.0
COUNTS = defaultdict(Counter)
"""Per area, how many cases ended in "success" and how many in "refused"."""


class Hang(BaseException):
    """A case took too long; no `except Exception` should swallow it."""


@contextlib.contextmanager
def no_hang():
    """Stop a case after 10 s of work; the processor's time counts, since the machine may be busy with other things."""

    def stop(*_):
        raise Hang(f"it took more than {MOST_SECONDS:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(area, task, *, case, naming=None):
    """Run what must end in success or in one clear error, and count it; return the task's result, None if refused.

    `naming` is a word that the error must hold, such as the name of the damaged file.
    """
    result, refusal = None, None
    try:
        with no_hang():
            result = task()
    except (ValueError, TypeError, OSError) as error:
        refusal = error
    except BaseException as error:
        raise AssertionError(f"{area}, {case}: neither success nor a clear error: {error!r}") from error
    if refusal is not None:
        said = str(refusal)
        assert said.strip(), f"{area}, {case}: an error without a word: {refusal!r}"
        assert naming is None or naming in said, f"{area}, {case}: the error does not name {naming}: {said}"
    COUNTS[area]["success" if refusal is None else "refused"] += 1
    return result


def command(area, arguments, folder):
    """Run a command line in this process: exit code 0, or 2 and one line on stderr; nothing half-written stays."""
    out, err = io.StringIO(), io.StringIO()
    case = " ".join(map(repr, map(str, arguments)))
    argv, code = sys.argv, None
    sys.argv = ["semcomm", *map(str, arguments)]
    try:
        with no_hang(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as stop:
        code = stop.code
    except BaseException as error:
        raise AssertionError(f"{area}, {case}: a traceback: {error!r}") from error
    finally:
        sys.argv = argv
    said = err.getvalue()
    assert code in (0, 2), f"{area}, {case}: exit code {code}: {said}"
    lines = said.splitlines()
    assert all(line.startswith("semcomm: ") for line in lines), f"{area}, {case}: {said}"
    if code == 2 and "--skip-bad" not in arguments:
        errors = [line for line in lines if ": not used: " not in line]  # which counts a folder's other files
        assert len(errors) == 1, f"{area}, {case}: {said!r}"
    left = half_written(folder)
    assert not left, f"{area}, {case}: left half-written: {left}"
    COUNTS[area]["refused" if code else "success"] += 1
    return code, out.getvalue(), said


def half_written(folder):
    """Find what `write_whole` had not renamed yet, and locks of writers that are gone."""
    return [path for path in folder.rglob(".*") if path.is_file()]


def cases(count, seed=0):
    """Yield what to seed each case's randomness with; a failure names it."""
    for number in range(count):
        yield (seed, number)


def check_whole(folder):
    """Whatever lies in a folder, under whatever name, can be read."""
    for path in folder.rglob("*"):
        start = path.read_bytes()[:8] if path.is_file() else b""
        if start.startswith(b"\x89PNG") and path.name != "half.png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".jsonl":
            assert all(json.loads(line) for line in path.read_text().splitlines())
        elif start.startswith((b"{", b"[")):
            json.loads(path.read_text())
        elif start.startswith(b"model,"):
            assert path.read_text().endswith("\n"), path
        elif start and path.suffix == ".safetensors":
            load_file(path)
