"""Frames for training: all images of a batch at once, their bits taken as received and paid for."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from semcomm.link import transport
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw, label
from semcomm.transmitter.linear import Allocation, allocate, expected_error
from semcomm.transmitter.payload import level_costs, map_cost
from semcomm.transmitter.search import usual_log_step
from semcomm.transmitter.sketch import NOTHING_CODED

HEADER_SHARE = 64 / 393_216
"""Channel uses of a header for each pixel of a 768 x 512 photograph: a crop pays for its part of it."""
LOWEST_SAFE_DB = -13.0
"""Below it no code is safe, and real frames have no digital part; training pays as much as here."""
_MOVES = (4, -16, -6, 20, 32)
"""Steps that are tried, less the guess; classes are chosen at the first.

Senders take coarse steps at low SNRs, and fine ones at high SNRs.
"""


def choose(
    codebook: Codebook,
    components: Tensor,
    shape: tuple[int, int, int],
    k: int,
    told_snrs_db: list[float],
    random: torch.Generator,
) -> tuple[Drawing, Tensor, Tensor]:
    """Sketch a batch as its senders would: one book for all, and for each image the best of a few steps.

    Senders choose fine books more often than coarse ones, and so are they drawn here.

    Returns:
        The drawing, its details `(blocks, Q)`, and the channel uses of every image's digital part, int64 `(b,)`.
    """
    images = shape[0]
    blocks = shape[1] * shape[2]
    often = torch.arange(1.0, len(codebook.books) + 1)
    book = codebook.books[int(torch.multinomial(often, 1, generator=random))]
    centre = round(usual_log_step(k / blocks) + 4 * float(torch.randn(1, generator=random)))
    best = torch.full((images,), math.inf)
    steps = torch.full((images,), centre)
    labels = None
    for move in _MOVES:
        log_step = torch.full((images * blocks,), centre + move)
        labels = label(codebook, book, components, shape, log_step) if labels is None else labels
        drawing, details = draw(
            codebook, book, components, shape, labels, log_step, torch.zeros_like(log_step), closed_loop=False
        )
        uses = _digital_uses(codebook, drawing, told_snrs_db)
        for image in range(images):
            rows = slice(image * blocks, (image + 1) * blocks)
            left = k - int(uses[image])
            if left < k // 8:
                continue
            error = expected_error(drawing.log_variances[rows], details[rows], left, 10 ** (-told_snrs_db[image] / 10))
            if error < best[image]:
                best[image], steps[image] = error, centre + move
    log_step = torch.where(best.isinf(), torch.full_like(steps, NOTHING_CODED), steps).repeat_interleave(blocks)
    assert labels is not None
    drawing, details = draw(codebook, book, components, shape, labels, log_step, torch.zeros_like(log_step))
    return drawing, details, _digital_uses(codebook, drawing, told_snrs_db)


def allocations(drawing: Drawing, k: int, uses: Tensor, told_snrs_db: list[float]) -> list[Allocation]:
    """Allocate the details of every image."""
    rows = drawing.log_variances.reshape(drawing.shape[0], -1)
    return [
        allocate(row, max(k - int(spent), 1), 10 ** (-snr_db / 10))
        for row, spent, snr_db in zip(rows, uses, told_snrs_db, strict=True)
    ]


def symbols(
    allocations: list[Allocation], details: Tensor, k: int, images: int, random: Callable[[int], Tensor]
) -> tuple[Tensor, Tensor, list[int]]:
    """Send details `(blocks, Q)` behind random QPSK: complex64 `(b, k)`, gains `(b,)`, and where details start."""
    rows, gains, starts = [], [], []
    for allocation, own in zip(allocations, details.reshape(images, -1), strict=True):
        sent = own[allocation.order] * (allocation.power / allocation.variance).sqrt().float()
        gain = (allocation.channel_uses / sent.square().sum().clamp_min(1e-6)).sqrt().clamp(0.17, 5.9)
        rows.append(torch.cat([random(k - allocation.channel_uses), allocation.place(sent * gain)]))
        gains.append(gain)
        starts.append(k - allocation.channel_uses)
    return torch.stack(rows), torch.stack(gains), starts


def _digital_uses(codebook: Codebook, drawing: Drawing, told_snrs_db: list[float]) -> Tensor:
    images, rows, columns = drawing.shape
    bits = level_costs(codebook, drawing.layout, drawing.levels, drawing.found).reshape(images, -1).sum(1)
    maps = drawing.labels.reshape(drawing.shape)
    pixels = rows * columns * codebook.block**2
    uses = [
        (float(own) + map_cost(drawing.book, maps[image : image + 1])) / _efficiency(round(2 * snr_db))
        + HEADER_SHARE * pixels
        for image, (own, snr_db) in enumerate(zip(bits, told_snrs_db, strict=True))
    ]
    return torch.tensor(uses).ceil().long()


@lru_cache(maxsize=128)
def _efficiency(half_db: int) -> float:
    """Bits that a channel use carries at a safe SNR in half dB, for payloads of some length."""
    return 20_000 / transport.channel_uses(20_000, max(half_db / 2, LOWEST_SAFE_DB))
