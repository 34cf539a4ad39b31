"""Rows of numbers as text: Markdown for people, LaTeX for papers, CSV for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semcomm.files.atomic import write_whole


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table.

    Example:
        >>> markdown_table(["a", "b"], [["1", "2"]])
        ['| a | b |', '| --- | --- |', '| 1 | 2 |']
    """
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)
"""What LaTeX would take for more than a letter."""


def latex_lines(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> list[str]:
    r"""Lines of a LaTeX table, for the package booktabs.

    Args:
        head: headings.
        rows: cells.
        words: how many columns, the first ones, are set flush left.

    Example:
        >>> print(*latex_lines(["model", "PSNR (dB)"], [["deep_jscc", "30.00 ± 0.10"]]), sep="\n")
        \begin{tabular}{lr}
        \toprule
        model & PSNR (dB) \\
        \midrule
        deep\_jscc & 30.00 $\pm$ 0.10 \\
        \bottomrule
        \end{tabular}
    """
    first, *rest = [" & ".join(cell.translate(_LATEX) for cell in cells) + r" \\" for cells in (head, *rows)]
    columns = "l" * words + "r" * (len(head) - words)
    top = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", first, r"\midrule"]
    return [*top, *rest, r"\bottomrule", r"\end{tabular}"]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""CSV of rows, whose columns are all that any row has; a missing value is an empty cell.

    Example:
        >>> csv_text([{"a": 1}, {"a": 2, "b": 3}])
        'a,b\n1,\n2,3\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
