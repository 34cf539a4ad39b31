"""The command that reproduces the paper's figures."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from semcomm.cli.options import SeedOption


def reproduce(
    figure: Annotated[Literal["fig4", "fig5", "fig6"], typer.Argument(help="A figure of arXiv 2202.04754.")],
    train: Annotated[Path, typer.Option(help="Folder of photographs to train on.")],
    val: Annotated[Path, typer.Option(help="Folder of photographs to validate on.")],
    test: Annotated[Path, typer.Option(help="Folder of photographs to judge by.")],
    out: Annotated[Path, typer.Option(help="Folder for everything; one for all three figures shares their systems.")],
    preset: Annotated[Literal["quick", "paper"], typer.Option(help="Minutes on a CPU, or the paper's grid.")] = "quick",
    workers: Annotated[int, typer.Option(help="Processes that decode photographs while training.")] = 0,
    seed: SeedOption = 0,
) -> None:
    """Train, measure and judge one of the paper's figures; start it again to go on."""
    try:
        from semcomm.experiments.run import Folders
        from semcomm.experiments.run import reproduce as run
    except ModuleNotFoundError as error:
        raise ImportError(f"reproducing needs {error.name}: pip install 'semcomm[train]'") from error
    from semcomm.experiments.presets import PRESETS

    folders = Folders(train=train, val=val, test=test, out=out)
    page = run(figure, folders, PRESETS[preset], seed=seed, workers=workers, report=typer.echo)
    typer.echo(f"wrote {page}")
