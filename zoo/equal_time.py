"""Train a small SwinJSCC and nested MLSC-image for equal times: `python zoo/equal_time.py --train T --val V --out OUT`.

Each trains in `OUT/NAME` on one thread by `semcomm train`, both at once. SwinJSCC trains for k/n = 1/16 and 10 dB
alone; nested MLSC-image begins from nothing and trains for all its levels and -1 to 21 dB, of which level 15,
k/n = 1/16.7, at 10 dB is validated. Then all of VAL is sent at 10 dB by both and by the hybrid code. It writes
`zoo/equal_time.json`, the table and the figure of `docs/swinjscc.md`. Started again it goes on; `--minutes 0.2` tries
it out.
"""

import argparse
import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainings import DOCS, HERE, put_into_page, train_missing

from semcomm import SemanticSystem, build_hybrid_code, saveable
from semcomm.baselines import build_swin_jscc

FIGURE = DOCS / "images" / "equal-time.png"
RECORD = HERE / "equal_time.json"
SNR_DB, LEVEL, DRAWN = 10.0, 15, 10
SWIN, NESTED, HYBRID = "SwinJSCC small", "nested MLSC-image", "hybrid code, nothing trained"
COMMANDS = {
    SWIN: "custom --builder equal_time:swin --snr 10 --muon-lr 2e-3 --batch-size 8 --validate-every 60",
    NESTED: f"nested --l {LEVEL} --caption none --segmentation none --snr-range -1 21 --validate-every 300",
}


@saveable
def swin() -> SemanticSystem:
    """Build the small SwinJSCC at k/n = 1/16."""
    return build_swin_jscc(bandwidth_ratio=1 / 16, size="small", device="cpu")


def main() -> None:
    """Train, judge, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="photographs to train on")
    parser.add_argument("--val", type=Path, required=True, help="photographs to judge by")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--minutes", type=float, default=60.0, help="of each training")
    given = parser.parse_args()
    with ThreadPoolExecutor(len(COMMANDS)) as pool:
        runs = dict(zip(COMMANDS, pool.map(lambda name: train(name, given), COMMANDS), strict=True))
    record = judge(runs, given)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    draw(record).savefig(FIGURE, dpi=150)
    print(f"wrote {RECORD}, {FIGURE} and the table in {put_into_page('swinjscc.md', 'equal time', table(record))}")


def train(name: str, given: argparse.Namespace) -> Path:
    """Train what is missing, and return its folder."""
    options = [*COMMANDS[name].split(), "--minutes", given.minutes, "--val-images", DRAWN]
    return train_missing(given.out / name.split()[0].lower(), given.train, given.val, *options)


def judge(runs: dict[str, Path], given: argparse.Namespace) -> dict:
    """Send every photograph by both and by the hybrid code; gather what the runs say of themselves."""
    from semcomm import evaluate, from_pretrained
    from semcomm.data.folders import evenly
    from semcomm.data.layouts import find_photographs

    systems = {HYBRID: build_hybrid_code(device="cpu")}
    for name, run in runs.items():
        systems[name] = from_pretrained(run, builder=swin if name == SWIN else None, device="cpu")
    photographs = find_photographs(given.val)
    drawn = evenly(range(len(photographs)), DRAWN)
    record: dict = {"minutes": given.minutes, "photographs": len(photographs), "systems": {}}
    for name, system in systems.items():
        levels = None if name == SWIN else LEVEL
        found = evaluate(system, photographs, SNR_DB, levels=levels)
        scores = found.scores["psnr_db"][0, :, 0]
        one: dict = {"bandwidth_ratio": found.bandwidth_ratio, "psnr_db": [round(each, 3) for each in scores.tolist()]}
        one["curve"] = [(minutes, round(float(scores[drawn].mean()), 3)) for minutes in (0.0, given.minutes)]
        if name in runs:
            said = json.loads((runs[name] / "training.json").read_text())
            one |= {key: said[key] for key in ("steps", "weights", "hardware", "train_manifest_sha256")}
            one["curve"] = curve(runs[name])
        record["systems"][name] = one
    return record


def curve(run: Path) -> list[tuple[float, float]]:
    """Read the minutes and PSNR in dB of every validation."""
    points = []
    for path in run.glob("logs/*/metrics.csv"):
        with path.open() as file:
            rows = [row for row in csv.DictReader(file) if row.get("val/psnr_db")]  # a run stopped early has none
        points += [(float(row["val/minutes"]), float(row["val/psnr_db"])) for row in rows]
    return sorted(points)


def draw(record: dict):
    """Draw PSNR over time."""
    from semcomm.experiments.curves import Curve, Panel, draw_curves

    curves = [Curve(name, *zip(*one["curve"], strict=True)) for name, one in record["systems"].items()]
    panel = Panel("", "minutes of training", "PSNR (dB)", curves)
    return draw_curves([[panel]], title=f"{SNR_DB:g} dB, k/n = 1/16")


def table(record: dict) -> str:
    """Put means, intervals and paired differences into a table."""
    from semcomm.experiments.tables import markdown_table
    from semcomm.quality.statistics import mean_and_ci95

    rows = []
    for name, one in record["systems"].items():
        mean, half = mean_and_ci95(one["psnr_db"])
        less = [a - b for a, b in zip(one["psnr_db"], record["systems"][SWIN]["psnr_db"], strict=True)]
        difference = "" if name == SWIN else "{:+.2f} ± {:.2f}".format(*mean_and_ci95(less))
        steps = f"{one['steps']:,}" if "steps" in one else "0"
        rows.append([name, f"1/{1 / one['bandwidth_ratio']:.1f}", steps, f"{mean:.2f} ± {half:.2f}", difference])
    head = ["after equal times", "k/n", "steps", "PSNR (dB)", f"less {SWIN}, paired (dB)"]
    return "\n".join(markdown_table(head, rows)) + "\n"


if __name__ == "__main__":
    main()
