"""Hop 3 of 6: peaks that an amplifier can take, and how often they occur."""

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_modules, check_number, check_power, check_symbols
from semcomm.transmitter.power import power_normalize
from semcomm.whole import check_whole


def peak_limit(symbols: Tensor, papr_db: float) -> Tensor:
    r"""Clip amplitudes so that peak over mean power is at most `papr_db` afterwards; phases stay.

    $x \leftarrow x \min(1, A / |x|)$, with A such that $A^2 = L \cdot \mathrm{mean}(\min(|x|, A)^2)$: with the m
    largest clipped, $A^2 = L S_m / (k - L m)$, $S_m$ the energy of the others. An image with fewer than k / L symbols
    other than zero cannot have so low a peak: its symbols get one amplitude.

    Args:
        symbols: complex64 `(b, k)`.
        papr_db: L in dB.

    Returns:
        complex64 `(b, k)`, of less power where something was clipped.
    """
    limit = 10 ** (papr_db / 10)
    energy = symbols.abs().square()
    k = energy.shape[1]
    falling = energy.double().sort(1, descending=True).values
    left = falling.flip(1).cumsum(1).flip(1)  # S_m for m = 0 .. k - 1
    share = k - limit * torch.arange(k, device=energy.device)
    candidates = limit * left / torch.where(share > 0, share, torch.inf)
    fits = (share > 0) & (candidates >= falling) & (candidates > 0)
    first = fits.int().argmax(1, keepdim=True)
    smallest = torch.where(energy > 0, energy.double(), torch.inf).amin(1, keepdim=True)
    level = torch.where(fits.any(1, keepdim=True), candidates.gather(1, first), smallest)
    silent = energy == 0
    gain = (level / torch.where(silent, 1.0, energy.double())).clamp(max=1).sqrt()
    return symbols * torch.where(silent, 1.0, gain).float()


@final
class PeakLimit(nn.Module):
    """Hop 3 of 6: clip peaks to `papr_db` over the mean power, and scale back to the power constraint.

    See `peak_limit`. The mean power is `power` afterwards, and the peaks are still at most `papr_db` above it.

    Args:
        papr_db: largest peak power over mean power, in dB.
        power: the power constraint P.

    Shape:
        complex64 `(b, k)` to complex64 `(b, k)`.

    Raises:
        TypeError: if symbols are not complex64.
        ValueError: if `papr_db` is not from 0 to 60, or symbols are not `(b, k)`.

    Example:
        >>> limited = PeakLimit(3.0)(torch.tensor([[3.0 + 0j, 1.0, 1.0, -1.0]]))
        >>> peak = limited.abs().square().max() / limited.abs().square().mean()
        >>> round(10 * peak.log10().item(), 2)
        3.0
    """

    def __init__(self, papr_db: float, power: float = 1.0):
        super().__init__()
        self.papr_db = check_number(papr_db, "papr_db", 0, 60, " dB")  # no peak lies below the mean power
        self.power = check_power(power)

    def forward(self, symbols: Tensor) -> Tensor:
        """Clip complex64 `(b, k)`."""
        return power_normalize(peak_limit(check_symbols(symbols, "symbols"), self.papr_db), self.power)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"papr_db={self.papr_db}, power={self.power}"


def papr_ccdf(symbols: Tensor, levels_db: Tensor | Sequence[float], *, fft_size: int | None = None) -> Tensor:
    r"""How often power exceeds levels above its mean: the complementary distribution of peaks.

    Without `fft_size`, of the power of single symbols over their image's mean: for Gaussian symbols $e^{-z}$. With it,
    of the PAPR of OFDM symbols that carry so many symbols each: for Gaussian symbols $1 - (1 - e^{-z})^N$ (van Nee,
    Prasad, OFDM for Wireless Multimedia Communications, 2000, Section 6.1); an incomplete last one is left out.

    Args:
        symbols: complex64 `(b, k)`.
        levels_db: levels z in dB, n of them.
        fft_size: subcarriers N of an OFDM symbol, at most k.

    Returns:
        float32 `(n,)`, shares from 0 to 1.

    Raises:
        TypeError: if symbols are not complex64.
        ValueError: if symbols are not `(b, k)`, or `fft_size` is not from 1 to k.

    Example:
        >>> papr_ccdf(torch.tensor([[2.0 + 0j, 0.0]]), torch.tensor([0.0, 4.0]))
        tensor([0.5000, 0.0000])
    """
    check_symbols(symbols, "symbols")
    power = symbols.abs().square()
    ratios = power / power.mean(1, keepdim=True)
    if fft_size is not None:
        k = symbols.shape[1]
        fft_size = check_whole(fft_size, "fft_size", 1, k, because="an OFDM symbol is made of some of the k symbols")
        blocks = symbols[:, : k // fft_size * fft_size].reshape(len(symbols), -1, fft_size)
        power = torch.fft.ifft(blocks, norm="ortho").abs().square()
        ratios = power.amax(-1) / power.mean((1, 2), keepdim=True)[..., 0]
    levels = 10 ** (torch.as_tensor(levels_db, dtype=torch.float32, device=ratios.device) / 10)
    above = torch.searchsorted(ratios.flatten().sort().values, levels.to(ratios.dtype), right=True)
    return 1 - above.float() / math.prod(ratios.shape)


@final
class ConstraintChain(nn.Module):
    """Hop 3 of 6: constraints one after another, such as power, then peaks, then a constellation.

    Args:
        constraints: at least one, all for the same power.

    Shape:
        complex64 `(b, k)` to complex64 `(b, k)`; more symbols where a constraint adds some.

    Raises:
        TypeError: if one is no `nn.Module`.
        ValueError: if there is none, or their powers differ.

    Example:
        >>> from semcomm.transmitter.power import PowerNormalize
        >>> chain = ConstraintChain([PowerNormalize(), PeakLimit(6.0)])
        >>> chain.power, chain.channel_uses(100)
        (1.0, 100)
    """

    def __init__(self, constraints: Sequence[nn.Module]):
        super().__init__()
        constraints = check_modules(constraints, "constraints")
        powers: list[Any] = [power for one in constraints if (power := getattr(one, "power", None)) is not None]
        if len(set(powers)) > 1:
            raise ValueError(f"constraints must have the same power, got {powers}")
        self.power = powers[0] if powers else 1.0
        self.constraints = nn.ModuleList(constraints)

    def forward(self, symbols: Tensor) -> Tensor:
        """Constrain complex64 `(b, k)`."""
        for constraint in self.constraints:
            symbols = constraint(symbols)
        return symbols

    def channel_uses(self, k: int) -> int:
        """Symbols that `k` symbols have become after all constraints."""
        for constraint in self.constraints:
            count: Any = getattr(constraint, "channel_uses", None)
            k = k if count is None else count(k)
        return k
