"""Whole photographs sent at several SNRs: means, confidence intervals, failures."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from semcomm.channel.snr import LOWEST_SNR_DB, SNR
from semcomm.evaluation.metrics import mean_and_ci95
from semcomm.images import load_image
from semcomm.transmission import Transmission


class Scheme(Protocol):
    """What can be evaluated: a `SemanticSystem`, a `SeparationBaseline`, or the like."""

    def transmit(self, images: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Transmission:
        """Send images once and account for it."""
        ...


def evaluate(
    scheme: Scheme,
    paths: Sequence[Path],
    snrs_db: Sequence[float],
    *,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Send every photograph once at every SNR.

    Each image is sent on its own, whole, and its noise is a function of the seed, the SNR and its place in `paths`, so
    the same call gives the same numbers whatever else is evaluated.

    Args:
        scheme: what sends them.
        paths: the photographs.
        snrs_db: SNRs in dB.
        seed: of all noise.
        progress: called after every transmission.

    Returns:
        `images`, `k` (one number, or one per image where they differ), `bandwidth_ratio` (all channel uses over all
        source dimensions), and `rows`: per SNR the mean over images of PSNR and SSIM, half widths of their 95 %
        confidence intervals, and failures. A figure that is not finite is None.

    Raises:
        ValueError: if an SNR is not finite, or a photograph cannot be read or sent; the message names it.
    """
    for snr_db in snrs_db:
        if not LOWEST_SNR_DB <= snr_db < math.inf:
            raise ValueError(f"snrs_db must be finite, at least {LOWEST_SNR_DB:g} dB, got {snr_db}")
    snrs_db = list(dict.fromkeys(snrs_db))  # a repeated SNR would count every image twice
    symbols, dimensions = [0] * len(paths), 0
    scores: dict[float, list[tuple[float, float, int]]] = {snr_db: [] for snr_db in snrs_db}
    for place, path in enumerate(paths):
        image = load_image(path)[None]
        for snr_db in snrs_db:
            try:
                sent = scheme.transmit(image, snr_db, generator=_generator(seed, snr_db, place))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            failures = 0 if sent.failed is None else int(sent.failed.sum())
            scores[snr_db].append((sent.psnr_db.item(), sent.ssim.item(), failures))
            symbols[place] = sent.symbols_per_image
            progress()
        dimensions += image.numel()
    return {
        "images": len(paths),
        "k": symbols[0] if len(set(symbols)) == 1 else symbols,
        "bandwidth_ratio": sum(symbols) / dimensions,
        "rows": [_row(snr_db, scores[snr_db]) for snr_db in snrs_db],
    }


def _row(snr_db: float, scores: list[tuple[float, float, int]]) -> dict[str, float | None]:
    psnrs, ssims, failures = zip(*scores, strict=True)
    psnr_db, psnr_ci95 = mean_and_ci95(psnrs)
    ssim, ssim_ci95 = mean_and_ci95(ssims)
    row = {"psnr_db": psnr_db, "psnr_ci95": psnr_ci95, "ssim": ssim, "ssim_ci95": ssim_ci95}
    finite = {name: round(value, 6) if math.isfinite(value) else None for name, value in row.items()}
    return {"snr_db": snr_db, **finite, "failures": sum(failures)}


def _generator(seed: int, snr_db: float, place: int) -> torch.Generator:
    stream = np.random.SeedSequence((seed, round(1000 * (snr_db + 1000)), place))
    return torch.Generator().manual_seed(int(stream.generate_state(1)[0]))
