"""What several commands of the command line share: options, channels, extractors, the progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from semcomm.channel.named import CHANNELS, FLAT_FADING, build_channel
from semcomm.cli.own_parts import build_own_channel
from semcomm.files.json import read_object
from semcomm.pretrained import SHIPPED, list_pretrained
from semcomm.receiver.equalizer import build_equalizer
from semcomm.saving import CONFIG
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
AnyChannelOption = Annotated[str, typer.Option("--channel", help=f"{', '.join(CHANNELS)}, or module:MyChannel.")]
BuilderOption = Annotated[
    str | None, typer.Option("--builder", help="module:my_builder, for systems of a builder of your own.")
]
CoherenceOption = Annotated[str, typer.Option(help="Rayleigh, Rician: symbol, image, or a block of that many symbols.")]
EqualizerOption = Annotated[
    Literal["none", "zf", "mmse"] | None, typer.Option(help="The equaliser, in fading; the system's own without it.")
]
SavedLevelOption = Annotated[
    str | None, typer.Option(help="The extractor that the system was trained with, where the package has it not.")
]
RatioOption = Annotated[float, typer.Option(parser=_ratio, metavar="RATIO", help="k/n, such as 1/12.")]
CodecsRatioOption = Annotated[
    float | None, typer.Option("--bandwidth-ratio", parser=_ratio, metavar="RATIO", help="k/n of two codecs.")
]


def read_weights(text: str) -> dict[str, float] | None:
    """Read the value of --importance, such as "person=4,sky=0.5"; None for an empty one."""
    try:
        pairs = [pair.rsplit("=", 1) for pair in text.split(",") if pair.strip()]
        return {label.strip(): float(weight) for label, weight in pairs} or None
    except ValueError as error:
        raise ValueError(f"--importance takes classes and weights, such as person=4,sky=0.5, got {text!r}") from error


def named_channel(name: str, coherence: str = "symbol") -> nn.Module:
    """Make the channel that --channel names, `coherence` that of flat fading.

    Raises:
        ValueError: if `name` is neither one of `CHANNELS` nor a channel of the user's own, `module:MyChannel`, or the
            channel has no use for another option.
    """
    if name not in CHANNELS and ":" not in name:
        raise ValueError(f"--channel takes {', '.join(CHANNELS)}, or module:MyChannel, got {name!r}")
    if coherence != "symbol" and name not in FLAT_FADING:
        raise ValueError(f"--coherence is of --channel {' and '.join(FLAT_FADING)}, not of {name}; leave it out")
    return build_channel(name, coherence) if name in CHANNELS else build_own_channel(name)


def set_channel(
    system: SemanticSystem, name: str, coherence: str = "symbol", equalizer: str | None = None
) -> SemanticSystem:
    """Give a system what --channel, --coherence and --equalizer say; without an equaliser it keeps its own.

    Raises:
        ValueError: as `named_channel`, or if the channel has no use for an equaliser.
    """
    if equalizer is not None and name == "awgn":
        raise ValueError("--equalizer is of channels that fade, not of --channel awgn; leave it out")
    system.channel = named_channel(name, coherence)
    if equalizer is not None:
        system.equalizer = build_equalizer(equalizer, getattr(system.constraint, "power", 1.0))
    return system


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


def saved_by(model: str) -> str:
    """Name the builder of a shipped or a saved system; "" where no folder says it."""
    config = (SHIPPED / model if model in list_pretrained() else Path(model)) / CONFIG
    return str(read_object(config).get("builder")) if config.is_file() else ""


def _only(folder: Path, part: str) -> Path:
    found = sorted(folder.glob(f"{part}.*"))
    if len(found) != 1:
        raise FileNotFoundError(f"--caption: {folder} must hold one file {part}.*, found {len(found)}")
    return found[0]


@contextmanager
def show_progress(title: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr if that is a terminal; yields the function that advances it, and may retitle it."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(title, total=total)
    with progress if console.is_interactive else nullcontext():  # elsewhere even an empty bar leaves a blank line
        yield lambda title=None: progress.update(task, advance=1, description=title)
