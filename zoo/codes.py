"""Measure linear and hybrid code beside JPEG and AVIF: `python zoo/codes.py --test TEST --out OUT`.

Every second photograph of TEST is cut to 480 x 320 pixels (320 x 480 where it is upright) and sent whole over AWGN. All
work is kept in OUT; started again, the script does what is missing. Then it writes the first section of
`docs/results.md`, with its numbers in `docs/results/`.
"""

import argparse
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from semcomm import SeparationBaseline, build_hybrid_code, build_linear_code
from semcomm.data.folders import manifest_hash
from semcomm.data.layouts import find_photographs
from semcomm.experiments.measure import Scheme, evaluate
from semcomm.experiments.measurement import Measurement
from semcomm.files.pictures import load_image, save_image

LONG, SHORT = 480, 320
RATIOS, SNRS_DB = (48, 24, 16, 12), (1.0, 10.0)
WIDE_RATIO, WIDE_SNRS_DB = 24, (-5.0, 1.0, 10.0, 20.0)
SEED = 0
FIRST = 4
"""Every such photograph is sent first, so that what is measured by then speaks for all."""


@dataclass(frozen=True)
class Row:
    """One scheme: its name, how it is made for a k/n, its channel in words, and at which SNRs at `WIDE_RATIO`."""

    name: str
    build: Callable[[float], Scheme]
    channel: str
    wide: tuple[float, ...] = SNRS_DB
    ratios: tuple[int, ...] = RATIOS
    every: int = 1


def codec(name: str, code: str) -> Callable[[float], Scheme]:
    """Build a codec for a k/n."""
    return lambda ratio: SeparationBaseline(name, bandwidth_ratio=ratio, code=code)  # type: ignore[arg-type]


ROWS = (
    Row("hybrid code", lambda _: build_hybrid_code(device="cpu"), "awgn", WIDE_SNRS_DB),
    Row("linear code", lambda _: build_linear_code(device="cpu"), "awgn", WIDE_SNRS_DB),
    Row("JPEG, capacity", codec("jpeg", "capacity"), "awgn at capacity", WIDE_SNRS_DB),
    Row("AVIF, capacity", codec("avif", "capacity"), "awgn at capacity", WIDE_SNRS_DB, every=FIRST),
    Row("JPEG, LDPC", codec("jpeg", "ldpc"), "awgn, 5G LDPC"),
    Row("AVIF, LDPC", codec("avif", "ldpc"), "awgn, 5G LDPC", every=FIRST),
    Row(
        "hybrid code, caption and label map too",
        lambda _: build_hybrid_code(caption="lite", segmentation="lite", device="cpu"),
        "awgn",
        ratios=(WIDE_RATIO,),
    ),
)


def main() -> None:
    """Measure what is missing and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=Path, required=True, help="photographs to send")
    parser.add_argument("--out", type=Path, required=True, help="folder for all work")
    given = parser.parse_args()
    torch.set_num_threads(1)
    paths = cut(find_photographs(given.test)[::2], given.out / "photographs")
    measure(paths, given.out)
    record = {
        "test": "/".join(given.test.parts[-2:]),
        "test_manifest_sha256": manifest_hash(paths),
        "images": len(paths),
        "hardware": f"1 CPU thread, {platform.machine()}",
    }
    print(record)


def cut(paths: list[Path], folder: Path) -> list[Path]:
    """Write the photographs' upper left 480 x 320 or 320 x 480 pixels; return the files."""
    made = []
    for path in paths:
        file = folder / f"{path.stem}.png"
        if not file.is_file():
            image = load_image(path)
            height, width = (SHORT, LONG) if image.shape[2] >= image.shape[1] else (LONG, SHORT)
            if image.shape[1] < height or image.shape[2] < width:
                raise ValueError(f"{path}: photographs must have {LONG} x {SHORT} pixels, got {tuple(image.shape[1:])}")
            save_image(image[:, :height, :width], file)
        made.append(file)
    return made


def measure(paths: list[Path], out: Path) -> None:
    """Send all photographs by all schemes, every fourth first, AVIF last; what is there is kept."""
    schemes = {(row.name, ratio): row.build(1 / ratio) for row in ROWS for ratio in row.ratios}
    places = [*range(0, len(paths), FIRST)] + [place for place in range(len(paths)) if place % FIRST]
    fast, slow = ([row for row in ROWS if row.name.startswith("AVIF") == late] for late in (False, True))
    for rows, turn in ((fast, places[: -(-len(paths) // FIRST)]), (slow, places), (fast, places)):
        for place in turn:
            for row in rows:
                for ratio in row.ratios if place % row.every == 0 else ():
                    file = file_of(out, row, ratio, paths[place])
                    if not file.is_file():
                        send(schemes[row.name, ratio], row, ratio, paths[place], SEED + place).save(file)
            print(paths[place].name, flush=True)


def send(scheme: Scheme, row: Row, ratio: int, path: Path, seed: int) -> Measurement:
    """Measure one photograph."""
    options = {} if isinstance(scheme, SeparationBaseline) else {"channel_uses": 3 * LONG * SHORT // ratio}
    snrs_db = row.wide if ratio == WIDE_RATIO else SNRS_DB
    return replace(evaluate(scheme, [path], snrs_db, seed=seed, name=row.name, **options), channel=row.channel)


def file_of(out: Path, row: Row, ratio: int, path: Path) -> Path:
    """Where the scores of one photograph, scheme and k/n are kept."""
    return out / row.name.replace(", ", "-").replace(" ", "-").lower() / f"{ratio}" / f"{path.stem}.json"


def read(paths: list[Path], out: Path) -> list[tuple[Row, int, Measurement]]:
    """Read all that was measured, a measurement per scheme and k/n."""
    found = []
    for row in ROWS:
        for ratio in row.ratios:
            files = [file for path in paths if (file := file_of(out, row, ratio, path)).is_file()]
            if files:
                found.append((row, ratio, together([Measurement.load(file) for file in files])))
    return found


def together(parts: list[Measurement]) -> Measurement:
    """Join measurements of single photographs."""
    return replace(
        parts[0],
        seed=SEED,
        photographs=[name for one in parts for name in one.photographs],
        symbols=[k for one in parts for k in one.symbols],
        dimensions=[n for one in parts for n in one.dimensions],
        scores={name: np.concatenate([one.scores[name] for one in parts], axis=1) for name in parts[0].scores},
        failed=np.concatenate([one.failed for one in parts], axis=1),
    )


if __name__ == "__main__":
    os.nice(5)
    main()
