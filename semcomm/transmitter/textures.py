"""Textures: classes of blocks, each with its own predictor and Karhunen-Loeve transform.

Classified transform coding (Dony and Haykin, "Optimally adaptive transform coding", 1995; Archer and Leen, "A
generalized Lloyd-type algorithm for adaptive transform coder design", 2004) with a linear prediction from neighbouring
blocks. Sender and receiver hold the same statistics. Whatever decides on bits is an integer: class numbers and
log-variances.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

OCTAVE = 8
"""Log-variances are integers, in eighths of an octave: variance = 2^(log_variance / 8)."""


def variances(log_variances: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn integer log-variances into variances."""
    return torch.exp2(log_variances.to(dtype) / OCTAVE)


@final
@dataclass(frozen=True)
class Common:
    """What all textures share: blocks of three colours in fewer, common components.

    Args:
        mean: the mean block, float32 `(3 t t,)`.
        transform: orthonormal rows, float32 `(C, 3 t t)`: the Karhunen-Loeve transform of all blocks.
        log_variance: the common components' variances, as logarithms, int64 `(C,)`.
    """

    mean: Tensor
    transform: Tensor
    log_variance: Tensor

    def components(self, blocks: Tensor) -> Tensor:
        """Transform blocks `(..., 3 t t)` into common components `(..., C)`."""
        return (blocks - self.mean) @ self.transform.T

    def blocks(self, components: Tensor) -> Tensor:
        """Turn common components `(..., C)` back into blocks `(..., 3 t t)`."""
        return components @ self.transform + self.mean

    def rough(self, components: Tensor, log_step: Tensor, kept: int) -> Tensor:
        """Guess what a sketch will hold, before there is one: the first components `(..., C)`, quantised coarsely.

        Args:
            components: common components `(..., C)`.
            log_step: integer, `step = 2^(-log_step / 16)`; broadcast against `(..., 1)`.
            kept: how many of the components.
        """
        step = torch.exp2(-log_step / (2 * OCTAVE))
        levels = quantise(components[..., :kept] / step)
        return torch.where(self.log_variance[:kept] + log_step >= WORTH_CODING, levels * step, 0.0)


WORTH_CODING = -12
"""Components are quantised where variance / step^2 is at least 2^(-12/8) = 0.35."""
ROUNDING_THRESHOLD = 0.6


def quantise(values: Tensor) -> Tensor:
    """Round to whole steps; what is below 0.6 of a step becomes zero, since small numbers cost more than they give."""
    return torch.where(values.abs() < ROUNDING_THRESHOLD, 0.0, values.round())


@final
@dataclass(frozen=True)
class Textures:
    """J classes of blocks.

    Args:
        predictor: from the neighbours' first components and a one to the first P components, float32 `(J, P, 4 N + 1)`.
        transform: orthonormal rows on the common components, float32 `(J, Q, C)`.
        log_variance: variances of what the transform gives after prediction, int64 `(J, Q)`, in eighths of an octave.
        log_prior: natural logarithm of a class's share, float32 `(J,)`.
        floor: the mean squared error per component for which the classes were made.
    """

    predictor: Tensor
    transform: Tensor
    log_variance: Tensor
    log_prior: Tensor
    floor: float

    @property
    def classes(self) -> int:
        """The number J of classes."""
        return self.transform.shape[0]

    @property
    def predicted(self) -> int:
        """How many of the common components are predicted."""
        return self.predictor.shape[1]

    @property
    def remembered(self) -> int:
        """How many components of each neighbour the predictor takes."""
        return (self.predictor.shape[2] - 1) // 4

    @cached_property
    def transformed_predictor(self) -> Tensor:
        """The predictor's output in the texture's own components, `(J, Q, 4 N + 1)`."""
        return self.transform[:, :, : self.predicted] @ self.predictor

    @cached_property
    def variance(self) -> Tensor:
        """Variances, float32 `(J, Q)`."""
        return variances(self.log_variance)

    def coding_costs(self, components: Tensor, known: Tensor, floor: float | None = None) -> Tensor:
        r"""Say what it costs to code blocks by each class.

        $\sum_q [z_q^2 / \max(\lambda_{jq}, f) + \ln \max(\lambda_{jq}, f)] + e / f - 2 \ln \pi_j$ with z the
        block's components after prediction and e its energy outside of them.

        Args:
            components: common components `(blocks, C)`.
            known: the neighbours' first components and a one, `(blocks, 4 N + 1)`.
            floor: f, the mean squared error aimed at; None is the one that the classes were made for.

        Returns:
            float32 `(blocks, J)`.
        """
        floor = self.floor if floor is None else floor
        costs = []
        for j in range(self.classes):
            variance = self.variance[j].clamp_min(floor)
            own = components @ self.transform[j].T - known @ self.transformed_predictor[j].T
            energy = self.surprise(components, known, j).square().sum(1)
            squares = own.square()
            outside = (energy - squares.sum(1)).clamp_min(0)
            costs.append(squares @ variance.reciprocal() + outside / floor - 2 * self.log_prior[j])
            costs[-1] = costs[-1] + variance.log().sum()
        return torch.stack(costs, dim=1)

    def surprise(self, components: Tensor, known: Tensor, j: int) -> Tensor:
        """Subtract class j's prediction from common components `(blocks, C)`."""
        rest = components.clone()
        rest[:, : self.predicted] -= known @ self.predictor[j].T
        return rest

    def analyse(self, components: Tensor, labels: Tensor) -> Tensor:
        """Transform common components `(blocks, C)` by their blocks' classes `(blocks,)`, without prediction."""
        return _by_class(labels, self.classes, lambda j, rows: components[rows] @ self.transform[j].T)

    def predictions(self, known: Tensor, labels: Tensor) -> Tensor:
        """Predict the textures' components: `(blocks, 4 N + 1)` to `(blocks, Q)`."""
        return _by_class(labels, self.classes, lambda j, rows: known[rows] @ self.transformed_predictor[j].T)

    def synthesise(self, residuals: Tensor, known: Tensor, labels: Tensor) -> Tensor:
        """Turn components after prediction `(blocks, Q)` back into common components `(blocks, C)`."""

        def common(j: int, rows: Tensor) -> Tensor:
            rest = residuals[rows] @ self.transform[j]
            rest[:, : self.predicted] += known[rows] @ self.predictor[j].T
            return rest

        return _by_class(labels, self.classes, common)


def _by_class(labels: Tensor, classes: int, compute) -> Tensor:  # noqa: ANN001
    result = None
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels, minlength=classes).tolist()
    parts = [compute(j, rows) for j, rows in enumerate(order.split(counts)) if len(rows)]
    stacked = torch.cat(parts)
    result = torch.empty_like(stacked)
    result = result.index_copy(0, order, stacked)
    return result
