"""What several commands of the command line share: options, channels, extractors, the progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semcomm.cli.channels import ChannelName, build_channel
from semcomm.pretrained import from_pretrained
from semcomm.receiver.equalizer import EQUALIZERS
from semcomm.system import SemanticSystem
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature


def _ratio(text: object) -> float:
    try:
        return float(Fraction(str(text)))
    except (ValueError, ArithmeticError) as error:
        raise typer.BadParameter(f"it takes a number or a fraction, such as 1/12, got {text}") from error


OutOption = Annotated[Path, typer.Option(help="Folder for the result.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all randomness.")]
ChannelOption = Annotated[ChannelName, typer.Option(help="The channel.")]
CapacityChannelOption = Annotated[Literal["awgn", "rayleigh"], typer.Option(help="The channel.")]
CoherenceOption = Annotated[str, typer.Option(help="Rayleigh, Rician: symbol, image, or a block of that many symbols.")]
EqualizerOption = Annotated[Literal["none", "zf", "mmse"], typer.Option(help="Fading: the equaliser.")]
SnrsOption = Annotated[str, typer.Option(help="SNRs in dB, separated by commas.")]
SavedLevelOption = Annotated[
    str | None, typer.Option(help="The extractor that the system was trained with, where the package has it not.")
]
RatioOption = Annotated[float, typer.Option(parser=_ratio, metavar="RATIO", help="k/n, such as 1/12.")]
DataOption = Annotated[Path, typer.Option(help="Folder of photographs, searched with its subfolders.")]


def set_channel(system: SemanticSystem, name: ChannelName, coherence: str, equalizer: str) -> None:
    """Give a system what --channel, --coherence and --equalizer say."""
    system.channel = build_channel(name, coherence)
    system.equalizer = EQUALIZERS[equalizer]()


def build_caption(value: str) -> CaptionFeature | None:
    """Turn the value of --caption into a level: "lite", "none", or a folder with a published Show-and-Tell captioner.

    The folder holds `encoder.*`, `decoder.*` (safetensors, or what torch reads without unpickling) and
    `vocabulary.json`.
    """
    if value == "none":
        return None
    if value == "lite":
        from semcomm.extractors.lite import lite_captioner

        return CaptionFeature(lite_captioner())
    from semcomm.extractors.show_and_tell import load_show_and_tell

    folder = Path(value)
    if not folder.is_dir():
        raise FileNotFoundError(f"--caption takes lite, none or a folder of a Show-and-Tell captioner, got {value!r}")
    encoder, decoder = (_only(folder, part) for part in ("encoder", "decoder"))
    return CaptionFeature(load_show_and_tell(encoder, decoder, folder / "vocabulary.json"))


def build_segmentation(value: str) -> SegmentationFeature | None:
    """Turn the value of --segmentation into a level: "lite", "none", or a published SPNet checkpoint."""
    if value == "none":
        return None
    if value == "lite":
        from semcomm.extractors.lite import lite_segmenter

        return SegmentationFeature(lite_segmenter())
    from semcomm.extractors.spnet import load_spnet

    if not Path(value).is_file():
        raise FileNotFoundError(f"--segmentation takes lite, none or an SPNet checkpoint, got {value!r}")
    return SegmentationFeature(load_spnet(value))


def load_system(model: str, caption: str | None, segmentation: str | None) -> SemanticSystem:
    """Load a system by the values of --model, and of --caption and --segmentation where it was trained with others."""
    for option, value in {"--caption": caption, "--segmentation": segmentation}.items():
        if value == "none":
            raise ValueError(f"{option} none: {model} sends every level that it was trained with; train one without")
    return from_pretrained(
        model,
        caption=None if caption is None else build_caption(caption),
        segmentation=None if segmentation is None else build_segmentation(segmentation),
    )


def _only(folder: Path, part: str) -> Path:
    found = sorted(folder.glob(f"{part}.*"))
    if len(found) != 1:
        raise FileNotFoundError(f"--caption: {folder} must hold one file {part}.*, found {len(found)}")
    return found[0]


@contextmanager
def show_progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr if that is a terminal; yields the function that advances it."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(title, total=total)
    with progress if console.is_interactive else nullcontext():  # elsewhere even an empty bar leaves a blank line
        yield lambda: progress.advance(task)
