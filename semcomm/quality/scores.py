"""Scores beside PSNR and SSIM, by name."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from semcomm.quality.fidelity import lite_fidelity
from semcomm.quality.image import ms_ssim, ms_ssim_db
from semcomm.quality.perceptual import lpips

NAMES = ("ms-ssim", "ms-ssim-db", "lpips", "fidelity")


class Metric(Protocol):
    """What scores images received against images sent, float `(b, 3, h, w)` in [0, 1]: one number per image."""

    def __call__(self, received: Tensor, sent: Tensor, /) -> Tensor | Mapping[str, Tensor]:
        """Score images: `(b,)`, or several such scores by name."""
        ...


def metrics_by_name(names: Sequence[str]) -> dict[str, Metric]:
    """Choose scores for `evaluate` to add.

    Args:
        names: "ms-ssim"; the same in dB, "ms-ssim-db"; "lpips", whose network's weights must be on disk; "fidelity",
            the agreement of what the small extractors in the package see in the images sent and received.

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
    }
    return {name.replace("-", "_"): known[name]() for name in names}
