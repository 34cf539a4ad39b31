"""The channels of the command line, by the names that --channel takes."""

from typing import Any, Literal, get_args

from torch import nn

from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.multipath import exponential_profile
from semcomm.channel.ofdm import OFDMChannel
from semcomm.channel.pilots import Pilots
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.channel.rician import RicianChannel
from semcomm.channel.sionna import SionnaChannel
from semcomm.receiver.equalizer import equalizer_name

ChannelName = Literal[
    "awgn",
    "rayleigh",
    "rician",
    "ofdm",
    "tdl-a",
    "tdl-b",
    "tdl-c",
    "tdl-d",
    "tdl-e",
    "cdl-a",
    "cdl-b",
    "cdl-c",
    "cdl-d",
    "cdl-e",
    "umi",
    "uma",
]
CHANNELS: tuple[str, ...] = get_args(ChannelName)
FLAT_FADING = ("rayleigh", "rician")
RICIAN_K_DB = 6.0


def build_channel(name: str, coherence: str) -> nn.Module:
    """Make the channel of a name, `coherence` that of flat fading."""
    length: Any = int(coherence) if coherence.isdecimal() else coherence
    if name == "awgn":
        return AWGNChannel()
    if name == "rayleigh":
        return RayleighChannel(coherence=length)
    if name == "rician":
        return RicianChannel(k_factor_db=RICIAN_K_DB, coherence=length)
    if name == "ofdm":
        return OFDMChannel(profile=exponential_profile(8, decay=3.0), csi=Pilots(8, "lmmse"))
    return SionnaChannel(name)


def describe_channel(name: str, coherence: str, equalizer: nn.Module) -> str:
    """Name the channel, and what undoes it, in results."""
    undone = equalizer_name(equalizer) or type(equalizer).__name__
    if name == "awgn":
        return name
    if name in FLAT_FADING:
        return f"{name}, coherence {coherence}, equalizer {undone}"
    if name not in CHANNELS:
        return f"{name}, equalizer {undone}"
    return f"{name}, pilots, equalizer {undone}"
