"""Counting what sketches of photographs are made of: the integer tables of the hybrid code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from semcomm.transmitter.drawing import Drawing
from semcomm.transmitter.sketch import (
    ACTIVITIES,
    BUCKETS,
    LARGEST,
    UNIT,
    WEAK,
    SketchTables,
    contexts,
    step_sizes,
    weak_depth,
)
from semcomm.transmitter.textures import OCTAVE, WORTH_CODING, log_variances_of, variances

_SCALE = 2**20
_MAP_SCALE = 16


@final
@dataclass(frozen=True)
class Sketched:
    """A photograph's drawing, made without tables, and what it left."""

    drawing: Drawing
    details: Tensor


def no_tables() -> SketchTables:
    """Return tables that say nothing: whole levels are reconstructed as they are."""
    return SketchTables(
        torch.full((BUCKETS,), UNIT // 2),
        torch.ones(BUCKETS * ACTIVITIES, 2 * LARGEST + 2, dtype=torch.int64),
        torch.zeros(BUCKETS, 3, dtype=torch.int64),
        torch.zeros(BUCKETS, ACTIVITIES, 3, dtype=torch.int64),
        torch.zeros(WEAK, ACTIVITIES, dtype=torch.int64),
    )


def count_map(sketched: Sequence[Sketched], classes: int) -> Tensor:
    """Count classes beside classes (left, upper): int64 `((J + 1) (J + 1), J)`."""
    counts = torch.zeros((classes + 1) ** 2, classes, dtype=torch.float64)
    for one in sketched:
        labels = one.drawing.labels.reshape(one.drawing.shape)
        left, up = torch.full_like(labels, classes), torch.full_like(labels, classes)
        left[:, :, 1:], up[:, 1:] = labels[:, :, :-1], labels[:, :-1]
        places = (left * (classes + 1) + up) * classes + labels
        counts.view(-1).index_add_(0, places.flatten(), torch.ones(labels.numel(), dtype=torch.float64))
    base = counts.sum(0) + 1
    return (_MAP_SCALE * (counts + 8 * base / base.sum())).round().long().clamp_min(1)


def count_levels(sketched: Sequence[Sketched]) -> SketchTables:
    """Count levels, and what quantisation leaves, in their contexts; contexts need what is expected first."""
    tables = no_tables()
    for _ in range(2):
        tables = _count(sketched, tables)
    return tables


def _count(sketched: Sequence[Sketched], tables: SketchTables) -> SketchTables:
    magnitudes, shrinkage = _Mean(BUCKETS), _Mean(BUCKETS * 3)
    residual, weak = _Mean(BUCKETS * ACTIVITIES * 3), _Mean(WEAK * ACTIVITIES)
    counts = torch.zeros(BUCKETS * ACTIVITIES, LARGEST + 2, dtype=torch.float64)
    for one in sketched:
        drawing, plan, levels = one.drawing, one.drawing.layout, one.drawing.levels
        found = contexts(tables, plan, drawing.shape, levels)
        on = plan.is_coded
        size, bucket, activity = levels.abs()[on], plan.buckets[on], found.activities[on]
        capped = size.clamp_max(2)
        step = step_sizes(drawing.log_step)
        left = one.details[:, : plan.coded] / step
        magnitudes.add(bucket, size)
        sign = torch.where(levels < 0, -1.0, 1.0)
        shrinkage.add(bucket * 3 + capped, -(left * sign)[on])
        error = (left + levels - tables.values(levels, plan.buckets))[on]
        residual.add((bucket * ACTIVITIES + activity) * 3 + capped, error.square())
        places = (bucket * ACTIVITIES + activity) * (LARGEST + 2) + size.clamp_max(LARGEST + 1)
        counts.view(-1).index_add_(0, places, torch.ones(len(places), dtype=torch.float64))
        rest = plan.relative < WORTH_CODING
        ratio = one.details.square() / variances(plan.relative - drawing.log_step[:, None])
        weak.add((weak_depth(plan.relative) * ACTIVITIES + found.last[:, None])[rest], ratio[rest])
    bucket = torch.arange(BUCKETS, dtype=torch.float64)
    plausible = 0.8 * (2 ** (WORTH_CODING / OCTAVE + bucket / 2 + 0.25)).sqrt()
    lower = (UNIT * shrinkage.means(torch.zeros(BUCKETS * 3), 50)).round().long().reshape(BUCKETS, 3)
    lower[:, 0] = 0
    errors = residual.per(BUCKETS, ACTIVITIES, 3)
    return SketchTables(
        (UNIT * magnitudes.means(plausible, 20)).round().long().clamp_min(2),
        _signed(counts),
        lower,
        log_variances_of(errors),
        log_variances_of(weak.means(torch.ones(WEAK * ACTIVITIES), 20).reshape(WEAK, ACTIVITIES)),
    )


def _signed(counts: Tensor) -> Tensor:
    """Turn counts of magnitudes by context into counts of -15..15 and the escape, none of them zero."""
    by_bucket = counts.reshape(BUCKETS, ACTIVITIES, -1)
    base = by_bucket.sum(1, keepdim=True)
    falling = 0.6 ** torch.arange(LARGEST + 2, dtype=torch.float64)
    shares = by_bucket + 30 * base / base.sum(2, keepdim=True).clamp_min(1) + 0.3 * falling / falling.sum()
    shares = shares / shares.sum(2, keepdim=True)
    half = shares[..., 1 : LARGEST + 1] / 2
    signed = torch.cat([half.flip(-1), shares[..., :1], half, shares[..., LARGEST + 1 :]], dim=-1)
    return (_SCALE * signed).round().long().clamp_min(1).flatten(0, 1)


class _Mean:
    """Means by place."""

    def __init__(self, places: int):
        self.sums = torch.zeros(places, dtype=torch.float64)
        self.counts = torch.zeros(places, dtype=torch.float64)

    def add(self, places: Tensor, values: Tensor) -> None:
        self.sums.index_add_(0, places.flatten(), values.flatten().double())
        self.counts.index_add_(0, places.flatten(), torch.ones(places.numel(), dtype=torch.float64))

    def means(self, prior: Tensor, weight: float) -> Tensor:
        """Return the means, drawn to `prior` where there are few values."""
        return (self.sums + weight * prior) / (self.counts + weight)

    def per(self, buckets: int, activities: int, sizes: int) -> Tensor:
        """Return means by bucket, activity and size, drawn to those of all activities."""
        shape = (buckets, activities, sizes)
        base = (self.sums.reshape(shape).sum(1) + 0.1) / (self.counts.reshape(shape).sum(1) + 1)
        return self.means(base[:, None].expand(shape).reshape(-1), 20).reshape(shape)
