"""A section of the results page, and what all of them are made with. Pure: from scores to words, tables and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from results_grid import CODECS, Grid, Scored

from semcomm.experiments.claims import Claim
from semcomm.experiments.curves import Curve

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Its head, and its rows."""


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Args:
        key: of its files.
        title: above it.
        text: below its figure.
        systems: whose recipe it prints.
        claims: judged in it.
        tables: its numbers for people.
        rows: its numbers for CSV and JSON.
        figure: above all.
        evidence: whether to print every comparison; False where a table has them.
    """

    key: str
    title: str
    text: str
    systems: Sequence[str]
    claims: Sequence[Claim] = ()
    tables: Sequence[Table] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    figure: Figure | None = None
    evidence: bool = True

    def __post_init__(self):
        """Leave out claims on which nothing bears yet."""
        object.__setattr__(self, "claims", [claim for claim in self.claims if claim.evidence])


def curve(label: str, points: Sequence[tuple[float, tuple[float, float]]]) -> Curve:
    points = sorted(points)
    return Curve(label, [x for x, _ in points], [mean for _, (mean, _) in points], [ci95 for _, (_, ci95) in points])


def pm(value: tuple[float, float], places: int = 2) -> str:
    return f"{value[0]:.{places}f} ± {value[1]:.{places}f}"


def matrix(corner: str, schemes: Mapping[str, Scored], snrs: Sequence[float]) -> tuple[list[str], list[list[str]]]:
    body = [[label, *(pm(one.mean(snr)) for snr in snrs)] for label, one in schemes.items()]
    return [corner, *(f"{snr:g} dB" for snr in snrs)], body


def rows(grid: Grid, key: tuple[str, str]) -> list[dict[str, Any]]:
    name, other = key
    coded = name in CODECS
    made = []
    for snr_db, point in sorted(grid[key].points.items()):
        numbers = [*grid[key].mean(snr_db), *grid[key].mean(snr_db, "ssim")]
        names = ("psnr_db", "psnr_ci95", "ssim", "ssim_ci95")
        made.append(
            {
                "system": name,
                "channel": "awgn" if coded else other,
                "channel_uses_of": other if coded else name,
                "snr_db": snr_db,
                "images": len(grid[key].images),
                "bandwidth_ratio": round(point.bandwidth_ratio, 6),
                **{score: round(value, 5) for score, value in zip(names, numbers, strict=True)},
                "failures": point.failures,
            }
        )
    return made
