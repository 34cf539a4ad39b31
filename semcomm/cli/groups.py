"""Options that several commands have, in groups: a command takes a dataclass, and its fields are its options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any

import typer
from torch import nn

from semcomm.channel.named import CHANNELS, FLAT_FADING
from semcomm.cli.options import (
    AnyChannelOption,
    BuilderOption,
    CoherenceOption,
    EqualizerOption,
    SavedLevelOption,
    build_caption,
    build_segmentation,
    read_weights,
    saved_by,
    set_channel,
)
from semcomm.cli.own_parts import load_own
from semcomm.pretrained import BUILDERS, from_pretrained
from semcomm.receiver.equalizer import equalizer_name
from semcomm.system import SemanticSystem

OPTIONS = {
    "levels": "--levels",
    "rate": "--rate",
    "channel_uses": "--channel-uses",
    "told_snr_db": "--told-snr",
    "safe_snr_db": "--safe-snr",
    "importance": "--importance",
}
"""The options that give what Python calls so, for errors that say what it must be."""


@dataclass(frozen=True)
class Saved:
    """What a saved system needs to be loaded."""

    caption: SavedLevelOption = None
    segmentation: SavedLevelOption = None
    builder: BuilderOption = None

    def load(self, model: str) -> SemanticSystem:
        """Load a shipped system, or one in a folder; `builder` is for those that no builder of the package made."""
        for option, value in {"--caption": self.caption, "--segmentation": self.segmentation}.items():
            if value == "none":
                raise ValueError(
                    f"{option} none: {model} sends every level that it was trained with; train one without"
                )
        builder = saved_by(model)
        if self.builder is None and ":" in builder:
            raise ValueError(f"{model} was saved by a builder of your own: give --builder {builder}")
        return from_pretrained(
            model,
            builder=None if self.builder is None or builder in BUILDERS else load_own(self.builder, "--builder"),
            caption=None if self.caption is None else build_caption(self.caption),
            segmentation=None if self.segmentation is None else build_segmentation(self.segmentation),
        )


@dataclass(frozen=True)
class Over:
    """What a system is sent over."""

    channel: AnyChannelOption = "awgn"
    coherence: CoherenceOption = "symbol"
    equalizer: EqualizerOption = None

    def set(self, system: SemanticSystem) -> SemanticSystem:
        """Give a system this channel and equaliser."""
        return set_channel(system, self.channel, self.coherence, self.equalizer)

    def describe(self, equalizer: nn.Module) -> str:
        """Name the channel, and what undoes it, in results."""
        undone = equalizer_name(equalizer) or type(equalizer).__name__
        if self.channel == "awgn":
            return self.channel
        if self.channel in FLAT_FADING:
            return f"{self.channel}, coherence {self.coherence}, equalizer {undone}"
        pilots = ", pilots" if self.channel in CHANNELS else ""
        return f"{self.channel}{pilots}, equalizer {undone}"


@dataclass(frozen=True)
class Choices:
    """What one may ask of a transmission beside the SNR."""

    levels: Annotated[int | None, typer.Option(min=1, help="Levels to send, of a model that can send fewer.")] = None
    rate: Annotated[
        float | None,
        typer.Option(help="The rate of a model that has several, such as SwinJSCC's channels; others keep their one."),
    ] = None
    channel_uses: Annotated[
        int | None, typer.Option(min=1, help="Channel uses k per photograph, of a model that lets you choose.")
    ] = None
    told_snr: Annotated[float | None, typer.Option(help="What the sender believes the SNR to be, in dB.")] = None
    safe_snr: Annotated[float | None, typer.Option(help="SNR down to which all bits must arrive, in dB.")] = None
    importance: Annotated[str, typer.Option(help="Weights of classes, such as person=4,sky=0.5.")] = ""

    def asked(self) -> dict[str, Any]:
        """Return them as keywords of `SemanticSystem.transmit`; None where one is left out."""
        given = (self.levels, self.rate, self.channel_uses, self.told_snr, self.safe_snr, read_weights(self.importance))
        return dict(zip(OPTIONS, given, strict=True))


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command for Typer, which reads signatures, of a function whose parameters may be groups of options."""
    parameters = inspect.signature(command).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in parameters.items() if is_dataclass(one.annotation)}
    flat = []
    for name, one in parameters.items():
        if name not in groups:
            flat.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        for option in fields(groups[name]) if name in groups else ():
            default = inspect.Parameter.empty if option.default is MISSING else option.default
            kind = inspect.Parameter.KEYWORD_ONLY
            flat.append(inspect.Parameter(option.name, kind, default=default, annotation=option.type))

    @functools.wraps(command)
    def call(**given: Any) -> None:
        made = {
            name: group(**{option.name: given.pop(option.name) for option in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    call.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in flat}
    return call
