"""JSON files: read with one clear error, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from semcomm.files.atomic import write_whole


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        OSError: if the file cannot be read.
        ValueError: naming the file, if it holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(content).__name__}")
    return content


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all; what is not finite is refused, because JSON has no word for it."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
