"""What each part of the training recipe brings: trainings of equal time that differ in one choice each.

`python zoo/compare_recipes.py --train FOLDER --val FOLDER --out OUT` first times a step of each on one thread. Then
each trains in `OUT/NAME` by `semcomm train`, as many steps as 15 minutes have, and sends all of VAL. It writes
`zoo/recipes.json` and the table in `docs/training.md`. Started again it goes on. Nothing else may run while steps are
timed; `--jobs 2` runs two at a time on two cores. `--minutes 0.2 --trial 0.1` tries it out.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from trainings import HERE, put_into_page, train_missing

from semcomm import SemanticSystem, evaluate, from_pretrained
from semcomm.data.layouts import find_photographs
from semcomm.experiments.tables import markdown_table
from semcomm.quality.statistics import mean_and_ci95
from semcomm.training.run_folder import newest_checkpoint

SYSTEM = "mlsc --l 4 --t 8 --caption none --segmentation none --width 64 --norm none --snr-adaptive --shortcut"
LIKE_RELEASE = "--muon-lr 0 --lr 1e-3 --loss mse --average 0 --precision 32-true"
SNRS_DB = 1.0, 10.0
RECORD = HERE / "recipes.json"


@dataclass(frozen=True)
class Choice:
    """What differs from the recipe.

    Args:
        words: what it is called in the table.
        options: of `semcomm train`.
        last: what the weights at its end are called, where they are judged beside their moving average.
    """

    words: str
    options: str = ""
    last: str = ""


CHOICES = {
    "recipe": Choice("the recipe", last="no moving average"),
    "adam": Choice("Adam at 1e-3 for everything", "--muon-lr 0 --lr 1e-3"),
    "float32": Choice("float32", "--precision 32-true"),
    "mse": Choice("mean squared error", "--loss mse"),
    "no-decay": Choice("constant rates", "--schedule constant", last="constant rates, no moving average"),
    "small-crops": Choice("64 crops of 64 x 64", "--batch-size 64 --size 64"),
    "first-release": Choice(
        "0.1.0: 8 crops of 64 x 64, Adam at 1e-3, cosine, float32",
        f"--batch-size 8 --size 64 --schedule cosine {LIKE_RELEASE}",
    ),
    "paper": Choice(
        "the paper's: 32 crops of 256 x 256, Adam at 1e-3, float32",
        f"--batch-size 32 --size 256 --schedule constant {LIKE_RELEASE}",
    ),
}


def main() -> None:
    """Time, train, judge, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOICES)}; all without one")
    parser.add_argument("--train", type=Path, required=True, help="photographs to train on")
    parser.add_argument("--val", type=Path, required=True, help="photographs to judge by")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--minutes", type=float, default=15.0, help="of each training")
    parser.add_argument("--trial", type=float, default=1.5, help="minutes in which the steps of each are timed")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each")
    given = parser.parse_args()
    unknown = set(given.names) - set(CHOICES)
    if unknown:
        parser.error(f"no choice {', '.join(sorted(unknown))}; there are {', '.join(CHOICES)}")
    names = given.names or list(CHOICES)
    with ThreadPoolExecutor(given.jobs) as pool:
        seconds = dict(zip(names, pool.map(lambda name: seconds_per_step(name, given), names), strict=True))
        for name, run in zip(names, pool.map(lambda name: train(name, seconds[name], given), names), strict=True):
            print(f"{name}: {seconds[name]:.3f} s a step, trained in {run}", flush=True)
    torch.set_num_threads(1)
    rows = [row for name in CHOICES if name in names for row in judge(name, seconds[name], given)]
    record = {"minutes": given.minutes, "photographs": len(rows[0]["psnr_db"]["1"]), "rows": rows}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {RECORD} and the table in {put_into_page('training.md', 'recipes', table(record))}")


def seconds_per_step(name: str, given: argparse.Namespace) -> float:
    """Time a step in a short training of its own."""
    said = json.loads(
        (_train(name, given.out / "trials", given, "--minutes", given.trial) / "training.json").read_text()
    )
    return said["wall_time_s"] / said["steps"]


def train(name: str, seconds: float, given: argparse.Namespace) -> Path:
    """Train for the steps that the minutes have."""
    return _train(name, given.out, given, "--steps", max(1, round(60 * given.minutes / seconds)))


def _train(name: str, folder: Path, given: argparse.Namespace, *length: object) -> Path:
    options = [*SYSTEM.split(), *CHOICES[name].options.split(), "--on-device", *length]
    options += ["--validate-every", 100_000, "--val-images", 1]  # judged once, at the end, and by all photographs
    return train_missing(folder / name, given.train, given.val, *options)


def judge(name: str, seconds: float, given: argparse.Namespace) -> Iterator[dict]:
    """Send all photographs by what a run saved, and by its last weights where the table has them, too."""
    run, choice = given.out / name, CHOICES[name]
    system = from_pretrained(run, device="cpu")
    said = json.loads((run / "training.json").read_text())
    told = {key: said[key] for key in ("steps", "hardware", "train_manifest_sha256", "val_manifest_sha256")}
    told |= {"options": choice.options, "seconds_per_step": round(seconds, 3)}
    yield {"name": name, "change": choice.words} | told | {"psnr_db": scores(system, given.val)}
    checkpoint = newest_checkpoint(run)
    if choice.last and checkpoint:
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
        system.load_state_dict({key.removeprefix("system."): value for key, value in weights.items()})
        yield {"name": f"{name}, last", "change": choice.last} | told | {"psnr_db": scores(system, given.val)}


def scores(system: SemanticSystem, val: Path) -> dict[str, list[float]]:
    """PSNR in dB of every photograph, by SNR in dB."""
    found = evaluate(system, find_photographs(val), SNRS_DB).scores["psnr_db"]
    return {f"{snr_db:g}": found[row, :, 0].round(3).tolist() for row, snr_db in enumerate(SNRS_DB)}


def table(record: dict) -> str:
    """Put steps, means and paired differences from the recipe into a table."""
    recipe, *_ = rows = record["rows"]
    lines = []
    for row in rows:
        cells = [row["change"], f"{row['steps']:,}"]
        for snr_db, found in row["psnr_db"].items():
            less = [one - other for one, other in zip(found, recipe["psnr_db"][snr_db], strict=True)]
            mean, half = mean_and_ci95(less)
            cells += [f"{mean_and_ci95(found)[0]:.2f}", "" if row is recipe else f"{mean:+.2f} ± {half:.2f}"]
        lines.append(cells)
    head = ["what differs", "steps"]
    for snr_db in recipe["psnr_db"]:
        head += [f"{snr_db} dB", f"less the recipe, {snr_db} dB"]
    return "\n".join(
        [
            f"PSNR in dB at two SNRs, mean over {record['photographs']} validation photographs, after the steps that "
            f"{record['minutes']:g} minutes of {recipe['hardware']} have; paired differences with 95 % intervals:",
            "",
            *markdown_table(head, lines),
            "",
        ]
    )


if __name__ == "__main__":
    main()
