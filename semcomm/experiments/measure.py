"""Whole photographs sent at several SNRs: scores of single images, means, confidence intervals, failures."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from semcomm.channel.snr import LOWEST_SNR_DB, SNR
from semcomm.contracts import Semantics
from semcomm.extractors.cache import FeatureCache
from semcomm.files.pictures import load_image
from semcomm.images import center_crop, to_float
from semcomm.quality.image import mean_and_ci95
from semcomm.transmission import Transmission

Scorer = Callable[[Tensor], dict[str, Tensor]]
"""Scores of an image received, float `(1, 3, h, w)`, by name; each `(1,)`."""
Metrics = Callable[[Tensor], Scorer]
"""What makes a scorer of an image sent, float `(1, 3, h, w)`, so that it looks at it only once."""


class Scheme(Protocol):
    """What can be evaluated: a `SemanticSystem`, a `SeparationBaseline`, or the like."""

    def transmit(self, images: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Transmission:
        """Send images once and account for it."""
        ...


@runtime_checkable
class SemanticScheme(Protocol):
    """A scheme whose frozen extractors need to look at an image only once, however often it is sent."""

    def extract(self, images: Tensor) -> Semantics | None:
        """Run the extractors on images."""
        ...

    def transmit(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        semantics: Semantics | None = None,
        generator: torch.Generator | None = None,
    ) -> Transmission:
        """Send images once and account for it."""
        ...


@final
@dataclass(frozen=True)
class Measurement:
    """What single images scored.

    Args:
        symbols: channel uses k of each image.
        dimensions: source dimensions n = 3 h w of each image.
        scores: per SNR in dB and score, such as "psnr_db", an array `(images, draws)`.
        failures: per SNR, transmissions in which another image stood in for the one sent.
    """

    symbols: list[int]
    dimensions: list[int]
    scores: dict[float, dict[str, np.ndarray]]
    failures: dict[float, int]

    @property
    def bandwidth_ratio(self) -> float:
        """All channel uses over all source dimensions."""
        return sum(self.symbols) / sum(self.dimensions)


def measure(
    scheme: Scheme,
    paths: Sequence[Path],
    snrs_db: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 1,
    size: int | None = None,
    features: FeatureCache | None = None,
    metrics: Metrics | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Measurement:
    """Send every photograph at every SNR.

    Each image is sent on its own, and its noise is a function of the seed, the SNR, its place in `paths` and the draw,
    so the same call gives the same numbers whatever else is evaluated.

    Args:
        scheme: what sends them.
        paths: the photographs.
        snrs_db: SNRs in dB.
        seed: of all noise.
        draws: how often each image is sent at each SNR, with new noise.
        size: send the photographs' central `size x size` pixels; None for whole photographs.
        features: what `cache_features` made of the photographs, for whole ones; else a system's extractors run once
            per photograph.
        metrics: scores beside PSNR and SSIM, or None.
        progress: called after every photograph and SNR.

    Raises:
        ValueError: if an SNR is out of range, `draws` is not positive, or a photograph cannot be read or sent; the
            message names it.
    """
    for snr_db in snrs_db:
        if not LOWEST_SNR_DB <= snr_db <= -LOWEST_SNR_DB:
            raise ValueError(f"snrs_db must be from {LOWEST_SNR_DB:g} to {-LOWEST_SNR_DB:g} dB, got {snr_db}")
    if size is not None and features is not None:
        raise ValueError(f"features are those of whole photographs: size must be None, got {size}")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    snrs_db = list(dict.fromkeys(snrs_db))  # a repeated SNR would count every image twice
    symbols, dimensions = [], []
    scores: dict[float, list[list[dict[str, float]]]] = {snr_db: [] for snr_db in snrs_db}
    failures = dict.fromkeys(snrs_db, 0)
    for place, path in enumerate(paths):
        try:
            image = load_image(path)[None] if size is None else center_crop(load_image(path), size)[None]
            send = _sender(scheme, image, None if features is None else features.semantics(path))
            scorer = None if metrics is None else metrics(to_float(image))
            k = 0
            for snr_db in snrs_db:
                sent = [send(snr_db, _generator(seed, snr_db, place, draw)) for draw in range(draws)]
                scores[snr_db].append([_scores(one, scorer) for one in sent])
                failures[snr_db] += sum(int(one.failed.sum()) for one in sent if one.failed is not None)
                k = sent[0].symbols_per_image
                progress()
        except ValueError as error:
            raise ValueError(error if str(path) in str(error) else f"{path}: {error}") from error
        symbols.append(k)
        dimensions.append(image.numel())
    arrays = {
        snr_db: {name: np.array([[draw[name] for draw in image] for image in rows]) for name in rows[0][0]}
        for snr_db, rows in scores.items()
    }
    return Measurement(symbols, dimensions, arrays, failures)


def evaluate(
    scheme: Scheme,
    paths: Sequence[Path],
    snrs_db: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 1,
    size: int | None = None,
    metrics: Metrics | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Send every photograph at every SNR and summarise what arrived; the arguments are those of `measure`.

    Returns:
        `images`, `k` (one number, or one per image where they differ), `bandwidth_ratio` (all channel uses over all
        source dimensions), and `rows`: per SNR the mean over images of PSNR, SSIM and what `metrics` adds, half widths
        of their 95 % confidence intervals, and failures. Draws are averaged within an image first: images are what was
        sampled. A figure that is not finite is None.
    """
    measured = measure(scheme, paths, snrs_db, seed=seed, draws=draws, size=size, metrics=metrics, progress=progress)
    return {
        "images": len(paths),
        "k": measured.symbols[0] if len(set(measured.symbols)) == 1 else measured.symbols,
        "bandwidth_ratio": measured.bandwidth_ratio,
        "rows": [
            {"snr_db": snr_db, **summarize(scores), "failures": measured.failures[snr_db]}
            for snr_db, scores in measured.scores.items()
        ],
    }


def summarize(scores: dict[str, np.ndarray]) -> dict[str, float | None]:
    """Mean and half width of the 95 % confidence interval of each score `(images, draws)`; None where not finite."""
    row = {}
    for name, values in scores.items():
        mean, half_width = mean_and_ci95(values)
        row |= {name: mean, "psnr_ci95" if name == "psnr_db" else f"{name}_ci95": half_width}
    return {name: round(value, 6) if math.isfinite(value) else None for name, value in row.items()}


def _sender(scheme: Scheme, image: Tensor, known: Semantics | None) -> Callable[[float, torch.Generator], Transmission]:
    if isinstance(scheme, SemanticScheme):
        semantics = known or scheme.extract(image)
        return lambda snr_db, generator: scheme.transmit(image, snr_db, semantics=semantics, generator=generator)
    return lambda snr_db, generator: scheme.transmit(image, snr_db, generator=generator)


def _scores(sent: Transmission, scorer: Scorer | None) -> dict[str, float]:
    scores = {"psnr_db": sent.psnr_db.item(), "ssim": sent.ssim.item()}
    more = {} if scorer is None else scorer(to_float(sent.images))
    return scores | {name: value.item() for name, value in more.items()}


def _generator(seed: int, snr_db: float, place: int, draw: int) -> torch.Generator:
    stream = np.random.SeedSequence((seed, round(1000 * (snr_db + 1000)), place, draw))
    return torch.Generator().manual_seed(int(stream.generate_state(1)[0]))
