"""Train, measure, judge and ship the zoo: `python zoo/ship.py --train TRAIN --val VAL --test TEST --out OUT`.

`spec.py` says what is trained and what the results page compares. All work is kept in `OUT`, a folder for each study;
started again, the script resumes what is unfinished and skips what is done. Then it writes `docs/results.md` and
`docs/results/`. `--only STUDY` makes that study's sections alone and leaves the others of the page. With `--ship` it
also writes the shipped systems' folders in the package: weights, configuration, recipe with scores, golden
output, model card.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from spec import L4, SHIPPED, STUDIES, ZOO

from semcomm.baselines.separation import SeparationBaseline
from semcomm.experiments.demo import compare_on
from semcomm.experiments.measurement import Measurement, plus_minus
from semcomm.experiments.page import rates_of, render
from semcomm.experiments.pictures import save_figure
from semcomm.experiments.presets import SNRS_DB
from semcomm.experiments.run import Folders, point_file, reproduce, system_folder
from semcomm.experiments.specs import Point, as_wide, has_levels
from semcomm.experiments.tables import markdown_table, write_text
from semcomm.files.json import read_object, write_json
from semcomm.files.tensors import read_safetensors, write_safetensors
from semcomm.pretrained import SHIPPED as WEIGHTS
from semcomm.pretrained import from_pretrained

ROOT = Path(__file__).parent.parent
PICTURE, PICTURE_SNRS_DB = 3, (1.0, 10.0, 19.0)
"""Which test photograph is shown, and at which SNRs."""
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

{images:,} photographs, {steps:,} steps of {batch_size} crops of {size} x {size} pixels, {rates}
(schedule "{schedule}"), one SNR per image drawn from 0 to 20 dB, {channel}, loss "{loss}"; {minutes} on
{hardware}.{before} A small budget: trained for longer on your photographs it will do better.
`training.json` has the command, the fingerprints of the photographs, and versions.

## Scores

Photographs sent whole, once, seed {seed}. PSNR and SSIM of single 8-bit images, then means over images
± 95 % confidence. `semcomm evaluate {name} --data FOLDER --snr {snrs}` prints them{second}.

{tables}

`golden.json` records what the system makes of a synthetic picture; a test recomputes it.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, words in {"train": "to train on", "val": "to watch the training with", "test": "to judge by"}.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"photographs {words}")
    parser.add_argument("--out", type=Path, required=True, help="folder for all work")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page goes")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode photographs")
    parser.add_argument("--only", choices=(*STUDIES,), help="one of the studies")
    parser.add_argument("--ship", action="store_true", help="put the shipped systems into the package, too")
    given = parser.parse_args()
    try:
        for name, study in STUDIES.items():
            if given.only not in (None, name):
                continue
            folders = Folders(given.train, given.val, given.test, given.out / name)
            reproduce("results", folders, study, workers=given.workers)
            print(f"wrote {publish(folders, given.docs, with_picture=study is ZOO)}")
            for system in SHIPPED.get(name, ()) if given.ship else ():
                print(f"wrote {ship(system, folders)}")
    except (OSError, ValueError) as error:
        sys.exit(f"ship.py: {error}")


def publish(folders, docs, *, with_picture):
    """Copy a study's sections from OUT over those of the same key, draw the picture of its systems, write the page."""
    made = read_object(folders.out / "results-page.json")
    (docs / "results").mkdir(parents=True, exist_ok=True)
    for key in made["sections"]:
        for file in folders.out.glob(f"{key}.*"):
            if file.suffix != ".md":
                shutil.copy(file, docs / "results" / file.name)
    kept = docs / "results" / "results-page.json"
    page = docs / "results.md"
    content = made | (read_object(kept) if kept.is_file() else {})
    content["sections"] = list(dict.fromkeys([*content["sections"], *made["sections"]]))
    if with_picture:
        content["picture"] = picture(folders, docs / "results" / "picture.png")
    write_json(kept, content)
    write_text(page, render(page, docs / "results"))
    return page


def picture(folders, file):
    """Send one photograph by three schemes, draw it, and say what that took."""
    paths = folders.test_photographs
    path = paths[min(PICTURE, len(paths) - 1)]
    systems = [from_pretrained(str(system_folder(folders.out, spec)), device="cpu") for spec in (L4, as_wide(L4))]
    mlsc, jscc = systems
    jpeg = SeparationBaseline("jpeg", symbols_per_image=mlsc.symbols_per_image)
    schemes = {"MLSC-image": mlsc, "Deep JSCC": jscc, "JPEG at capacity": jpeg}
    figure, _, spent = compare_on(
        paths.read(path),
        schemes,
        PICTURE_SNRS_DB,
        title="One photograph over a noisy channel",
        notes=["MLSC-image, Deep JSCC: one model each for all SNRs"],
    )
    save_figure(figure, file)
    snrs = ", ".join(f"{snr_db:g} dB" for snr_db in PICTURE_SNRS_DB)
    return f"Photograph `{path.name}` over AWGN at {snrs}, seed 0. {'; '.join(spent)}."


def ship(spec, folders, *, before=""):
    """Write a system's folder in the package, weights in half precision; `before` tells what it began with."""
    run, folder = system_folder(folders.out, spec), WEIGHTS / spec.name
    system = from_pretrained(str(run), device="cpu")
    record = read_object(run / "training.json")
    training = record["training"]
    record["command"] = (
        f"semcomm train {spec.options(ZOO.effort)} --train TRAIN --val VAL --out OUT --size {training['size']} "
        f"--batch-size {training['batch_size']} --schedule {training['schedule']} --steps {record['steps']} "
        f"--validate-every {training['validate_every']} --val-images {training['val_images']}"
        + (" --features FEATURES" if has_levels(spec) else "")
    )
    record["evaluations"] = [found for channel in CHANNELS if (found := evaluation(spec, channel, folders))]
    folder.mkdir(exist_ok=True)
    shutil.copy(run / "config.json", folder / "config.json")
    halves = {name: value.half() for name, value in read_safetensors(run / "model.safetensors").items()}
    write_safetensors(folder / "model.safetensors", halves)
    record |= {"before": before} if before else {}
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    return finish(folder, card(spec, system, record))


def finish(folder, text):
    """Write the golden output and the model card of a folder in the package."""
    sys.path.insert(0, str(ROOT / "tests"))  # for the golden output
    import test_pretrained

    golden = test_pretrained.golden_output(from_pretrained(str(folder), device="cpu"))
    (folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    (folder / "README.md").write_text(text)
    return folder


def evaluation(spec, channel, folders):
    """What was measured of a system over a channel, for its recipe; None if nothing was."""
    files = [point_file(folders.out, Point(spec, snr_db, channel)) for snr_db in SNRS_DB]
    if not all(file.is_file() for file in files):
        return None
    measured = [Measurement.load(file) for file in files]
    scores = ("snr_db", "psnr_db", "psnr_ci95", "ssim", "ssim_ci95")
    return {
        "test": "/".join(folders.test.parts[-2:]),
        "test_manifest_sha256": read_object(folders.out / "reproduction.json")["test_manifest_sha256"],
        "seed": measured[0].seed,
        "images": len(measured[0].photographs),
        "channel": channel,
        "bandwidth_ratio": measured[0].bandwidth_ratio,
        "rows": [{score: one.rows[0][score] for score in scores} for one in measured],
    }


def card(spec, system, record):
    """Fill in the model card."""
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
    for one in record["evaluations"]:
        rows = [[f"{row['snr_db']:g}", plus_minus(row, "psnr_db"), plus_minus(row, "ssim")] for row in one["rows"]]
        used = f"(k/n = {one['bandwidth_ratio']:.4f} with padding), {CHANNELS[one['channel']]}:"
        table = markdown_table(["SNR (dB)", "PSNR (dB)", "SSIM"], rows)
        tables.append("\n".join([f"{one['images']} photographs of `{one['test']}` {used}", "", *table]))
    training, minutes = record["training"], round(record["wall_time_s"] / 60)
    return CARD.format(
        name=spec.name,
        what=what,
        images=record["train_images"],
        steps=record["steps"],
        batch_size=training["batch_size"],
        size=training["size"],
        rates=rates_of(record),
        schedule=training["schedule"],
        loss=training["loss"],
        before=f" Before that: {record['before']}." if "before" in record else "",
        seed=record["evaluations"][0]["seed"],
        minutes=f"{minutes} minute{'' if minutes == 1 else 's'}",
        hardware=record["hardware"],
        channel=CHANNELS["rayleigh" if "Rayleigh" in record["channel"] else "awgn"],
        snrs=",".join(f"{snr_db:g}" for snr_db in SNRS_DB),
        second=", the second table with `--channel rayleigh`" if len(tables) > 1 else "",
        tables="\n\n".join(tables),
    )


if __name__ == "__main__":
    main()
