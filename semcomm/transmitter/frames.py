"""One photograph's symbols: header, bits and details behind one another, or details alone."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link import header, transport
from semcomm.link.entropy import RangeEncoder
from semcomm.link.frame import (
    LARGEST_PAYLOAD_BITS,
    LOWEST_LOG_STEP,
    Fields,
    mark,
    mark_uses,
    quantise_gain,
)
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw_linear
from semcomm.transmitter.linear import Allocation, allocate
from semcomm.transmitter.meaning import Draft, write_message
from semcomm.transmitter.payload import level_costs, map_costs, write_map, write_sketch
from semcomm.transmitter.search import Choice, Search

DIGITAL = ("caption", "labels", "textures", "sketch")
"""The levels that are bits; a header comes before them, the details after them."""


@final
@dataclass(frozen=True)
class Frame:
    """The symbols of one image, complex64 `(k,)`, and how many of them each part takes."""

    symbols: Tensor
    uses: dict[str, int]


def joined(frames: Iterable[Frame]) -> Frame:
    """Put the frames of an image's strips behind one another."""
    parts = list(frames)
    uses = {name: sum(part.uses[name] for part in parts) for name in parts[0].uses}
    return Frame(torch.cat([part.symbols for part in parts]), uses)


def linear_frame(search: Search, digital: bool) -> Frame:
    """Send everything as it is, behind its gain.

    Args:
        search: the photograph's.
        digital: whether the system may send bits, so that its other parts are named, too.
    """
    start = mark_uses(search.k)
    drawing, details = draw_linear(search.codebook, search.components, search.shape)
    allocation = allocate(drawing.log_variances, search.k - start, search.noise_variance)
    symbols, index = _details(allocation, details)
    uses = {"header": start} | (dict.fromkeys(DIGITAL, 0) if digital else {}) | {"details": search.k - start}
    return Frame(torch.cat([mark(index, start), symbols]) if start else symbols, uses)


def hybrid_frame(
    search: Search, choice: Choice, told: int, refine: Callable[[Drawing, Tensor, Allocation], Tensor]
) -> Frame:
    """Send header and bits, then the details in what is left.

    Args:
        search: the photograph's.
        choice: what it found.
        told: index of the SNR that the sender believes.
        refine: adds a network's part to the details.
    """
    codebook = search.codebook
    log_step, drawn = choice.log_step, choice.drawn
    while True:
        drawing, details = drawn or search.draw(choice.book, log_step, closed_loop=True)
        bits, parts = _payload(codebook, drawing, search.draft)
        if len(bits) <= LARGEST_PAYLOAD_BITS and search.digital_uses(len(bits)) <= search.k:
            break
        log_step, drawn = log_step - 4, None
        if log_step < LOWEST_LOG_STEP:
            return linear_frame(search, True)
    mode = transport.choose_mode(len(bits), search.safe_snr_db, fading=search.fading)
    plan = transport.plan(len(bits), mode)
    length = header.uses(search.safe_snr_db, fading=search.fading)
    uses = search.k - length - plan.channel_uses
    allocation = allocate(drawing.log_variances, uses, search.noise_variance)
    symbols, index = _details(allocation, refine(drawing, details, allocation))
    fields = Fields(choice.book, log_step, index, len(bits) // 8, mode, told)
    (head,) = header.send([fields.to_bits()], [length])
    (body,) = transport.send([bits], [plan])
    return Frame(
        torch.cat([head, body, symbols]), {"header": length} | _split(plan.channel_uses, parts) | {"details": uses}
    )


def _payload(codebook: Codebook, drawing: Drawing, draft: Draft) -> tuple[np.ndarray, dict[str, int]]:
    """Code what is said, the texture map and the sketch: whole bytes of bits, and the bits of each part."""
    encoder, shape = RangeEncoder(), drawing.shape
    picture = float(map_costs(drawing.book, drawing.labels.reshape(shape)))
    picture += float(level_costs(codebook, drawing.layout, drawing.levels, drawing.found).sum())
    parts = write_message(encoder, draft.message(picture), draft.language)
    said = len(encoder.bits())
    if drawing.book.textures.classes > 1:
        write_map(encoder, drawing.book, drawing.labels.reshape(shape)[0])
    mapped = len(encoder.bits())
    write_sketch(encoder, codebook, drawing.layout, drawing.levels, drawing.found)
    bits = encoder.bits()
    parts |= {"textures": mapped - said, "sketch": max(len(bits) - mapped, 0)}
    return np.concatenate([bits, np.zeros(-len(bits) % 8, dtype=bits.dtype)]), parts


def _split(uses: int, bits: dict[str, int]) -> dict[str, int]:
    """Share channel uses among parts by their bits."""
    total, shares, spent = max(sum(bits.values()), 1), {}, 0
    for name in DIGITAL[:-1]:
        shares[name] = uses * bits[name] // total
        spent += shares[name]
    return shares | {DIGITAL[-1]: uses - spent}


def _details(allocation: Allocation, details: Tensor) -> tuple[Tensor, int]:
    """Send details `(blocks, Q)`: complex64 symbols of unit mean power, and the index of their gain."""
    sent = allocation.scaled(details)
    power = float(sent.detach().square().sum())
    if power <= 0 or allocation.channel_uses == 0:
        filler = torch.ones(allocation.channel_uses, dtype=torch.complex64)
        return filler, 0
    index, gain = quantise_gain(math.sqrt(allocation.channel_uses / power))
    return allocation.place((sent * gain).float()), index
