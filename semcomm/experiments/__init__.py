"""From schemes and photographs to measurements, claims, figures and pages."""

from semcomm.experiments.measurement import Measurement

__all__ = ["Measurement"]
