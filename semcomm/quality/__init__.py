"""How good what arrived is.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.quality.fidelity import SemanticFidelity, lite_fidelity
    from semcomm.quality.image import ms_ssim, ms_ssim_db, psnr, ssim
    from semcomm.quality.perceptual import lpips
    from semcomm.quality.scores import Metric
    from semcomm.quality.statistics import mean_and_ci95, paired_difference

__all__ = [
    "Metric",
    "SemanticFidelity",
    "lite_fidelity",
    "lpips",
    "mean_and_ci95",
    "ms_ssim",
    "ms_ssim_db",
    "paired_difference",
    "psnr",
    "ssim",
]
__getattr__ = lazily(
    __name__,
    {
        "fidelity": ("SemanticFidelity", "lite_fidelity"),
        "image": ("ms_ssim", "ms_ssim_db", "psnr", "ssim"),
        "perceptual": ("lpips",),
        "scores": ("Metric",),
        "statistics": ("mean_and_ci95", "paired_difference"),
    },
)
