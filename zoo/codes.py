"""Measure nested MLSC-image and its codes beside Deep JSCC and codecs: `python zoo/codes.py --test TEST --out OUT`.

Every second photograph of TEST is cut to 480 x 320 pixels (320 x 480 where it is upright) and sent whole over AWGN. All
work is kept in OUT; started again, the script does what is missing. Then it writes the first section of
`docs/results.md`, with its numbers in `docs/results/`.
"""

import argparse
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from semcomm import SeparationBaseline, build_hybrid_code, build_linear_code, from_pretrained
from semcomm.data.folders import manifest_hash
from semcomm.data.layouts import find_photographs
from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.measure import Scheme, evaluate
from semcomm.experiments.measurement import Measurement
from semcomm.experiments.page import Section, Table, put_first, store_section
from semcomm.files.pictures import load_image, save_image

DOCS = Path(__file__).parent.parent / "docs"
LONG, SHORT = 480, 320
RATIOS, SNRS_DB = (48, 24, 16, 12), (1.0, 10.0)
WIDE_RATIO, WIDE_SNRS_DB = 24, (-5.0, 1.0, 10.0, 20.0)
SEED = 0
FIRST = 4
"""Every such photograph is sent first, so that what is measured by then speaks for all."""


NESTED, HYBRID = "nested MLSC-image", "hybrid code"
MEANING = "hybrid code, caption and label map too"
DEEP_JSCC = "Deep JSCC"
BESIDE = (HYBRID, "linear code", DEEP_JSCC, "JPEG, capacity", "JPEG, LDPC", "AVIF, capacity", "AVIF, LDPC")
TEXT = """Nested MLSC-image is `from_pretrained()`: it sends caption and label map, too, and has trained networks.
Linear and hybrid code are `build_linear_code()` and `build_hybrid_code()`, fitted from photographs and not trained; one
object serves every k/n and every SNR. Deep JSCC is `deep-jscc-c1` to `-c4`, a model for each k/n and for 0 to 20 dB.
Everything is counted: header, padding, real 5G LDPC. "Capacity" is an ideal channel code that no real modem reaches,
"LDPC" the same real link that the hybrid code has, with rates that lose one photograph in 1,000. Codecs know the SNR
beforehand, as the codes do; a codec that fails delivers random pixels. PSNR of single photographs, then means with 95 %
confidence intervals; differences are paired."""


@dataclass(frozen=True)
class Row:
    """One scheme: its name, how it is made for a k/n, its channel in words, and at which SNRs at `WIDE_RATIO`.

    `asked` says that it serves every k and is told which one.
    """

    name: str
    build: Callable[[float], Scheme]
    channel: str
    wide: tuple[float, ...] = SNRS_DB
    ratios: tuple[int, ...] = RATIOS
    every: int = 1
    asked: bool = False


def codec(name: str, code: str) -> Callable[[float], Scheme]:
    """Build a codec for a k/n."""
    return lambda ratio: SeparationBaseline(name, bandwidth_ratio=ratio, code=code)  # type: ignore[arg-type]


ROWS = (
    Row(NESTED, lambda _: from_pretrained("nested-mlsc-image", device="cpu"), "awgn", WIDE_SNRS_DB, asked=True),
    Row(HYBRID, lambda _: build_hybrid_code(device="cpu"), "awgn", WIDE_SNRS_DB, asked=True),
    Row("linear code", lambda _: build_linear_code(device="cpu"), "awgn", WIDE_SNRS_DB, asked=True),
    Row(DEEP_JSCC, lambda ratio: from_pretrained(f"deep-jscc-c{round(48 * ratio)}", device="cpu"), "awgn"),
    Row("JPEG, capacity", codec("jpeg", "capacity"), "awgn at capacity", WIDE_SNRS_DB),
    Row("AVIF, capacity", codec("avif", "capacity"), "awgn at capacity", WIDE_SNRS_DB, every=FIRST),
    Row("JPEG, LDPC", codec("jpeg", "ldpc"), "awgn, 5G LDPC"),
    Row("AVIF, LDPC", codec("avif", "ldpc"), "awgn, 5G LDPC", every=FIRST),
    Row(
        MEANING,
        lambda _: build_hybrid_code(caption="lite", segmentation="lite", device="cpu"),
        "awgn",
        ratios=(WIDE_RATIO,),
        asked=True,
    ),
)


def main() -> None:
    """Measure what is missing and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=Path, required=True, help="photographs to send")
    parser.add_argument("--out", type=Path, required=True, help="folder for all work")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page is")
    parser.add_argument("--only", nargs="+", metavar="SCHEME", help=f"of {'; '.join(row.name for row in ROWS)}")
    parser.add_argument("--write", action="store_true", help="measure nothing, write what there is")
    given = parser.parse_args()
    torch.set_num_threads(1)
    paths = cut(find_photographs(given.test)[::2], given.out / "photographs")
    names = given.only or [row.name for row in ROWS]
    if unknown := set(names) - {row.name for row in ROWS}:
        parser.error(f"no scheme {', '.join(sorted(unknown))}; see --help")
    if not given.write:
        measure(paths, given.out, [row for row in ROWS if row.name in names])
    write(paths, given.out, "/".join(given.test.parts[-2:]), given.docs)


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


def measure(paths: list[Path], out: Path, chosen: Sequence[Row]) -> None:
    """Send all photographs by the schemes chosen, every fourth first, AVIF last; what is there is kept."""
    schemes = {(row.name, ratio): row.build(1 / ratio) for row in chosen for ratio in row.ratios}
    places = [*range(0, len(paths), FIRST)] + [place for place in range(len(paths)) if place % FIRST]
    fast, slow = ([row for row in chosen if row.name.startswith("AVIF") == late] for late in (False, True))
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
    options = {"channel_uses": 3 * LONG * SHORT // ratio} if row.asked else {}
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


def write(paths: list[Path], out: Path, test: str, docs: Path) -> None:
    """Write the page's section from what was measured."""
    found = read(paths, out)
    if not any(row.name in (NESTED, *BESIDE) for row, _, _ in found):
        raise SystemExit(f"{out} has no measurement of a scheme that the figure shows: {', '.join((NESTED, *BESIDE))}")
    by = {(row.name, ratio): measured for row, ratio, measured in found}
    sent = [path for path in paths if any(path.name in measured.photographs for measured in by.values())]
    rows = [{**row, "k_n": f"1/{ratio}"} for _, ratio, measured in found for row in measured.rows]
    section = Section(
        "codes",
        "Nested MLSC-image and its codes beside Deep JSCC, JPEG and AVIF",
        f"{' '.join(TEXT.split())} {counts(found)} {losses(by)}",
        tables=[psnr_table(by), difference_table(by), wide_table(by), meaning_table(by)],
        rows=rows,
        figure=figure(by),
    )
    told = {"test": test, "test_manifest_sha256": manifest_hash(sent), "seed": SEED}
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    recipe = (
        f"Recipe: `python zoo/codes.py --test TEST --out OUT`, started again until all is there; {len(sent)} of every "
        f"second photograph of `{test}`, cut to {LONG} x {SHORT} (SHA-256 `{told['test_manifest_sha256'][:16]}`), sent "
        f"whole and once, seed {SEED}; measured with semcomm after 0.1.0, {versions}, 1 CPU thread, "
        f"{platform.machine()}."
    )
    folder = docs / "results"
    store_section(section, folder, test=told, recipe=recipe)
    put_first(docs / "results.md", folder, section.key)


def counts(found: list[tuple[Row, int, Measurement]]) -> str:
    """How many photographs each scheme sent, in words."""
    by_number: dict[int, list[str]] = {}
    for row in ROWS:
        numbers = [len(measured.photographs) for other, _, measured in found if other is row]
        if numbers:
            by_number.setdefault(min(numbers), []).append(row.name)
    words = [f"{number} by {'; '.join(names)}" for number, names in by_number.items()]
    shared = "a difference is of those that both sent, the figure of those that all did"
    return f"Photographs sent: {', '.join(words)}; {shared}."


def losses(by: Mapping[tuple[str, int], Measurement]) -> str:
    """Where nested MLSC-image is behind, beyond the 95 % interval, in words."""
    said = []
    for name in [row.name for row in ROWS if row.name in BESIDE]:
        where = []
        for ratio in RATIOS:
            for snr_db in WIDE_SNRS_DB:
                ahead = difference(by, name, ratio, snr_db)
                if ahead is not None and ahead[0] + ahead[1] < 0:
                    where.append(f"1/{ratio} and {snr_db:g} dB ({ahead[0]:+.1f} dB)")
        if where:
            said.append(f"{name} at {', '.join(where)}")
    return f"Where nested MLSC-image loses: to {'; to '.join(said)}." if said else "It loses nowhere here."


def difference(
    by: Mapping[tuple[str, int], Measurement], name: str, ratio: int, snr_db: float, *, ours_is: str = NESTED
) -> tuple[float, float] | None:
    """PSNR of our scheme less another's and half its 95 % interval; None where they share no photograph."""
    ours, theirs = by.get((ours_is, ratio)), by.get((name, ratio))
    if ours is None or theirs is None or not set(ours.photographs) & set(theirs.photographs):
        return None
    if snr_db not in ours.snrs_db or snr_db not in theirs.snrs_db:
        return None
    return ours.difference(theirs, "psnr_db", snr_db)


def psnr_table(by: Mapping[tuple[str, int], Measurement]) -> Table:
    """PSNR of every scheme at every k/n and SNR."""
    head = ["SNR (dB)", "scheme", *(f"k/n = 1/{ratio}" for ratio in RATIOS)]
    body = []
    for snr_db in SNRS_DB:
        for name in (NESTED, *BESIDE):
            cells = [cell(by[name, ratio].mean("psnr_db", snr_db)) if (name, ratio) in by else "-" for ratio in RATIOS]
            body.append([f"{snr_db:g}", name, *cells])
    return head, body


def difference_table(by: Mapping[tuple[str, int], Measurement]) -> Table:
    """PSNR of nested MLSC-image less that of every other, photograph by photograph."""
    head = ["SNR (dB)", "nested MLSC-image less", *(f"k/n = 1/{ratio}" for ratio in RATIOS)]
    body = []
    for snr_db in SNRS_DB:
        for name in BESIDE:
            cells = [signed(difference(by, name, ratio, snr_db)) for ratio in RATIOS]
            body.append([f"{snr_db:g}", name, *cells])
    return head, body


def wide_table(by: Mapping[tuple[str, int], Measurement]) -> Table:
    """PSNR from -5 to 20 dB at one k/n, and failures."""
    names = [name for name in (NESTED, *BESIDE) if (name, WIDE_RATIO) in by]
    names = [name for name in names if set(WIDE_SNRS_DB) <= set(by[name, WIDE_RATIO].snrs_db)]
    head = [f"SNR (dB), k/n = 1/{WIDE_RATIO}", *names]
    body = []
    for snr_db in WIDE_SNRS_DB:
        cells = []
        for name in names:
            measured = by[name, WIDE_RATIO]
            failed = int(measured.at(snr_db).failed.sum())
            note = f" ({failed} of {len(measured.photographs)} fail)" if failed else ""
            cells.append(cell(measured.mean("psnr_db", snr_db)) + note)
        body.append([f"{snr_db:g}", *cells])
    return head, body


def meaning_table(by: Mapping[tuple[str, int], Measurement]) -> Table:
    """What the meaning costs."""
    head = [f"SNR (dB), k/n = 1/{WIDE_RATIO}", "hybrid code, PSNR without caption and label map less with them (dB)"]
    costs = [(snr_db, difference(by, MEANING, WIDE_RATIO, snr_db, ours_is=HYBRID)) for snr_db in SNRS_DB]
    return head, [[f"{snr_db:g}", signed(cost)] for snr_db, cost in costs]


def figure(by: Mapping[tuple[str, int], Measurement]) -> Figure:
    """PSNR against k/n, a panel per SNR, of the photographs that every scheme sent."""
    names = [name for name in (NESTED, *BESIDE) if any(other == name for other, _ in by)]
    shown = [one for (name, _), one in by.items() if name in names]
    photographs = set(shown[0].photographs).intersection(*(one.photographs for one in shown))
    by = {key: one if key[0] not in names else only(one, photographs) for key, one in by.items()}

    def curve(name: str, snr_db: float) -> Curve:
        ratios = [ratio for ratio in RATIOS if (name, ratio) in by]
        numbers = [by[name, ratio].mean("psnr_db", snr_db) for ratio in ratios]
        return Curve(
            name, [1 / ratio for ratio in ratios], [mean for mean, _ in numbers], [half for _, half in numbers]
        )

    panels = [
        Panel(f"{snr_db:g} dB", "k/n", "PSNR (dB)", [curve(name, snr_db) for name in names]) for snr_db in SNRS_DB
    ]
    note = f"{len(photographs)} whole photographs, AWGN, 95 % confidence of means, seed {SEED}"
    return draw_curves([panels], title="Quality against k/n", note=note)


def only(measured: Measurement, photographs: set[str]) -> Measurement:
    """Leave out all other photographs."""
    kept = [place for place, name in enumerate(measured.photographs) if name in photographs]
    return replace(
        measured,
        photographs=[measured.photographs[place] for place in kept],
        symbols=[measured.symbols[place] for place in kept],
        dimensions=[measured.dimensions[place] for place in kept],
        scores={name: values[:, kept] for name, values in measured.scores.items()},
        failed=measured.failed[:, kept],
    )


def cell(number: tuple[float, float]) -> str:
    """A mean and its interval."""
    return f"{number[0]:.2f} ± {number[1]:.2f}"


def signed(number: tuple[float, float] | None) -> str:
    """A difference and its interval."""
    return "-" if number is None else f"{number[0]:+.2f} ± {number[1]:.2f}"


if __name__ == "__main__":
    os.nice(5)
    main()
