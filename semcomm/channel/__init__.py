"""Hop 4 of 6: symbols to received symbols.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

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
__getattr__ = lazily(
    __name__,
    {
        "awgn": ("AWGNChannel",),
        "chain": ("ChannelChain",),
        "conformance": ("check_channel",),
        "impulsive": ("ImpulsiveChannel",),
        "multipath": ("exponential_profile",),
        "ofdm": ("OFDMChannel",),
        "phase_noise": ("PhaseNoiseChannel",),
        "pilots": ("Pilots",),
        "rayleigh": ("RayleighChannel",),
        "rician": ("RicianChannel",),
        "sionna": ("SionnaChannel",),
    },
)
