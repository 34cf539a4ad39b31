"""Frames for training: all images of a batch at once, on any device, their bits taken as received and paid for."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import final

import torch
from torch import Tensor

from semcomm.link import transport
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw, label
from semcomm.transmitter.linear import coprime_stride
from semcomm.transmitter.payload import level_costs, map_costs
from semcomm.transmitter.search import usual_log_step
from semcomm.transmitter.sketch import NOTHING_CODED, smooth_contexts
from semcomm.transmitter.textures import OCTAVE

HEADER_SHARE = 64 / 393_216
"""Channel uses of a header for each pixel of a 768 x 512 photograph: a crop pays for its part of it."""
LOWEST_SAFE_DB, HIGHEST_SAFE_DB = -13.0, 40.0
"""Below the first no code is safe, and real frames have no digital part; training pays as much as here."""
_MOVES = (4, -16, -6, 20, 32)
"""Steps that are tried, less the guess; classes are chosen at the first.

Senders take coarse steps at low SNRs, and fine ones at high SNRs.
"""
_LEAST_GAIN, _MOST_GAIN = 0.17, 5.9


@final
@dataclass(frozen=True)
class Shares:
    """How the details of b images share their symbols and powers; see `semcomm.transmitter.linear.allocate`.

    Args:
        order: each image's components, strongest first, int64 `(b, m)`.
        power: what each of these gets, float32 `(b, m)`; zero for those that are not sent.
        variance: that each of these is expected to have, float32 `(b, m)`.
        starts: where the details begin in every image's symbols, int64 `(b,)`.
        places: where each of these is among the `2 k` real numbers of the symbols, int64 `(b, m)`.
    """

    order: Tensor
    power: Tensor
    variance: Tensor
    starts: Tensor
    places: Tensor

    def send(self, details: Tensor, k: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Send details `(blocks, Q)` behind random QPSK: complex64 `(b, k)`, and the details' gains `(b,)`."""
        images = len(self.order)
        own = details.reshape(images, -1).gather(1, self.order) * (self.power / self.variance).sqrt()
        gains = ((k - self.starts) / own.square().sum(1).clamp_min(1e-6)).sqrt().clamp(_LEAST_GAIN, _MOST_GAIN)
        bits = torch.randint(2, (images, k, 2), generator=random, device=details.device)
        digital = torch.arange(k, device=details.device) < self.starts[:, None]
        parts = ((1 - 2 * bits) * digital[:, :, None] / 2**0.5).flatten(1)
        parts = parts.scatter_add(1, self.places, own * gains[:, None])
        return torch.view_as_complex(parts.unflatten(1, (k, 2))), gains

    def estimate(self, symbols: Tensor, noise_variance: Tensor, gains: Tensor, shape: torch.Size) -> Tensor:
        """Estimate details of a shape from symbols without bias `(b, k)` and the noise in each, `(b, k)`."""
        received = torch.view_as_real(symbols.contiguous()).flatten(1).gather(1, self.places)
        share = self.power / (self.power + self.noise(noise_variance) / 2)
        amplitude = gains[:, None] * (self.power / self.variance).sqrt()
        found = torch.where(self.power > 0, share * received / amplitude.clamp_min(1e-12), 0.0)
        nothing = torch.zeros(len(found), shape.numel() // len(found), device=found.device)
        return nothing.scatter(1, self.order, found).reshape(shape)

    def noise(self, noise_variance: Tensor) -> Tensor:
        """The noise variance `(b, k)` that every component meets: `(b, m)`."""
        return noise_variance.gather(1, self.places // 2)


def choose(
    codebook: Codebook,
    components: Tensor,
    shape: tuple[int, int, int],
    k: int,
    told_snrs_db: Tensor,
    random: torch.Generator,
) -> tuple[Drawing, Tensor, Tensor]:
    """Sketch a batch as its senders would: one book for all, and for each image the best of a few steps.

    Senders choose fine books more often than coarse ones, and so are they drawn here.

    Args:
        codebook: the statistics, on the images' device.
        components: common components `(blocks, C)`.
        shape: images, rows and columns of blocks.
        k: channel uses of each image.
        told_snrs_db: what the senders believe, `(b,)`.
        random: on the CPU.

    Returns:
        The drawing, its details `(blocks, Q)`, and the channel uses of every image's digital part, int64 `(b,)`.
    """
    images, blocks = shape[0], shape[1] * shape[2]
    often = torch.arange(1.0, len(codebook.books) + 1)
    book = codebook.books[int(torch.multinomial(often, 1, generator=random))]
    guesses = usual_log_step(k / blocks) + 4 * torch.randn(images, generator=random)
    centres = guesses.round().long().to(components.device)
    best = torch.full((images,), torch.inf, dtype=torch.float64, device=components.device)
    steps = torch.full_like(centres, NOTHING_CODED)
    noise = 10 ** (-told_snrs_db.double() / 10)
    labels = label(codebook, book, components, shape, (centres + _MOVES[0]).repeat_interleave(blocks))
    equal = torch.zeros_like(labels)
    own = book.textures.analyse(components, labels)
    sketch = partial(draw, codebook, book, components, shape, labels, boost=equal, own=own, find=smooth_contexts)
    for move in _MOVES:
        drawing, details = sketch(log_step=(centres + move).repeat_interleave(blocks), closed_loop=False)
        left = k - _digital_uses(codebook, drawing, told_snrs_db)
        error = torch.where(left < k // 8, torch.inf, squared_errors(drawing, details, left, noise))
        steps = torch.where(error < best, centres + move, steps)
        best = torch.minimum(error, best)
    drawing, details = sketch(log_step=steps.repeat_interleave(blocks))
    return drawing, details, _digital_uses(codebook, drawing, told_snrs_db)


def share(drawing: Drawing, k: int, uses: Tensor, told_snrs_db: Tensor) -> Shares:
    """Allocate the details of every image, the symbols that its digital part `(b,)` leaves and their power."""
    levels = drawing.log_variances.reshape(drawing.shape[0], -1)
    left = (k - uses).clamp_min(1)
    groups = _Groups.of(levels)
    sent, power = groups.shares(left, 10 ** (-told_snrs_db.double() / 10))
    order = levels.to(torch.int16).argsort(dim=1, descending=True, stable=True)[:, : 2 * k]
    own = groups.places(levels.gather(1, order))
    turn = torch.arange(order.shape[1], device=order.device)
    is_sent = turn < torch.where(power > 0, sent, 0).sum(1)[:, None]
    strides = torch.tensor([coprime_stride(one) for one in left.tolist()], device=left.device)
    symbol = turn % left[:, None] * strides[:, None] % left[:, None]
    starts = k - left
    places = 2 * (starts[:, None] + symbol) + turn // left[:, None]
    return Shares(
        order,
        torch.where(is_sent, power.gather(1, own), 0.0).float(),
        groups.variance[own].float(),
        starts,
        torch.where(is_sent, places, 0),
    )


def squared_errors(drawing: Drawing, details: Tensor, channel_uses: Tensor, noise_variances: Tensor) -> Tensor:
    """Say of each image what squared error sending its details leaves; see `linear.expected_error`.

    Args:
        drawing: says how strong the details are expected to be.
        details: `(blocks, Q)`.
        channel_uses: what is left of each image's, `(b,)`.
        noise_variances: float64 `(b,)`.
    """
    levels = drawing.log_variances.reshape(drawing.shape[0], -1)
    groups = _Groups.of(levels)
    energy = torch.zeros_like(groups.counts, dtype=torch.float64)
    energy = energy.scatter_add(1, groups.places(levels), details.reshape(len(levels), -1).square().double())
    sent, power = groups.shares(channel_uses.clamp_min(1), noise_variances)
    part = sent / groups.counts.clamp_min(1)
    spent = (power / groups.variance * energy * part).sum(1, keepdim=True)
    noise = noise_variances[:, None] / 2
    arrived = energy * part * (noise / (power + noise)).square()
    heard = torch.where(power > 0, (power / (power + noise)).square() * groups.variance / power.clamp_min(1e-300), 0.0)
    noisy = sent * heard * noise * spent / channel_uses.clamp_min(1)[:, None]
    return (arrived + energy * (1 - part) + noisy).sum(1)


@final
@dataclass(frozen=True)
class _Groups:
    """Components of equal log-variance, the strongest first.

    Args:
        highest: the first group's log-variance, `()`.
        counts: components of every image in every group, int64 `(b, groups)`.
        variance: of every group, float64 `(groups,)`.
    """

    highest: Tensor
    counts: Tensor
    variance: Tensor

    @classmethod
    def of(cls, levels: Tensor) -> "_Groups":
        """Group log-variances `(b, n)`."""
        lowest, highest = levels.aminmax()
        groups = int(highest - lowest) + 1
        nothing = torch.zeros(len(levels), groups, dtype=torch.int64, device=levels.device)
        counts = nothing.scatter_add(1, highest - levels, torch.ones_like(levels))
        exponents = highest - torch.arange(groups, device=levels.device)
        return cls(highest, counts, torch.exp2(exponents.double() / OCTAVE))

    def places(self, levels: Tensor) -> Tensor:
        """Which group log-variances belong to."""
        return self.highest - levels

    def shares(self, channel_uses: Tensor, noise_variances: Tensor) -> tuple[Tensor, Tensor]:
        """Say how many of each group are sent and with what power each, both `(b, groups)`."""
        room = 2 * channel_uses[:, None] - (self.counts.cumsum(1) - self.counts)
        sent = torch.minimum(self.counts, room.clamp_min(0))
        root, floor = self.variance.sqrt(), noise_variances[:, None] / 2
        scale = (channel_uses[:, None] + floor * sent.cumsum(1)) / (sent * root).cumsum(1).clamp_min(1e-300)
        group = torch.arange(len(root), device=root.device)
        last = torch.where((scale * root > floor) & (sent > 0), group, 0).amax(1, keepdim=True)
        power = torch.where(group <= last, (scale.gather(1, last) * root - floor).clamp_min(0), 0.0)
        return torch.where(power > 0, sent, 0), torch.where(sent > 0, power, 0.0)


def _digital_uses(codebook: Codebook, drawing: Drawing, told_snrs_db: Tensor) -> Tensor:
    images, rows, columns = drawing.shape
    bits = level_costs(codebook, drawing.layout, drawing.levels, drawing.found).reshape(images, -1).sum(1)
    bits = bits + map_costs(drawing.book, drawing.labels.reshape(drawing.shape))
    half_db = (2 * told_snrs_db).round().clamp(2 * LOWEST_SAFE_DB, 2 * HIGHEST_SAFE_DB).long()
    efficiencies = torch.tensor(_efficiencies(), device=bits.device)[half_db - int(2 * LOWEST_SAFE_DB)]
    header = HEADER_SHARE * rows * columns * codebook.block**2
    return (bits / efficiencies + header).ceil().long()


@lru_cache(maxsize=1)
def _efficiencies() -> list[float]:
    """Bits that a channel use carries at safe SNRs, in half dB from the lowest, for payloads of some length."""
    halves = range(int(2 * LOWEST_SAFE_DB), int(2 * HIGHEST_SAFE_DB) + 1)
    return [20_000 / transport.channel_uses(20_000, half / 2) for half in halves]
