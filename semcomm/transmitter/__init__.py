"""Hops 1 to 3 of 6: images to symbols.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.transmitter.caption import CaptionFeature
    from semcomm.transmitter.constellation import QAMConstellation
    from semcomm.transmitter.encoder import EncoderModule
    from semcomm.transmitter.peaks import ConstraintChain, PeakLimit, papr_ccdf
    from semcomm.transmitter.power import PowerNormalize
    from semcomm.transmitter.segmentation import SegmentationFeature

__all__ = [
    "CaptionFeature",
    "ConstraintChain",
    "EncoderModule",
    "PeakLimit",
    "PowerNormalize",
    "QAMConstellation",
    "SegmentationFeature",
    "papr_ccdf",
]
__getattr__ = lazily(
    __name__,
    {
        "caption": ("CaptionFeature",),
        "constellation": ("QAMConstellation",),
        "encoder": ("EncoderModule",),
        "peaks": ("ConstraintChain", "PeakLimit", "papr_ccdf"),
        "power": ("PowerNormalize",),
        "segmentation": ("SegmentationFeature",),
    },
)
