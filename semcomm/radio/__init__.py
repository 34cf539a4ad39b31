"""Symbols on a real radio: bursts, and recordings in SigMF.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.radio.burst import Burst, burst_uses, read_burst, write_burst
    from semcomm.radio.recordings import Recording

__all__ = ["Burst", "Recording", "burst_uses", "read_burst", "write_burst"]
__getattr__ = lazily(
    __name__,
    {"burst": ("Burst", "burst_uses", "read_burst", "write_burst"), "recordings": ("Recording",)},
)
