"""A page of results: sections with figures, judged claims, tables, and the recipe of every number.

`write_page` stores every section as JSON, CSV and PNG, and then `render` makes the Markdown page from the JSON alone.
So a page can be made again from what is stored beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os.path import relpath
from pathlib import Path
from typing import Any, final

from matplotlib.figure import Figure

from semcomm.experiments.claims import FAILS, HOLDS, OPEN, Claim
from semcomm.experiments.pictures import save_figure
from semcomm.experiments.tables import csv_text, markdown_table, write_text
from semcomm.files.json import read_object, write_json

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""The head, and the rows."""
WORDS = {HOLDS: "What holds", FAILS: "What does not hold", OPEN: "What these photographs cannot decide"}
KEPT = ("training", "steps", "weights", "wall_time_s", "hardware", "versions", "train_images", "train_manifest_sha256")
"""What a section keeps of each `training.json`."""


@final
@dataclass(frozen=True)
class Section:
    """One section of a page.

    Args:
        key: the name of its files.
        title: the heading.
        text: what the reader must know of the tables.
        systems: names of the trained systems in it.
        claims: judged in it; a claim on which nothing bears is left out.
        tables: numbers for people.
        rows: numbers for CSV and JSON.
        figure: drawn above the text, or None.
        evidence: whether to print every comparison; False where a table has them.
    """

    key: str
    title: str
    text: str
    systems: Sequence[str] = ()
    claims: Sequence[Claim] = ()
    tables: Sequence[Table] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    figure: Figure | None = None
    evidence: bool = True


def write_page(
    page: Path,
    folder: Path,
    sections: Sequence[Section],
    *,
    title: str,
    text: str,
    test: Mapping[str, Any],
    trainings: Mapping[str, Mapping[str, Any]],
    commands: Mapping[str, str],
    measured_by: str,
    trained_by: str,
    picture: str = "",
) -> Path:
    """Write a page, and the figures and numbers of every section.

    Args:
        page: the Markdown file.
        folder: for `KEY.png`, `KEY.csv` and `KEY.json` of every section.
        sections: in their order.
        title: the page's heading.
        text: the page's first paragraph.
        test: photographs ("images", "test", "test_manifest_sha256") and "seed" of all measurements.
        trainings: the `training.json` of every system.
        commands: options of `semcomm train` for every system.
        measured_by: the command that measured.
        trained_by: the command that trained.
        picture: words below `picture.png` in `folder`; empty where there is none.

    Returns:
        The page.
    """
    for section in sections:
        records = {name: trainings[name] for name in section.systems}
        store_section(
            section,
            folder,
            test=test,
            recipe=_recipe(test, list(records.values()), measured_by, trained_by),
            training={
                name: {"options": commands[name], **{key: record.get(key) for key in KEPT}}
                for name, record in records.items()
            },
        )
    content = {
        "title": title,
        "text": text,
        "sections": [section.key for section in sections],
        "picture": picture,
    }
    write_json(folder / f"{page.stem}-page.json", content)
    write_text(page, render(page, folder))
    return page


def store_section(
    section: Section,
    folder: Path,
    *,
    test: Mapping[str, Any],
    recipe: str,
    training: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write one section's figure and numbers: `KEY.png`, `KEY.csv` and `KEY.json`.

    Args:
        section: what to store.
        folder: where.
        test: "test", "test_manifest_sha256" and "seed" of its measurements.
        recipe: how its numbers are made again, in words.
        training: what is kept of the `training.json` of every trained system in it.
    """
    file = folder / section.key
    if section.figure is not None:
        save_figure(section.figure, file.with_suffix(".png"))
    write_text(file.with_suffix(".csv"), csv_text(section.rows))
    content = {
        "section": section.title,
        "text": section.text,
        "figure": section.figure is not None,
        "evidence": section.evidence,
        "test": {key: test[key] for key in ("test", "test_manifest_sha256", "seed")},
        "claims": [
            {
                "claim": claim.text,
                "verdict": claim.verdict,
                "evidence": [asdict(one) | {"verdict": one.verdict} for one in claim.evidence],
            }
            for claim in section.claims
            if claim.evidence
        ],
        "tables": section.tables,
        "recipe": recipe,
        "rows": list(section.rows),
        "training": training or {},
    }
    write_json(file.with_suffix(".json"), content)


def put_first(page: Path, folder: Path, key: str) -> None:
    """Put a stored section before all others of a page, after those that were put there earlier; write the page."""
    file = folder / f"{page.stem}-page.json"
    content = read_object(file)
    first = content.get("first", [])
    write_json(file, content | {"first": first if key in first else [*first, key]})
    write_text(page, render(page, folder))


def render(page: Path, folder: Path) -> str:
    """Make a page from what `write_page` stored.

    Args:
        page: where the Markdown file is or will be; links are relative to it.
        folder: what holds the sections.

    Returns:
        The Markdown text.
    """
    content = read_object(folder / f"{page.stem}-page.json")
    sections = {key: read_object(folder / f"{key}.json") for key in content["sections"]}
    here = relpath(folder, page.parent)
    near = "" if here == "." else f"{here}/"
    claims = [claim for section in sections.values() for claim in section["claims"]]
    lines = [f"# {content['title']}", ""]
    first = content.get("first", [])
    for key in first:
        lines += _section(key, read_object(folder / f"{key}.json"), near)
    lines += ["## The trained systems", ""] if first else []
    lines += [content["text"], ""]
    for verdict, words in WORDS.items():
        found = [claim for claim in claims if claim["verdict"] == verdict]
        if found:
            lines += [f"**{words}:**", "", *(f"- {claim['claim']}{_unless(claim)}." for claim in found), ""]
    lines += [
        "A claim holds if every comparison that bears on it is beyond its 95 % confidence interval; one comparison "
        "that is beyond it the other way refutes the claim. Comparisons are of the same photographs, pair by pair. "
        "Each interval stands for itself: they are not corrected for their number, and know nothing of other training "
        "seeds. PSNR and SSIM are of single images, then averaged.",
        "",
    ]
    if content["picture"]:
        lines += ["## One photograph", "", f"![One photograph, all schemes]({near}picture.png)", ""]
        lines += [content["picture"], ""]
    for key, section in sections.items():
        lines += _section(key, section, near)
    return "\n".join(lines + _trainings(sections.values()))


def _section(key: str, section: Mapping[str, Any], near: str) -> list[str]:
    lines = [f"## {section['section']}", ""]
    if section["figure"]:
        lines += [f"![{section['section']}]({near}{key}.png)", ""]
    lines += [section["text"], ""]
    if section["claims"]:
        verdicts = [[claim["claim"], f"**{claim['verdict']}**"] for claim in section["claims"]]
        lines += [*markdown_table(["claim", "verdict"], verdicts), ""]
    for claim in section["claims"] if section["evidence"] else ():
        needed = any(one["at_least"] for one in claim["evidence"])
        head = ["where", "difference (dB)", *(["at least (dB)"] if needed else []), "verdict"]
        body = [
            [
                one["condition"],
                f"{one['difference_db']:+.2f} ± {one['ci95']:.2f}",
                *([f"{one['at_least']:+g}"] if needed else []),
                one["verdict"],
            ]
            for one in claim["evidence"]
        ]
        lines += [f"{claim['claim']}:", "", *markdown_table(head, body), ""]
    for head, body in section["tables"]:
        lines += [*markdown_table(head, body), ""]
    return [*lines, f"{section['recipe']} Numbers: [CSV]({near}{key}.csv), [JSON]({near}{key}.json).", ""]


def _unless(claim: Mapping[str, Any]) -> str:
    """How many of a claim's comparisons say so, where not all do."""
    said = [one["verdict"] for one in claim["evidence"]]
    if claim["verdict"] == HOLDS:
        return ""
    counts = [
        f"{said.count(verdict)} of {len(said)} {verb}"
        for verdict, verb in ((HOLDS, "confirm"), (FAILS, "refute"))
        if verdict in said
    ]
    return f" ({', '.join(counts) or 'no comparison is significant'})"


def _recipe(test: Mapping[str, Any], records: Sequence[Mapping[str, Any]], measured_by: str, trained_by: str) -> str:
    measured = (
        f"Recipe: {measured_by}; {test['images']} whole photographs of `{test['test']}` "
        f"(SHA-256 `{test['test_manifest_sha256'][:16]}`), sent once each, seed {test['seed']}."
    )
    if not records:
        return measured
    minutes = [record["wall_time_s"] / 60 for record in records]
    took = " to ".join(dict.fromkeys(f"{ends:.0f}" for ends in (min(minutes), max(minutes))))

    def among(words: str) -> str:
        return " or ".join(dict.fromkeys(words.format(**record, rates=rates_of(record)) for record in records))

    budget = among(
        "{steps:,} steps of {training[batch_size]} crops, {training[size]} x {training[size]} pixels, {rates} "
        "({training[schedule]}), precision {training[precision]}"
    )
    data = among("{train_images:,} photographs (SHA-256 `{train_manifest_sha256:.16}`)")
    return (
        f"{measured} Every system: `{trained_by}`, {budget}, on {data}, seed {among('{training[seed]}')}; {took} "
        f"minutes on {among('{hardware}')}."
    )


def rates_of(record: Mapping[str, Any]) -> str:
    """Say with which optimisers and rates a training began."""
    training = record["training"]
    adam = f"Adam {training['learning_rate']:g}"
    return adam if training.get("muon_rate") is None else f"Muon {training['muon_rate']:g}, {adam}"


def _trainings(sections: Iterable[Mapping[str, Any]]) -> list[str]:
    """Tell each training of each system once."""
    head = ["system", "steps", "crops", "weights", "minutes", "hardware", "`semcomm train`"]
    cells = (
        "`{name}`",
        "{steps:,}",
        "{training[batch_size]} of {training[size]} x {training[size]}",
        "{weights:,}",
        "{minutes:.0f}",
        "{hardware}",
        "`{options}`",
    )
    body = [
        [cell.format(name=name, minutes=record["wall_time_s"] / 60, **record) for cell in cells]
        for section in sections
        for name, record in section["training"].items()
    ]
    return [
        "## How the systems were trained",
        "",
        "The last column is what `semcomm train` was told beside its folders and the steps.",
        "",
        *markdown_table(head, [list(row) for row in dict.fromkeys(map(tuple, body))]),
        "",
    ]
