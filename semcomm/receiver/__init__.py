"""Hops 5 and 6 of 6: received symbols to images.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.receiver.decoder import DecoderModule
    from semcomm.receiver.equalizer import MMSEEqualizer, NoEqualizer, ZeroForcingEqualizer
    from semcomm.receiver.fusion import FeatureFusion

__all__ = ["DecoderModule", "FeatureFusion", "MMSEEqualizer", "NoEqualizer", "ZeroForcingEqualizer"]
__getattr__ = lazily(
    __name__,
    {
        "decoder": ("DecoderModule",),
        "equalizer": ("MMSEEqualizer", "NoEqualizer", "ZeroForcingEqualizer"),
        "fusion": ("FeatureFusion",),
    },
)
