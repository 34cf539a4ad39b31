"""Scores beside PSNR and SSIM, by name."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from semcomm.quality.fidelity import lite_fidelity
from semcomm.quality.image import ms_ssim, ms_ssim_db
from semcomm.quality.peaks import peaks
from semcomm.quality.perceptual import lpips

NAMES = ("ms-ssim", "ms-ssim-db", "lpips", "fidelity", "papr")


Metric = Callable[..., Tensor | Mapping[str, Tensor]]
"""What scores images received against images sent, float `(b, 3, h, w)` in [0, 1]: `(b,)`, or several by name.

With a parameter `transmission` it is given the `Transmission`, too."""


def metrics_by_name(names: Sequence[str]) -> dict[str, Metric]:
    """Choose scores for `evaluate` to add.

    Args:
        names: "ms-ssim"; the same in dB, "ms-ssim-db"; "lpips", whose network's weights must be on disk; "fidelity",
            the agreement of what the small extractors in the package see in the images sent and received; "papr", how
            high the peaks of the symbols are.

    Raises:
        ValueError: if a name is unknown.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ValueError(f"metrics must be among {', '.join(NAMES)}, got {', '.join(unknown)}")
    known = {
        "ms-ssim": lambda: ms_ssim,
        "ms-ssim-db": lambda: ms_ssim_db,
        "lpips": lambda: lpips,
        "fidelity": lite_fidelity,
        "papr": lambda: peaks,
    }
    return {name.replace("-", "_"): known[name]() for name in names}
