"""What each part of the training recipe brings: trainings of equal time that differ in one choice each.

`python zoo/compare_recipes.py --train FOLDER --val FOLDER --out OUT` trains what is missing in `OUT/NAME` by `semcomm
train`, 15 minutes each on one thread, judges all by the validation photographs, writes `zoo/recipes.json`, and puts the
table into `docs/training.md`. Started again it goes on. Nothing else may run on the machine meanwhile; `--jobs 2` runs
two at a time on two cores. `--minutes 0.2` tries it out.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SYSTEM = "mlsc --l 4 --t 8 --caption none --segmentation none --width 64 --norm none --snr-adaptive --shortcut"
CHOICES = {
    "recipe": ("the recipe", ""),
    "no-muon": ("Adam for the kernels, too", "--muon-lr 0"),
    "no-muon-1e-3": ("Adam at 1e-3 for everything", "--muon-lr 0 --lr 1e-3"),
    "float32": ("float32", "--precision 32-true"),
    "mse": ("mean squared error", "--loss mse"),
    "no-average": ("no moving average", "--average 0"),
    "no-decay": ("constant learning rates", "--schedule constant"),
    "small-crops": ("64 crops of 64 x 64", "--batch-size 64 --size 64"),
    "large-crops": ("4 crops of 256 x 256", "--batch-size 4 --size 256"),
    "batch-32": ("32 crops of 128 x 128", "--batch-size 32"),
    "first-release": (
        "0.1.0: 8 crops of 64 x 64, Adam at 1e-3, cosine, float32",
        "--batch-size 8 --size 64 --muon-lr 0 --lr 1e-3 --schedule cosine --loss mse --average 0 --precision 32-true",
    ),
    "paper": (
        "the paper's: 32 crops of 256 x 256, Adam at 1e-3, float32",
        "--batch-size 32 --size 256 --muon-lr 0 --lr 1e-3 --schedule constant --loss mse --average 0 "
        "--precision 32-true",
    ),
}
"""Name: what differs from the recipe, in words, and options of `semcomm train`."""
SNRS_DB = 1.0, 10.0
PAGE = Path(__file__).parents[1] / "docs" / "training.md"
RECORD = Path(__file__).with_name("recipes.json")
BEGIN, END = "<!-- recipes: begin -->\n", "<!-- recipes: end -->\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOICES)}; all without one")
    parser.add_argument("--train", type=Path, required=True, help="photographs to train on")
    parser.add_argument("--val", type=Path, required=True, help="photographs to judge by")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--minutes", type=float, default=15.0, help="of each training")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each")
    given = parser.parse_args()
    unknown = set(given.names) - set(CHOICES)
    if unknown:
        parser.error(f"no choice {', '.join(sorted(unknown))}; there are {', '.join(CHOICES)}")
    names = given.names or list(CHOICES)
    with ThreadPoolExecutor(given.jobs) as pool:
        for name, row in zip(names, pool.map(lambda name: train_and_judge(name, given), names), strict=True):
            print(f"{name:14} {row['steps']:6} steps  {row['psnr_db']}", flush=True)
    rows = [json.loads(path.read_text()) for name in CHOICES if (path := given.out / name / "judged.json").is_file()]
    RECORD.write_text(json.dumps(rows, indent=1) + "\n")
    before, after = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + table(rows) + END + after.split(END)[1])
    print(f"wrote {RECORD} and the table in {PAGE}")


def train_and_judge(name, given):
    out = given.out / name
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if not (out / "training.json").is_file():
        folders = ["--train", given.train, "--val", given.val, "--out", out, "--minutes", given.minutes]
        fixed = ["--validate-every", 100_000, "--val-images", 1]  # judged once, at the end, and by all photographs
        resume = ["--resume"] if (out / "recipe.json").is_file() else []
        command = ["semcomm", "train", *shlex.split(f"{SYSTEM} {CHOICES[name][1]}")]
        with (given.out / f"{name}.log").open("a") if given.out.is_dir() else made(given.out, name) as log:
            subprocess.run([*command, *map(str, [*folders, *fixed, *resume])], env=environment, stderr=log, check=True)
    if not (out / "judged.json").is_file():
        judge = [sys.executable, __file__, "--judge", str(out), str(given.val), name]
        subprocess.run(judge, env=environment, check=True)
    return json.loads((out / "judged.json").read_text())


def made(folder, name):
    folder.mkdir(parents=True)
    return (folder / f"{name}.log").open("a")


def judge(run, val, name):
    """Send every validation photograph whole, at each SNR."""
    import torch

    from semcomm import from_pretrained
    from semcomm.data.folders import list_images
    from semcomm.files.pictures import load_image

    system = from_pretrained(run, device="cpu")
    record = json.loads((Path(run) / "training.json").read_text())
    scores = {snr_db: [] for snr_db in SNRS_DB}
    for number, path in enumerate(list_images(val)):
        image = load_image(path)[None]
        for snr_db, found in scores.items():
            sent = system.transmit(image, snr_db, generator=torch.Generator().manual_seed(number))
            found.append(sent.psnr_db.item())
    row = {
        "name": name,
        "change": CHOICES[name][0],
        "options": CHOICES[name][1],
        "steps": record["steps"],
        "minutes": round(record["wall_time_s"] / 60, 1),
        "psnr_db": {f"{snr_db:g}": round(sum(found) / len(found), 2) for snr_db, found in scores.items()},
        "photographs": len(scores[SNRS_DB[0]]),
        "hardware": record["hardware"],
        "train_manifest_sha256": record["train_manifest_sha256"],
    }
    (Path(run) / "judged.json").write_text(json.dumps(row, indent=1) + "\n")


def table(rows):
    first = rows[0]
    lines = [
        f"PSNR in dB, mean over {first['photographs']} validation photographs, after {first['minutes']:g} minutes on "
        f"{first['hardware']}:",
        "",
        "| what differs | steps | 1 dB | 10 dB |",
        "|---|---|---|---|",
        *(
            f"| {row['change']} | {row['steps']:,} | {row['psnr_db']['1']:.2f} | {row['psnr_db']['10']:.2f} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        judge(*sys.argv[2:5])
    else:
        main()
