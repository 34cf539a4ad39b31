"""What helped: short trainings that differ from the zoo's in one choice each, judged on validation photographs.

`python zoo/tune.py --train FOLDER --val FOLDER --out OUT` trains what is missing in `OUT/NAME` by `semcomm train`, then
writes `zoo/tuning.json`. All see 12,000 crops of 64 x 64 pixels at 10 dB. MLSC-image has l = 2, t = 8 and no semantic
levels, so that nothing but the networks is compared; Deep JSCC has the next larger k/n. The results page shows the
table.
"""

import argparse
import json
import shlex
import subprocess
from pathlib import Path

FIRST = "--batch-size 8 --steps 1500 --lr 1e-3 --schedule cosine"
MLSC = f"mlsc --l 2 --t 8 --caption none --segmentation none {FIRST} --norm none --shortcut --width 24"
JSCC = f"deep-jscc --bandwidth-ratio 2/48 {FIRST}"
CHOICES = {
    "first": ("no normalisation, shortcuts, width 24, cosine from 1e-3", MLSC),
    "paper": ("the paper's plain configuration", f"{MLSC} --norm batch --no-shortcut --width 32 --schedule constant"),
    "cosine": ("plain, with a cosine schedule", f"{MLSC} --norm batch --no-shortcut --width 32"),
    "no-norm": ("plain, cosine, no normalisation", f"{MLSC} --no-shortcut --width 32"),
    "batch-norm": ("batch normalisation", f"{MLSC} --norm batch"),
    "width-32": ("width 32", f"{MLSC} --width 32"),
    "batch-16": ("batch 16, 750 steps", f"{MLSC} --batch-size 16 --steps 750"),
    "lr-2e-3": ("learning rate 2e-3, as in the zoo", f"{MLSC} --lr 2e-3"),
    "lr-4e-3": ("learning rate 4e-3", f"{MLSC} --lr 4e-3"),
    "deep-jscc": ("Deep JSCC, cosine from 1e-3, as in the zoo", JSCC),
    "deep-jscc-lr-2e-3": ("Deep JSCC, learning rate 2e-3", f"{JSCC} --lr 2e-3"),
}
"""Name: what differs from the first, in words, and options of `semcomm train`; of one given twice the last counts."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="photographs to train on")
    parser.add_argument("--val", type=Path, required=True, help="photographs to judge by")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    given = parser.parse_args()
    rows = []
    for name, (change, options) in CHOICES.items():
        result = given.out / name / "training.json"
        if not result.is_file():
            folders = ["--train", given.train, "--val", given.val, "--out", given.out / name]
            fixed = "--snr 10 --size 64 --validate-every 750 --val-images 50"
            command = ["semcomm", "train", *shlex.split(f"{options} {fixed}")]
            resume = ["--resume"] if (given.out / name / "recipe.json").is_file() else []
            subprocess.run([*command, *map(str, folders), *resume], check=True)
        record = json.loads(result.read_text())
        rows.append(
            {
                "name": name,
                "change": change,
                "options": options,
                "steps": record["steps"],
                "val_psnr_db": round(record["metrics"]["val/psnr_db"], 2),
                "weights": record["weights"],
                "seconds_per_step": round(record["wall_time_s"] / record["steps"], 3),
                "hardware": record["hardware"],
                "val_manifest_sha256": record["val_manifest_sha256"],
                "train_manifest_sha256": record["train_manifest_sha256"],
            }
        )
        Path(__file__).with_name("tuning.json").write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{name:12} {rows[-1]['val_psnr_db']:.2f} dB  {change}", flush=True)


if __name__ == "__main__":
    main()
