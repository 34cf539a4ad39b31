"""What MLSC-image is compared with.

Names are imported when they are first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semcomm.baselines.separation import SeparationBaseline
    from semcomm.baselines.swin_systems import build_swin_jscc, build_witt, load_swin_jscc, load_witt

__all__ = [
    "SeparationBaseline",
    "build_swin_jscc",
    "build_witt",
    "load_swin_jscc",
    "load_witt",
]
_ROOMS = {
    "SeparationBaseline": "separation",
    "build_swin_jscc": "swin_systems",
    "build_witt": "swin_systems",
    "load_swin_jscc": "swin_systems",
    "load_witt": "swin_systems",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
