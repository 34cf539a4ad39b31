"""What the scripts that compare trainings share: `semcomm train` on one thread, and a table in a page."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"


def train_missing(out: Path, train: Path, val: Path, *options: object) -> Path:
    """Train in folder `out` on one thread, or go on there, unless it has ended; return `out`."""
    if (out / "training.json").is_file():
        return out
    command = ["semcomm", "train", *options, "--train", train, "--val", val, "--out", out]
    command += ["--resume"] if (out / "recipe.json").is_file() else []
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_name(f"{out.name}.log").open("a") as log:
        subprocess.run([*map(str, command)], env=environment, stderr=log, check=True)
    return out


def put_into_page(page: str, name: str, text: str) -> Path:
    """Replace what a page of the documentation has between the marks of `name`; return its path."""
    path = DOCS / page
    begin, end = (f"<!-- {name}: {where} -->\n" for where in ("begin", "end"))
    before, rest = path.read_text().split(begin)
    path.write_text(before + begin + text + end + rest.split(end)[1])
    return path
