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


def variances(log_variances: Tensor) -> Tensor:
    """Turn integer log-variances into variances."""
    return torch.exp2(log_variances.float() / OCTAVE)


def log_variances_of(variance: Tensor) -> Tensor:
    """Round variances to integer log-variances."""
    return (OCTAVE * variance.log2()).round().long()


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
        if components.device.type != "cpu":
            return self._all_coding_costs(components, known, floor)
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

    def _all_coding_costs(self, components: Tensor, known: Tensor, floor: float) -> Tensor:
        """`coding_costs` in a few large products, as GPUs like them."""
        variance = self.variance.clamp_min(floor)
        own = components @ self.transform.flatten(0, 1).T - known @ self.transformed_predictor.flatten(0, 1).T
        squares = own.unflatten(1, (self.classes, -1)).square()
        foreseen = (known @ self.predictor.flatten(0, 1).T).unflatten(1, (self.classes, -1))
        energy = (components[:, None, : self.predicted] - foreseen).square().sum(2)
        energy = energy + components[:, self.predicted :].square().sum(1, keepdim=True)
        outside = (energy - squares.sum(2)).clamp_min(0)
        costs = (squares / variance).sum(2) + outside / floor - 2 * self.log_prior
        return costs + variance.log().sum(1)

    def surprise(self, components: Tensor, known: Tensor, j: int) -> Tensor:
        """Subtract class j's prediction from common components `(blocks, C)`."""
        rest = components.clone()
        rest[:, : self.predicted] -= known @ self.predictor[j].T
        return rest

    def analyse(self, components: Tensor, labels: Tensor) -> Tensor:
        """Transform common components `(blocks, C)` by their blocks' classes `(blocks,)`, without prediction."""
        return _by_class(components, self.transform.mT, labels)

    def predictions(self, known: Tensor, labels: Tensor) -> Tensor:
        """Predict the textures' components: `(blocks, 4 N + 1)` to `(blocks, Q)`."""
        return _by_class(known, self.transformed_predictor.mT, labels)

    def synthesise(self, residuals: Tensor, known: Tensor, labels: Tensor) -> Tensor:
        """Turn components after prediction `(blocks, Q)` back into common components `(blocks, C)`."""
        rest = _by_class(residuals, self.transform, labels)
        predicted = rest[:, : self.predicted] + _by_class(known, self.predictor.mT, labels)
        return torch.cat([predicted, rest[:, self.predicted :]], dim=1)


def _by_class(rows: Tensor, matrices: Tensor, labels: Tensor) -> Tensor:
    """Multiply each of n rows `(n, a)` with its class's matrix, of `(J, a, b)`: `(n, b)`."""
    if rows.device.type != "cpu":
        return _chosen_of_all(rows, matrices, labels)
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels, minlength=len(matrices)).tolist()
    parts = [rows[own] @ matrices[j] for j, own in enumerate(order.split(counts)) if len(own)]
    stacked = torch.cat(parts)
    return torch.empty_like(stacked).index_copy(0, order, stacked)


def _chosen_of_all(rows: Tensor, matrices: Tensor, labels: Tensor) -> Tensor:
    """`_by_class` in one product with all classes: what is slow on a GPU is launches, not multiplications."""
    classes, _, width = matrices.shape
    products = (rows @ matrices.movedim(0, 1).flatten(1)).unflatten(1, (classes, width))
    return products.gather(1, labels[:, None, None].expand(-1, 1, width))[:, 0]
