"""Hop 3 of 6: symbols under the power constraint."""

from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_power, check_symbols


def power_normalize(symbols: Tensor, power: float = 1.0) -> Tensor:
    r"""Scale each image's symbols to a mean power of `power`.

    $x_j \leftarrow x_j \sqrt{P / (\frac{1}{k} \sum_i |x_i|^2)}$, per image, never over the batch (Bourtsoulatze et al.
    2019, eq. 2). The symbols are divided by their largest part first, so that squares neither overflow nor underflow.

    Args:
        symbols: complex64 `(b, k)`.
        power: the power constraint P, in the units of |x|^2.

    Returns:
        complex64 `(b, k)`; an all-zero signal stays zero.

    Example:
        >>> power_normalize(torch.tensor([[3.0 + 4.0j, 0.0j]]))
        tensor([[0.8485+1.1314j, 0.0000+0.0000j]])
    """
    check_symbols(symbols, "symbols")
    parts = torch.view_as_real(symbols.resolve_conj())
    largest = parts.detach().abs().amax((1, 2), keepdim=True)
    parts = parts / torch.where(largest > 0, largest, 1.0)
    mean_power = 2 * parts.square().mean((1, 2), keepdim=True)
    scaled = parts * (power / torch.where(mean_power > 0, mean_power, 1.0)).sqrt()
    return torch.view_as_complex(scaled)


@final
class PowerNormalize(nn.Module):
    """Hop 3 of 6: scale each image's symbols to mean power `power`; see `power_normalize`.

    Shape:
        complex64 `(b, k)` to complex64 `(b, k)`.

    Raises:
        TypeError: if symbols are not complex64.
        ValueError: if `power` is not a number from 1e-12 to 1e12, or symbols are not `(b, k)`, or none.
    """

    def __init__(self, power: float = 1.0):
        super().__init__()
        self.power = check_power(power)

    def forward(self, symbols: Tensor) -> Tensor:
        """Scale complex64 `(b, k)` to mean power `power` per image."""
        return power_normalize(symbols, self.power)

    def extra_repr(self) -> str:
        """Show the power constraint."""
        return f"power={self.power}"
