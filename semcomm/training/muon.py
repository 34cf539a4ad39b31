"""Muon for the kernels of convolutions and the matrices of dense layers, Adam for everything else, as one optimiser."""

from collections.abc import Callable, Iterable
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""The quintic iteration's (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024)."""


def orthogonalize(matrices: Tensor, *, steps: int = 5) -> Tensor:
    r"""Move the singular values of matrices towards one, by Newton-Schulz steps in bf16.

    $X \leftarrow a X + (b A + c A^2) X$ with $A = X X^T$, started from the matrix over its Frobenius norm. The
    coefficients raise small singular values fast, at the price that they end between about 0.7 and 1.2 only.

    Args:
        matrices: `(rows, columns)`, or several of one shape, `(b, rows, columns)`.
        steps: iterations.

    Shape:
        that of `matrices`, bf16.

    Example:
        >>> matrix = torch.tensor([[[3.0, 0.0], [0.0, -1.0]]])
        >>> orthogonalize(matrix).float().round().tolist()
        [[[1.0, 0.0], [0.0, -1.0]]]
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    multiply = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(steps):
        gram = x @ x.mT
        x = multiply(x, multiply(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def as_matrix(kernel: Tensor, *, transposed: bool) -> Tensor:
    """Lay a convolution's kernel out as a matrix `(outputs, inputs x kernel area)`; a dense layer's is one already.

    Args:
        kernel: `(outputs, inputs, ...)`, or `(inputs, outputs, ...)` of a transposed convolution.
        transposed: whether the convolution is a transposed one.
    """
    return (kernel.transpose(0, 1) if transposed else kernel).flatten(1)


@final
class MuonAdam(torch.optim.Optimizer):
    r"""Muon for the kernels of a network's convolutions and dense layers, Adam for its other weights.

    Of each kernel's gradient, Muon keeps the direction alone: with momentum 0.95 in Nesterov's form, the gradient is
    laid out as a matrix `(outputs, inputs x kernel area)`, orthogonalised by `orthogonalize`, and taken times
    $0.2 \sqrt{\max(\text{rows}, \text{columns})}$, which gives it the size of Adam's updates (Liu et al., "Muon is
    Scalable for LLM Training", 2025). `torch.optim.Muon` does the same for matrices only. Convolutions in groups have
    no such matrix; Adam serves them, and weights that are something else, too, such as an embedding's table.

    Adam and Muon are one optimiser so that clipping, accumulation and mixed precision count one step for both.

    Args:
        network: its weights that require gradients are trained.
        muon_rate: Muon's learning rate.
        adam_rate: Adam's learning rate.
        momentum: Muon's momentum.

    Raises:
        ValueError: if the network has no weights to train.
    """

    def __init__(self, network: nn.Module, *, muon_rate: float, adam_rate: float, momentum: float = 0.95):
        roles: dict[Tensor, set[bool | None]] = {}
        for part in network.modules():
            is_kernel = isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and getattr(part, "groups", 1) == 1
            for name, weight in part.named_parameters(recurse=False):  # there is no "weight" if it is parametrised
                transposed = isinstance(part, nn.ConvTranspose2d) if is_kernel and name == "weight" else None
                roles.setdefault(weight, set()).add(transposed)
        trained = [weight for weight in network.parameters() if weight.requires_grad]
        kernels = {transposed: [one for one in trained if roles[one] == {transposed}] for transposed in (False, True)}
        rest = [weight for weight in trained if roles[weight] not in ({False}, {True})]
        if not trained:
            raise ValueError("system has no weights that require gradients, so there is nothing to train")
        groups: list[dict[str, Any]] = [
            {"params": group, "kind": "muon", "transposed": transposed, "lr": muon_rate}
            for transposed, group in kernels.items()
            if group
        ]
        if rest:
            groups.append({"params": rest, "kind": "adam", "lr": adam_rate, "fused": True})
        super().__init__(groups, {"momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update all weights that have gradients; returns what `closure` does."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            gradients = {weight: weight.grad for weight in group["params"] if weight.grad is not None}
            if group["kind"] == "muon":
                self._step_muon(gradients, group)
            elif gradients:
                self._step_adam(gradients, group)
        return loss

    def _step_muon(self, gradients: dict[Tensor, Tensor], group: dict[str, Any]) -> None:
        transposed: bool = group["transposed"]
        ahead: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
        for kernel, gradient in gradients.items():
            state = self.state[kernel]
            if not state:
                state["momentum"] = torch.zeros_like(kernel)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            ahead.setdefault(kernel.shape, []).append((kernel, gradient.lerp(state["momentum"], group["momentum"])))
        for alike in ahead.values():
            matrices = [as_matrix(direction, transposed=transposed) for _, direction in alike]
            scale = 0.2 * max(matrices[0].shape) ** 0.5
            if matrices[0].device.type == "cpu":  # one after another takes half the time there
                updates: Iterable[Tensor] = map(orthogonalize, matrices)
            else:
                updates = orthogonalize(torch.stack(matrices))
            for (kernel, _), update in zip(alike, updates, strict=True):
                laid_out = kernel.transpose(0, 1) if transposed else kernel
                laid_out.add_(update.reshape(laid_out.shape), alpha=-group["lr"] * scale)

    def _step_adam(self, gradients: dict[Tensor, Tensor], group: dict[str, Any]) -> None:
        for weight in gradients:
            if not self.state[weight]:
                self.state[weight] = {
                    "step": torch.zeros((), device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        states = [self.state[weight] for weight in gradients]
        adam(
            list(gradients),
            list(gradients.values()),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=group["lr"],
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
