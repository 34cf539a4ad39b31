"""What is compared: systems to train and codecs, each at an SNR and over a channel, and the effort of a training."""

import math
from dataclasses import dataclass
from typing import Literal, final

from semcomm.baselines.codecs import Codec
from semcomm.baselines.separation import SeparationBaseline
from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.channel.named import build_channel
from semcomm.experiments.equal_uses import InChannelUses
from semcomm.networks.stages import Norm
from semcomm.pretrained import from_pretrained
from semcomm.symbols import symbols_per_image
from semcomm.system import SemanticSystem
from semcomm.training.config import Schedule

SNR_RANGE = (0.0, 20.0)
TrainingSNR = float | tuple[float, float]
"""One SNR in dB, or the ends of a range from which every crop's is drawn."""
ChannelName = Literal["awgn", "rayleigh"]
CodeName = Literal["linear-code", "hybrid-code", "nested-mlsc-image"]
CODE_NAMES: dict[CodeName, str] = {
    "linear-code": "Linear code",
    "hybrid-code": "Hybrid code",
    "nested-mlsc-image": "Nested MLSC-image",
}
CODEC_NAMES = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP", "avif": "AVIF"}
NO_CAPACITY_DB = -100.0
"""An SNR at which a codec has no bit to spend, so that its failure can be measured."""


@final
@dataclass(frozen=True)
class Effort:
    """How systems are built and trained; the same for every system of a study.

    Args:
        size: height and width of a crop, in pixels.
        batch_size: crops per step.
        steps: optimisation steps.
        schedule: how the learning rate changes.
        width: MLSC-image's width.
        norm: MLSC-image's normalisation.
        shortcut: whether MLSC-image has shortcuts.
        validations: how often in a run to validate and to keep a checkpoint.
        val_images: photographs to validate on; None for all.
        test_images: photographs to test on, evenly spaced in the folder; None for all.
        on_device: whether photographs are held on the device.
    """

    size: int
    batch_size: int
    steps: int
    schedule: Schedule
    width: int
    norm: Norm
    shortcut: bool
    validations: int
    val_images: int | None = None
    test_images: int | None = None
    on_device: bool = False


@final
@dataclass(frozen=True)
class Mlsc:
    """MLSC-image trained at one SNR, or over a range.

    Args:
        level: the detail level l.
        snr_db: the training SNR.
        caption: whether it has the caption level.
        segmentation: whether it has the segmentation level.
        downsampling: t.
        channel: the training channel.
        tell_gain: whether the receiver is told each image's gain.
    """

    level: int
    snr_db: TrainingSNR
    caption: bool = True
    segmentation: bool = True
    downsampling: int = 8
    channel: ChannelName = "awgn"
    tell_gain: bool = False

    @property
    def name(self) -> str:
        """The name of its folder."""
        dropped = "-no-semantics" if len(self._missing) == 2 else "".join(f"-no-{word}" for word in self._missing)
        faded = "" if self.channel == "awgn" else f"-{self.channel}"
        ending = "-gain" if self.tell_gain else ""
        return f"mlsc-image-l{self.level}-t{self.downsampling}{dropped}{_snr_name(self.snr_db)}{faded}{ending}"

    @property
    def label(self) -> str:
        """What it is called in a figure."""
        return "MLSC-image" + (f" without {' and '.join(self._missing)}" if self._missing else "")

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of t."""
        return (3 * self.level + 1) / (3 * self.downsampling**2)

    def symbols_per_image(self, height: int, width: int) -> int:
        """Channel uses k of a `height x width` image."""
        channels = 3 * self.level + 1
        return symbols_per_image(height, width, complex_channels=channels, downsampling=self.downsampling)

    def build(self, effort: Effort) -> SemanticSystem:
        """Assemble it, untrained."""
        return build_mlsc_image(
            self.level,
            self.downsampling,
            image_size=effort.size,
            channel=build_channel(self.channel),
            caption="lite" if self.caption else None,
            segmentation="lite" if self.segmentation else None,
            width=effort.width,
            norm=effort.norm,
            shortcut=effort.shortcut,
            snr_adaptive=isinstance(self.snr_db, tuple),
            tell_gain=self.tell_gain,
        )

    def options(self, effort: Effort) -> str:
        """Options of `semcomm train` that build and train it."""
        dropped = [f"--{word} none" for word in self._missing]
        networks = [f"--norm {effort.norm}", *(["--shortcut"] if effort.shortcut else []), f"--width {effort.width}"]
        adaptive = ["--snr-adaptive"] if isinstance(self.snr_db, tuple) else []
        rest = [*(["--tell-gain"] if self.tell_gain else []), f"--channel {self.channel}"]
        start = f"mlsc --l {self.level} --t {self.downsampling}"
        return " ".join([start, *dropped, *networks, *adaptive, _snr_option(self.snr_db), *rest])

    @property
    def _missing(self) -> list[str]:
        """Levels that it has not."""
        return [level for level in ("caption", "segmentation") if not getattr(self, level)]


@final
@dataclass(frozen=True)
class DeepJSCC:
    """Deep JSCC as published, trained at one SNR, or over a range.

    Args:
        complex_channels: c; k/n = c/48.
        snr_db: the training SNR.
        tell_gain: whether the receiver is told each image's gain.
    """

    complex_channels: int
    snr_db: TrainingSNR
    tell_gain: bool = False
    label = "Deep JSCC"

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"deep-jscc-c{self.complex_channels}{_snr_name(self.snr_db)}{'-gain' if self.tell_gain else ''}"

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of 4."""
        return self.complex_channels / 48

    def build(self, effort: Effort) -> SemanticSystem:  # noqa: ARG002 - as published, whatever the effort
        """Assemble it, untrained."""
        return build_deep_jscc(complex_channels=self.complex_channels, tell_gain=self.tell_gain)

    def options(self, effort: Effort) -> str:  # noqa: ARG002 - as published, whatever the effort
        """Options of `semcomm train` that build and train it."""
        rest = [_snr_option(self.snr_db), *(["--tell-gain"] if self.tell_gain else [])]
        return " ".join([f"deep-jscc --bandwidth-ratio {self.complex_channels}/48", *rest])


@final
@dataclass(frozen=True)
class AtCapacity:
    """An image codec with an ideal channel code, in MLSC-image's channel uses, padding included.

    Args:
        codec: which.
        like: the system whose channel uses it gets.
        images: photographs that it sends, evenly spaced; None for all.
    """

    codec: Codec
    like: Mlsc
    images: int | None = None

    @property
    def name(self) -> str:
        """The name of its points."""
        return f"{self.codec}-like-l{self.like.level}-t{self.like.downsampling}"

    @property
    def label(self) -> str:
        """What it is called in a figure."""
        return f"{CODEC_NAMES[self.codec]} at capacity"

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of t."""
        return self.like.ratio

    def build(self) -> SeparationBaseline:
        """Assemble it."""
        return SeparationBaseline(self.codec, symbols_per_image=self.like.symbols_per_image)


@final
@dataclass(frozen=True)
class Code:
    """A code of the package that serves every k, in MLSC-image's channel uses, padding included.

    Args:
        code: its name in the package.
        like: the system whose channel uses it gets.
        images: photographs that it sends, evenly spaced; None for all.
    """

    code: CodeName
    like: Mlsc
    images: int | None = None

    @property
    def name(self) -> str:
        """The name of its points."""
        return f"{self.code}-like-l{self.like.level}-t{self.like.downsampling}"

    @property
    def label(self) -> str:
        """What it is called in a figure."""
        return CODE_NAMES[self.code]

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of t."""
        return self.like.ratio

    def build(self) -> InChannelUses:
        """Assemble it."""
        return InChannelUses(from_pretrained(self.code), self.like.symbols_per_image)


Trained = Mlsc | DeepJSCC
Untrained = AtCapacity | Code
Spec = Trained | Untrained


@final
@dataclass(frozen=True)
class Point:
    """One system or codec at one SNR: the unit of work that a killed run can lose."""

    spec: Spec
    snr_db: float
    channel: ChannelName = "awgn"

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.spec.name}-at-{self.snr_db:g}dB" + ("" if self.channel == "awgn" else f"-over-{self.channel}")


def has_levels(spec: Spec) -> bool:
    """Whether a system sends a caption or a segmentation."""
    return isinstance(spec, Mlsc) and (spec.caption or spec.segmentation)


def as_wide(mlsc: Mlsc) -> DeepJSCC:
    """Deep JSCC at the k/n of MLSC-image, or the next larger one that it can have, trained likewise."""
    return DeepJSCC(math.ceil(48 * mlsc.ratio - 1e-9), mlsc.snr_db)


def _snr_name(snr_db: TrainingSNR) -> str:
    """Nothing for the usual range."""
    if isinstance(snr_db, tuple):
        return "" if snr_db == SNR_RANGE else f"-{snr_db[0]:g}to{snr_db[1]:g}db"
    return f"-{snr_db:g}db"


def _snr_option(snr_db: TrainingSNR) -> str:
    return f"--snr-range {snr_db[0]:g} {snr_db[1]:g}" if isinstance(snr_db, tuple) else f"--snr {snr_db:g}"
