"""Hop 3 of 6: symbols on a finite constellation."""

import math
from typing import Literal, final

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_number, check_power, check_symbols
from semcomm.whole import whole

LARGEST_ORDER = 4096


def qam_levels(order: int) -> Tensor:
    r"""Amplitudes of each real part of square QAM, float32 `(sqrt(order),)`, evenly spaced.

    $(2 i + 1 - m) / \sqrt{2 (m^2 - 1) / 3}$, $m = \sqrt{\mathrm{order}}$: the mean power over all points is 1.

    Raises:
        ValueError: if `order` is not a power of four from 4 to 4096.

    Example:
        >>> qam_levels(16)
        tensor([-0.9487, -0.3162,  0.3162,  0.9487])
    """
    powers = [4**i for i in range(1, round(math.log(LARGEST_ORDER, 4)) + 1)]
    if whole(order) not in powers:
        raise ValueError(f"order must be a power of four, {powers[0]} to {powers[-1]}, got {order!r}")
    m = math.isqrt(int(order))
    return (2 * torch.arange(m) + 1 - m) / (2 * (m * m - 1) / 3) ** 0.5


def qam_points(order: int) -> Tensor:
    """All points of square QAM, complex64 `(order,)`, of mean power 1.

    Example:
        >>> round(qam_points(64).abs().square().mean().item(), 6)
        1.0
    """
    levels = qam_levels(order)
    return torch.complex(*torch.meshgrid(levels, levels, indexing="ij")).flatten()


@final
class QAMConstellation(nn.Module):
    r"""Hop 3 of 6: move each symbol to the nearest point of a square constellation.

    For radios that can send `order` points alone. Forward is always the nearest point. Backward is either as if nothing
    had been moved ("straight-through"; Bengio, Leonard, Courville 2013), or that of the mean over the levels of each
    real part, weighed by $e^{-d^2 / \tau}$ with $d$ the distance in steps and $\tau$ the temperature ("soft"; Tung et
    al., DeepJSCC-Q, 2022).

    The points have mean power `power`; what is sent of them need not. `PowerNormalize` behind it, in a
    `ConstraintChain`, scales all points of an image by one gain, so that the power is exact.

    Args:
        order: points, a power of four.
        power: mean power of the points.
        gradient: "straight-through" or "soft".
        temperature: tau of "soft".

    Shape:
        complex64 `(b, k)` to complex64 `(b, k)`.

    Raises:
        TypeError: if symbols are not complex64.
        ValueError: if an argument is out of range, or symbols are not `(b, k)`.

    Example:
        >>> QAMConstellation(4)(torch.tensor([[0.1 - 2.0j]]))
        tensor([[0.7071-0.7071j]])
    """

    def __init__(
        self,
        order: int,
        power: float = 1.0,
        *,
        gradient: Literal["straight-through", "soft"] = "straight-through",
        temperature: float = 1.0,
    ):
        super().__init__()
        if gradient not in ("straight-through", "soft"):
            raise ValueError(f'gradient must be "straight-through" or "soft", got {gradient!r}')
        self.levels = len(qam_levels(order))
        self.order, self.gradient = int(order), gradient
        self.temperature = check_number(temperature, "temperature", 1e-6, 1e6)
        self.power = check_power(power)

    def forward(self, symbols: Tensor) -> Tensor:
        """Move complex64 `(b, k)` to points."""
        check_symbols(symbols, "symbols")
        step = 2 * (self.power / (2 * (self.levels**2 - 1) / 3)) ** 0.5
        shift = (self.levels - 1) / 2
        places = torch.view_as_real(symbols.resolve_conj()) / step + shift  # in steps from the lowest level
        nearest = places.detach().round().clamp(0, self.levels - 1)
        passes = places if self.gradient == "straight-through" else self._soft(places)
        return torch.view_as_complex((nearest + (passes - passes.detach()) - shift) * step)

    def _soft(self, places: Tensor) -> Tensor:
        levels = torch.arange(self.levels, dtype=places.dtype, device=places.device)
        weights = (-(places[..., None] - levels).square() / self.temperature).softmax(-1)
        return (weights * levels).sum(-1)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"order={self.order}, power={self.power}, gradient={self.gradient!r}, temperature={self.temperature}"
