"""Channels in `config.json`: a name and the arguments."""

import inspect
import math
from dataclasses import asdict
from typing import Any

from torch import nn

from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.impulsive import ImpulsiveChannel
from semcomm.channel.ofdm import OFDMChannel
from semcomm.channel.phase_noise import PhaseNoiseChannel
from semcomm.channel.pilots import Pilots
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.channel.rician import RicianChannel
from semcomm.channel.sionna import SionnaChannel

SAVED = {
    "awgn": AWGNChannel,
    "rayleigh": RayleighChannel,
    "rician": RicianChannel,
    "impulsive": ImpulsiveChannel,
    "phase-noise": PhaseNoiseChannel,
    "ofdm": OFDMChannel,
    "sionna": SionnaChannel,
}
"""Channels that keep their arguments as attributes."""


def describe_saved(channel: nn.Module) -> dict[str, Any] | None:
    """Describe a channel so that JSON can hold it; None for one that is not in `SAVED`.

    Example:
        >>> describe_saved(RayleighChannel(coherence=16, csi=Pilots(8)))
        {'type': 'rayleigh', 'coherence': 16, 'csi': {'spacing': 8, 'estimator': 'ls', 'pattern': 'comb'}}
    """
    for name, known in SAVED.items():
        if type(channel) is known:
            arguments = {one: _plain(getattr(channel, one)) for one in inspect.signature(known).parameters}
            if arguments["power"] == 1:
                del arguments["power"]
            return {"type": name} | arguments
    return None


def build_saved(description: Any) -> nn.Module:
    """Make the channel that `describe_saved` described.

    Raises:
        ValueError: if it describes none; the message says why.
    """
    name = description.get("type") if isinstance(description, dict) else None
    if not isinstance(name, str) or name not in SAVED:
        raise ValueError(f"names an unknown channel: {description!r}")
    known = SAVED[name]
    lacking = [name for name in inspect.signature(known).parameters if name not in description and name != "power"]
    if lacking:
        raise ValueError(f"describes a channel without {', '.join(lacking)}: {description!r}")
    arguments = {name: value for name, value in description.items() if name != "type"}
    try:
        if isinstance(arguments.get("csi"), dict):
            arguments["csi"] = Pilots(**arguments["csi"])
        if isinstance(arguments.get("k_factor_db"), str):
            arguments["k_factor_db"] = float(arguments["k_factor_db"])
        if arguments.get("response") is not None:
            arguments["response"] = [complex(*tap) for tap in arguments["response"]]
        return known(**arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"describes no channel that can be made: {description!r}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Pilots):
        return asdict(value)
    if isinstance(value, tuple):
        return [[number.real, number.imag] if isinstance(number, complex) else number for number in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value  # JSON has no word for inf
