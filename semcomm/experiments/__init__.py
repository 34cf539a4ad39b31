"""From schemes and photographs to measurements, claims, figures and pages."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semcomm.experiments.demo import demo_image
    from semcomm.experiments.measurement import Measurement

__all__ = ["Measurement", "demo_image"]
_ROOMS = {"Measurement": "measurement", "demo_image": "demo"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
