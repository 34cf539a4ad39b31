"""Symbols on a real radio: bursts, and recordings in SigMF."""

from semcomm.radio.burst import Burst, burst_uses, read_burst, write_burst
from semcomm.radio.recordings import Recording

__all__ = ["Burst", "Recording", "burst_uses", "read_burst", "write_burst"]
