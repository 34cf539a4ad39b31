"""What single images scored: means with confidence intervals, a table, CSV, JSON and a figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from semcomm.experiments.tables import csv_text, latex_lines, markdown_table, write_text
from semcomm.files.json import read_object, write_json
from semcomm.quality.statistics import mean_and_ci95, paired_difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from semcomm.experiments.curves import Width

LABELS = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "ms_ssim_db": "MS-SSIM (dB)",
    "lpips": "LPIPS",
    "papr_db": "PAPR (dB)",
    "above_3db": "P(> 3 dB)",
    "above_6db": "P(> 6 dB)",
    "above_9db": "P(> 9 dB)",
}
FIGURES = (".png", ".pdf", ".svg")


@final
@dataclass(frozen=True)
class Measurement:
    """What one scheme scored on photographs.

    Args:
        name: the scheme's name in tables and legends.
        channel: what the images were sent over, in words.
        seed: what all noise came from.
        photographs: their names.
        symbols: channel uses k of each photograph.
        dimensions: source dimensions n = 3 h w of each photograph.
        snrs_db: SNRs in dB.
        scores: per name, such as "psnr_db", an array `(SNRs, photographs, draws)`; NaN where a score is not defined,
            such as SSIM below 11 x 11 pixels.
        failed: bool `(SNRs, photographs, draws)`: whether another image stood in for the one sent.
        settings: what else `evaluate` was told, such as {"size": 256}.

    Example:
        >>> zeros = np.zeros((1, 2, 1))
        >>> one = Measurement("mine", "awgn", 0, ["a", "b"], [9, 9], [90, 90], [10.0], {"psnr_db": zeros + 30}, zeros)
        >>> one.mean("psnr_db", 10.0)
        (30.0, 0.0)
        >>> print(one.table())
        | model | k/n | SNR (dB) | PSNR (dB) | failures |
        | --- | --- | --- | --- | --- |
        | mine | 0.1000 | 10 | 30.00 ± 0.00 | 0 |
    """

    name: str
    channel: str
    seed: int
    photographs: list[str]
    symbols: list[int]
    dimensions: list[int]
    snrs_db: list[float]
    scores: dict[str, np.ndarray]
    failed: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def bandwidth_ratio(self) -> float:
        """All channel uses over all source dimensions."""
        return sum(self.symbols) / sum(self.dimensions)

    def mean(self, score: str = "psnr_db", snr_db: float | None = None) -> tuple[float, float]:
        """Mean over photographs and half width of its 95 % confidence interval (Student's t).

        Draws are averaged within a photograph first: photographs are what was sampled. Photographs for which the score
        is not defined are left out.

        Args:
            score: which.
            snr_db: at which SNR; may be left out where there is only one.

        Raises:
            ValueError: if nothing was measured at that SNR, or there is no such score.
        """
        values = self._images(score, snr_db)
        defined = values[~np.isnan(values)]
        return mean_and_ci95(defined) if len(defined) else (math.nan, math.nan)

    def difference(
        self,
        other: "Measurement",
        score: str = "psnr_db",
        snr_db: float | None = None,
        other_snr_db: float | None = None,
    ) -> tuple[float, float]:
        """Mean of this score less the other scheme's, photograph by photograph, and half width of its 95 % interval.

        Args:
            other: what is subtracted; photographs that only one of the two has are left out.
            score: which.
            snr_db: at which SNR.
            other_snr_db: at which SNR of the other; None for the same.

        Raises:
            ValueError: if the two have no photograph in common, or one was not measured at that SNR.
        """
        other_snr_db = snr_db if other_snr_db is None else other_snr_db
        mine, theirs = self._images(score, snr_db), other._images(score, other_snr_db)
        if self.photographs != other.photographs:
            own, others = (dict(zip(one.photographs, range(len(one.symbols)), strict=True)) for one in (self, other))
            both = [name for name in own if name in others]
            if not both:
                raise ValueError(f"{self.name} and {other.name} must share photographs, but have none in common")
            mine, theirs = mine[[own[name] for name in both]], theirs[[others[name] for name in both]]
        return paired_difference(mine, theirs)

    def at(self, snr_db: float) -> "Measurement":
        """What was measured at one SNR."""
        place = self._place(snr_db)
        scores = {name: values[[place]] for name, values in self.scores.items()}
        return replace(self, snrs_db=[snr_db], scores=scores, failed=self.failed[[place]])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Per SNR: what was measured where, means and half widths of their 95 % confidence intervals, and failures.

        A number that is not finite is None. Where a score is not defined for some photographs, `SCORE_left_out` says
        for how many.
        """
        where = {"model": self.name, "channel": self.channel, "seed": self.seed} | self.settings
        where |= {"images": len(self.photographs), "bandwidth_ratio": round(self.bandwidth_ratio, 6)}
        rows = []
        for place, snr_db in enumerate(self.snrs_db):
            row: dict[str, Any] = where | {"snr_db": snr_db}
            for name in self.scores:
                mean, half_width = self.mean(name, snr_db)
                row |= {name: finite(mean), half_width_of(name): finite(half_width)}
                if missing := int(np.isnan(self._images(name, snr_db)).sum()):
                    row[f"{name}_left_out"] = missing
            rows.append(row | {"failures": int(self.failed[place].sum())})
        return rows

    def table(self) -> str:
        """Means ± half widths of their 95 % confidence intervals, as a Markdown table that reads well as it is."""
        return table([self])

    def latex(self) -> str:
        """The same for LaTeX, with the package booktabs."""
        return latex_table([self])

    def csv(self) -> str:
        """The rows as CSV."""
        return csv_text(self.rows)

    def json(self) -> dict[str, Any]:
        """Everything, for JSON: the rows, and the scores of every single image, rounded to six decimals."""
        content = {"model": self.name} | self.settings
        content |= {"images": len(self.photographs), "k": _one_or_all(self.symbols)}
        content |= {"bandwidth_ratio": self.bandwidth_ratio, "channel": self.channel, "seed": self.seed}
        content["rows"] = self.rows
        kept = {key: value for key, value in asdict(self).items() if key in ("photographs", "dimensions", "settings")}
        scores = {name: _lists(values) for name, values in self.scores.items()}
        return content | {"measured": kept | {"scores": scores, "failed": self.failed.astype(int).tolist()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Measurement":
        """Make a measurement again from what `json` returned.

        Raises:
            ValueError: if numbers are missing or do not fit each other.
        """
        try:
            measured, k = content["measured"], content["k"]
            images = len(measured["photographs"])
            made = cls(
                name=content["model"],
                channel=content["channel"],
                seed=content["seed"],
                photographs=measured["photographs"],
                symbols=[k] * images if isinstance(k, int) else k,
                dimensions=measured["dimensions"],
                snrs_db=[float(row["snr_db"]) for row in content["rows"]],
                scores={name: np.array(values, dtype=np.float64) for name, values in measured["scores"].items()},
                failed=np.array(measured["failed"], dtype=bool),
                settings=measured["settings"],
            )
            shape = (len(made.snrs_db), images, made.failed.shape[-1])
            fitting = all(values.shape == shape for values in (*made.scores.values(), made.failed))
            counts = [len(made.symbols), len(made.dimensions)]
            positive = all(type(one) is int and one > 0 for one in (*made.symbols, *made.dimensions))
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError) as error:
            raise ValueError(f"a number or a name is missing or wrong: {error!r}") from error
        if not (fitting and positive and counts == [images, images] and {"psnr_db", "ssim"} <= made.scores.keys()):
            raise ValueError("its numbers do not fit each other")
        return made

    def figure(self, *, width: "Width" = "screen") -> "Figure":
        """Curves of PSNR and SSIM, or of whatever was measured, against SNR; see `draw`."""
        return draw([self], width=width)

    def save(self, path: str | Path) -> None:
        """Write a table, CSV, JSON or a figure, by the file's ending, whole or not at all.

        Args:
            path: ends in .json (everything; `load` reads it), .csv (the rows), .md or .tex (the table), .png, .pdf or
                .svg (the figure).

        Raises:
            ValueError: if it ends otherwise.
            OSError: if it cannot be written.
        """
        path = Path(path)
        if path.suffix == ".json":
            write_json(path, self.json())
        elif path.suffix in (".csv", ".md", ".tex"):
            write_text(path, {".csv": self.csv, ".md": lambda: f"{self.table()}\n", ".tex": self.latex}[path.suffix]())
        elif path.suffix in FIGURES:
            from semcomm.experiments.pictures import save_figure

            save_figure(self.figure(), path)
        else:
            raise ValueError(f"path must end in .json, .csv, .md, .tex, {', '.join(FIGURES)}, got {path}")

    @classmethod
    def load(cls, path: str | Path) -> "Measurement":
        """Read the JSON file that `save` wrote.

        Raises:
            OSError: if it cannot be read.
            ValueError: naming the file, if it holds something else.
        """
        try:
            return cls.from_json(read_object(Path(path)))
        except ValueError as error:
            raise ValueError(f"{path} is no measurement: {error}; delete it to measure it again") from error

    def _images(self, score: str, snr_db: float | None) -> np.ndarray:
        if score not in self.scores:
            raise ValueError(f"score must be one of {', '.join(self.scores)}, got {score!r}")
        return self.scores[score][self._place(snr_db)].mean(axis=1)

    def _place(self, snr_db: float | None) -> int:
        if snr_db is None and len(self.snrs_db) == 1:
            return 0
        if snr_db not in self.snrs_db:
            known = ", ".join(f"{one:g}" for one in self.snrs_db)
            raise ValueError(f"snr_db must be one of {known}, at which {self.name} was measured, got {snr_db}")
        return self.snrs_db.index(snr_db)


def table(measurements: Sequence[Measurement]) -> str:
    """Means of several measurements ± half widths of their 95 % confidence intervals, as one Markdown table."""
    return "\n".join(markdown_table(*cells(measurements)))


def latex_table(measurements: Sequence[Measurement]) -> str:
    """The same for LaTeX, with the package booktabs."""
    return "\n".join(latex_lines(*cells(measurements))) + "\n"


def cells(measurements: Sequence[Measurement]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table, a row per scheme and SNR."""
    scores = list(dict.fromkeys(name for one in measurements for name in one.scores))
    head = ["model", "k/n", "SNR (dB)", *(LABELS.get(name, name) for name in scores), "failures"]
    body = [
        [
            one.name,
            f"{one.bandwidth_ratio:.4f}",
            f"{row['snr_db']:g}",
            *(plus_minus(row, name) for name in scores),
            str(row["failures"]),
        ]
        for one in measurements
        for row in one.rows
    ]
    return head, body


def half_width_of(score: str) -> str:
    """The column that holds the half width of a score's confidence interval."""
    return "psnr_ci95" if score == "psnr_db" else f"{score}_ci95"


def plus_minus(row: Mapping[str, Any], score: str) -> str:
    """One cell of a table: mean ± half width, a dash for what is not finite, and how many images were left out."""
    places = 2 if score.endswith("_db") else 3
    numbers = [row.get(score), row.get(half_width_of(score))]
    mean, half_width = ("-" if number is None else f"{number:.{places}f}" for number in numbers)
    left_out = row.get(f"{score}_left_out")
    return f"{mean} ± {half_width}" + (f" ({left_out} left out)" if left_out else "")


def draw(measurements: Sequence[Measurement], *, width: "Width" = "screen") -> "Figure":
    """Draw the scores of several measurements against SNR, a panel per score and a curve per scheme.

    Args:
        measurements: of systems, codecs and links alike.
        width: "screen", or "single" or "double" for one or both columns of an IEEE paper.

    Raises:
        ValueError: if `width` is none of these.
    """
    from semcomm.experiments.curves import Curve, Panel, draw_curves

    first = measurements[0]
    rows = {id(one): one.rows for one in measurements}

    def panel(score: str) -> Panel:
        curves = [
            Curve(
                f"{Path(one.name).name}, k/n = {one.bandwidth_ratio:.4f}",
                one.snrs_db,
                [row[score] for row in rows[id(one)]],
                [row[half_width_of(score)] for row in rows[id(one)]],
            )
            for one in measurements
            if score in one.scores
        ]
        return Panel("", "SNR (dB)", LABELS.get(score, score), curves)

    channels = ", ".join(dict.fromkeys(one.channel for one in measurements))
    note = f"{len(first.photographs)} photographs, {channels}, 95 % confidence, seed {first.seed}"
    panels = [panel(score) for score in dict.fromkeys(name for one in measurements for name in one.scores)]
    rows_of_two = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    return draw_curves(rows_of_two, title="Quality against SNR", note=note, width=width)


def finite(value: float) -> float | None:
    """Round a number for JSON, which knows none that is not finite."""
    return round(value, 6) if math.isfinite(value) else None


def _one_or_all(numbers: list[int]) -> int | list[int]:
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _lists(values: np.ndarray) -> Any:
    """Nested lists; JSON has no number for NaN and inf, so they become words that `float` reads."""
    if values.ndim:
        return [_lists(inner) for inner in values]
    return round(float(values), 6) if np.isfinite(values) else str(values)
