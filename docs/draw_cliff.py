"""Draw the cliff and its insurance: `python docs/draw_cliff.py PHOTOGRAPH... [--out docs/results]`.

The sender believes in 10 dB; the real SNR runs from -5 to 20 dB. The hybrid code with its digital part safe down to 10,
4 and 1 dB stands beside the linear code and JPEG over the same 5G LDPC, all in k/n = 1/24. Started again, it does what
is missing in `--work`, and then writes the section and the figure.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from semcomm import SeparationBaseline, build_hybrid_code, build_linear_code, evaluate
from semcomm.data.folders import manifest_hash
from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.measurement import Measurement
from semcomm.experiments.page import Section, put_first, store_section
from semcomm.files.pictures import load_image

HERE = Path(__file__).parent
TOLD_SNR_DB = 10.0
SNRS_DB = (-5.0, -2.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
RATIO = 24
SEED = 0
TEXT = """The sender believes in {told:g} dB; below and above, the channel is worse and better than that. JPEG over a
real code is whole or lost: that is the cliff. The hybrid code's bits fall off the same cliff, at the SNR that they were
made safe for (`safe_snr_db`). Then the picture is gray, or what the first bits say. Above it, the details that are sent
as they are gain with every dB. Safety costs quality: at {told:g} dB, bits that are safe down to 4 dB cost {four:.1f} dB
of PSNR, down to 1 dB {one:.1f} dB. The linear code has no cliff and no bits. A lost JPEG counts as a gray image."""


def main() -> None:
    """Measure what is missing, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results page's sections")
    given = parser.parse_args()
    torch.set_num_threads(1)
    measured = [measure(name, build, options, given) for name, (build, options) in schemes(given.photographs).items()]
    safe = {one.name: one.mean("psnr_db", TOLD_SNR_DB)[0] for one in measured}
    best = safe[safe_name(10.0)]
    section = Section(
        "cliff",
        "Another SNR than the sender believes in",
        " ".join(TEXT.split()).format(
            told=TOLD_SNR_DB, four=best - safe[safe_name(4.0)], one=best - safe[safe_name(1.0)]
        ),
        tables=[table(measured)],
        rows=[row for one in measured for row in one.rows],
        figure=figure(measured),
    )
    test = {"test": "photographs", "test_manifest_sha256": manifest_hash(given.photographs), "seed": SEED}
    names = ", ".join(f"`{path.name}`" for path in given.photographs)
    recipe = (
        f"Recipe: `python docs/draw_cliff.py PHOTOGRAPH... --work WORK`; {len(given.photographs)} photographs "
        f"({names}, SHA-256 `{test['test_manifest_sha256'][:16]}`), AWGN, k/n = 1/{RATIO}, sent once at "
        f"every SNR, seed {SEED}."
    )
    store_section(section, given.out, test=test, recipe=recipe)
    put_first(given.out.parent / "results.md", given.out, section.key)


def safe_name(safe_snr_db: float) -> str:
    """How a hybrid code is called in the figure."""
    return f"hybrid code, safe down to {safe_snr_db:g} dB"


def schemes(photographs: list[Path]) -> dict[str, tuple[Callable[[], Any], dict[str, Any]]]:
    """What is sent, and what it is told besides the SNR it believes in."""
    sizes = {load_image(path)[0].numel() for path in photographs}
    if len(sizes) > 1:
        raise SystemExit(f"photographs must have one number of pixels, got {sorted(sizes)}")
    uses = {"channel_uses": 3 * sizes.pop() // RATIO}
    hybrid = {safe_name(safe): (build_hybrid_code, {**uses, "safe_snr_db": safe}) for safe in (10.0, 4.0, 1.0)}

    def jpeg() -> SeparationBaseline:
        return SeparationBaseline("jpeg", bandwidth_ratio=1 / RATIO, code="ldpc", delivered="gray")

    return {**hybrid, "linear code": (build_linear_code, uses), "JPEG, 5G LDPC": (jpeg, {})}


def measure(name: str, build: Callable[[], Any], options: dict[str, Any], given: argparse.Namespace) -> Measurement:
    """Send the photographs by one scheme, or read what was measured."""
    file = given.work / f"cliff-{name.replace(', ', '-').replace(' ', '-')}.json"
    if not file.is_file():
        measured = evaluate(
            build(), given.photographs, SNRS_DB, seed=SEED, name=name, told_snr_db=TOLD_SNR_DB, **options
        )
        measured.save(file)
        print(measured.table(), flush=True)
    return Measurement.load(file)


def table(measured: list[Measurement]) -> tuple[list[str], list[list[str]]]:
    """PSNR of every scheme at every SNR."""
    rows = [[f"{snr_db:g}", *(f"{one.mean('psnr_db', snr_db)[0]:.2f}" for one in measured)] for snr_db in SNRS_DB]
    return ["real SNR (dB)", *(f"{one.name}, PSNR (dB)" for one in measured)], rows


def figure(measured: list[Measurement]) -> Any:
    """PSNR against the real SNR."""
    curves = [Curve(one.name, SNRS_DB, [one.mean("psnr_db", snr_db)[0] for snr_db in SNRS_DB]) for one in measured]
    note = (
        f"Told {TOLD_SNR_DB:g} dB, AWGN, k/n = 1/{RATIO}, {len(measured[0].photographs)} photographs, mean PSNR, seed "
        f"{SEED}"
    )
    panels = [Panel("", "real SNR (dB)", "PSNR (dB)", curves)]
    drawn = draw_curves([panels], title="The cliff, and what insurance costs", note=note)
    drawn.set_size_inches(6.4, 5.2)
    return drawn


if __name__ == "__main__":
    main()
