"""Hop 4 of 6: what all channels check and draw."""

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Literal

import torch
from torch import Tensor, nn

Fading = Literal["none", "fast"]
"""What a sender may know of a channel's fades beforehand: there are none, or many within an image, as Rayleigh's."""


def check_power(power: float) -> float:
    """Return `power` as a float if it is a positive number that squares of float32 can hold; a ValueError if not."""
    if not isinstance(power, Real) or not 1e-12 <= power <= 1e12:
        raise ValueError(f"power must be a positive finite number, got {power!r}; take one from 1e-12 to 1e12")
    return float(power)


def check_number(value: float, name: str, low: float, high: float, unit: str = "") -> float:
    """Return `value` as a float if it is a number from `low` to `high`; a ValueError naming it says so if not."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}{unit}, got {value!r}")
    return float(value)


def check_modules(modules: Sequence[nn.Module], name: str) -> list[nn.Module]:
    """Return a chain's links as a list; a TypeError or ValueError naming the argument says so if they are none."""
    if not isinstance(modules, Iterable) or isinstance(modules, str):
        raise TypeError(f"{name} must be a list of nn.Modules, got {modules!r}")
    links = list(modules)
    if not links:
        raise ValueError(f"{name} must hold at least one nn.Module, got none")
    for link in links:
        if not isinstance(link, nn.Module):
            raise TypeError(f"{name} must be nn.Modules, made already, got {link!r}")
    return links


def check_symbols(symbols: Tensor, name: str = "x") -> Tensor:
    """Return `symbols` if it is complex64 `(b, k)`.

    Raises:
        TypeError: if it is no tensor, real, or of another complex type.
        ValueError: if it is not of rank 2, or empty.
    """
    if not isinstance(symbols, Tensor):
        raise TypeError(f"{name} must be a complex64 tensor, got {type(symbols).__name__}")
    if not symbols.is_complex():
        raise TypeError(
            f"{name} must be complex64 symbols (b, k), got real {symbols.dtype}: noise of variance sigma^2 belongs to "
            "a complex symbol, and the same variance on real numbers is a 3 dB error; pair real features with "
            "semcomm.symbols.features_to_symbols"
        )
    if symbols.dtype != torch.complex64:
        raise TypeError(f"{name} must be complex64, got {symbols.dtype}; convert it with .to(torch.complex64)")
    if symbols.ndim != 2 or 0 in symbols.shape:
        raise ValueError(f"{name} must have shape (b, k), both positive, got {tuple(symbols.shape)}")
    return symbols


def check_generator(generator: torch.Generator | None) -> None:
    """Refuse what is no generator, such as a seed, with a TypeError."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator or None, got {type(generator).__name__} {generator!r}; "
            "make one with torch.Generator().manual_seed(seed)"
        )


def complex_normal(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Draw CN(0, 1): complex64 of variance 1, 1/2 per part.

    Drawn on the generator's own device, so that a CPU generator gives the same noise to a GPU.

    Example:
        >>> complex_normal((2, 3), torch.device("cpu"), torch.Generator().manual_seed(0)).dtype
        torch.complex64
    """
    check_generator(generator)
    if generator is not None and not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1:
        # a backward pass runs forward again, with a generator that has moved on: gradients of other noise
        raise ValueError(
            "generator must be None under gradient checkpointing, which runs forward twice and restores none but "
            "torch's default generator; or checkpoint the transmitter and the receiver, and leave the channel out"
        )
    source = device if generator is None else generator.device
    return torch.randn(shape, dtype=torch.complex64, device=source, generator=generator).to(device)


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Draw numbers evenly from [0, 1), float32, on the generator's own device as `complex_normal` does."""
    check_generator(generator)
    source = device if generator is None else generator.device
    return torch.rand(shape, device=source, generator=generator).to(device)
