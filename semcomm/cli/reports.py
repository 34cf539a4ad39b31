"""What several commands of the command line print and write: tables, JSON, CSV."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from semcomm.experiments.tables import csv_text
from semcomm.files.atomic import check_writable, write_whole
from semcomm.files.pictures import SUFFIXES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".png", ".pdf", ".svg")
WORDS = frozenset({"image", "model", "name", "caption", "codec"})
"""Headings of columns that hold words."""
FOLDED = 20
"""Words of a table may be folded to as many characters."""


def check_outputs(
    files: dict[str, Path | None], *, folders: Iterable[Path] = (), photographs: Iterable[Path] = ()
) -> None:
    """Make sure, before long work begins, that results can be written and replace nothing that they must not.

    Args:
        files: options, such as "--json", and the files they name.
        folders: for further results.
        photographs: what no result may replace; of a folder, the pictures below it.
    """
    kept = [path.resolve() for path in photographs]
    named = {option: file for option, file in files.items() if file is not None}
    taken: dict[Path, str] = {}
    for option, file in named.items():
        whole = file.resolve()
        if option == "--figure" and file.suffix.lower() not in FIGURES:
            raise ValueError(f"--figure takes a name that ends in {', '.join(FIGURES)}, got {file}")
        if whole in taken:
            raise ValueError(f"{taken[whole]} and {option} are both to be written to {file}; name two files")
        taken[whole] = option
        picture = file.is_file() and file.suffix.lower() in SUFFIXES
        if whole in kept or (picture and any(whole.is_relative_to(path) for path in kept)):
            raise ValueError(f"{option} {file} would overwrite a photograph; name another file")
    for folder in (*folders, *(file.parent for file in named.values())):
        check_writable(folder)
    for option, file in named.items():
        if file.exists() and not file.is_file():
            what = "a folder" if file.is_dir() else "a device or a pipe, which would be replaced"
            raise OSError(f"{option} takes a file, but {file} is {what}")


def write_json(path: Path | None, content: Any) -> None:
    """Write JSON, whole or not at all, and say so; nothing for None."""
    _write(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path | None, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, whole or not at all, and say so; nothing for None."""
    _write(path, csv_text(rows))


def write_text_file(path: Path | None, make: Callable[[], str]) -> None:
    """Write the text that a function makes, whole or not at all, and say so; nothing for None."""
    if path is not None:
        _write(path, make())


def write_figure(path: Path | None, make: Callable[[], "Figure"]) -> None:
    """Write the figure that a function draws, whole or not at all, and say so; nothing for None."""
    if path is not None:
        from semcomm.experiments.pictures import save_figure

        save_figure(make(), path)
        typer.echo(f"wrote {path}")


def digits(value: float | None, places: int) -> str:
    """Round for people; a dash for None."""
    return "-" if value is None else f"{value:.{places}f}"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, keys: int = 1) -> None:
    """Print a table to stdout: words at the left, numbers at the right, and nothing taken for markup.

    Headings and numbers are never broken. Long words, such as paths, are folded. What does not fit beside them is
    printed below as a further table, which begins with the same `keys` columns.

    Args:
        columns: headings.
        rows: cells.
        keys: how many columns say what a row is about.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    for chosen in _parts(columns, rows, keys, console.width):
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for place in chosen:
            words = columns[place] in WORDS
            width = _least_width(columns[place], [row[place] for row in rows])
            table.add_column(
                columns[place],
                justify="left" if words else "right",
                overflow="fold",
                no_wrap=not words,
                min_width=width,
            )
        for row in rows:
            table.add_row(*(row[place] for place in chosen))
        console.print(table)


def _parts(columns: Sequence[str], rows: Sequence[Sequence[str]], keys: int, width: int) -> list[list[int]]:
    """Which columns stand in which table."""
    widths = [_least_width(name, [row[place] for row in rows]) + 2 for place, name in enumerate(columns)]
    parts, taken = [list(range(keys))], sum(widths[:keys])
    for place in range(keys, len(columns)):
        if taken + widths[place] > width and len(parts[-1]) > keys:
            parts.append(list(range(keys)))
            taken = sum(widths[:keys])
        parts[-1].append(place)
        taken += widths[place]
    return parts


def _least_width(heading: str, cells: Sequence[str]) -> int:
    longest = max(map(len, cells), default=0)
    return max(len(heading), min(longest, FOLDED) if heading in WORDS else longest)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {path}")
