"""What the figures are made of: systems and codecs, the SNRs to train and to test them at, and the effort."""

import math
from dataclasses import dataclass, replace
from typing import final

from semcomm.baselines.separation import Codec, SeparationBaseline
from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.networks.stages import Norm
from semcomm.symbols import symbols_per_image
from semcomm.system import SemanticSystem
from semcomm.training.config import Schedule

SNR_RANGE = (0.0, 20.0)
TrainingSNR = float | tuple[float, float]
"""One SNR in dB, or the ends of a range from which every crop's is drawn."""


@final
@dataclass(frozen=True)
class Effort:
    """How systems are built and trained; the same for every system of a figure.

    Args:
        size: height and width of a crop, in pixels.
        batch_size: crops per step.
        steps: optimisation steps.
        schedule: of the learning rate, which starts at 1e-3.
        width: MLSC-image's width.
        norm: MLSC-image's normalisation.
        shortcut: whether MLSC-image has shortcuts.
        validations: how often in a run to validate and to keep a checkpoint.
        val_images: photographs to validate on; None for all.
        test_images: photographs to test on, evenly spaced in the folder; None for all.
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
    """

    level: int
    snr_db: TrainingSNR
    caption: bool = True
    segmentation: bool = True
    downsampling: int = 8

    @property
    def name(self) -> str:
        """Of its folder."""
        dropped = ("" if self.caption else "-no-caption") + ("" if self.segmentation else "-no-segmentation")
        return f"mlsc-l{self.level}-t{self.downsampling}{dropped}-{_snr_name(self.snr_db)}"

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of t."""
        return (3 * self.level + 1) / (3 * self.downsampling**2)

    def build(self, effort: Effort) -> SemanticSystem:
        """Assemble it, untrained."""
        return build_mlsc_image(
            self.level,
            self.downsampling,
            image_size=effort.size,
            caption="lite" if self.caption else None,
            segmentation="lite" if self.segmentation else None,
            width=effort.width,
            norm=effort.norm,
            shortcut=effort.shortcut,
            snr_adaptive=isinstance(self.snr_db, tuple),
        )


@final
@dataclass(frozen=True)
class DeepJSCC:
    """Deep JSCC as published, trained at one SNR, or over a range.

    Args:
        complex_channels: c; k/n = c/48.
        snr_db: the training SNR.
    """

    complex_channels: int
    snr_db: TrainingSNR

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"deep-jscc-c{self.complex_channels}-{_snr_name(self.snr_db)}"

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of 4."""
        return self.complex_channels / 48

    def build(self, effort: Effort) -> SemanticSystem:  # noqa: ARG002 - as published, whatever the effort
        """Assemble it, untrained."""
        return build_deep_jscc(complex_channels=self.complex_channels)


@final
@dataclass(frozen=True)
class AtCapacity:
    """An image codec with an ideal channel code, in MLSC-image's channel uses, padding included.

    Args:
        codec: which.
        level: the detail level l of that MLSC-image.
        downsampling: its t.
    """

    codec: Codec
    level: int
    downsampling: int = 8

    @property
    def name(self) -> str:
        """Of its points."""
        return f"{self.codec}-like-l{self.level}-t{self.downsampling}"

    @property
    def ratio(self) -> float:
        """k/n of images whose sides are multiples of t."""
        return (3 * self.level + 1) / (3 * self.downsampling**2)

    def symbols_per_image(self, height: int, width: int) -> int:
        """Channel uses k of a `height x width` image."""
        channels = 3 * self.level + 1
        return symbols_per_image(height, width, complex_channels=channels, downsampling=self.downsampling)

    def build(self) -> SeparationBaseline:
        """Assemble it."""
        return SeparationBaseline(self.codec, symbols_per_image=self.symbols_per_image)


Learned = Mlsc | DeepJSCC
Scheme = Learned | AtCapacity


def has_levels(scheme: Scheme) -> bool:
    """Whether a scheme sends a caption or a segmentation."""
    return isinstance(scheme, Mlsc) and (scheme.caption or scheme.segmentation)


def as_wide(mlsc: Mlsc) -> DeepJSCC:
    """Deep JSCC at the k/n of MLSC-image, or the next larger one that it can have, trained likewise."""
    return DeepJSCC(math.ceil(48 * mlsc.ratio - 1e-9), mlsc.snr_db)


@final
@dataclass(frozen=True)
class Preset:
    """The grid behind the three figures.

    Args:
        name: of the preset.
        effort: spent on every system.
        levels: l of Fig. 4's systems.
        snrs_db: Fig. 4's SNRs.
        mismatch_level: l of Fig. 5's systems.
        mismatch_snrs_db: Fig. 5's training SNRs.
        test_snrs_db: the SNRs of Fig. 5's and Fig. 6's curves.
        ablation_level: l of Fig. 6's systems.
        ablation_snrs_db: Fig. 6's training SNRs, tested at themselves; one model for all of `test_snrs_db` if empty.
    """

    name: str
    effort: Effort
    levels: tuple[int, ...]
    snrs_db: tuple[float, ...]
    mismatch_level: int
    mismatch_snrs_db: tuple[float, ...]
    test_snrs_db: tuple[float, ...]
    ablation_level: int
    ablation_snrs_db: tuple[float, ...]


QUICK = Preset(
    name="quick",
    effort=Effort(
        size=64,
        batch_size=8,
        steps=1000,
        schedule="cosine",
        width=24,
        norm="none",
        shortcut=True,
        validations=1,
        val_images=10,
        test_images=24,
    ),
    levels=(2, 5),
    snrs_db=(1.0, 10.0),
    mismatch_level=2,
    mismatch_snrs_db=(1.0, 10.0, 19.0),
    test_snrs_db=(-2.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0),
    ablation_level=2,
    ablation_snrs_db=(),
)
PAPER = Preset(
    name="paper",
    effort=Effort(
        size=256,
        batch_size=32,
        steps=50_000,
        schedule="constant",
        width=32,
        norm="batch",
        shortcut=False,
        validations=50,
    ),
    levels=(2, 3, 4, 5, 6, 8, 10),
    snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0),
    mismatch_level=3,
    mismatch_snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0, 19.0),
    test_snrs_db=(-2.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0),
    ablation_level=2,
    ablation_snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0),
)
PRESETS = {preset.name: preset for preset in (QUICK, PAPER)}


@final
@dataclass(frozen=True)
class Point:
    """One scheme at one SNR: the unit of work that a killed run can lose."""

    scheme: Scheme
    snr_db: float

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.scheme.name}-at-{_snr_name(self.snr_db)}"


def fig4_points(preset: Preset) -> list[Point]:
    """k/n against PSNR and SSIM: trained and tested at the same SNR."""
    points = []
    for snr_db in preset.snrs_db:
        for level in preset.levels:
            mlsc = Mlsc(level, snr_db)
            codecs = [AtCapacity(codec, level) for codec in CODECS]
            points += [Point(scheme, snr_db) for scheme in (mlsc, as_wide(mlsc), *codecs)]
    return points


def fig5_points(preset: Preset) -> list[Point]:
    """Trained at one SNR, tested across; JPEG coded for the middle one, which below it fails."""
    systems = [Mlsc(preset.mismatch_level, snr_db) for snr_db in preset.mismatch_snrs_db]
    jscc = as_wide(replace(systems[0], snr_db=middle_snr(preset)))
    jpeg = AtCapacity("jpeg", preset.mismatch_level)
    tested = [Point(system, snr_db) for system in (*systems, jscc) for snr_db in preset.test_snrs_db]
    return [*tested, Point(jpeg, middle_snr(preset)), Point(jpeg, NO_CAPACITY_DB)]


def fig6_points(preset: Preset) -> list[Point]:
    """All levels, no caption, no segmentation, neither: at equal k."""
    return [
        Point(replace(system, snr_db=training), snr_db)
        for system in ablations(preset)
        for training, snr_db in ablation_snrs(preset)
    ]


def ablations(preset: Preset) -> list[Mlsc]:
    """All levels first, then without caption, without segmentation, without either."""
    choices = ((True, True), (False, True), (True, False), (False, False))
    return [Mlsc(preset.ablation_level, SNR_RANGE, caption, segmentation) for caption, segmentation in choices]


def ablation_snrs(preset: Preset) -> list[tuple[TrainingSNR, float]]:
    """Training and test SNR of Fig. 6's abscissae."""
    own: list[tuple[TrainingSNR, float]] = [(snr_db, snr_db) for snr_db in preset.ablation_snrs_db]
    return own or [(SNR_RANGE, snr_db) for snr_db in preset.test_snrs_db]


def middle_snr(preset: Preset) -> float:
    """The middle of Fig. 5's training SNRs."""
    return preset.mismatch_snrs_db[len(preset.mismatch_snrs_db) // 2]


CODECS: tuple[Codec, ...] = ("jpeg", "avif")
"""Of Fig. 4; the paper has JPEG alone."""
NO_CAPACITY_DB = -100.0
"""An SNR at which a codec has no bit to spend, so that its failure can be measured."""
POINTS = {"fig4": fig4_points, "fig5": fig5_points, "fig6": fig6_points}


def _snr_name(snr_db: TrainingSNR) -> str:
    return f"{snr_db[0]:g}to{snr_db[1]:g}dB" if isinstance(snr_db, tuple) else f"{snr_db:g}dB"
