"""What a system checks at its doors and of its parts; every error names the argument or the part.

Reading values of a tensor on a GPU makes the host wait for it. So values are read on a CPU, and on other devices where
`values` says so; a system says so in eval mode.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import torch
from torch import Tensor, nn

from semcomm.channel.base import Fading, check_symbols
from semcomm.channel.snr import SNR, noise_variance_of
from semcomm.contracts import Delivered, Received, Semantics, Sent
from semcomm.images import check_images, exact
from semcomm.whole import check_whole, whole


def check_part(part: Any, name: str, methods: Sequence[str] = ()) -> nn.Module:
    """Return `part` if it is an `nn.Module` with these methods; a TypeError says so if not."""
    if not isinstance(part, nn.Module):
        raise TypeError(f"{name} must be an nn.Module, got {type(part).__name__}")
    for method in methods:
        if not callable(getattr(part, method, None)):
            raise TypeError(
                f"{name} must have a method {method}, as semcomm.contracts says; {type(part).__name__} has none"
            )
    return part


def check_powers(constraint: nn.Module | None, channel: nn.Module | None) -> None:
    """Refuse a channel whose SNR refers to another power than the constraint's, where both have one."""
    sends, expects = getattr(constraint, "power", None), getattr(channel, "power", None)
    if sends is not None and expects is not None and sends != expects:
        raise ValueError(
            f"channel.power is {expects}, but the constraint's power is {sends}, so the SNR would be wrong; build both "
            "with the same power"
        )


def check_input(images: Tensor, semantics: Semantics | None, *, smallest: int, values: bool) -> None:
    """Check images and semantics at the door."""
    check_images(images, smallest=smallest, values=values)
    if semantics is not None and not isinstance(semantics, Semantics):
        raise TypeError(f"semantics must be a Semantics(tokens, labels) or None, got {type(semantics).__name__}")


def as_sent(sent: Any, transmitter: nn.Module, images: int, k: int, *, values: bool) -> Sent:
    """Wrap what a transmitter made of so many images, if it is symbols: `k` of each."""
    sent = sent if isinstance(sent, Sent) else Sent(sent)
    name = f"transmitter {type(transmitter).__name__}"
    symbols = check_symbols(sent.symbols, f"symbols of {name}")
    if len(symbols) != images:
        raise ValueError(f"{name} must send symbols ({images}, k), one row per image, got {tuple(symbols.shape)}")
    if symbols.shape[1] != k:
        raise ValueError(f"{name} sent {symbols.shape[1]} symbols per image, but announces k = {k}")
    _check_values(symbols, f"{name} made NaN or inf of finite images; look for it in its weights", values)
    if sent.channel_uses is not None:
        _check_parts(sent.channel_uses, images, name)
    return sent


def constrained(symbols: Any, before: Tensor, constraint: nn.Module, *, values: bool) -> Tensor:
    """Return what a constraint made of symbols, if it is as many as it says."""
    name = f"constraint {type(constraint).__name__}"
    check_symbols(symbols, f"symbols of {name}")
    required = (len(before), uses(constraint, before.shape[1]))
    if tuple(symbols.shape) != required:
        raise ValueError(f"{name} must return symbols {required}, as its channel_uses says, got {tuple(symbols.shape)}")
    _check_values(symbols, f"{name} made NaN or inf of finite symbols; look for a division by zero", values)
    return symbols


def as_received(received: Any, snr_db: SNR | None, channel: nn.Module, name: str = "received") -> Received:
    """Wrap what a channel delivered, if it is symbols: they have noise of variance P / 10^(SNR/10)."""
    if not isinstance(received, Received):
        check_symbols(received, name)
        power: Any = getattr(channel, "power", 1.0)
        variance = None if snr_db is None else noise_variance_of(received, snr_db, power)
        return Received(received, noise_variance=variance)
    check_symbols(received.symbols, f"{name}.symbols")
    shape = tuple(received.symbols.shape)
    if received.csi is not None and check_symbols(received.csi, f"{name}.csi").shape != shape:
        raise ValueError(f"{name}.csi must have the shape of the symbols, {shape}, got {tuple(received.csi.shape)}")
    variance = received.noise_variance
    if variance is None:
        return received
    if not isinstance(variance, Tensor) or tuple(variance.shape) not in ((), (shape[0], 1), shape):
        got = tuple(variance.shape) if isinstance(variance, Tensor) else type(variance).__name__
        raise ValueError(f"{name}.noise_variance must be a tensor (b, k), (b, 1) or () for {shape}, got {got}")
    if not variance.is_floating_point():
        raise TypeError(f"{name}.noise_variance must be of real numbers, float32, got {variance.dtype}")
    return replace(received, noise_variance=variance.float())


def delivered_by(system: Any, arrived: Any, sent: Sent, snr_db: SNR) -> Received:
    """Wrap what a system's channel made of symbols, if it is as many; with what training mode takes as received."""
    channel, training = system.channel, system.training
    check_powers(system.constraint, channel)  # which may have been changed since they were set
    name = f"channel {type(channel).__name__}"
    received = as_received(arrived, snr_db, channel, f"{name}: received")
    if received.symbols.shape != sent.symbols.shape:
        shapes = f"{tuple(sent.symbols.shape)}, got {tuple(received.symbols.shape)}"
        raise ValueError(f"{name} must return as many symbols as it is given, {shapes}")
    check_gains_told(received, told_of_channel(system.transmitter, channel).get("fading", "none"), channel)
    if not training:
        check_finite(received, f"{name} delivered NaN or inf")
    return replace(received, side=sent.side if training else None)


def equalized(received: Any, arrived: Received, equalizer: nn.Module, *, values: bool) -> Received:
    """Return what an equaliser made of `arrived`, if it is `Received` with as many symbols."""
    name = f"equalizer {type(equalizer).__name__}"
    if not isinstance(received, Received):
        raise TypeError(f"{name} must return Received, got {type(received).__name__}")
    received = as_received(received, None, equalizer, f"{name}: received")
    if received.symbols.shape != arrived.symbols.shape:
        shapes = f"{tuple(arrived.symbols.shape)}, got {tuple(received.symbols.shape)}"
        raise ValueError(f"{name} must return as many symbols as it is given, {shapes}")
    if values:
        check_finite(received, f"{name} made NaN or inf of finite symbols; look for a division by fades of zero")
    return received


def as_delivered(delivered: Any, receiver: nn.Module, images: int, size: tuple[int, int], *, values: bool) -> Delivered:
    """Wrap what a receiver made, if it is images, as float32 `(b, 3, *size)`."""
    delivered = delivered if isinstance(delivered, Delivered) else Delivered(delivered)
    made, shape, name = delivered.images, (images, 3, *size), f"receiver {type(receiver).__name__}"
    if not isinstance(made, Tensor) or not made.is_floating_point():
        raise TypeError(f"{name} must return images of real numbers, float32 {shape}, got {_kind(made)}")
    if tuple(made.shape) != shape:
        raise ValueError(f"{name} must return images {shape}, got {tuple(made.shape)}")
    _check_values(made, f"{name} made NaN or inf of finite symbols; look for it in its weights", values)
    captions, labels, lost = delivered.captions, delivered.labels, delivered.lost
    texts = captions if isinstance(captions, list) else [captions]
    if captions is not None and (
        captions is not texts or len(texts) != images or not all(isinstance(text, str | None) for text in texts)
    ):
        raise ValueError(f"{name} must return as captions a list of {images}, text or None each, got {captions!r}")
    for what, value, kind, required in (
        ("labels", labels, "int64", (images, *size)),
        ("lost", lost, "bool", (images,)),
    ):
        if value is not None and (_kind(value) != f"torch.{kind}" or tuple(value.shape) != required):
            got = f"{_kind(value)} {tuple(value.shape)}" if isinstance(value, Tensor) else _kind(value)
            raise ValueError(f"{name} must return {what} {kind} {required}, got {got}")
    return Delivered(made.float(), captions, labels, lost)


def told_of_channel(transmitter: nn.Module, channel: nn.Module) -> dict[str, str]:
    """Return the channel's kind of fading as a keyword for a transmitter whose `forward` has one."""
    if "fading" not in inspect.signature(transmitter.forward).parameters:
        return {}
    fading: Any = getattr(channel, "fading", "none")
    if fading not in get_args(Fading):
        raise ValueError(f'channel {type(channel).__name__}: fading must be "none" or "fast", got {fading!r}')
    return {"fading": fading}


def check_gains_told(received: Received, fading: str, channel: nn.Module) -> None:
    """Refuse a channel that fades and does not tell its gains, over which no bit arrives."""
    if received.csi is None and fading != "none":
        raise ValueError(
            f"channel must tell its gains to a receiver of bits, or all would be lost: {type(channel).__name__} fades "
            'and does not; give it csi="perfect" or csi=Pilots(...)'
        )


def check_finite(received: Received, said: str) -> None:
    """Refuse symbols with NaN or inf, with the words of `said`, and noise of a negative variance."""
    if torch.compiler.is_compiling():
        return
    variance = received.noise_variance
    parts = (part for part in (received.symbols, received.csi, variance) if part is not None)
    if not all(bool(part.isfinite().all()) for part in parts):
        raise ValueError(said)
    if variance is not None and (least := variance.min().item()) < 0:
        raise ValueError(f"noise_variance of what was received must be at least 0, got {exact(least)}")


def _check_values(values_of: Tensor, said: str, values: bool) -> None:
    if values and not torch.compiler.is_compiling() and not bool(values_of.isfinite().all()):
        raise ValueError(said)


def _check_parts(parts: Any, images: int, name: str) -> None:
    """Check what a transmitter says that the parts of its message take, see `Sent.channel_uses`."""
    if not isinstance(parts, Mapping):
        raise TypeError(f"{name}: channel_uses of Sent must be a mapping of names to numbers, got {_kind(parts)}")
    for part, count in parts.items():
        counts = isinstance(count, Tensor) and _kind(count) == "torch.int64" and tuple(count.shape) in ((), (images,))
        if not counts and whole(count) is None:
            got = f"{count.dtype} {tuple(count.shape)}" if isinstance(count, Tensor) else repr(count)
            raise ValueError(f"{name}: channel_uses of {part!r} must be an integer or int64 ({images},), got {got}")


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def check_size(size: Any) -> tuple[int, int]:
    """Return `size` as (height, width) if it is a pair of sides; a ValueError says so if not."""
    sides = tuple(size) if isinstance(size, tuple | list | torch.Size) else ()
    if len(sides) != 2:
        raise ValueError(f"size must be (height, width) in pixels, got {size!r}")
    try:
        return check_whole(sides[0], "height"), check_whole(sides[1], "width")
    except ValueError as error:
        raise ValueError(f"size must be (height, width) in pixels, got {size!r}") from error


def uses(part: nn.Module, k: int) -> int:
    """Channel uses after a constraint or a channel was given `k` symbols: k where it has no `channel_uses`."""
    counts: Any = getattr(part, "channel_uses", None)
    if counts is None:
        return k
    if not callable(counts):
        raise TypeError(f"channel_uses of {type(part).__name__} must be a method of k, got {counts!r}")
    return check_whole(counts(k), f"channel_uses({k}) of {type(part).__name__}")


def check_count_received(symbols: Tensor, k: int, size: tuple[int, int]) -> None:
    """Refuse received symbols that are too few or too many for an image."""
    if symbols.shape[1] != k:
        raise ValueError(f"received: a {size[0]} x {size[1]} image takes k = {k} symbols, got {symbols.shape[1]}")
