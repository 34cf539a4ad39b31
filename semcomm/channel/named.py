"""Channels by name: those of the command line and of the paper's figures."""

from typing import Any

from torch import nn

from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.multipath import exponential_profile
from semcomm.channel.ofdm import OFDMChannel
from semcomm.channel.pilots import Pilots
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.channel.rician import RicianChannel
from semcomm.channel.sionna import MODELS, SionnaChannel

FLAT_FADING = ("rayleigh", "rician")
CHANNELS = ("awgn", *FLAT_FADING, "ofdm", *MODELS)
RICIAN_K_DB = 6.0


def build_channel(name: str, coherence: str = "symbol") -> nn.Module:
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
