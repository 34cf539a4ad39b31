"""The command line's `fit-code`."""

import time
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer
from rich.console import Console

from semcomm.cli.options import JsonOption, SeedOption, show_progress
from semcomm.cli.reports import check_outputs, write_json
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy
from semcomm.data.folders import manifest_hash


def fit_code(
    data: Annotated[list[Path], typer.Argument(help="Folders of photographs, searched with their subfolders.")],
    out: Annotated[Path, typer.Option(help="The codebook's file, .safetensors; builders take it as codebook=.")],
    json_file: JsonOption = None,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where classes are made.")] = "cpu",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
) -> None:
    """Fit the statistics of the hybrid and the linear code to your photographs; a GPU takes a minute for thousands."""
    from semcomm.training.fit_code import fit_code as run
    from semcomm.training.fit_code import stages

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device must be cpu here, got cuda: torch finds no GPU")
    check_outputs({"--out": out, "--json": json_file}, photographs=data)
    photographs = [path for folder in data for path in choose_photographs(folder, skip_bad=skip_bad)]
    started = time.monotonic()
    begun = []
    with naming_the_remedy(photographs), show_progress("fitting", total=stages()) as advance:

        def begin(what: str) -> None:
            begun.append(what)
            advance(what)
            if not Console(stderr=True).is_interactive:
                typer.echo(f"semcomm: {len(begun)}/{stages()} {what}", err=True)

        codebook = run(photographs, seed=seed, device=device, progress=begin)
    codebook.save(out)
    took = round(time.monotonic() - started, 1)
    typer.echo(f"wrote {out}: {len(codebook.books)} books of {len(photographs)} photographs, in {took:.0f} s")
    write_json(
        json_file,
        {
            "codebook": str(out),
            "photographs": len(photographs),
            "manifest_sha256": manifest_hash(photographs),
            "seed": seed,
            "device": device,
            "wall_time_s": took,
        },
    )
