"""The command line's `--skip-bad`: damaged photographs are left out, or named together with that remedy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from semcomm.cli.options import show_progress
from semcomm.data.damaged import sort_out_damaged
from semcomm.data.folders import Photographs
from semcomm.data.layouts import find_photographs

SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Decode all photographs first and leave out those that cannot be read.")
]


def choose_photographs(
    folder: Path, *, skip_bad: bool, find: Callable[[Path], Photographs] = find_photographs
) -> Photographs:
    """Find the photographs of a folder, and say on stderr how many other files it holds.

    With `skip_bad` those that cannot be read are named on stderr, and left out.

    Args:
        folder: any folder tree.
        skip_bad: decode every photograph to find out.
        find: lists the photographs of a folder.

    Returns:
        the photographs to use; `damaged` holds those left out.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no photographs, or none that can be read.
    """
    found = find(folder)
    for phrase in found.left_out():
        typer.echo(f"semcomm: {folder}: not used: {phrase}", err=True)
    if not skip_bad:
        return found
    with show_progress("checking", total=len(found)) as advance:
        good = sort_out_damaged(found, progress=advance)
    if good.damaged:
        typer.echo(f"semcomm: {folder}: cannot be read, not used: {len(good.damaged)} of {len(found)}", err=True)
        for problem in good.damaged.values():
            typer.echo(f"semcomm: {' '.join(problem.split())}", err=True)
    return good


@contextmanager
def naming_the_remedy(paths: Sequence[Path]) -> Iterator[None]:
    """Turn an error about a photograph that cannot be read into one line that also says how to go on without it.

    Args:
        paths: the photographs that the block reads.

    Raises:
        ValueError: naming the photograph, its damage and `--skip-bad`.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        # whatever read the file may have wrapped the error, such as a process of a data loader in its traceback
        photographs = paths if isinstance(paths, Photographs) else Photographs(paths)
        for path in photographs:
            if str(path) in str(error):
                try:
                    photographs.read(path)
                except (ValueError, OSError) as problem:
                    raise ValueError(f"{problem}; --skip-bad leaves such files out") from error
        raise
