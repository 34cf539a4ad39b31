"""The sketch: the strong components of a photograph, predicted, quantised and coded with contexts.

All decisions that bits depend on are made with integers: log-variances, the step's index, magnitudes that are known at
both ends. Predictions are floating-point numbers that only add to what is shown, so a rounding difference between two
machines stays as small as it is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from semcomm.link.tables import IntegerTables
from semcomm.transmitter.blocks import Grid
from semcomm.transmitter.textures import OCTAVE, WORTH_CODING, Textures, quantise

BUCKETS = 26
"""Half octaves of variance / step^2, from what is just worth coding."""
ACTIVITIES = 8
"""How much larger than expected the magnitudes nearby are, in eight classes."""
WEAK = 12
"""Octaves of variance / step^2 below what is worth coding."""
NOTHING_CODED = -400
"""The index of a step so large that no component is worth coding."""
LARGEST = 15
"""Larger magnitudes are coded as an escape."""
_THRESHOLDS = (20, 32, 44, 56, 72, 96, 140)
UNIT = 256
"""One, in tables of fractions."""
_MEMORY = 3


@final
@dataclass(frozen=True)
class SketchTables:
    """What is known of quantised components in advance, counted on photographs; integers.

    Args:
        expected: mean magnitude times 256 by bucket, `(BUCKETS,)`.
        counts: how often -15..15 and the escape came up by bucket and activity, `(BUCKETS ACTIVITIES, 32)`.
        shrinkage: how far below its rounded magnitude (0, 1, more) the mean lies, in 1/256 steps, `(BUCKETS, 3)`.
        residual: log-variance of what quantisation leaves, by bucket, activity, magnitude `(BUCKETS, ACTIVITIES, 3)`,
            in eighths of an octave of step^2.
        weak: what activity adds to the log-variance of components that are not quantised, `(WEAK, ACTIVITIES)`.
    """

    expected: Tensor
    counts: Tensor
    shrinkage: Tensor
    residual: Tensor
    weak: Tensor

    @cached_property
    def levels(self) -> IntegerTables:
        """The counts of levels for the range coder."""
        return IntegerTables(self.counts.cpu().numpy(), low=-LARGEST)

    @cached_property
    def bits(self) -> Tensor:
        """What a level costs in its context, in bits, float64, of the shape of `counts`."""
        return torch.from_numpy(self.levels.bits).to(self.counts.device)

    def values(self, levels: Tensor, buckets: Tensor) -> Tensor:
        """Turn integer levels into steps: a magnitude's mean value, float32."""
        shrinkage = self.shrinkage[buckets, levels.abs().clamp_max(2)].to(torch.float32) / UNIT
        return levels - levels.sign() * shrinkage


@final
@dataclass(frozen=True)
class Layout:
    """Which components of a photograph are quantised, and how strong they are expected to be.

    Args:
        relative: log-variance over step^2 by block and component, int64 `(blocks, Q)`.
        coded: how many components the block with most of them has.
    """

    relative: Tensor
    coded: int

    @property
    def is_coded(self) -> Tensor:
        """Bool `(blocks, coded)`."""
        return self.relative[:, : self.coded] >= WORTH_CODING

    @property
    def buckets(self) -> Tensor:
        """Half octaves, int64 `(blocks, coded)`."""
        return (self.relative[:, : self.coded] - WORTH_CODING).clamp(0, 4 * BUCKETS - 1) // 4


def layout(textures: Textures, labels: Tensor, log_step: Tensor, boost: Tensor | None = None) -> Layout:
    """Say which components are quantised.

    Args:
        textures: the classes.
        labels: the blocks' labels, int64 `(blocks,)`.
        log_step: `step = 2^(-log_step / 16)` of every block, int64 `(blocks,)`.
        boost: what importance adds to a block's log-variances, int64 `(blocks,)`.
    """
    shift = log_step if boost is None else log_step + boost
    relative = textures.log_variance[labels] + shift[:, None]
    coded = int((relative >= WORTH_CODING).sum(1).max())
    return Layout(relative, coded)


def step_sizes(log_step: Tensor) -> Tensor:
    """Steps of the blocks, float32 `(blocks, 1)`, for one common exponent per photograph."""
    return torch.exp2(-log_step.to(torch.float32) / (2 * OCTAVE))[:, None]


@final
@dataclass(frozen=True)
class Followed:
    """What the closed loop leaves.

    Args:
        levels: integer magnitudes with sign, int64 `(blocks, coded)`.
        known: what each block was predicted from, float32 `(blocks, 4 N + 1)`.
    """

    levels: Tensor
    known: Tensor


def follow(
    textures: Textures,
    tables: SketchTables,
    grid: Grid,
    labels: Tensor,
    layout: Layout,
    step: Tensor,
    *,
    own: Tensor | None = None,
    levels: Tensor | None = None,
) -> Followed:
    """Predict, and quantise or take as given, block by block in wavefront order.

    Args:
        textures: the classes.
        tables: for the values of quantised components.
        grid: neighbours and waves.
        labels: the blocks' labels, int64 `(blocks,)`.
        layout: what is quantised.
        step: every block's step, float32 `(blocks, 1)`.
        own: the sender's components without prediction, `(blocks, Q)`; or
        levels: the receiver's levels, int64 `(blocks, coded)`.
    """
    coded, kept = layout.coded, textures.remembered
    expected = textures.transformed_predictor[:, :coded]
    # what a block will be remembered by, from what it was predicted from and its own values, in one product
    memory = torch.cat([textures.predictor[:, :kept], textures.transform[:, :coded, :kept].transpose(1, 2)], dim=2)
    # blocks in decoding order from here on, so that a wave is a slice
    order, turn, neighbours = grid.order, grid.turn, grid.neighbours_by_turn
    texture, steps, is_coded, buckets = labels[order], step[order], layout.is_coded[order], layout.buckets[order]
    components = None if own is None else own[order, :coded]
    taken = torch.zeros_like(buckets) if levels is None else levels[order]
    sketch = torch.zeros(len(labels) + 1, kept, device=labels.device)
    known = torch.ones(len(labels), 4 * kept + 1, device=labels.device)
    for wave in grid.slices:
        known[wave, :-1] = sketch[neighbours[wave]].flatten(1)
        context = known[wave, :, None]
        if levels is None and components is not None and coded:
            prediction = torch.bmm(expected[texture[wave]], context)[:, :, 0]
            taken[wave] = (quantise((components[wave] - prediction) / steps[wave]) * is_coded[wave]).long()
        values = tables.values(taken[wave], buckets[wave]) * steps[wave]
        sketch[wave] = torch.bmm(memory[texture[wave]], torch.cat([context, values[:, :, None]], dim=1))[:, :, 0]
    return Followed(taken[turn], known[turn])


class Activity:
    """How magnitudes nearby compare with what is expected: contexts, component by component, integers only.

    Nearby are the components before this one, of the block (four times) and of its four neighbours; older ones fade.

    Args:
        tables: for the expected magnitudes.
        layout: what is quantised.
        shape: images, rows, columns.
    """

    def __init__(self, tables: SketchTables, layout: Layout, shape: tuple[int, int, int]):
        self.shape = shape
        self.is_coded = layout.is_coded
        self.buckets = layout.buckets
        self._expected = tables.expected[self.buckets] * self.is_coded
        self._seen = torch.zeros(self.is_coded.shape[0], dtype=torch.int64)
        self._awaited = torch.zeros_like(self._seen)
        self._thresholds = torch.tensor(_THRESHOLDS)

    def classes(self) -> Tensor:
        """The activity of every block now, 0..7, int64 `(blocks,)`."""
        seen, awaited = (_with_neighbours(one, self.shape) + UNIT for one in (self._seen, self._awaited))
        return torch.bucketize(64 * seen // awaited, self._thresholds, right=True)

    def see(self, component: int, levels: Tensor) -> None:
        """Take in the levels `(blocks,)` of one component."""
        magnitudes = UNIT * levels.abs() * self.is_coded[:, component]
        self._seen += magnitudes - (self._seen >> _MEMORY)
        self._awaited += self._expected[:, component] - (self._awaited >> _MEMORY)


@final
@dataclass(frozen=True)
class Contexts:
    """The contexts that levels were coded in.

    Args:
        activities: every component's activity at its turn, int64 `(blocks, coded)`.
        last: every block's activity at the end, int64 `(blocks,)`.
    """

    activities: Tensor
    last: Tensor


def contexts(tables: SketchTables, layout: Layout, shape: tuple[int, int, int], levels: Tensor) -> Contexts:
    """Find the contexts of all levels `(blocks, coded)` at once, for a sender or for counting."""
    activity = Activity(tables, layout, shape)
    activities = torch.empty_like(levels)
    for component in range(layout.coded):
        activities[:, component] = activity.classes()
        activity.see(component, levels[:, component])
    return Contexts(activities, activity.classes())


def smooth_contexts(tables: SketchTables, layout: Layout, shape: tuple[int, int, int], levels: Tensor) -> Contexts:
    """Find the contexts as `contexts` does, but for its rounding: all components at once, for training."""
    turn = torch.arange(layout.coded + 1, device=levels.device)
    age = turn - 1 - turn[: layout.coded, None]
    fading = torch.where(age >= 0, (1 - 2.0**-_MEMORY) ** age, 0.0)
    is_coded = layout.is_coded
    seen, awaited = (
        _with_neighbours((amounts * is_coded).float() @ fading, shape) + UNIT
        for amounts in (UNIT * levels.abs(), tables.expected[layout.buckets])
    )
    thresholds = torch.tensor(_THRESHOLDS, dtype=torch.float32, device=levels.device)
    classes = torch.bucketize(64 * seen / awaited, thresholds, right=True)
    return Contexts(classes[:, :-1], classes[:, -1])


def _with_neighbours(amounts: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Four times a block's amounts `(blocks, ...)`, and those of its four neighbours, itself for a missing one."""
    plane = amounts.unflatten(0, shape)
    padded = torch.cat([plane[:, :1], plane, plane[:, -1:]], dim=1)
    sideways = torch.cat([plane[:, :, :1], plane, plane[:, :, -1:]], dim=2)
    around = padded[:, :-2] + padded[:, 2:] + sideways[:, :, :-2] + sideways[:, :, 2:]
    return (4 * plane + around).flatten(0, 2)


def detail_log_variances(
    tables: SketchTables,
    layout: Layout,
    log_step: Tensor,
    levels: Tensor,
    found: Contexts,
) -> Tensor:
    """Say how strong what the sketch leaves is expected to be, by what both ends know: int64 `(blocks, Q)`."""
    if layout.coded == 0:  # nothing is known of the photograph
        return layout.relative - log_step[:, None]
    strengths = layout.relative + tables.weak[weak_depth(layout.relative), found.last[:, None]]
    left = tables.residual[layout.buckets, found.activities, levels.abs().clamp_max(2)]
    coded = layout.coded
    strengths[:, :coded] = torch.where(layout.is_coded, left, strengths[:, :coded])
    return strengths - log_step[:, None]


def weak_depth(relative: Tensor) -> Tensor:
    """Say how many octaves below what is worth coding log-variances over step^2 are, 0..11."""
    return ((WORTH_CODING - 1 - relative) // OCTAVE).clamp(0, WEAK - 1)
