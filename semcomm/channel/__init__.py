"""Hop 4 of 6: symbols to received symbols.

Names are imported when they are first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semcomm.channel.awgn import AWGNChannel
    from semcomm.channel.chain import ChannelChain
    from semcomm.channel.conformance import check_channel
    from semcomm.channel.impulsive import ImpulsiveChannel
    from semcomm.channel.multipath import exponential_profile
    from semcomm.channel.ofdm import OFDMChannel
    from semcomm.channel.phase_noise import PhaseNoiseChannel
    from semcomm.channel.pilots import Pilots
    from semcomm.channel.rayleigh import RayleighChannel
    from semcomm.channel.rician import RicianChannel
    from semcomm.channel.sionna import SionnaChannel

__all__ = [
    "AWGNChannel",
    "ChannelChain",
    "ImpulsiveChannel",
    "OFDMChannel",
    "PhaseNoiseChannel",
    "Pilots",
    "RayleighChannel",
    "RicianChannel",
    "SionnaChannel",
    "check_channel",
    "exponential_profile",
]
_ROOMS = {
    "AWGNChannel": "awgn",
    "ChannelChain": "chain",
    "ImpulsiveChannel": "impulsive",
    "OFDMChannel": "ofdm",
    "PhaseNoiseChannel": "phase_noise",
    "Pilots": "pilots",
    "RayleighChannel": "rayleigh",
    "RicianChannel": "rician",
    "SionnaChannel": "sionna",
    "check_channel": "conformance",
    "exponential_profile": "multipath",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
