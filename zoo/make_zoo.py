"""Train, judge and ship the systems of the zoo: `python zoo/make_zoo.py --help`.

Every system is trained by a `semcomm train` command, which its `training.json` keeps, in `OUT/NAME`; started again, the
script resumes what is unfinished and skips what is done. Then `measure.py` measures the finished systems, `--ship`
writes their folders in the package (weights, configuration, recipe with scores, golden output, model card), and
`make_results.py` writes the results page.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # for the golden output

SNRS_DB = [-2.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0]
TUNED = "--norm none --shortcut --width 24"
ADAPTIVE = "--snr-adaptive --snr-range 0 20"
FASTER = "--lr 2e-3"
SYSTEMS = {
    "mlsc-image-l2-t8": f"mlsc --l 2 --t 8 {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l3-t8": f"mlsc --l 3 --t 8 {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l4-t8": f"mlsc --l 4 --t 8 {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l6-t8": f"mlsc --l 6 --t 8 {TUNED} {ADAPTIVE}",
    "mlsc-image-l4-t16": f"mlsc --l 4 --t 16 {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l4-t8-rayleigh": f"mlsc --l 4 --t 8 {TUNED} {ADAPTIVE} {FASTER} --channel rayleigh",
    **{f"deep-jscc-c{c}": f"deep-jscc --bandwidth-ratio {c}/48 --snr-range 0 20" for c in (1, 2, 3, 4, 5)},
    "mlsc-image-l2-t8-no-caption": f"mlsc --l 2 --t 8 --caption none {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l2-t8-no-segmentation": f"mlsc --l 2 --t 8 --segmentation none {TUNED} {ADAPTIVE} {FASTER}",
    "mlsc-image-l2-t8-no-semantics": (
        f"mlsc --l 2 --t 8 --caption none --segmentation none {TUNED} {ADAPTIVE} {FASTER}"
    ),
    **{f"mlsc-image-l3-t8-{snr}db": f"mlsc --l 3 --t 8 {TUNED} --snr {snr} {FASTER}" for snr in (1, 10, 19)},
    "mlsc-image-l3-t8-plain": "mlsc --l 3 --t 8 --snr 10",  # the paper's configuration
}
"""What to train, by name: options of `semcomm train`. The rest of an equal training is `train`'s.

Learning rates are the better of 1e-3 and 2e-3 on the validation photographs (`--lr`); the results page has both.
"""
CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh fading of every symbol, CSI and MMSE at the receiver"}
CARD = """---
library_name: semcomm
tags:
- semantic-communication
---

# {name}

{what}

```python
from semcomm import from_pretrained

system = from_pretrained("{name}")
received = system(images, snr_db=10.0)  # (b, 3, h, w) in [0, 1] to the same
```

## Trained on

{images:,} photographs, {steps:,} steps of {batch_size} crops of {size} x {size} pixels, Adam at {rate:g} with a cosine
to {last:g}, one SNR per image drawn from 0 to 20 dB, {channel}, mean squared error; {minutes:.0f} minutes on
{hardware}. A small budget: trained for longer on your photographs it will do better.
`training.json` has the command, the fingerprints of the photographs, and versions.

## Scores

Photographs sent whole, once, seed {seed}. PSNR and SSIM of single 8-bit images, then means over images
± 95 % confidence. `semcomm evaluate {name} --data FOLDER --snr {snrs}` prints them{second}.

{tables}

`golden.json` records what the system makes of a synthetic picture; a test recomputes it.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SYSTEMS)}; all without one")
    parser.add_argument("--train", type=Path, required=True, help="photographs to train on")
    parser.add_argument("--features", type=Path, required=True, help="what semcomm cache-features made of them")
    parser.add_argument("--val", type=Path, required=True, help="photographs to watch the training with")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--lr", help="another learning rate than the zoo's; with --out OUT/lr-RATE the page compares")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--ship", action="store_true", help="put what measure.py measured into the package; train none")
    given = parser.parse_args()
    unknown = set(given.names) - set(SYSTEMS)
    if unknown:
        parser.error(f"no system {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    for name in given.names or SYSTEMS:
        if not given.ship:
            train(name, given)
        elif (given.out / "results" / f"{name}.json").is_file() and is_shipped(name):
            ship(name, given)


def train(name, given):
    out = given.out / name
    if (out / "training.json").is_file():
        return
    options = [
        *["--train", given.train, "--val", given.val, "--out", out, "--size", given.size],
        *["--batch-size", given.batch_size, "--schedule", "cosine", "--steps", given.steps],
        *["--validate-every", max(1, given.steps // 4), "--val-images", 25],
        *["--precision", given.precision, "--workers", given.workers],
        *(["--lr", given.lr] if given.lr else []),
        *(["--features", given.features] if has_semantics(name) else []),
        *(["--resume"] if (out / "recipe.json").is_file() else []),
    ]
    subprocess.run(["semcomm", "train", *shlex.split(SYSTEMS[name]), *map(str, options)], check=True)


def is_shipped(name):
    """Ablations, and systems for one SNR or as in the paper, serve the results page only."""
    return not re.search(r"-(no-\w+|\d+db|plain)$", name)


def has_semantics(name):
    return name.startswith("mlsc") and not name.endswith("no-semantics")


def ship(name, given):
    import test_pretrained

    from semcomm.experiments.measure import summarize
    from semcomm.files.json import read_object
    from semcomm.pretrained import SHIPPED, from_pretrained

    run, folder = given.out / name, SHIPPED / name
    system = from_pretrained(str(run), device="cpu")
    record = read_object(run / "training.json")
    training = record["training"]
    record["command"] = (
        f"semcomm train {SYSTEMS[name]} --train TRAIN --val VAL --out OUT --size {training['size']} "
        f"--batch-size {training['batch_size']} --schedule {training['schedule']} --steps {record['steps']} "
        f"--validate-every {training['validate_every']} --val-images {training['val_images']}"
        + (" --features FEATURES" if has_semantics(name) else "")
    )
    measured = read_object(given.out / "results" / f"{name}.json")
    record["evaluations"] = [
        {
            **{key: measured[key] for key in ("test", "test_manifest_sha256", "seed")},
            "images": len(measured["images"]),
            "channel": channel,
            "bandwidth_ratio": points[0]["symbols"] / points[0]["dimensions"],
            "rows": [
                {
                    "snr_db": point["snr_db"],
                    **summarize({score: np.array(point[score]) for score in ("psnr_db", "ssim")}),
                }
                for point in points
            ],
        }
        for channel in dict.fromkeys(point["channel"] for point in measured["points"])
        for points in [[point for point in measured["points"] if point["channel"] == channel]]
    ]
    folder.mkdir(exist_ok=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(run / file, folder / file)
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    golden = test_pretrained.golden_output(from_pretrained(str(run), device="cpu"))
    (folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    (folder / "README.md").write_text(card(name, system, record))
    print(f"wrote {folder}")


def card(name, system, record):
    arguments = system.config["arguments"]
    weights = sum(weight.numel() for weight in system.parameters() if weight.requires_grad)
    ratio = f"k/n = {system.bandwidth_ratio(256, 256):.4f} where h and w are multiples of {system.downsampling}"
    if system.config["builder"] == "build_mlsc_image":
        what = (
            f"MLSC-image with l = {arguments['l']}, t = {arguments['t']} ({ratio}),\n"
            "with its caption and its segmentation by the small extractors in the package.\n"
            f"{weights:,} trained weights. One model serves all SNRs (`snr_adaptive=True`)."
        )
    else:
        what = (
            "Deep JSCC as published (Bourtsoulatze, Kurka, Gunduz 2019), the learned baseline, with\n"
            f"c = {arguments['complex_channels']} complex channels ({ratio}).\n"
            f"{weights:,} weights. One model serves all SNRs."
        )
    tables = []
    for evaluation in record["evaluations"]:
        rows = [
            f"| {row['snr_db']:g} | {row['psnr_db']:.2f} ± {row['psnr_ci95']:.2f} "
            f"| {row['ssim']:.3f} ± {row['ssim_ci95']:.3f} |"
            for row in evaluation["rows"]
        ]
        used = f"(k/n = {evaluation['bandwidth_ratio']:.4f} with padding), {CHANNELS[evaluation['channel']]}:"
        head = f"{evaluation['images']} photographs of `{evaluation['test']}` {used}"
        tables.append("\n".join([head, "", "| SNR (dB) | PSNR (dB) | SSIM |", "|---|---|---|", *rows]))
    training = record["training"]
    return CARD.format(
        name=name,
        what=what,
        images=record["train_images"],
        steps=record["steps"],
        batch_size=training["batch_size"],
        size=training["size"],
        rate=training["learning_rate"],
        last=training["learning_rate"] / 100,
        seed=record["evaluations"][0]["seed"],
        minutes=record["wall_time_s"] / 60,
        hardware=describe(record["hardware"]),
        channel=CHANNELS["rayleigh" if "Rayleigh" in record["channel"] else "awgn"],
        snrs=",".join(f"{snr_db:g}" for snr_db in SNRS_DB),
        second=", the second table with `--channel rayleigh`" if len(tables) > 1 else "",
        tables="\n\n".join(tables),
    )


def describe(hardware):
    return hardware if isinstance(hardware, str) else ", ".join(str(value) for value in hardware.values())


if __name__ == "__main__":
    main()
