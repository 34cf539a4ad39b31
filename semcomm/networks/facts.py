"""What networks on the hybrid code are told of a transmission: facts about every block, numbers about the whole."""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.transmitter.drawing import Drawing
from semcomm.transmitter.textures import variances

EDGES = (0, 1, 2, 4, 6, 9, 13, 19, 28, 41, 60, 88, 128, 180, 256)
"""Bands of components, by their rank in a texture."""
FACTS = 2 * (len(EDGES) - 1)
NUMBERS = 6
_FLOOR = 1e-6
_TRAINED_DB = (-6.0, 21.0)
_TRAINED_USES = (7.0, 64.0)
_FADE_DB, _FADE_OCTAVES = 3.0, 0.5
_LEAST_MISSING, _FADE_MISSING = -12.2, 1.0
"""Octaves of the error expected per component; below it, at some 42 dB PSNR, networks do more harm than good."""


class Shared(Protocol):
    """How the details of b photographs share power: an `Allocation` of one, or `Shares` of a batch.

    `order`, `power` and `variance` are `(b, m)`, or `(m,)` of one photograph.
    """

    @property
    def order(self) -> Tensor: ...  # noqa: D102
    @property
    def power(self) -> Tensor: ...  # noqa: D102
    @property
    def variance(self) -> Tensor: ...  # noqa: D102


def expected_errors(drawing: Drawing, shared: Shared, noise_variance: Tensor) -> Tensor:
    """Say what error every detail is expected to arrive with: float32 `(blocks, Q)`, without weights.

    Args:
        drawing: what b photographs are drawn from.
        shared: how their details share the power.
        noise_variance: sigma^2 of the complex symbol that carries a detail, `(b, m)`, or one for all of a photograph,
            `(b, 1)`.
    """
    before = variances(drawing.log_variances)
    sent = shared.order, shared.power, shared.variance
    order, power, variance = (one.reshape(drawing.shape[0], -1) for one in sent)
    left = variance * (noise_variance / 2) / (power + noise_variance / 2)
    flat = before.reshape(drawing.shape[0], -1).scatter(1, order, left.float())
    return flat.reshape(before.shape) / drawing.weights.square()


def block_facts(drawing: Drawing, errors: Tensor) -> Tensor:
    """Log energies by band of what the sketch left and of what will be missing: `(b, FACTS, rows, columns)`."""
    left = variances(drawing.log_variances) / drawing.weights.square()
    bands = torch.cat([_bands(left), _bands(errors)], dim=1)
    return bands.unflatten(0, drawing.shape).movedim(-1, 1).contiguous()


def numbers(
    drawing: Drawing, errors: Tensor, snrs_db: Tensor, told_snrs_db: Tensor, channel_uses: int, gains: Tensor
) -> Tensor:
    """Describe the transmissions of b photographs: float32 `(b, NUMBERS)`.

    Args:
        drawing: what b photographs are drawn from.
        errors: from `expected_errors`.
        snrs_db: real SNRs, or those told, `(b,)`.
        told_snrs_db: what the sender believes, `(b,)`.
        channel_uses: k.
        gains: the gains of the details, `(b,)`.
    """
    images = drawing.shape[0]
    per_block = channel_uses * images / len(drawing.labels)
    step = drawing.log_step.reshape(images, -1).float().mean(1).clamp_min(-40)
    missing = errors.reshape(images, -1).mean(1).clamp_min(_FLOOR)
    rate = torch.full((images,), math.log2(per_block / 32), device=missing.device)
    # far beyond what networks are trained for, and finite: zero trust times inf would be NaN
    snrs = [one.clamp(-60, 60) / 10 for one in (snrs_db, told_snrs_db)]
    columns = [*snrs, rate, step / 16, gains.log(), missing.log2() / 4 + 2]
    return torch.stack([column.float() for column in columns], dim=1)


def confidence(about: Tensor) -> Tensor:
    """Say how far networks may be trusted: 1 where they were trained, 0 beyond -9 and 24 dB, or 5 and 90 uses a block.

    Nor are they where almost nothing is missing: 0 from 46 dB PSNR or so.

    Args:
        about: from `numbers`, `(b, NUMBERS)`.

    Returns:
        float32 `(b, 1, 1, 1)`, to multiply with what they add.
    """
    shares = []
    for snrs_db in (10 * about[:, 0], 10 * about[:, 1]):
        shares += [(snrs_db - _TRAINED_DB[0]) / _FADE_DB, (_TRAINED_DB[1] - snrs_db) / _FADE_DB]
    low, high = (math.log2(uses / 32) for uses in _TRAINED_USES)
    shares += [(about[:, 2] - low) / _FADE_OCTAVES, (high - about[:, 2]) / _FADE_OCTAVES]
    shares.append((4 * (about[:, 5] - 2) - _LEAST_MISSING) / _FADE_MISSING)
    return (1 + torch.stack(shares).amin(0)).clamp(0, 1)[:, None, None, None]


def _bands(energies: Tensor) -> Tensor:
    energies = F.pad(energies, (0, EDGES[-1] - energies.shape[1]))  # textures for coarse sketches keep fewer components
    parts = [energies[:, low:high].mean(1) for low, high in zip(EDGES, EDGES[1:], strict=False)]
    return torch.stack(parts, dim=1).clamp_min(_FLOOR).log2() / 4 + 2
