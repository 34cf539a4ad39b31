"""What the sections of a page have in common: their axes, curves, and tables of means."""

from collections.abc import Mapping, Sequence

from semcomm.experiments.claims import Results
from semcomm.experiments.curves import Curve
from semcomm.experiments.measurement import LABELS, Measurement
from semcomm.experiments.page import Table
from semcomm.experiments.specs import Point

RATIO, SNR, PSNR, SSIM = "bandwidth ratio k/n", "SNR (dB)", LABELS["psnr_db"], LABELS["ssim"]
CLIFF_DB = 3.0
"""A scheme falls off a cliff if 3 dB less SNR than it was made for cost it more than this."""


def curve(
    results: Results, points: Sequence[Point], score: str, label: str | None = None, x: Sequence[float] | None = None
) -> Curve:
    """Means of points against `x`, or else against k/n."""
    means = [results[point].mean(score) for point in points]
    ratios = [results[point].bandwidth_ratio for point in points]
    label = points[0].spec.label if label is None else label
    return Curve(label, ratios if x is None else x, [mean for mean, _ in means], [ci95 for _, ci95 in means])


def pm(measured: Measurement, score: str = "psnr_db") -> str:
    """Mean ± half width of its 95 % confidence interval."""
    mean, ci95 = measured.mean(score)
    places = 2 if score == "psnr_db" else 3
    return f"{mean:.{places}f} ± {ci95:.{places}f}"


def matrix(corner: str, results: Results, paths: Mapping[str, Sequence[Point]]) -> Table:
    """Mean PSNR, a row per curve and a column per SNR."""
    snrs = [point.snr_db for point in next(iter(paths.values()))]
    body = [[label, *(pm(results[point]) for point in points)] for label, points in paths.items()]
    return [corner, *(f"{snr:g} dB" for snr in snrs)], body


def rows_of(results: Results, points: Sequence[Point]) -> list[dict]:
    """Numbers for CSV and JSON."""
    return [row for point in dict.fromkeys(points) for row in results[point].rows]
