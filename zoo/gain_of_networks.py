"""Say what trained networks add to the hybrid code: `python zoo/gain_of_networks.py CHECKPOINT... --val VAL`.

Sixteen photographs of VAL, evenly spaced, are sent over AWGN with the networks of each checkpoint and without any: real
bits, everything counted, the same noise. It prints the mean gain in dB at each k/n and SNR, with its 95 % interval.
"""

import argparse
import math
from pathlib import Path

import torch
from ship_nested import system_of
from torch import Tensor

from semcomm import SemanticSystem, build_nested_mlsc_image
from semcomm.data.layouts import find_photographs
from semcomm.experiments.tables import markdown_table
from semcomm.files.pictures import load_image
from semcomm.quality.statistics import mean_and_ci95

PHOTOGRAPHS, SEED = 16, 0
POINTS = ((48, 1.0), (24, 1.0), (12, 1.0), (48, 10.0), (24, 10.0), (12, 10.0), (24, -5.0), (16, 19.0))
"""n/k, and the SNR in dB."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="checkpoints of `semcomm train nested`")
    parser.add_argument("--val", type=Path, required=True, help="photographs to send")
    given = parser.parse_args()
    photographs = [load_image(path)[None] for path in find_photographs(given.val).evenly(PHOTOGRAPHS)]
    without = psnrs(build_nested_mlsc_image(width=1, caption=None, segmentation=None, device="cpu"), photographs)
    rows = []
    for checkpoint in given.checkpoints:
        gains = psnrs(system_of(checkpoint, caption=None, segmentation=None), photographs) - without
        cells = ["{:+.2f} ± {:.2f}".format(*mean_and_ci95(point)) for point in gains]
        rows.append([f"{checkpoint.parent.parent.name}, {checkpoint.stem}", *cells, f"{gains.mean():+.2f}"])
        print(rows[-1], flush=True)
    head = ["checkpoint", *(f"1/{ratio}, {snr_db:g} dB" for ratio, snr_db in POINTS), "mean"]
    print("\n".join(markdown_table(head, rows)))


def psnrs(system: SemanticSystem, photographs: list[Tensor]) -> Tensor:
    """PSNR in dB of every point and photograph, `(points, photographs)`."""
    found = torch.zeros(len(POINTS), len(photographs))
    for row, (ratio, snr_db) in enumerate(POINTS):
        for place, image in enumerate(photographs):
            k = math.floor(image.numel() / ratio)
            generator = torch.Generator().manual_seed(SEED + place)
            found[row, place] = system.transmit(image, snr_db, channel_uses=k, generator=generator).psnr_db
    return found


if __name__ == "__main__":
    main()
