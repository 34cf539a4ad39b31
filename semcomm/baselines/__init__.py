"""What MLSC-image is compared with.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.baselines.separation import SeparationBaseline
    from semcomm.baselines.swin_systems import build_swin_jscc, build_witt, load_swin_jscc, load_witt

__all__ = ["SeparationBaseline", "build_swin_jscc", "build_witt", "load_swin_jscc", "load_witt"]
__getattr__ = lazily(
    __name__,
    {
        "separation": ("SeparationBaseline",),
        "swin_systems": ("build_swin_jscc", "build_witt", "load_swin_jscc", "load_witt"),
    },
)
