"""Write the results page from what is measured: `python zoo/make_results.py --test TEST --out OUT`.

`make_zoo.py` trains the systems in `OUT`, `measure.py` measures them; this script judges, draws and writes
`docs/results.md` and `docs/results/`. What is not trained or not measured yet is left out and named on the page.
"""

import argparse
import json
import sys
import textwrap
from pathlib import Path

import torch
from make_zoo import SYSTEMS
from results_choices import levels, tuning
from results_grid import read_grid, read_learning_rates, read_trainings
from results_page import write_page
from results_rates import ONE_JSCC, ONE_RATE, by_codecs, by_ratio
from results_robustness import fading, mismatch, rising

from semcomm import SeparationBaseline, from_pretrained, list_pretrained
from semcomm.data.folders import manifest_hash
from semcomm.data.layouts import find_photographs
from semcomm.experiments.pictures import draw_transmissions, save_figure
from semcomm.files.pictures import load_image

HERE = Path(__file__).parent
PICTURE, PICTURE_SNRS_DB = 3, (1.0, 10.0, 19.0)
"""Which test photograph is shown, and at which SNRs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=Path, required=True, help="the photographs that were measured")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, as in make_zoo.py")
    parser.add_argument("--docs", type=Path, default=HERE.parent / "docs", help="where the page goes")
    given = parser.parse_args()
    try:
        print(f"wrote {make_page(given.test, given.out, given.docs)}")
    except (OSError, ValueError) as error:
        print(f"make_results.py: {error}", file=sys.stderr)
        sys.exit(2)


def make_page(test: Path, out: Path, docs: Path) -> Path:
    """Write the page; see the script's own words.

    Raises:
        FileNotFoundError: if nothing is measured yet.
        ValueError: if the photographs are not those that were measured, or a file is damaged.
    """
    grid, settings = read_grid(out / "results", list(SYSTEMS))
    if not any(channel == "awgn" for _, channel in grid):
        raise FileNotFoundError(f"no system is measured in {out / 'results'}: run zoo/measure.py first")
    paths = find_photographs(test)
    if manifest_hash(paths) != settings["test_manifest_sha256"]:
        raise ValueError(f"test {test} holds other photographs than those measured in {out / 'results'}")
    trainings = read_trainings(out, list(SYSTEMS))
    trials = read_tuning(HERE / "tuning.json")
    note = f"{len(paths)} photographs, 95 % confidence, seed {settings['seed']}"
    sections = [
        by_ratio(grid, note),
        by_codecs(grid, note),
        mismatch(grid, note),
        levels(grid, note),
        fading(grid, note),
        rising(grid, list_pretrained()),
        tuning(grid, trials, read_learning_rates(out, list(SYSTEMS))),
    ]
    measured = {name for name, _ in grid}
    return write_page(
        docs,
        [section for section in sections if section is not None],
        trainings,
        SYSTEMS,
        settings,
        missing=[name for name in [*SYSTEMS, "jpeg", "avif"] if name not in measured],
        picture=draw_picture(paths[min(PICTURE, len(paths) - 1)], out, docs / "results" / "picture.png"),
    )


def draw_picture(path: Path, out: Path, file: Path) -> str:
    """Draw one photograph as every scheme delivers it; return the words below, none if a system is missing."""
    if not all((out / name / "training.json").is_file() for name in (ONE_RATE, ONE_JSCC)):
        return ""
    photograph = load_image(path)
    height, width = photograph.shape[1:]
    mlsc = from_pretrained(str(out / ONE_RATE), device="cpu")
    schemes = {
        "MLSC-image": mlsc,
        "Deep JSCC": from_pretrained(str(out / ONE_JSCC), device="cpu"),
        "JPEG at capacity": SeparationBaseline("jpeg", symbols_per_image=mlsc.symbols_per_image),
    }
    rows = {
        name: [
            scheme.transmit(photograph[None], snr_db, generator=torch.Generator().manual_seed(0))
            for snr_db in PICTURE_SNRS_DB
        ]
        for name, scheme in schemes.items()
    }
    spent = [
        f"{name}: k = {scheme.symbols_per_image(height, width):,}, k/n = {scheme.bandwidth_ratio(height, width):.4f}"
        for name, scheme in schemes.items()
    ]
    sent = rows["MLSC-image"][0]
    caption = (sent.captions or [""])[0]
    figure = draw_transmissions(
        photograph,
        rows,
        PICTURE_SNRS_DB,
        title="One photograph, three schemes",
        notes=[*textwrap.wrap(f"Caption sent: “{caption}”", 44), *spent],
        segmentation=mlsc.transmitter.segmentation.colors(sent.labels)[0],
    )
    save_figure(figure, file)
    snrs = ", ".join(f"{snr_db:g} dB" for snr_db in PICTURE_SNRS_DB)
    return f"Photograph `{path.name}` over AWGN at {snrs}, seed 0. {'; '.join(spent)}."


def read_tuning(path: Path) -> list[dict]:
    """Read what `tune.py` wrote, or nothing where it has not run."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file: {error}; run zoo/tune.py again") from error


if __name__ == "__main__":
    main()
