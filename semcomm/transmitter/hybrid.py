"""Hops 1 to 3 of 6 for the hybrid code: caption, label map, texture map and sketch as bits, details as they are.

Hybrid digital-analog coding (Mittal and Phamdo, "Hybrid digital-analog joint source-channel codes", 2002; Skoglund,
Phamdo and Alajaji, 2002): what can be said in few bits is sent as bits over a channel code. What the quantisation
leaves and all weaker components are sent as they are and degrade gracefully.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Semantics, Sent
from semcomm.images import pad_to_multiple
from semcomm.link import header, transport
from semcomm.link.entropy import RangeEncoder
from semcomm.link.frame import (
    HIGHEST_LOG_STEP,
    HIGHEST_TOLD_DB,
    LOWEST_LOG_STEP,
    Fields,
    mark,
    mark_uses,
    quantise_gain,
    quantise_told,
)
from semcomm.networks.facts import block_facts, confidence, expected_errors, numbers
from semcomm.transmitter.blocks import to_blocks, to_images
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw, label, synthesise
from semcomm.transmitter.extraction import extract_semantics
from semcomm.transmitter.importance import Boosts, check_importance
from semcomm.transmitter.linear import Allocation, allocate, expected_error
from semcomm.transmitter.meaning import Draft, LabelMaps, language_of, write_message
from semcomm.transmitter.payload import level_costs, map_cost, write_map, write_sketch
from semcomm.transmitter.safety import finite_snrs, safe_snrs
from semcomm.transmitter.segmentation import SegmentationFeature
from semcomm.transmitter.sketch import NOTHING_CODED
from semcomm.transmitter.textures import OCTAVE
from semcomm.transmitter.training_frames import allocations, choose, symbols

DIGITAL = ("caption", "labels", "textures", "sketch")
"""The levels that are bits; a header comes before them, the details after them."""
SMALLEST_FRAME = 1280
"""Fewer channel uses than these have no digital part: a header would take more than 5 % of them."""
FEWEST_LEVELS, MOST_LEVELS = 2, 21
TRAINING_SNR_DB = -2.0, 20.0
"""The SNRs in dB that its networks are trained at, unless somebody says otherwise."""
_NEAR = 3
_ROUNDING_BITS = 32
_COARSE_STEP = -16


@final
@dataclass(frozen=True)
class Choice:
    """What the sender's search found best.

    Args:
        book: place in the codebook.
        log_step: the step's index.
        error: expected squared error over the photograph, its search's estimate.
        bits: of the payload, estimated.
    """

    book: int
    log_step: int
    error: float
    bits: float


@final
@dataclass(frozen=True)
class Side:
    """What training takes as received.

    Args:
        drawing: of all images of the batch.
        allocations: of every image's details.
        gains: of every image's details, float `(b,)`.
        start: where the details begin in every image's symbols.
    """

    drawing: Drawing
    allocations: list[Allocation]
    gains: Tensor
    starts: list[int]


@final
class HybridTransmitter(nn.Module):
    """Hops 1 and 2 of 6: images to a digital part and details, all of unit power.

    Args:
        codebook: the statistics that both ends share.
        network: adds to the details what a closed form cannot know, or None; see `ResidualNetwork`.
        levels: the level l that is sent if nothing else is asked for: k = (h/t)(w/t)(3 l + 1).
        safe_snr_db: down to which SNR in dB the digital part must arrive; None is the SNR told.
        digital: False sends everything as it is: the linear code.
        caption: writes the caption that is sent, or None.
        segmentation: makes the label map that is sent, or None.

    Shape:
        images `(b, 3, h, w)` to complex64 `(b, k)`.
    """

    def __init__(
        self,
        codebook: Codebook,
        *,
        network: nn.Module | None = None,
        levels: int = 10,
        safe_snr_db: float | None = None,
        digital: bool = True,
        caption: CaptionFeature | None = None,
        segmentation: SegmentationFeature | None = None,
    ):
        super().__init__()
        if safe_snr_db is not None:
            finite_snrs(safe_snr_db, 1, "safe_snr_db")
        self.codebook = codebook
        self.caption = caption
        self.segmentation = segmentation
        self.language = language_of(caption, segmentation)
        self.network = network
        self.downsampling = codebook.block
        self.training_snr_db = TRAINING_SNR_DB
        self.levels = levels
        self.safe_snr_db = safe_snr_db
        self.digital = digital

    def extract(self, images: Tensor, semantics: Semantics | None = None) -> Semantics:
        """Run the extractors on images `(b, 3, h, w)` for whatever `semantics` does not bring along."""
        return extract_semantics(images, semantics, self.caption, self.segmentation)

    def symbols_per_image(
        self, height: int, width: int, *, levels: int | None = None, channel_uses: int | None = None
    ) -> int:
        """Channel uses k of a `height x width` image: what is asked for, or those of a level from 2 to 21."""
        if channel_uses is not None:
            if levels is not None:
                raise ValueError(f"levels must be None where channel_uses says k, got {levels} and {channel_uses}")
            if not isinstance(channel_uses, int) or isinstance(channel_uses, bool) or channel_uses < 1:
                raise ValueError(f"channel_uses must be a positive integer, got {channel_uses!r}")
            return channel_uses
        level = self.levels if levels is None else levels
        if not isinstance(level, int) or isinstance(level, bool) or not FEWEST_LEVELS <= level <= MOST_LEVELS:
            raise ValueError(f"levels must be an integer from {FEWEST_LEVELS} to {MOST_LEVELS}, got {level!r}")
        return math.ceil(height / self.downsampling) * math.ceil(width / self.downsampling) * (3 * level + 1)

    def forward(
        self,
        images: Tensor,
        snr_db: SNR | None = None,
        *,
        semantics: Semantics | None = None,
        levels: int | None = None,
        channel_uses: int | None = None,
        safe_snr_db: SNR | None = None,
        importance: Mapping[str, float] | None = None,
    ) -> Sent:
        """Encode images `(b, 3, h, w)` for the SNR that the sender believes."""
        told = finite_snrs(snr_db, len(images), "snr_db", most=HIGHEST_TOLD_DB)
        k = self.symbols_per_image(images.shape[2], images.shape[3], levels=levels, channel_uses=channel_uses)
        boosts = () if importance is None else self._boosts(importance)
        if self.training:
            return self._rehearse(images, k, told)
        safe = safe_snrs(self.safe_snr_db if safe_snr_db is None else safe_snr_db, told)
        drafts = self._drafts(images, semantics, boosts)
        with torch.autocast("cpu", enabled=False), torch.autocast(images.device.type, enabled=False):
            frames = [
                self._frame(image[None], k, *snrs, draft)
                for image, *snrs, draft in zip(images.cpu(), told, safe, drafts, strict=True)
            ]
        uses = {name: torch.tensor([frame.uses[name] for frame in frames]) for name in frames[0].uses}
        return Sent(torch.stack([frame.symbols for frame in frames]).to(images.device), channel_uses=uses)

    def _boosts(self, importance: Mapping[str, float]) -> Boosts:
        boosts = check_importance(importance, None if self.language is None else self.language.class_names)
        if boosts and self.training:
            raise ValueError(f"importance must be None while training, got {dict(importance)}; call eval() first")
        return boosts

    def _drafts(self, images: Tensor, semantics: Semantics | None, boosts: Boosts) -> list[Draft]:
        """What is to be said of each image."""
        size = (images.shape[2], images.shape[3])
        if self.language is None or not self.digital:
            return [Draft(None, size)] * len(images)
        found = self.extract(images, semantics)
        captions: list[str | None] = [None] * len(images)
        if self.caption is not None and found.tokens is not None:
            captions = list(self.caption.text(found.tokens))
        maps: list[LabelMaps | None] = [None] * len(images)
        if self.segmentation is not None and found.labels is not None:
            labels, classes = found.labels.cpu(), self.language.classes
            if tuple(labels.shape) != (len(images), *size):
                raise ValueError(
                    f"semantics.labels must have shape {(len(images), *size)} for these images, "
                    f"got {tuple(labels.shape)}"
                )
            if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
                got = f"{int(labels.min())}..{int(labels.max())}"
                raise ValueError(f"semantics.labels must be in 0..{classes - 1}, got {got}")
            maps = [LabelMaps(one, classes) for one in labels]
        if len(captions) != len(images):
            raise ValueError(f"semantics.tokens must be (b, T) for {len(images)} images, got {len(captions)} captions")
        return [Draft(self.language, size, caption, own, boosts) for caption, own in zip(captions, maps, strict=True)]

    def _frame(self, image: Tensor, k: int, told_snr_db: float, safe_snr_db: float, draft: Draft) -> "Frame":
        """Encode one image `(1, 3, h, w)` and what is to be said of it into k symbols."""
        blocks = to_blocks(pad_to_multiple(image.float(), self.downsampling), self.downsampling)
        shape = (1, blocks.shape[1], blocks.shape[2])
        components = self.codebook.common.components(blocks.flatten(0, 2))
        told = quantise_told(told_snr_db)
        noise_variance = 10 ** (-Fields(0, 0, 0, 0, 0, told).told_snr_db / 10)
        equal = replace(draft, boosts=())
        search = Search(self.codebook, components, shape, k, noise_variance, safe_snr_db, equal)
        choice = search.best() if self.digital and k >= SMALLEST_FRAME else None
        if choice is not None and draft.boosts:
            # the label map that weights follow from is settled before the search that they change
            draft = draft.settled(choice.bits)
            search = Search(self.codebook, components, shape, k, noise_variance, safe_snr_db, draft)
            choice = search.best()
        if choice is None:
            if draft.boosts:
                warnings.warn(
                    f"importance has no effect: a label map does not pay in {k} channel uses at {safe_snr_db:g} dB",
                    stacklevel=2,
                )
            return _linear_frame(search, self.digital)
        padded = pad_to_multiple(image.float(), self.downsampling)
        refine = partial(self.refine, padded, k=k, told_snrs_db=[told_snr_db])
        return _hybrid_frame(search, choice, told, refine)

    def _rehearse(self, images: Tensor, k: int, told_snrs_db: list[float]) -> Sent:
        """Encode a batch for training: the digital part is taken as received, its positions hold random QPSK."""
        with torch.autocast(images.device.type, enabled=False):
            padded = pad_to_multiple(images.float(), self.downsampling)
            blocks = to_blocks(padded, self.downsampling)
            shape = (blocks.shape[0], blocks.shape[1], blocks.shape[2])
            with torch.no_grad():
                components = self.codebook.common.components(blocks.flatten(0, 2))
                random = torch.Generator().manual_seed(_fingerprint(components))
                drawing, details, uses = choose(self.codebook, components, shape, k, told_snrs_db, random)
            shares = allocations(drawing, k, uses, told_snrs_db)
        details = self.refine(padded, drawing, details, shares, k, told_snrs_db)
        with torch.autocast(images.device.type, enabled=False):
            sent, gains, starts = symbols(shares, details.float(), k, shape[0], _random_qpsk(random))
        return Sent(sent, Side(drawing, shares, gains, starts))

    def refine(
        self,
        images: Tensor,
        drawing: Drawing,
        details: Tensor,
        shares: list[Allocation],
        k: int,
        told_snrs_db: list[float],
    ) -> Tensor:
        """Add the network's part to details `(blocks, Q)`; images `(b, 3, h, w)` of whole blocks."""
        if self.network is None:
            return details
        told = torch.tensor(told_snrs_db)
        errors = expected_errors(drawing, shares, 10 ** (-told / 10))
        with torch.autocast(images.device.type, enabled=False):
            blocks = synthesise(self.codebook, drawing, torch.zeros_like(details))
            sketch = to_images(blocks.unflatten(0, drawing.shape), self.downsampling)
        about = numbers(drawing, errors, told, told, k, torch.ones(len(told)))
        added = self.network(torch.cat([images, sketch], dim=1) - 0.5, block_facts(drawing, errors), about)
        with torch.autocast(images.device.type, enabled=False):
            components = (confidence(about) * added.float()).movedim(1, -1).flatten(0, 2)
            return details + drawing.book.textures.analyse(components, drawing.labels) * drawing.weights


@final
@dataclass(frozen=True)
class Frame:
    """The symbols of one image, complex64 `(k,)`, and how many of them each part takes."""

    symbols: Tensor
    uses: dict[str, int]


class Search:
    """The sender's choice of textures and step for one photograph.

    Args:
        codebook: the statistics.
        components: common components `(blocks, C)`.
        shape: (1, rows, columns).
        k: channel uses.
        noise_variance: of the SNR told.
        safe_snr_db: down to which the digital part must arrive.
        draft: what is to be said of it; one with boosts must be settled.
    """

    def __init__(
        self,
        codebook: Codebook,
        components: Tensor,
        shape: tuple[int, int, int],
        k: int,
        noise_variance: float,
        safe_snr_db: float,
        draft: Draft,
    ):
        self.codebook, self.components, self.shape, self.k = codebook, components, shape, k
        self.noise_variance, self.safe_snr_db = noise_variance, safe_snr_db
        self.draft = draft
        self.boost = torch.zeros(len(components), dtype=torch.int64)
        if draft.boosts and draft.language is not None:
            self.boost = draft.message(0.0).boost(codebook.block, draft.language.classes)
        plain = self._linear_error()
        self.linear_error = plain * self._mean_weight()
        # twice what the linear code leaves per value: about four times what this code will
        self.floor = 2 * plain / (len(components) * codebook.common.mean.numel())
        self._labels: dict[int, Tensor] = {}
        self._seen: dict[tuple[int, int], Choice | None] = {}

    def best(self) -> Choice | None:
        """Find the textures and the step of the least expected error; None if a linear code is at least as good."""
        start = self._climb(self._finest(), round(self._first_guess()), 8)
        found = [choice for choice in [start, *self._other_books(start)] if choice is not None]
        if not found:
            return None
        choice = min(found, key=lambda one: one.error)
        choice = self._settle(self._climb(choice.book, choice.log_step, 4, rounds=1) or choice)
        return choice if choice.error < self.linear_error else None

    def _settle(self, choice: Choice) -> Choice:
        """Choose classes anew beside the sketch that there is now, not a guess of it, and try steps near by."""
        textures = self.codebook.books[choice.book].textures
        drawing, _ = self.draw(choice.book, choice.log_step, closed_loop=True)
        best, labels = self._weigh(choice.book, choice.log_step, closed_loop=True) or choice, drawing.labels
        if textures.classes > 1:
            costs = textures.coding_costs(self.components, drawing.known, self.floor)
            self._labels[choice.book] = costs.argmin(1)
        for log_step in (choice.log_step, choice.log_step - _NEAR, choice.log_step + _NEAR):
            other = self._weigh(choice.book, log_step, closed_loop=True)
            if other is not None and other.error < best.error:
                best, labels = other, self._labels[choice.book]
        self._labels[choice.book] = labels
        return best

    def labels(self, book: int, log_step: int) -> Tensor:
        """Return the classes of the blocks in a book."""
        if book not in self._labels:
            steps = torch.full((len(self.components),), log_step) + self.boost
            own = self.codebook.books[book]
            self._labels[book] = label(self.codebook, own, self.components, self.shape, steps, self.floor)
        return self._labels[book]

    def draw(self, book: int, log_step: int, *, closed_loop: bool) -> tuple[Drawing, Tensor]:
        """Sketch the photograph; see `draw`."""
        steps = torch.full((len(self.components),), log_step)
        own = self.codebook.books[book]
        labels = self.labels(book, log_step)
        return draw(self.codebook, own, self.components, self.shape, labels, steps, self.boost, closed_loop=closed_loop)

    def digital_uses(self, bits: float) -> int:
        """Channel uses of header and payload."""
        return header.uses(self.safe_snr_db) + transport.channel_uses(8 * math.ceil(bits / 8), self.safe_snr_db)

    def _linear_error(self) -> float:
        """Expected error of the linear code on the same channel uses, weights of blocks aside."""
        drawing, details = draw_linear(self)
        uses = self.k - mark_uses(self.k)
        return expected_error(drawing.log_variances, details, uses, self.noise_variance) + self._outside(drawing)

    def _mean_weight(self) -> float:
        """How much the error of the linear code counts, which cannot follow the weights."""
        energy = self.components.square().sum(1)
        weight = torch.exp2(self.boost.float() / OCTAVE)
        return float((energy * weight).sum() / energy.sum().clamp_min(1e-12))

    def _try(self, book: int, log_step: int) -> Choice | None:
        key = (book, log_step)
        if key not in self._seen:
            self._seen[key] = self._weigh(book, log_step, closed_loop=False)
        return self._seen[key]

    def _weigh(self, book: int, log_step: int, *, closed_loop: bool) -> Choice | None:
        """Say what error textures and a step would leave; None if their bits do not fit, or no header can say it."""
        if not LOWEST_LOG_STEP <= log_step <= HIGHEST_LOG_STEP:
            return None
        drawing, details = self.draw(book, log_step, closed_loop=closed_loop)
        bits = map_cost(self.codebook.books[book], drawing.labels.reshape(self.shape)) + _ROUNDING_BITS
        bits += float(level_costs(self.codebook, drawing.layout, drawing.levels, drawing.found).sum())
        bits += self.draft.bits(bits)
        try:
            uses = self.k - self.digital_uses(bits)
        except ValueError:  # no mode is safe
            return None
        if uses < 0:
            return None
        error = expected_error(drawing.log_variances, details, uses, self.noise_variance)
        return Choice(book, log_step, error + self._outside(drawing), bits)

    def _outside(self, drawing: Drawing) -> float:
        """Energy that no kept component holds, times the blocks' weights."""
        own = drawing.book.textures.analyse(self.components, drawing.labels)
        outside = (self.components.square().sum(1) - own.square().sum(1)).clamp_min(0)
        return float((outside * drawing.weights[:, 0].square()).sum())

    def _climb(self, book: int, log_step: int, stride: int, rounds: int = 6) -> Choice | None:
        best, place = self._try(book, log_step), log_step
        for _ in range(rounds):
            moves = [self._try(book, place + move) for move in (-stride, stride)]
            better = [one for one in moves if one is not None and (best is None or one.error < best.error)]
            if not better and best is not None:
                break
            if better:
                best = min(better, key=lambda one: one.error)
                place = best.log_step
            else:
                place -= 2 * stride
        return best

    def _finest(self) -> int:
        return len(self.codebook.books) - 1

    def _other_books(self, start: Choice | None) -> list[Choice | None]:
        place = _COARSE_STEP if start is None else start.log_step
        return [self._climb(book, place, 4, rounds=1) for book in range(self._finest())]

    def _first_guess(self) -> float:
        per_block = self.k / len(self.components)
        return 10 * math.log2(per_block / 16) - 4


def draw_linear(search: Search) -> tuple[Drawing, Tensor]:
    """Draw nothing, so that all is details: the linear code."""
    steps = torch.full((len(search.components),), NOTHING_CODED)
    nothing = torch.zeros_like(steps)
    codebook, shape = search.codebook, search.shape
    return draw(codebook, codebook.books[0], search.components, shape, nothing, steps, nothing, closed_loop=False)


def _linear_frame(search: Search, digital: bool) -> Frame:
    start = mark_uses(search.k)
    drawing, details = draw_linear(search)
    allocation = allocate(drawing.log_variances.flatten(), search.k - start, search.noise_variance)
    symbols, index = _details(allocation, details)
    uses = {"header": start} | (dict.fromkeys(DIGITAL, 0) if digital else {}) | {"details": search.k - start}
    return Frame(torch.cat([mark(index, start), symbols]) if start else symbols, uses)


def _hybrid_frame(search: Search, choice: Choice, told: int, refine) -> Frame:
    codebook = search.codebook
    log_step = choice.log_step
    while True:
        drawing, details = search.draw(choice.book, log_step, closed_loop=True)
        bits, parts = _payload(codebook, drawing, search.draft)
        if search.digital_uses(len(bits)) <= search.k:
            break
        log_step -= 4
        if log_step < LOWEST_LOG_STEP:
            return _linear_frame(search, True)
    mode = transport.choose_mode(len(bits), search.safe_snr_db)
    plan = transport.plan(len(bits), mode)
    length = header.uses(search.safe_snr_db)
    uses = search.k - length - plan.channel_uses
    allocation = allocate(drawing.log_variances.flatten(), uses, search.noise_variance)
    symbols, index = _details(allocation, refine(drawing, details, [allocation]))
    fields = Fields(choice.book, log_step, index, len(bits) // 8, mode, told)
    (head,) = header.send([fields.to_bits()], [length])
    (body,) = transport.send([bits], [plan])
    return Frame(
        torch.cat([head, body, symbols]), {"header": length} | _split(plan.channel_uses, parts) | {"details": uses}
    )


def _payload(codebook: Codebook, drawing: Drawing, draft: Draft) -> tuple[np.ndarray, dict[str, int]]:
    """Code what is said, the texture map and the sketch: whole bytes of bits, and the bits of each part."""
    encoder, shape = RangeEncoder(), drawing.shape
    picture = map_cost(drawing.book, drawing.labels.reshape(shape))
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


def _random_qpsk(random: torch.Generator) -> Callable[[int], Tensor]:
    def draw_symbols(count: int) -> Tensor:
        signs = 1.0 - 2.0 * torch.randint(2, (2, count), generator=random)
        return torch.complex(signs[0], signs[1]) / 2**0.5

    return draw_symbols


def _fingerprint(components: Tensor) -> int:
    """Turn a batch into a number, so that a step's choices are a function of its crops."""
    return int(components.double().abs().sum() * 1e3) % 2**31
