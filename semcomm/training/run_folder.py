"""The folder of a training run: whose it is, how far the run has come, and files that are written whole."""

import json
import re
from pathlib import Path
from typing import Any

from semcomm.files.atomic import check_writable
from semcomm.files.json import read_object
from semcomm.files.lock import holds_files

RECIPE, RESULT, CHECKPOINTS = "recipe.json", "training.json", "checkpoints"
CHECKPOINT = re.compile(r"step=[0-9]{1,18}\.ckpt")


def check_recipe(out: Path, recipe: dict[str, Any], *, resume: bool) -> None:
    """Refuse a folder that is not for this run.

    A resumed run must have the recipe that it was started with. At a constant learning rate it may have more steps:
    each step is what it would have been in the longer run. A run that ended before its first checkpoint, by a damaged
    photograph for example, left nothing that another could spoil.

    Raises:
        FileNotFoundError: if there is nothing to resume.
        ValueError: if the folder holds other files, a run that is not to be resumed, or one with another recipe.
        OSError: if the folder cannot be written.
    """
    path = out / RECIPE
    if not path.is_file():
        if resume:
            raise FileNotFoundError(f"nothing to resume in {out}: {path.name} is missing; leave --resume out")
        if holds_files(out):
            raise ValueError(f"out must be an empty or a new folder, but {out} holds other files")
        check_writable(out)
        return
    if newest_checkpoint(out) is None and not (out / RESULT).is_file():
        check_writable(out)
        return
    if not resume:
        raise ValueError(f"out holds a training run already: {out}; resume it, or name another folder")
    known, now = read_object(path), json.loads(json.dumps(recipe))
    if _only_longer(known, now):
        known["training"]["steps"] = now["training"]["steps"]
    different = sorted(_differences(known, now))
    if different:
        raise ValueError(f"cannot resume {out} with other settings: {'; '.join(different)}")
    check_writable(out)


def is_finished(out: Path, steps: int | None) -> bool:
    """Whether a run of that many steps, or of so many minutes if None, has ended in this folder."""
    if not (out / RESULT).is_file():
        return False
    done = read_object(out / RESULT).get("steps")
    if type(done) is not int:
        raise ValueError(f"{out / RESULT} must say how many steps were made, got {done!r}; delete it to go on")
    return steps is None or done >= steps


def newest_checkpoint(out: Path) -> Path | None:
    """Find the checkpoint of the highest step, if there is any."""
    found = (path for path in (out / CHECKPOINTS).glob("step=*.ckpt") if CHECKPOINT.fullmatch(path.name))
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path | None) -> int:
    """Steps that were done when a checkpoint was written; 0 without one."""
    return 0 if checkpoint is None else int(checkpoint.stem.removeprefix("step="))


def _only_longer(known: Any, now: dict[str, Any]) -> bool:
    try:
        was, wanted = known["training"], now["training"]
        return was["schedule"] == wanted["schedule"] == "constant" and was["steps"] < wanted["steps"]
    except (KeyError, TypeError):
        return False  # a recipe of another kind; the comparison says what is amiss


def _differences(known: Any, now: Any, name: str = "recipe") -> list[str]:
    if isinstance(known, dict) and isinstance(now, dict):
        return [
            problem for key in known.keys() | now.keys() for problem in _differences(known.get(key), now.get(key), key)
        ]
    return [] if known == now else [f"{name} was {known!r}, now {now!r}"]
