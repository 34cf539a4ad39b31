"""The commands that train and score the lite extractors."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from semcomm.files.atomic import write_whole
from semcomm.training.extractors import score_extractor, train_extractor

KindArgument = Annotated[Literal["caption", "segmentation"], typer.Argument(help="Which extractor.")]
DataOption = Annotated[
    list[Path],
    typer.Option(
        help="Folder of data; give it once per folder. Layouts: Flickr8k and COCO captions, or CamVid and COCO masks."
    ),
]
LabelledOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHOTOS=LABELS",
        help="For a segmenter: a folder of photographs, and one of their label maps in VOC's classes; once per pair.",
    ),
]
LabelledValidationOption = Annotated[
    list[str] | None, typer.Option(metavar="PHOTOS=LABELS", help="The same, to tune on and to score on.")
]
ModelOption = Annotated[Path | None, typer.Option(help="Folder of a trained extractor; the shipped one if left out.")]


def train_extractor_command(
    kind: KindArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder to write; it appears when training is complete.")],
    steps: Annotated[
        int, typer.Option(min=1, help="Optimiser steps; the learning rate falls to zero over them.")
    ] = 4000,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 8,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations.")] = 250,
    patience: Annotated[int, typer.Option(min=1, help="Validations without a better score before stopping.")] = 12,
    labelled: LabelledOption = None,
    labelled_validation: LabelledValidationOption = None,
    uncaptioned: Annotated[
        list[Path] | None,
        typer.Option(help="For a captioner: a folder of photographs, taught a sentence where their class is clear."),
    ] = None,
    begin_from: Annotated[Path | None, typer.Option(help="Folder of a trained extractor to begin with.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all randomness.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
) -> None:
    """Train the small captioner or segmenter, and print its scores on held-out images."""
    record = train_extractor(
        kind,
        data,
        out,
        steps=steps,
        batch_size=batch_size,
        learning_rate=lr,
        validate_every=validate_every,
        patience=patience,
        labelled=_pairs(labelled, "--labelled"),
        labelled_validation=_pairs(labelled_validation, "--labelled-validation"),
        uncaptioned=uncaptioned or (),
        begin_from=begin_from,
        seed=seed,
        resume=resume,
    )
    typer.echo(json.dumps(record["metrics"], indent=1))
    typer.echo(f"wrote {out}")


def score_extractor_command(
    kind: KindArgument,
    data: DataOption,
    labelled: LabelledOption = None,
    labelled_validation: LabelledValidationOption = None,
    model: ModelOption = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the scores here, too.")] = None,
) -> None:
    """Score a small captioner or segmenter on held-out images, beside controls."""
    found = score_extractor(
        kind,
        data,
        labelled=_pairs(labelled, "--labelled"),
        labelled_validation=_pairs(labelled_validation, "--labelled-validation"),
        model=model,
    )
    scores = json.dumps(found, indent=1)
    typer.echo(scores)
    if json_file is not None:
        with write_whole(json_file) as temporary:
            temporary.write_text(scores + "\n")


def _pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for one in given or ():
        photographs, equals, labels = one.partition("=")
        if not (photographs and equals and labels):
            raise typer.BadParameter(f"must be PHOTOS=LABELS, two folders, got {one!r}", param_hint=option)
        pairs.append((photographs, labels))
    return pairs


if __name__ == "__main__":
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    app.command("train-extractor")(train_extractor_command)
    app.command("score-extractor")(score_extractor_command)
    app()
