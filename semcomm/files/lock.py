"""Output folders have one writer at a time."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semcomm.files.atomic import PART, check_writable

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, nobody is kept out
    fcntl = None

LOCK = ".lock"


@contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Keep other processes that call this out of a folder until the block ends, even if this process is killed.

    The folder is made if it is not there; if the block leaves nothing in it, it is removed again. What a killed
    process left half-written in it is removed, too.

    Args:
        folder: what this process writes to.

    Raises:
        OSError: naming the folder, if another process has it, or it cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, only_writer(folder):
        ...     holds_files(Path(folder))
        False
    """
    folder = Path(folder)
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    check_writable(folder)
    handle = _lock(folder)
    try:
        for half_written in folder.rglob(f".*{PART}"):
            half_written.unlink(missing_ok=True)
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        os.close(handle)
        for one in made:
            try:
                one.rmdir()
            except OSError:
                break  # something is in it


def holds_files(folder: Path) -> bool:
    """Whether there is anything in a folder but the lock and what a killed process left half-written."""
    return folder.is_dir() and any(
        not (held.name.startswith(".") and held.name.endswith((LOCK, PART))) for held in folder.iterdir()
    )


def _lock(folder: Path) -> int:
    """Lock the folder's file, which goes when this process does: a forked process does not inherit such a lock."""
    while True:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(folder / LOCK)):
                return handle
        except FileNotFoundError:
            pass  # its last holder removed it in between
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                return handle  # a network's file system without locks is as good as it was
            os.close(handle)
            raise OSError(
                f"another process is writing to folder {folder}: wait for its end, or name another folder"
            ) from error
        os.close(handle)
