"""SwinJSCC and WITT as systems: built from numbers, or loaded from their authors' files."""

from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from semcomm.baselines.published_swin import (
    channels_of,
    check_finite,
    gates_are_trained,
    read_published,
    shape_of,
    with_gates,
)
from semcomm.baselines.rate_masks import TIES, Ties
from semcomm.baselines.swin import Shape, SwinDecoder, SwinEncoder
from semcomm.baselines.swin_header import Header
from semcomm.baselines.swin_parts import (
    PAIRINGS,
    Pairing,
    RateAdaptiveSwinReceiver,
    RateAdaptiveSwinTransmitter,
    SwinReceiver,
    SwinTransmitter,
)
from semcomm.builders import _device
from semcomm.channel.awgn import AWGNChannel
from semcomm.files.tensors import load_checked
from semcomm.networks.stages import check_positive
from semcomm.symbols import check_bandwidth_ratio
from semcomm.system import SemanticSystem

Size = Literal["small", "base", "large", "cifar"]
SIZES: dict[str, Shape] = {
    "small": Shape((128, 192, 256, 320), (2, 2, 2, 2), (4, 6, 8, 10), 8),
    "base": Shape((128, 192, 256, 320), (2, 2, 6, 2), (4, 6, 8, 10), 8),
    "large": Shape((128, 192, 256, 320), (2, 2, 18, 2), (4, 6, 8, 10), 8),
    "cifar": Shape((128, 256), (2, 4), (4, 8), 2),
}
PUBLISHED_RATE = 96
"""Real channels where nothing else is said, as in the published examples: k/n = 1/16 at t = 16."""


def build_swin_jscc(
    *,
    bandwidth_ratio: float | None = None,
    channels: int | None = None,
    size: Size = "base",
    snr_adaptive: bool = True,
    rate_adaptive: bool = False,
    pairing: Pairing = "neighbours",
    tell_gain: bool = False,
    ties: Ties = "first",
    channel: nn.Module | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble SwinJSCC (Yang et al., "SwinJSCC: Taming Swin Transformer for Deep Joint Source-Channel Coding", 2024).

    C real channels at 1/t of the image's size give k/n = C / (6 t^2); t is 16, or 4 for "cifar". A rate-adaptive
    system chooses C at run time, `rate=`, and sends ahead of the features which channels it kept.

    Args:
        bandwidth_ratio: k/n of the features of images whose sides are multiples of t; C must come out even. A
            rate-adaptive system sends so much where no `rate=` is given, and its header beside it.
        channels: C, instead of `bandwidth_ratio`.
        size: "small", "base" or "large", which differ in the depth of the third stage, 2, 6 and 18 blocks; "cifar" has
            two stages and windows of 2 x 2 tokens.
        snr_adaptive: whether gates scale the features for the SNR; `encode` and `decode` then need `snr_db`.
        rate_adaptive: whether the rate is chosen at run time.
        pairing: how real features become symbols: "neighbours" as everywhere here, "halves" as published.
        tell_gain: whether the features' power is sent ahead of them, and undone by the receiver. The published
            receiver is told it for nothing, and published weights need it.
        ties: which channels a rate-adaptive system keeps where scores tie: "first" or "bitonic", see `kept_channels`.
        channel: hop 4; None is `AWGNChannel()`.
        device: where to; None is CUDA when there is one, else the CPU.

    Returns:
        The system, untrained.

    Raises:
        ValueError: if not exactly one of `bandwidth_ratio` and `channels` is given, or an argument is none of these.

    Example:
        >>> system = build_swin_jscc(bandwidth_ratio=1 / 16, size="small", device="cpu")
        >>> system.symbols_per_image(512, 768), system.bandwidth_ratio(512, 768) == 1 / 16
        (73728, True)
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    for name, value, allowed in (("pairing", pairing, PAIRINGS), ("ties", ties, TIES)):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    shape = SIZES[size]
    count = _channels(bandwidth_ratio, channels, shape)
    system = _assemble(shape, count, snr_adaptive, rate_adaptive, pairing, tell_gain, ties, channel)
    system.config = {
        "builder": "build_swin_jscc",
        "arguments": {
            "channels": count,
            "size": size,
            "snr_adaptive": snr_adaptive,
            "rate_adaptive": rate_adaptive,
            "pairing": pairing,
            "tell_gain": tell_gain,
            "ties": ties,
        },
    }
    return system.to(_device(device))


def build_witt(
    *,
    bandwidth_ratio: float | None = None,
    channels: int | None = None,
    size: Size = "base",
    snr_adaptive: bool = True,
    pairing: Pairing = "neighbours",
    tell_gain: bool = False,
    channel: nn.Module | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Assemble WITT (Yang et al., "WITT: A Wireless Image Transmission Transformer", ICASSP 2023, arXiv 2211.00937).

    It is SwinJSCC at one rate: arguments, errors and result are those of `build_swin_jscc`.

    Example:
        >>> build_witt(channels=96, size="small", device="cpu").symbols_per_image(256, 256)
        12288
    """
    system = build_swin_jscc(
        bandwidth_ratio=bandwidth_ratio,
        channels=channels,
        size=size,
        snr_adaptive=snr_adaptive,
        pairing=pairing,
        tell_gain=tell_gain,
        channel=channel,
        device=device,
    )
    assert system.config is not None
    dropped = ("rate_adaptive", "ties")
    arguments = {name: value for name, value in system.config["arguments"].items() if name not in dropped}
    system.config = {"builder": "build_witt", "arguments": arguments}
    return system


def load_swin_jscc(
    path: str | Path,
    *,
    snr_adaptive: bool | None = None,
    rate: int | None = None,
    channel: nn.Module | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Load one of the authors' files of SwinJSCC, of any variant and size.

    Size, rate and variant are told from names and shapes. Systems with and without SNR adaptation have the same names
    and shapes where the rate is fixed, so there the values tell whether the gates were ever trained.

    The system pairs symbols as published and keeps the channels that the authors' torch kept. The features' gain, and
    the mask of a rate-adaptive system, are sent ahead of the features and counted in k: the published evaluation gives
    both to the receiver for nothing. Its power is that of a batch, of one image in its evaluation; here it is each
    image's.

    Args:
        path: the file. Nothing in it is run: it must hold tensors only.
        snr_adaptive: whether the file is one with SNR adaptation; None tells it from the file.
        rate: real channels that a rate-adaptive system sends where no `rate=` is given at run time; None is 96.
        channel: hop 4; None is `AWGNChannel()`.
        device: where to; None is CUDA when there is one, else the CPU.

    Returns:
        The system, in eval mode. `save_pretrained` saves it like any other.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file needs unpickling, is damaged, or is of another network; the message says which.
    """
    return _load(path, build_swin_jscc.__name__, snr_adaptive, rate, channel, device)


def load_witt(
    path: str | Path,
    *,
    snr_adaptive: bool | None = None,
    channel: nn.Module | None = None,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Load one of the authors' files of WITT.

    Arguments, errors and result are those of `load_swin_jscc`, but for the rate, of which WITT has one.
    """
    return _load(path, build_witt.__name__, snr_adaptive, None, channel, device)


def _channels(bandwidth_ratio: float | None, channels: int | None, shape: Shape) -> int:
    if (bandwidth_ratio is None) == (channels is None):
        raise ValueError(f"give one of bandwidth_ratio and channels, got {bandwidth_ratio} and {channels}")
    if channels is not None:
        if (count := check_positive(channels, "channels")) % 2:
            raise ValueError(f"channels must be even, two real ones make a complex one, got {channels}")
        return count
    pairs = 3 * shape.downsampling**2
    count = round(pairs * check_bandwidth_ratio(bandwidth_ratio))  # type: ignore[arg-type]
    if count < 1 or abs(count / pairs - bandwidth_ratio) > 1e-9:  # type: ignore[operator]
        raise ValueError(f"bandwidth_ratio must be a multiple of 1/{pairs}, got {bandwidth_ratio}")
    return check_positive(2 * count, "channels")


def _assemble(
    shape: Shape,
    channels: int,
    snr_adaptive: bool,
    rate_adaptive: bool,
    pairing: Pairing,
    tell_gain: bool,
    ties: Ties,
    channel: nn.Module | None,
) -> SemanticSystem:
    head = None if rate_adaptive else channels
    encoder = SwinEncoder(shape, channels=head, snr_adaptive=snr_adaptive, rate_adaptive=rate_adaptive, ties=ties)
    decoder = SwinDecoder(shape, channels=head, snr_adaptive=snr_adaptive)
    header = Header(shape.widths[-1] if rate_adaptive else 0, tell_gain)
    shared: dict[str, Any] = {"downsampling": shape.downsampling, "pairing": pairing, "header": header}
    if rate_adaptive:
        transmitter = RateAdaptiveSwinTransmitter(encoder, rate=channels, **shared)
        receiver = RateAdaptiveSwinReceiver(decoder, rate=channels, **shared)
    else:
        transmitter = SwinTransmitter(encoder, channels=channels, **shared)
        receiver = SwinReceiver(decoder, **shared)
    return SemanticSystem(transmitter, AWGNChannel() if channel is None else channel, receiver)


def _load(
    path: str | Path,
    builder: str,
    snr_adaptive: bool | None,
    rate: int | None,
    channel: nn.Module | None,
    device: torch.device | str | None,
) -> SemanticSystem:
    halves = read_published(path)
    check_finite(halves, source=path)
    encoder, decoder = halves["encoder"], halves["decoder"]
    shape = shape_of(encoder, source=path)
    size = next((name for name, known in SIZES.items() if known == shape), None)
    if size is None:
        raise ValueError(f"checkpoint '{path}' has a size of none of {', '.join(SIZES)}: {shape}")
    count = channels_of(encoder)
    rate_adaptive = count is None
    if rate_adaptive and builder == build_witt.__name__:
        raise ValueError(f"checkpoint '{path}' is a rate-adaptive SwinJSCC: load it with load_swin_jscc")
    if rate is not None and not rate_adaptive:
        raise ValueError(
            f"rate must be None for checkpoint '{path}', it has one rate, {count} real channels; got {rate}"
        )
    both = any(name.startswith("gates1.") for name in encoder)
    if snr_adaptive is None:
        snr_adaptive = both if rate_adaptive else gates_are_trained(decoder)
    elif rate_adaptive and snr_adaptive != both:
        raise ValueError(f"snr_adaptive must be {both} for checkpoint '{path}', as its names say, got {snr_adaptive}")
    arguments = {"snr_adaptive": snr_adaptive, "pairing": "halves", "tell_gain": True, "channel": channel}
    arguments |= {"channels": count or rate or PUBLISHED_RATE, "size": size, "device": device}
    if builder == build_witt.__name__:
        system = build_witt(**arguments)
    else:
        system = build_swin_jscc(**arguments, rate_adaptive=rate_adaptive, ties="bitonic")
    first = {"gates": "rate_modulation", "gates1": "snr_modulation"} if rate_adaptive else {"gates": "snr_modulation"}
    used = set(first.values()) if snr_adaptive else set(first.values()) - {"snr_modulation"}
    names = {gates: name for gates, name in first.items() if name in used}
    load_checked(system.transmitter.encoder, with_gates(encoder, names), source=path)  # type: ignore[arg-type]
    names = {"gates": "snr_modulation"} if snr_adaptive else {}
    load_checked(system.receiver.decoder, with_gates(decoder, names), source=path)  # type: ignore[arg-type]
    return system.eval()
