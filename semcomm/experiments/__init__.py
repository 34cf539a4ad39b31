"""From schemes and photographs to measurements, claims, figures and pages.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.experiments.demo import demo_image
    from semcomm.experiments.measurement import Measurement

__all__ = ["Measurement", "demo_image"]
__getattr__ = lazily(
    __name__,
    {
        "demo": ("demo_image",),
        "measurement": ("Measurement",),
    },
)
