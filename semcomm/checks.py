"""What a system checks at its doors and of its parts; every error names the argument or the part.

Reading values of a tensor on a GPU makes the host wait for it. So values are read on a CPU, and on other devices where
`values` says so; a system says so in eval mode.
"""

import inspect
from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor, nn

from semcomm.channel.base import Fading, check_symbols
from semcomm.channel.snr import SNR, noise_variance_of
from semcomm.contracts import Delivered, Received, Semantics, Sent
from semcomm.images import check_images
from semcomm.whole import check_whole


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


def as_sent(sent: Any, transmitter: nn.Module) -> Sent:
    """Wrap what a transmitter made, if it is symbols."""
    sent = sent if isinstance(sent, Sent) else Sent(sent)
    check_symbols(sent.symbols, f"symbols of transmitter {type(transmitter).__name__}")
    return sent


def as_received(received: Any, snr_db: SNR | None, channel: nn.Module) -> Received:
    """Wrap what a channel delivered, if it is symbols: they have noise of variance P / 10^(SNR/10)."""
    if not isinstance(received, Received):
        check_symbols(received, "received")
        power: Any = getattr(channel, "power", 1.0)
        variance = None if snr_db is None else noise_variance_of(received, snr_db, power)
        return Received(received, noise_variance=variance)
    check_symbols(received.symbols, "received.symbols")
    shape = received.symbols.shape
    if received.csi is not None and check_symbols(received.csi, "received.csi").shape != shape:
        raise ValueError(
            f"received.csi must have the shape of the symbols, {tuple(shape)}, got {tuple(received.csi.shape)}"
        )
    variance = received.noise_variance
    if variance is not None and (
        not isinstance(variance, Tensor) or tuple(variance.shape) not in ((), (shape[0], 1), tuple(shape))
    ):
        got = tuple(variance.shape) if isinstance(variance, Tensor) else type(variance).__name__
        raise ValueError(f"received.noise_variance must be a tensor (b, k), (b, 1) or () for {tuple(shape)}, got {got}")
    return received


def as_delivered(delivered: Any, receiver: nn.Module, images: int, size: tuple[int, int], *, values: bool) -> Delivered:
    """Wrap what a receiver made, if it is images, as float32 `(b, 3, *size)`."""
    delivered = delivered if isinstance(delivered, Delivered) else Delivered(delivered)
    made, shape, name = delivered.images, (images, 3, *size), type(receiver).__name__
    if not isinstance(made, Tensor) or not made.is_floating_point():
        got = made.dtype if isinstance(made, Tensor) else type(made).__name__
        raise TypeError(f"receiver {name} must return images of real numbers, float32 {shape}, got {got}")
    if tuple(made.shape) != shape:
        raise ValueError(f"receiver {name} must return images {shape}, got {tuple(made.shape)}")
    if values and not torch.compiler.is_compiling() and not bool(made.isfinite().all()):
        raise ValueError(f"receiver {name} made NaN or inf of finite symbols; look for it in its weights")
    return Delivered(made.float(), delivered.captions, delivered.labels, delivered.lost)


def told_of_channel(transmitter: nn.Module, channel: nn.Module) -> dict[str, str]:
    """Return the channel's kind of fading as a keyword for a transmitter whose `forward` has one."""
    if "fading" not in inspect.signature(transmitter.forward).parameters:
        return {}
    fading: Any = getattr(channel, "fading", "none")
    if fading not in get_args(Fading):
        raise ValueError(f'channel {type(channel).__name__}: fading must be "none" or "fast", got {fading!r}')
    return {"fading": fading}


def check_finite(received: Received, said: str) -> None:
    """Refuse symbols with NaN or inf, with the words of `said`."""
    if torch.compiler.is_compiling():
        return
    parts = (part for part in (received.symbols, received.csi, received.noise_variance) if part is not None)
    if not all(bool(part.isfinite().all()) for part in parts):
        raise ValueError(said)


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
    return k if counts is None else int(counts(k))


def check_count(symbols: Tensor, k: int, transmitter: nn.Module) -> None:
    """Refuse a transmitter that sends another number of symbols than it says."""
    if symbols.shape[1] != k:
        raise ValueError(
            f"transmitter {type(transmitter).__name__} sent {symbols.shape[1]} symbols per image, but announces k = {k}"
        )


def check_count_received(symbols: Tensor, k: int, size: tuple[int, int]) -> None:
    """Refuse received symbols that are too few or too many for an image."""
    if symbols.shape[1] != k:
        raise ValueError(f"received: a {size[0]} x {size[1]} image takes k = {k} symbols, got {symbols.shape[1]}")
