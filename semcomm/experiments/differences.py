"""Two schemes on the same photographs: what one scores less the other, with confidence intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semcomm.experiments.measurement import LABELS, Measurement, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from semcomm.experiments.curves import Width


def difference_rows(a: Measurement, b: Measurement) -> list[dict[str, Any]]:
    """Per SNR and score that both have: both means, a - b photograph by photograph, and half widths of 95 % intervals.

    `significant` says whether the interval of the difference leaves out zero. A number that is not finite is None.

    Args:
        a: one scheme's scores.
        b: another's on the same photographs at the same SNRs.

    Example:
        >>> import numpy as np
        >>> where = ("awgn", 0, ["x", "y"], [9, 9], [90, 90], [10.0])
        >>> scores = [{"psnr_db": np.array([[[one], [one + 10]]])} for one in (21.0, 20.0)]
        >>> a, b = (Measurement(name, *where, s, np.zeros((1, 2, 1))) for name, s in zip("ab", scores, strict=True))
        >>> [(row["difference"], row["difference_ci95"], row["significant"]) for row in difference_rows(a, b)]
        [(1.0, 0.0, True)]
    """
    where = {"a": a.name, "b": b.name, "a_channel": a.channel, "b_channel": b.channel, "seed": a.seed} | a.settings
    where |= {"images": len(a.photographs)}
    where |= {f"{name}_bandwidth_ratio": round(one.bandwidth_ratio, 6) for name, one in (("a", a), ("b", b))}
    rows = []
    for snr_db in a.snrs_db:
        for score in (name for name in a.scores if name in b.scores):
            kinds = {
                "a_mean": a.mean(score, snr_db),
                "b_mean": b.mean(score, snr_db),
                "difference": a.difference(b, score, snr_db),
            }
            row: dict[str, Any] = where | {"snr_db": snr_db, "score": score}
            for name, (mean, half_width) in kinds.items():
                row |= {name: finite(mean), f"{name}_ci95": finite(half_width)}
            lead, spread = row["difference"], row["difference_ci95"]
            rows.append(row | {"significant": None if lead is None or spread is None else bool(abs(lead) > spread)})
    return rows


def difference_cells(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table of the rows."""
    a, b = rows[0]["a"], rows[0]["b"]
    said = {True: "yes", False: "no", None: "-"}
    body = [
        [
            f"{row['snr_db']:g}",
            LABELS.get(row["score"], row["score"]),
            *(_plus_minus(row, kind) for kind in ("a_mean", "b_mean", "difference")),
            said[row["significant"]],
        ]
        for row in rows
    ]
    return ["SNR (dB)", "score", a, b, "difference", "significant"], body


def draw_differences(rows: Sequence[Mapping[str, Any]], *, width: "Width" = "screen") -> "Figure":
    """Draw the differences against SNR, a panel per score; `width` as in `semcomm.experiments.measurement.draw`."""
    from semcomm.experiments.curves import Curve, Panel, draw_curves

    first = rows[0]
    panels = []
    for score in dict.fromkeys(row["score"] for row in rows):
        chosen = [row for row in rows if row["score"] == score]
        x, y, bars = ([row[key] for row in chosen] for key in ("snr_db", "difference", "difference_ci95"))
        label = f"{Path(first['a']).name} less {Path(first['b']).name}"
        panels.append(Panel("", "SNR (dB)", LABELS.get(str(score), str(score)), [Curve(label, x, y, bars)], zero=True))
    note = f"{first['images']} photographs, {first['a_channel']}, 95 % confidence of paired differences"
    lines = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    return draw_curves(lines, title="Differences", note=f"{note}, seed {first['seed']}", width=width)


def _plus_minus(row: Mapping[str, Any], kind: str) -> str:
    places, sign = 2 if row["score"].endswith("_db") else 3, "+" if kind == "difference" else ""
    mean, half_width = row[kind], row[f"{kind}_ci95"]
    first = "-" if mean is None else f"{mean:{sign}.{places}f}"
    return f"{first} ± {'-' if half_width is None else f'{half_width:.{places}f}'}"
