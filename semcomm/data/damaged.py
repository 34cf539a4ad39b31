"""Photographs that cannot be read, found before long work begins."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from semcomm.images import load_image


def sort_out_damaged(
    paths: Sequence[Path], *, progress: Callable[[], None] = lambda: None
) -> tuple[list[Path], dict[Path, str]]:
    """Decode every photograph once, and tell those that can be read from those that cannot.

    Args:
        paths: the photographs.
        progress: called after each of them.

    Returns:
        the good ones, in their order, and what is wrong with each of the others.

    Raises:
        ValueError: if none can be read.
    """
    damaged: dict[Path, str] = {}
    # load_image changes the warning filters for a while, and threads restore each other's: this puts back the first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of some damage Pillow warns beside raising
        executor = ThreadPoolExecutor(os.cpu_count())
        try:
            for path, problem in zip(paths, executor.map(_problem, paths), strict=True):
                if problem is not None:
                    damaged[path] = problem
                progress()
        finally:  # an interrupt should not wait for what has not begun
            executor.shutdown(cancel_futures=True)
    if len(damaged) == len(paths):
        first = next(iter(damaged.values()), "there are none")
        raise ValueError(f"none of {len(paths)} photographs can be read: {first}")
    return [path for path in paths if path not in damaged], damaged


def _problem(path: Path) -> str | None:
    try:
        load_image(path)
    except (ValueError, OSError) as error:
        return str(error)
    return None
