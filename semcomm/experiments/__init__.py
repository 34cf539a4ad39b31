"""From schemes and photographs to measurements, claims, figures and pages.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.experiments.measurement import Measurement

__all__ = ["Measurement"]
__getattr__ = lazily(__name__, {"measurement": ("Measurement",)})
