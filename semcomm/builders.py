"""Numbers to systems: wiring only."""

import math
from functools import partial
from typing import Literal

import torch
from torch import nn

from semcomm.baselines.deep_jscc import DeepJSCCReceiver, DeepJSCCTransmitter
from semcomm.channel.awgn import AWGNChannel
from semcomm.networks.stages import Norm, check_downsampling, check_positive
from semcomm.receiver.decoder import DecoderModule
from semcomm.receiver.fusion import FeatureFusion
from semcomm.receiver.levels import MultiLevelReceiver
from semcomm.symbols import check_bandwidth_ratio
from semcomm.system import SemanticSystem
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.encoder import EncoderModule, TextEncoder
from semcomm.transmitter.levels import MultiLevelTransmitter
from semcomm.transmitter.segmentation import SegmentationFeature
from semcomm.whole import check_whole, whole

MAX_LEVEL = 16
"""More than anybody trains; kernels grow with the level, to 2 l - 3."""
LEVEL_CHANNELS = 3
"""Complex channels of every level but the caption's, which has one; and RGB channels of every decoded level."""


def build_mlsc_image(
    l: int,  # noqa: E741 - the paper's letter
    t: int,
    *,
    image_size: int | tuple[int, int] = 256,
    channel: nn.Module | None = None,
    caption: CaptionFeature | Literal["lite"] | None = "lite",
    segmentation: SegmentationFeature | Literal["lite"] | None = "lite",
    width: int = 32,
    norm: Norm = "batch",
    text_rank: int | None = 64,
    snr_adaptive: bool = False,
    shortcut: bool = False,
    tell_gain: bool = False,
    csi_to_decoder: bool = False,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble MLSC-image (Zhang et al., arXiv 2202.04754): an image sent by its meaning beside its details.

    Without a semantic level its complex channels go to c_3 (and its share of v to d_3), so that an ablated system
    sends exactly as many symbols.

    Args:
        l: detail level, 2 to 16; 3 l + 1 complex channels are sent at 1/t of the image's size.
        t: downsampling factor, a power of two, at least 2.
        image_size: H = W, or (H, W), of the caption's plane; any other size can be sent, too.
        channel: hop 4; None is `AWGNChannel()`.
        caption: "lite" for the small captioner in the package, a built `CaptionFeature` (its plane becomes
            `image_size`), or None for no caption.
        segmentation: "lite" for the small segmenter in the package, a built `SegmentationFeature`, or None.
        width: channels after an encoder's first convolution.
        norm: "batch" for batch normalisation after every convolution, as in the paper, or "none".
        text_rank: inner size of the caption's factorised dense layer; None is the paper's dense layer.
        snr_adaptive: let encoders (the caption's excepted), decoders and fusion scale and shift their channels for the
            SNR; `encode` and `decode` then need `snr_db`.
        shortcut: add a linear path from block to block beside the convolutions of encoders, decoders and fusion. Not
            in the paper; with `norm="none"` the better choice.
        tell_gain: tell the receiver each image's gain by an offset on one channel, see `semcomm.networks.gain`. Not in
            the paper; no further symbols.
        csi_to_decoder: tell the receiver's networks how noisy each symbol is, beside the symbols themselves, see
            `semcomm.receiver.noise`. Not in the paper.
        device: where to; None is CUDA when there is one, else the CPU.

    Returns:
        The system, untrained.

    Raises:
        TypeError: if `caption` or `segmentation` is of another type, or a keyword is unknown.
        ValueError: if a number is out of its range; the message names it.

    Example:
        >>> system = build_mlsc_image(l=4, t=8, caption=None, segmentation=None, device="cpu")
        >>> system.symbols_per_image(256, 256), system.bandwidth_ratio(256, 256) == 13 / 192
        (13312, True)
    """
    l, t, width = check_whole(l, "l", 2, MAX_LEVEL), check_downsampling(t, "t"), check_positive(width, "width")  # noqa: E741
    text_rank = None if text_rank is None else check_positive(text_rank, "text_rank")
    size = _image_size(image_size, t)
    caption_feature = _caption_feature(caption, size)
    segmentation_feature = _segmentation_feature(segmentation)
    network = {"downsampling": t, "width": width, "norm": norm, "snr_adaptive": snr_adaptive, "shortcut": shortcut}
    encoder, decoder = partial(EncoderModule, **network), partial(DecoderModule, **network)

    dropped_levels = (caption_feature is None) + (segmentation_feature is None)
    freed_channels = (1 if caption_feature is None else 0) + (LEVEL_CHANNELS if segmentation_feature is None else 0)
    fused_inputs = 3 if segmentation_feature is None else 6
    detail_kernels = [2 * level - 3 for level in range(3, l + 1)]
    transmitter = MultiLevelTransmitter(
        encoder(fused_inputs, LEVEL_CHANNELS + freed_channels, kernel_size=3),
        [encoder(3, LEVEL_CHANNELS, kernel_size=kernel) for kernel in detail_kernels],
        caption=caption_feature,
        text_encoder=TextEncoder(size, downsampling=t, rank=text_rank) if caption_feature else None,
        segmentation=segmentation_feature,
        segmentation_encoder=encoder(3, LEVEL_CHANNELS, kernel_size=3) if segmentation_feature else None,
        tell_gain=tell_gain,
    )
    decoders = [
        *([decoder(1, kernel_size=3)] if caption_feature else []),
        *([decoder(LEVEL_CHANNELS, kernel_size=3)] if segmentation_feature else []),
        decoder(LEVEL_CHANNELS + freed_channels, 3 * (1 + dropped_levels), kernel_size=3),
        *(decoder(LEVEL_CHANNELS, kernel_size=kernel) for kernel in detail_kernels),
    ]
    fusion = FeatureFusion(3 * (l + 1), **network)
    told = {"tell_gain": tell_gain, "csi_to_decoder": csi_to_decoder}
    receiver = MultiLevelReceiver(decoders, fusion, downsampling=t, **told)
    system = SemanticSystem(transmitter, AWGNChannel() if channel is None else channel, receiver)
    system.config = {
        "builder": "build_mlsc_image",
        "arguments": {
            "l": l,
            "t": t,
            "image_size": list(size),
            "caption": _recorded(caption),
            "segmentation": _recorded(segmentation),
            "width": width,
            "norm": norm,
            "text_rank": text_rank,
            "snr_adaptive": snr_adaptive,
            "shortcut": shortcut,
            **told,
        },
    }
    return system.to(_device(device))


def build_deep_jscc(
    *,
    bandwidth_ratio: float | None = None,
    complex_channels: int | None = None,
    tell_gain: bool = False,
    csi_to_decoder: bool = False,
    channel: nn.Module | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble Deep JSCC as published (Bourtsoulatze, Kurka, Gunduz 2019), the paper's learned baseline.

    c complex channels at a quarter of the image's size give k/n = c/48.

    Args:
        bandwidth_ratio: k/n of images whose sides are multiples of 4; must be a multiple of 1/48.
        complex_channels: c, instead of `bandwidth_ratio`.
        tell_gain: as in `build_mlsc_image`; not as published.
        csi_to_decoder: likewise.
        channel: hop 4; None is `AWGNChannel()`.
        device: where to; None is CUDA when there is one, else the CPU.

    Returns:
        The system, untrained.

    Raises:
        ValueError: if not exactly one of `bandwidth_ratio` and `complex_channels` is given, or it cannot be met.

    Example:
        >>> system = build_deep_jscc(bandwidth_ratio=1 / 12, device="cpu")
        >>> system.symbols_per_image(32, 32), system.bandwidth_ratio(32, 32) == 1 / 12
        (256, True)
    """
    if (bandwidth_ratio is None) == (complex_channels is None):
        raise ValueError(
            f"give one of bandwidth_ratio and complex_channels, got {bandwidth_ratio} and {complex_channels}"
        )
    if bandwidth_ratio is not None:
        complex_channels = round(48 * check_bandwidth_ratio(bandwidth_ratio))
        if complex_channels < 1 or abs(complex_channels / 48 - bandwidth_ratio) > 1e-9:
            raise ValueError(
                f"bandwidth_ratio must be a multiple of 1/48 for Deep JSCC, got {bandwidth_ratio}; "
                f"the next larger one is {max(1, math.ceil(48 * bandwidth_ratio - 1e-9))}/48"
            )
    channels = check_positive(complex_channels, "complex_channels")  # type: ignore[arg-type]
    channel = AWGNChannel() if channel is None else channel
    told = {"tell_gain": tell_gain, "csi_to_decoder": csi_to_decoder}
    transmitter = DeepJSCCTransmitter(channels, tell_gain=tell_gain)
    system = SemanticSystem(transmitter, channel, DeepJSCCReceiver(channels, **told))
    system.config = {"builder": "build_deep_jscc", "arguments": {"complex_channels": channels, **told}}
    return system.to(_device(device))


def _image_size(image_size: int | tuple[int, int], t: int) -> tuple[int, int]:
    sides = [whole(side) for side in (image_size if isinstance(image_size, tuple | list) else [image_size] * 2)]
    if len(sides) != 2 or not all(side is not None and side >= t for side in sides):
        raise ValueError(f"image_size must be one or two integers, each at least t = {t}, got {image_size!r}")
    return sides[0], sides[1]  # type: ignore[return-value]


def _caption_feature(
    caption: CaptionFeature | str | None, size: tuple[int, int] | None = None
) -> CaptionFeature | None:
    """The caption level, with a plane of `size`; None where the plane is not used."""
    if caption is None:
        return None
    if isinstance(caption, CaptionFeature):
        return caption if size is None or caption.image_size == size else CaptionFeature(caption.captioner, size)
    if caption != "lite":
        raise TypeError(f'caption must be "lite", a CaptionFeature or None, got {caption!r}')
    from semcomm.extractors.lite import lite_captioner

    return CaptionFeature(lite_captioner(), size or 256)


def _segmentation_feature(segmentation: SegmentationFeature | str | None) -> SegmentationFeature | None:
    if segmentation is None or isinstance(segmentation, SegmentationFeature):
        return segmentation
    if segmentation != "lite":
        raise TypeError(f'segmentation must be "lite", a SegmentationFeature or None, got {segmentation!r}')
    from semcomm.extractors.lite import lite_segmenter

    return SegmentationFeature(lite_segmenter())


def _recorded(level: nn.Module | str | None) -> str | None:
    return "custom" if isinstance(level, nn.Module) else level


def _device(device: torch.device | str | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device must be a torch device such as 'cpu' or 'cuda', got {device!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {str(device)!r}, but torch finds no CUDA here; use device='cpu'")
    return device
