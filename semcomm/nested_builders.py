"""Numbers to systems of the hybrid code: linear, hybrid, and nested MLSC-image."""

from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from semcomm.builders import _caption_feature, _device, _recorded, _segmentation_feature
from semcomm.channel.awgn import AWGNChannel
from semcomm.networks.facts import FACTS, NUMBERS
from semcomm.networks.residual import ResidualNetwork
from semcomm.networks.stages import check_positive
from semcomm.receiver.equalizer import NoEqualizer
from semcomm.receiver.hybrid import HybridReceiver
from semcomm.system import SemanticSystem
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.codebook import CODEBOOK, Codebook, load_codebook, shipped_codebook
from semcomm.transmitter.hybrid import HybridTransmitter
from semcomm.transmitter.segmentation import SegmentationFeature
from semcomm.whole import check_whole, whole

PICTURES = 6
"""Channels that a residual network sees: a photograph or what arrived of it, and its sketch."""


def build_linear_code(
    *,
    t: int = 16,
    channel: nn.Module | None = None,
    codebook: Codebook | str | Path | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble the optimal linear analog code (Lee and Petersen 1976): one transform, powers by its variances.

    Args:
        t: the block's side, the codebook's.
        channel: hop 4; None is `AWGNChannel()`.
        codebook: its statistics, or the file of `semcomm fit-code` that holds them; None for those in the package.
        device: None is CUDA when there is one, else the CPU. The code itself is computed on the CPU.

    Returns:
        The system, ready for use: it has nothing to train.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: if `codebook` is of another type.
        ValueError: if the file is damaged, or the codebook has blocks of another size than `t`.
    """
    book = _codebook(codebook, t)
    system = _assemble(HybridTransmitter(book, digital=False), HybridReceiver(book, digital=False), channel, device)
    return _described(system, "build_linear_code", {"t": int(t)}, codebook).eval()


def build_hybrid_code(
    *,
    t: int = 16,
    channel: nn.Module | None = None,
    safe_snr_db: float | None = None,
    caption: CaptionFeature | Literal["lite"] | None = None,
    segmentation: SegmentationFeature | Literal["lite"] | None = None,
    codebook: Codebook | str | Path | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble the hybrid digital-analog code: textures and a sketch as bits, details as they are; nothing is trained.

    Args:
        t: the block's side, the codebook's.
        channel: hop 4; None is `AWGNChannel()`.
        safe_snr_db: down to which SNR in dB the digital part must arrive; None is the SNR told.
        caption: "lite" for the small captioner in the package, a built `CaptionFeature`, or None for no caption.
        segmentation: "lite" for the small segmenter in the package, a built `SegmentationFeature`, or None.
        codebook: its statistics, or the file of `semcomm fit-code` that holds them; None for those in the package.
        device: None is CUDA when there is one, else the CPU. The code itself is computed on the CPU.

    Returns:
        The system, ready for use.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: if `codebook`, `caption` or `segmentation` is of another type.
        ValueError: if the file is damaged, the codebook has blocks of another size than `t`, or `safe_snr_db` is not
            finite.
    """
    book = _codebook(codebook, t)
    says, labels = _caption_feature(caption), _segmentation_feature(segmentation)
    transmitter = HybridTransmitter(book, safe_snr_db=safe_snr_db, caption=says, segmentation=labels)
    system = _assemble(transmitter, HybridReceiver(book, language=transmitter.language), channel, device)
    arguments = {"t": int(t), "safe_snr_db": safe_snr_db}
    arguments |= {"caption": _recorded(caption), "segmentation": _recorded(segmentation)}
    return _described(system, "build_hybrid_code", arguments, codebook).eval()


def build_nested_mlsc_image(
    l: int = 10,  # noqa: E741 - the paper's letter
    *,
    t: int = 16,
    channel: nn.Module | None = None,
    caption: CaptionFeature | Literal["lite"] | None = "lite",
    segmentation: SegmentationFeature | Literal["lite"] | None = "lite",
    width: int = 64,
    safe_snr_db: float | None = None,
    codebook: Codebook | str | Path | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble nested MLSC-image: the hybrid code with residual networks, one model for every k/n and every SNR.

    The networks add what a closed form cannot know; untrained they add nothing.

    Args:
        l: the level that is sent if nothing else is asked for, 2 to 21: k = (h/t)(w/t)(3 l + 1).
        t: the block's side, the codebook's.
        channel: hop 4; None is `AWGNChannel()`.
        caption: "lite" for the small captioner in the package, a built `CaptionFeature`, or None for no caption.
        segmentation: "lite" for the small segmenter in the package, a built `SegmentationFeature`, or None.
        width: channels of the networks at h/4; twice and four times as many at h/8 and h/16.
        safe_snr_db: down to which SNR in dB the digital part must arrive; None is the SNR told.
        codebook: its statistics, or the file of `semcomm fit-code` that holds them; None for those in the package.
        device: None is CUDA when there is one, else the CPU.

    Returns:
        The system, untrained.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: if `codebook`, `caption` or `segmentation` is of another type.
        ValueError: if an argument is out of its range, or the file is damaged.
    """
    l, width = check_whole(l, "l", 2, 21), check_positive(width, "width")  # noqa: E741
    book = _codebook(codebook, t)
    widths = (width, 2 * width, 4 * width)
    shared = {"pictures": PICTURES, "facts": FACTS, "numbers": NUMBERS, "widths": widths}
    sends = ResidualNetwork(**shared, blocks=(1, 2, 2), outputs=book.common.transform.shape[0])
    receives = ResidualNetwork(**shared, blocks=(2, 3, 3), rising=(3, 10))
    says, labels = _caption_feature(caption), _segmentation_feature(segmentation)
    transmitter = HybridTransmitter(
        book, network=sends, levels=l, safe_snr_db=safe_snr_db, caption=says, segmentation=labels
    )
    receiver = HybridReceiver(book, network=receives, language=transmitter.language)
    system = _assemble(transmitter, receiver, channel, device)
    arguments = {"l": l, "t": int(t), "width": width, "safe_snr_db": safe_snr_db}
    arguments |= {"caption": _recorded(caption), "segmentation": _recorded(segmentation)}
    return _described(system, "build_nested_mlsc_image", arguments, codebook)


def _assemble(
    transmitter: HybridTransmitter,
    receiver: HybridReceiver,
    channel: nn.Module | None,
    device: torch.device | str | None,
) -> SemanticSystem:
    channel = AWGNChannel() if channel is None else channel
    return SemanticSystem(transmitter, channel, receiver, equalizer=NoEqualizer()).to(_device(device))


def _codebook(codebook: Codebook | str | Path | None, t: int) -> Codebook:
    if codebook is not None and not isinstance(codebook, Codebook | str | Path):
        raise TypeError(f"codebook must be a Codebook, a file or None, got {type(codebook).__name__}")
    if codebook is None:
        book = shipped_codebook()
    else:
        book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
    if whole(t) != book.block:
        raise ValueError(f"t must be {book.block}, the block of the codebook, got {t}; fit one with semcomm fit-code")
    return book


def _described(
    system: SemanticSystem, builder: str, arguments: dict[str, Any], codebook: Codebook | str | Path | None
) -> SemanticSystem:
    """Note how a system was built; a codebook of one's own is saved beside, under the name that is noted."""
    own = {} if codebook is None else {"codebook": CODEBOOK}
    system.config = {"builder": builder, "arguments": arguments | own}
    return system
