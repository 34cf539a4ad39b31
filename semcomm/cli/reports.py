"""What several commands of the command line print and write: tables, JSON, CSV."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from semcomm.data.folders import SUFFIXES
from semcomm.files.atomic import check_writable, write_whole


def check_outputs(files: dict[str, Path | None], *folders: Path, photographs: Iterable[Path] = ()) -> None:
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
        if option == "--figure" and file.suffix.lower() != ".png":
            raise ValueError(f"--figure takes a name that ends in .png, got {file}")
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
    """Write rows with the columns of the first, whole or not at all, and say so; nothing for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write(path, text.getvalue())


def digits(value: float | None, places: int) -> str:
    """Round for people; a dash for None."""
    return "-" if value is None else f"{value:.{places}f}"


def table(*columns: str) -> Table:
    """Make a table whose words are at the left and whose numbers are at the right."""
    made = Table(box=None, header_style="bold")
    for column in columns:
        made.add_column(column, justify="left" if column in ("image", "model", "name", "caption") else "right")
    return made


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {path}")
