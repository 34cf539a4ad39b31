"""Ship a trained nested MLSC-image: `python zoo/ship_nested.py RUN`, a folder that `semcomm train nested` wrote.

The moving average of the newest checkpoint goes into the package in half precision, with its caption and its label map
switched on, its recipe, its golden output and its model card. A run that still goes on can be shipped as far as it is.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import torch
from ship import finish
from torch import Tensor

from semcomm import SemanticSystem
from semcomm.files.json import read_object, write_json
from semcomm.files.tensors import write_safetensors
from semcomm.nested_builders import build_nested_mlsc_image
from semcomm.pretrained import SHIPPED
from semcomm.saving import CONFIG, WEIGHTS, saved_weights
from semcomm.training.module import AVERAGE
from semcomm.training.run_folder import RECIPE, RESULT, newest_checkpoint, step_of

NAME = "nested-mlsc-image"
PSNR = "val/psnr_db"
MEANING = {"caption": "lite", "segmentation": "lite"}
LOSSES = {"log-mse": "the mean of log(MSE + 3e-4)", "loss": "the mean of log(MSE + 1e-4) (`zoo/sharp.py`)"}
CARD = """---
library_name: semcomm
tags:
- semantic-communication
---

# {name}

Nested MLSC-image: caption, label map, textures and a sketch as bits over 5G LDPC codes, details as they are, and
residual networks at both ends. One system for every k/n and every SNR. {weights:,} trained weights, in half precision;
the statistics of the code are those of `hybrid-code`.

```python
from semcomm import from_pretrained

system = from_pretrained("{name}")
received = system(images, snr_db=10.0, levels=10)  # (b, 3, h, w) in [0, 1] to the same
```

## Trained on

{images:,} photographs, {steps:,} steps of {batch_size} crops of {size} x {size} pixels: Muon at {muon_rate:g} for the
kernels and matrices, Adam at {learning_rate:g} for the rest, SNRs from {low_db:g} to {high_db:g} dB, levels from
{lowest} to {highest}, {loss}; {minutes:.0f} minutes on
{hardware}, {channel}. {validated}{before}
`training.json` has the fingerprints of the photographs and the versions. The documentation's results page has the
scores, and the page on training says what they took.

`golden.json` records what the system makes of a synthetic picture; a test recomputes it.
"""


def main() -> None:
    """Write the folder in the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder that training wrote")
    parser.add_argument("--before", default="", help="in words, earlier runs whose weights it began with")
    given = parser.parse_args()
    try:
        print(f"wrote {ship(given.run, SHIPPED / NAME, before=given.before)}")
    except (OSError, ValueError) as error:
        sys.exit(f"ship_nested.py: {error}")


def ship(run: Path, folder: Path, *, before: str = "") -> Path:
    """Write what a run has trained so far."""
    checkpoint = newest_checkpoint(run)
    if checkpoint is None:
        raise ValueError(f"{run} holds no checkpoint")
    system = system_of(checkpoint, **MEANING)
    recipe = read_object(run / RESULT if (run / RESULT).is_file() else run / RECIPE)
    system.save_pretrained(folder)
    average = saved_weights(system)
    write_safetensors(folder / WEIGHTS, {name: value.half() for name, value in average.items()})
    written = {name: read_object(folder / CONFIG)[name] for name in ("builder", "arguments")}
    metrics = recipe.get("metrics") or {PSNR: _last_validated(run)}
    steps = step_of(checkpoint)
    told = {"system": written, "steps": steps, "metrics": metrics} | ({"before": before} if before else {})
    write_json(folder / RESULT, recipe | told)
    weights = sum(value.numel() for value in average.values())
    return finish(folder, _card(recipe, steps, weights, metrics[PSNR], before))


def system_of(checkpoint: Path, *, caption: str | None, segmentation: str | None) -> SemanticSystem:
    """Build the system of a run's checkpoint, in eval mode, with these extractors and the moving average."""
    average: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)[AVERAGE]
    arguments = read_object(checkpoint.parent.parent / RECIPE)["system"]["arguments"]
    arguments |= {"caption": caption, "segmentation": segmentation}
    system = build_nested_mlsc_image(**arguments, device="cpu")
    if average.keys() != saved_weights(system).keys():
        raise ValueError(f"{checkpoint} holds the weights of another network than {RECIPE} describes")
    system.load_state_dict(average, strict=False)  # which lacks the frozen extractors
    return system.eval()


def _last_validated(run: Path) -> float:
    """PSNR of the newest validation in dB."""
    files = sorted((run / "logs").glob("from-step-*/metrics.csv"), key=lambda file: file.stat().st_mtime)
    found = [row[PSNR] for file in files for row in csv.DictReader(file.read_text().splitlines()) if row.get(PSNR)]
    if not found:
        raise ValueError(f"{run} has not validated yet: ship it after its first validation")
    return float(found[-1])


def _card(recipe: dict[str, Any], steps: int, weights: int, psnr_db: float, before: str) -> str:
    training = recipe["training"]
    (low_db, high_db), (lowest, highest) = training["snr_db"], training["levels"]
    validated = (
        f"{psnr_db:.2f} dB on {recipe['val_images']} photographs held back, at {(low_db + high_db) / 2:g} dB "
        f"and l = {recipe['system']['arguments']['l']}."
    )
    numbers = {"low_db": low_db, "high_db": high_db, "lowest": lowest, "highest": highest, "validated": validated}
    numbers |= {"minutes": recipe.get("wall_time_s", 0) / 60, "hardware": recipe.get("hardware", "one CPU thread")}
    numbers["channel"] = recipe["channel"]
    numbers["loss"] = LOSSES.get(training["loss"], training["loss"])
    numbers["before"] = f" Before that: {before}." if before else ""
    chosen = {name: training[name] for name in ("batch_size", "size", "muon_rate", "learning_rate")}
    return CARD.format(name=NAME, weights=weights, images=recipe["train_images"], steps=steps, **chosen, **numbers)


if __name__ == "__main__":
    main()
