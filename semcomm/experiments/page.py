"""The page of a reproduced figure: the picture, the claims judged, the numbers, and how they were made."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semcomm.experiments.claims import CLAIMS, Claim
from semcomm.experiments.figures import DRAW, describe
from semcomm.experiments.pictures import save_figure
from semcomm.experiments.specs import NO_CAPACITY_DB, AtCapacity, Point, Preset, Scheme
from semcomm.experiments.store import PointResult
from semcomm.files.atomic import write_whole
from semcomm.files.json import read_object, write_json
from semcomm.quality.image import mean_and_ci95
from semcomm.training.engine import RESULT

TITLES = {
    "fig4": "Figure 4: quality against bandwidth",
    "fig5": "Figure 5: trained at one SNR, tested across",
    "fig6": "Figure 6: what the semantic levels are worth",
}
COLUMNS = ("scheme", "trained_at_db", "snr_db", "bandwidth_ratio", "psnr_db", "psnr_ci95", "ssim", "ssim_ci95")


def write_page(
    figure: str, out: Path, preset: Preset, settings: dict[str, Any], results: Mapping[Point, PointResult]
) -> Path:
    """Write `figure`.png, .csv, .json and .md into a reproduction's folder.

    Returns:
        The Markdown page.
    """
    rows = [_row(point, result) for point, result in results.items()]
    claims = CLAIMS[figure](preset, results)
    trained = _trainings(out, [point.scheme for point in results])
    effort = preset.effort
    note = (
        f"{settings['test_images']} test photographs, 95 % confidence; every system trained for {effort.steps:,} steps "
        f"of {effort.batch_size} crops, {effort.size} x {effort.size}; seed {settings['seed']}"
    )
    save_figure(DRAW[figure](preset, results, note), out / f"{figure}.png")
    _write(out / f"{figure}.csv", _csv(rows))
    judged = [
        {
            "claim": claim.text,
            "verdict": claim.verdict,
            "evidence": [asdict(one) | {"verdict": one.verdict} for one in claim.evidence],
        }
        for claim in claims
    ]
    content = {"figure": figure, "settings": settings, "claims": judged, "rows": rows, "training": trained}
    write_json(out / f"{figure}.json", content)
    page = out / f"{figure}.md"
    _write(page, _markdown(figure, preset, settings, claims, rows, trained))
    return page


def _markdown(
    figure: str,
    preset: Preset,
    settings: dict[str, Any],
    claims: Sequence[Claim],
    rows: Sequence[dict[str, Any]],
    trained: Mapping[str, dict[str, Any]],
) -> str:
    effort = preset.effort
    verdicts = [[claim.text, f"**{claim.verdict}**"] for claim in claims]
    evidence = [
        [claim.text, one.condition, f"{one.difference_db:+.2f} ± {one.ci95:.2f}", one.verdict]
        for claim in claims
        for one in claim.evidence
    ]
    numbers = [
        [
            row["scheme"],
            _training_snr(row["trained_at_db"]),
            "none left" if row["snr_db"] == NO_CAPACITY_DB else f"{row['snr_db']:g}",
            f"{row['bandwidth_ratio']:.4f}",
            f"{row['psnr_db']:.2f} ± {row['psnr_ci95']:.2f}",
            f"{row['ssim']:.3f} ± {row['ssim_ci95']:.3f}",
            str(row["failures"]),
        ]
        for row in rows
    ]
    budgets = [
        [name, f"{one['steps']:,}", f"{one['weights']:,}", f"{one['wall_time_s'] / 60:.1f}", str(one["hardware"])]
        for name, one in trained.items()
    ]
    return "\n".join(
        [
            f"# {TITLES[figure]}",
            "",
            f"![{TITLES[figure]}]({figure}.png)",
            "",
            "## The paper's claims, judged by these numbers",
            "",
            *markdown_table(["claim", "verdict"], verdicts),
            "",
            "A claim holds if every comparison below is positive beyond its 95 % confidence interval over images; one "
            "that is negative beyond it refutes the claim. Comparisons are of the same images, pair by pair, and each "
            "interval stands for itself: they are not corrected for their number, nor do they cover other training "
            "seeds.",
            "",
            *markdown_table(["claim", "where", "difference (dB)", "verdict"], evidence),
            "",
            *_mismatch(rows),
            "## The numbers",
            "",
            f"Means over {settings['test_images']} photographs and half widths of their 95 % confidence intervals. "
            "PSNR and SSIM are of single images, then averaged. k counts padding. At capacity a codec may spend "
            "k log2(1 + SNR) bits, headers counted; where its coarsest file is larger it fails, and random pixels "
            "count instead.",
            "",
            *markdown_table(["scheme", "trained at", "SNR (dB)", "k/n", "PSNR (dB)", "SSIM", "failures"], numbers),
            "",
            "## How they were made",
            "",
            f"Preset `{preset.name}`, seed {settings['seed']}. Every system: {effort.steps:,} steps of "
            f"{effort.batch_size} random {effort.size} x {effort.size} crops, Adam 1e-3 ({effort.schedule}), mean "
            f"squared error. MLSC-image: width {effort.width}, normalisation {effort.norm}, "
            f"{'with' if effort.shortcut else 'no'} shortcuts; Deep JSCC as published. "
            f"Manifests (SHA-256): train `{settings['train_manifest_sha256'][:16]}`, val "
            f"`{settings['val_manifest_sha256'][:16]}`, test `{settings['test_manifest_sha256'][:16]}`.",
            "",
            *markdown_table(["system", "steps", "weights", "minutes", "hardware"], budgets),
            "",
        ]
    )


def _mismatch(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The matrix of training against test SNRs, where a system was tested at more than its own."""
    systems: dict[tuple[str, str], dict[float, float]] = {}
    for row in rows:
        if isinstance(row["trained_at_db"], float):
            trained = (row["scheme"], _training_snr(row["trained_at_db"]))
            systems.setdefault(trained, {})[row["snr_db"]] = row["psnr_db"]
    if all(len(tested) == 1 for tested in systems.values()):
        return []
    snrs = sorted({snr_db for tested in systems.values() for snr_db in tested})
    body = [
        [*trained, *(f"{tested[snr_db]:.2f}" if snr_db in tested else "" for snr_db in snrs)]
        for trained, tested in systems.items()
    ]
    head = ["scheme", "trained at", *(f"{snr_db:g} dB" for snr_db in snrs)]
    return ["## Training against test SNR: mean PSNR (dB)", "", *markdown_table(head, body), ""]


def _row(point: Point, result: PointResult) -> dict[str, Any]:
    psnr_db, psnr_ci95 = mean_and_ci95(result.psnr_db)
    ssim, ssim_ci95 = mean_and_ci95(result.ssim)
    trained_at = None if isinstance(point.scheme, AtCapacity) else point.scheme.snr_db
    values = [describe(point.scheme), trained_at, point.snr_db, result.bandwidth_ratio]
    scores = [round(value, 6) for value in (psnr_db, psnr_ci95, ssim, ssim_ci95)]
    return dict(zip(COLUMNS, [*values, *scores], strict=True)) | {"failures": result.failures}


def _trainings(out: Path, schemes: Sequence[Scheme]) -> dict[str, dict[str, Any]]:
    records = {}
    for scheme in dict.fromkeys(schemes):
        path = out / "systems" / scheme.name / RESULT
        if isinstance(scheme, AtCapacity):
            continue
        record = read_object(path)
        records[scheme.name] = {key: record.get(key) for key in ("steps", "weights", "wall_time_s", "hardware")}
        if not all(type(value) in (int, float) for value in list(records[scheme.name].values())[:3]):
            raise ValueError(f"{path} is no result of a training: {records[scheme.name]}; delete {path.parent}")
    return records


def _training_snr(snr_db: Any) -> str:
    if snr_db is None:
        return "-"
    return f"{snr_db[0]:g} to {snr_db[1]:g} dB" if isinstance(snr_db, tuple) else f"{snr_db:g} dB"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, "failures"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"trained_at_db": _training_snr(row["trained_at_db"])})
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
