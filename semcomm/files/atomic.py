"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""Ending of files that are being written, which a killed process leaves behind."""


def check_writable(folder: str | Path) -> None:
    """Make a folder, if it is not there, and make sure that files can be written to it, before long work begins.

    Raises:
        OSError: naming the folder, if it cannot be made or written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to folder {folder}: {error.strerror or error}") from error


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` once the block has ended without an error.

    Raises:
        OSError: naming the folder, if it cannot be made or written; naming the file, if the disk is full.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write {path}: it is no file")
    check_writable(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if str(error).startswith("cannot write"):
            raise
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
