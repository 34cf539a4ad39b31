"""Photographs that cannot be read, found before long work begins."""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from semcomm.data.folders import Photographs


def sort_out_damaged(photographs: Photographs, *, progress: Callable[[], None] = lambda: None) -> Photographs:
    """Decode every photograph once, and leave out those that cannot be read.

    Args:
        photographs: all of them.
        progress: called after each of them.

    Returns:
        the good ones, in their order; `damaged` says what is wrong with each of the others.

    Raises:
        ValueError: if none can be read.
    """
    damaged: dict[Path, str] = {}

    def problem(path: Path) -> str | None:
        try:
            photographs.read(path)
        except (ValueError, OSError) as error:
            return str(error)
        return None

    # load_image changes the warning filters for a while, and threads restore each other's: this puts back the first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of some damage Pillow warns beside raising
        executor = ThreadPoolExecutor(os.cpu_count())
        try:
            for path, said in zip(photographs, executor.map(problem, photographs), strict=True):
                if said is not None:
                    damaged[path] = said
                progress()
        finally:  # an interrupt should not wait for what has not begun
            executor.shutdown(cancel_futures=True)
    if len(damaged) == len(photographs):
        first = next(iter(damaged.values()), "there are none")
        raise ValueError(f"none of {len(photographs)} photographs can be read: {first}")
    return photographs.leave_out(damaged)
