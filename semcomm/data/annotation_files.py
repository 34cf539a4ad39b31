"""Annotation files in JSON. A fault in one ends in one error that names the file and the place."""

import json
import math
from pathlib import Path
from typing import Any


def read_document(path: str | Path, *, encoding: str = "utf-8") -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Args:
        path: the file.
        encoding: its text's encoding.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no JSON, or holds something else than an object.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such annotation file: {path}")
    try:
        document = json.loads(path.read_text(encoding=encoding))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"annotation file {path} is truncated or no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"annotation file {path} must hold a JSON object, got {_kind(document)}")
    return document


def records(document: dict[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    """Return the list of objects that a document holds under a name.

    Raises:
        ValueError: if it holds none.
    """
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise ValueError(f"annotation file {path} must hold a list of objects {name!r}, got {_kind(found)}")
    return found


def text_field(record: dict[str, Any], name: str, place: str) -> str:
    """Return a field that must be a string that is not empty; `place` says in errors where the record is."""
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{place} must have text {name!r}, got {_show(value)}")
    return value


def whole_field(record: dict[str, Any], name: str, place: str) -> int:
    """Return a field that must be a whole number, or the digits of one, not negative."""
    value = record.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{place} must have a whole number {name!r}, at least 0, got {_show(value)}")
    return value


def number_field(record: dict[str, Any], name: str, place: str) -> float:
    """Return a field that must be a finite number, or the text of one."""
    value = record.get(name)
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{place} must have a finite number {name!r}, got {_show(value)}")
    return number


def _show(value: object) -> str:
    text = repr(value)
    return "none" if value is None else text if len(text) < 60 else f"{text[:60]}..."


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", str: "text", type(None): "none"}.get(type(value), type(value).__name__)
