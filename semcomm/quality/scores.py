"""Scores beside PSNR and SSIM, chosen by name."""

from collections.abc import Sequence

import torch
from torch import Tensor

from semcomm.experiments.measure import Metrics, Scorer
from semcomm.quality.fidelity import lite_fidelity
from semcomm.quality.image import ms_ssim, ms_ssim_db
from semcomm.quality.perceptual import lpips

NAMES = ("ms-ssim", "ms-ssim-db", "lpips", "fidelity")


def more_scores(names: Sequence[str]) -> Metrics | None:
    """Choose scores for `evaluate` to add.

    Args:
        names: "ms-ssim"; the same in dB, "ms-ssim-db"; "lpips", whose network's weights must be on disk; "fidelity",
            the agreement of what the small extractors in the package see in the images sent and received.

    Returns:
        What `evaluate` takes as `metrics`; None for no names.

    Raises:
        ValueError: if a name is unknown.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ValueError(f"metrics must be among {', '.join(NAMES)}, got {', '.join(unknown)}")
    if not names:
        return None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fidelity = lite_fidelity() if "fidelity" in names else None

    def score(sent: Tensor) -> Scorer:
        sent = sent.to(device)
        seen = {} if fidelity is None else fidelity.look(sent)

        def against_it(received: Tensor) -> dict[str, Tensor]:
            received = received.to(device)
            scores = {}
            if "ms-ssim" in names:
                scores["ms_ssim"] = ms_ssim(received, sent)
            if "ms-ssim-db" in names:
                scores["ms_ssim_db"] = ms_ssim_db(received, sent)
            if "lpips" in names:
                scores["lpips"] = lpips(received, sent)
            if fidelity is not None:
                scores |= fidelity(received, sent, **seen)
            return scores

        return against_it

    return score
