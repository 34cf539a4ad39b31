"""The results page: sections as Markdown, CSV, JSON and PNG, with the recipe beside every table."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from results_section import Section

from semcomm.experiments.claims import FAILS, HOLDS, OPEN, Claim
from semcomm.experiments.pictures import save_figure
from semcomm.files.atomic import write_whole
from semcomm.files.json import write_json

MEASURE = "python zoo/measure.py --test TEST --out OUT"
RESULTS = "python zoo/make_results.py --test TEST --out OUT"
MAKE = "python zoo/make_zoo.py --train TRAIN --features FEATURES --val VAL --out OUT"
WORDS = {HOLDS: "What holds", FAILS: "What does not hold", OPEN: "What these photographs cannot decide"}


def write_page(
    docs: Path,
    sections: Sequence[Section],
    trainings: Mapping[str, Mapping[str, Any]],
    commands: Mapping[str, str],
    settings: Mapping[str, Any],
    *,
    missing: Sequence[str],
    picture: str = "",
) -> Path:
    """Write `results.md`, and figures and numbers of every section into `results/`.

    Args:
        docs: the folder for both.
        sections: in their order.
        trainings: the `training.json` of every system.
        commands: how each system is trained.
        settings: test photographs and seed of all measurements.
        missing: systems that are not trained or not measured.
        picture: words below `results/picture.png`; empty where there is none.

    Returns:
        The page.
    """
    for section in sections:
        file = docs / "results" / section.key
        if section.figure is not None:
            save_figure(section.figure, file.with_suffix(".png"))
        _write(file.with_suffix(".csv"), _csv(section.rows))
        content = {
            "section": section.title,
            "test": {key: settings[key] for key in ("test", "test_manifest_sha256", "seed")},
            "claims": [
                {
                    "claim": claim.text,
                    "verdict": claim.verdict,
                    "evidence": [asdict(one) | {"verdict": one.verdict} for one in claim.evidence],
                }
                for claim in section.claims
            ],
            "rows": list(section.rows),
            "training": {name: _budget(name, trainings, commands) for name in section.systems if name in trainings},
        }
        write_json(file.with_suffix(".json"), content)
    lines = [
        *_opening(sections, settings, missing),
        *(
            ["## One photograph", "", "![One photograph, all schemes](results/picture.png)", "", picture, ""]
            if picture
            else []
        ),
        *(line for section in sections for line in _section(section, trainings, settings)),
        *_trainings(sections, trainings, commands),
    ]
    page = docs / "results.md"
    _write(page, "\n".join(lines))
    return page


def _opening(sections: Sequence[Section], settings: Mapping[str, Any], missing: Sequence[str]) -> list[str]:
    claims = [claim for section in sections for claim in section.claims]
    lines = [
        "# Results",
        "",
        f"What the trained systems score on {len(settings['images'])} photographs, `{settings['test']}`, none of them "
        "used in training or to choose anything, and what that says of the paper's claims (arXiv 2202.04754, "
        "Section IV). A script wrote all of it from the measurements; the recipe is below every table.",
        "",
    ]
    for verdict, words in WORDS.items():
        found = [claim for claim in claims if claim.verdict == verdict]
        if found:
            lines += [f"**{words}:**", "", *(f"- {claim.text}{_unless(claim)}." for claim in found), ""]
    if missing:
        lines += [f"**Missing,** because not trained or not measured yet: {_quoted(missing)}.", ""]
    lines += [
        "A claim holds if every comparison that bears on it is beyond its 95 % confidence interval; one comparison "
        "that is beyond it the other way refutes the claim. Comparisons are of the same photographs, pair by pair. "
        "Each interval stands for itself: they are not corrected for their number, and know nothing of other training "
        "seeds. PSNR and SSIM are of single images, then averaged.",
        "",
    ]
    return lines


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _unless(claim: Claim) -> str:
    """How many of a claim's comparisons say so, where not all do."""
    said = [one.verdict for one in claim.evidence]
    if claim.verdict == HOLDS or not said:
        return ""
    counts = [
        f"{said.count(verdict)} of {len(said)} {verb}"
        for verdict, verb in ((HOLDS, "confirm"), (FAILS, "refute"))
        if said.count(verdict)
    ]
    return f" ({', '.join(counts) or 'no comparison is significant'})"


def _section(
    section: Section,
    trainings: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[str]:
    lines = [f"## {section.title}", ""]
    if section.figure is not None:
        lines += [f"![{section.title}](results/{section.key}.png)", ""]
    lines += [section.text, ""]
    if section.claims:
        lines += [*table(["claim", "verdict"], [[claim.text, f"**{claim.verdict}**"] for claim in section.claims]), ""]
    for claim in section.claims if section.evidence else ():
        needed = any(one.at_least for one in claim.evidence)
        head = ["where", "difference (dB)", *(["at least (dB)"] if needed else []), "verdict"]
        body = [
            [
                one.condition,
                f"{one.difference_db:+.2f} ± {one.ci95:.2f}",
                *([f"{one.at_least:+g}"] if needed else []),
                one.verdict,
            ]
            for one in claim.evidence
        ]
        lines += [f"{claim.text}:", "", *table(head, body), ""]
    for head, body in section.tables:
        lines += [*table(head, body), ""]
    return [*lines, _recipe(section, trainings, settings), ""]


def _recipe(section: Section, trainings: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    test = (
        f"Recipe: `{MEASURE}`, then `{RESULTS}`; {len(settings['images'])} whole photographs of `{settings['test']}` "
        f"(SHA-256 `{settings['test_manifest_sha256'][:16]}`), sent once each, seed {settings['seed']}."
    )
    records = [trainings[name] for name in section.systems if name in trainings]
    numbers = f"Numbers: [CSV](results/{section.key}.csv), [JSON](results/{section.key}.json)."
    if not records:
        return f"{test} {numbers}"
    minutes = [record["wall_time_s"] / 60 for record in records]
    took = " to ".join(dict.fromkeys(f"{ends:.0f}" for ends in (min(minutes), max(minutes))))
    budget = _among(
        f"{record['steps']:,} steps of {record['training']['batch_size']} crops, {record['training']['size']} x "
        f"{record['training']['size']} pixels, Adam {record['training']['learning_rate']:g} "
        f"({record['training']['schedule']}), precision {record['training']['precision']}"
        for record in records
    )
    data = _among(
        f"{record['train_images']:,} photographs (SHA-256 `{record['train_manifest_sha256'][:16]}`)"
        for record in records
    )
    hardware = _among(_words(record["hardware"]) for record in records)
    seeds = _among(str(record["training"]["seed"]) for record in records)
    return f"{test} Every system: `{MAKE}`, {budget}, on {data}, seed {seeds}; {took} minutes on {hardware}. {numbers}"


def _trainings(
    sections: Sequence[Section], trainings: Mapping[str, Mapping[str, Any]], commands: Mapping[str, str]
) -> list[str]:
    names = dict.fromkeys(name for section in sections for name in section.systems if name in trainings)
    head = ["system", "steps", "crops", "weights", "minutes", "hardware", "`semcomm train`"]
    body = [
        [
            f"`{name}`",
            f"{record['steps']:,}",
            f"{record['training']['batch_size']} of {record['training']['size']} x {record['training']['size']}",
            f"{record['weights']:,}",
            f"{record['wall_time_s'] / 60:.0f}",
            _words(record["hardware"]),
            f"`{commands[name]}`",
        ]
        for name, record in ((name, trainings[name]) for name in names)
    ]
    return ["## How the systems were trained", "", f"`{MAKE}` runs for each:", "", *table(head, body), ""]


def _budget(name: str, trainings: Mapping[str, Mapping[str, Any]], commands: Mapping[str, str]) -> dict[str, Any]:
    keys = (
        "training",
        "steps",
        "weights",
        "wall_time_s",
        "hardware",
        "versions",
        "train_images",
        "train_manifest_sha256",
    )
    return {"options": commands[name], **{key: trainings[name].get(key) for key in keys}}


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]


def _among(values: Any) -> str:
    return " or ".join(dict.fromkeys(values))


def _words(hardware: Any) -> str:
    return hardware if isinstance(hardware, str) else ", ".join(str(value) for value in hardware.values())


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["system"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
