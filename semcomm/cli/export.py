"""The command that writes a system's transmitter and receiver as two files."""

from pathlib import Path
from typing import Annotated

import typer

from semcomm.cli.groups import Saved, grouped
from semcomm.export import Format, export_system
from semcomm.files.atomic import check_writable


@grouped
def export(
    model: Annotated[str, typer.Argument(help="A shipped system's name, or a folder.")],
    to: Annotated[Format, typer.Option(help="The kind of file: onnx, or torch for torch.export.")],
    out: Annotated[Path, typer.Option(help="Folder for transmitter, receiver and system.json.")],
    saved: Saved,
) -> None:
    """Write transmitter and receiver as two files that run without this package, and a JSON that says how."""
    check_writable(out)
    said = export_system(saved.load(model).cpu(), out, to=to, name=model)
    for file in (*said["files"].values(), "system.json"):
        typer.echo(f"wrote {out / file}")
    typer.echo(f"checked at three sizes: symbols and images differ by {said['largest_difference']:.1e} at most")
