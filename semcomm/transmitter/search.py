"""The sender's search: which textures and which step leave the least error in a photograph's channel uses."""

import math
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from semcomm.link import header, transport
from semcomm.link.frame import (
    HIGHEST_LOG_STEP,
    LARGEST_PAYLOAD_BITS,
    LOWEST_LOG_STEP,
    mark_uses,
)
from semcomm.link.modes import Fading
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw, draw_linear, guess
from semcomm.transmitter.linear import error_of_sent, expected_error
from semcomm.transmitter.meaning import Draft
from semcomm.transmitter.payload import level_costs, map_costs
from semcomm.transmitter.textures import OCTAVE, Textures

_NEAR = 3
_COARSER = 0, 2, 4, 8
_ROUNDING_BITS = 32
_COARSE_STEP = -16
_QUIET = 10**-1.2
_ROUNDS = 3


@final
@dataclass(frozen=True)
class Choice:
    """What the sender's search found best.

    Args:
        book: place in the codebook.
        log_step: the step's index.
        error: expected squared error over the photograph, its search's estimate.
        bits: how many the payload takes, estimated.
        drawn: what `Search.draw` gives for it in closed loop; None if that is not yet known.
    """

    book: int
    log_step: int
    error: float
    bits: float
    drawn: tuple[Drawing, Tensor] | None = None


class Search:
    """The sender's choice of textures and step for one photograph.

    Args:
        codebook: the statistics.
        components: common components `(blocks, C)`.
        shape: (1, rows, columns).
        k: channel uses.
        noise_variance: what the SNR told means.
        safe_snr_db: down to which the digital part must arrive.
        draft: what is to be said of it; one with boosts must be settled.
        fading: of the channel that bits must cross; see `required_snr_db`.
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
        fading: Fading = "none",
    ):
        self.codebook, self.components, self.shape, self.k = codebook, components, shape, k
        self.noise_variance, self.safe_snr_db = noise_variance, safe_snr_db
        self.draft = draft
        self.fading: Fading = fading
        self.boost = torch.zeros(len(components), dtype=torch.int64)
        if draft.boosts and draft.language is not None:
            self.boost = draft.message(0.0).boost(codebook.block, draft.language.classes)
        self._own: tuple[Tensor, Tensor, Tensor] | None = None
        plain = self._linear_error()
        self.linear_error = plain * self._mean_weight()
        # until there is a sketch, twice what the linear code leaves per value
        self.floor = 2 * self.linear_error / (len(components) * codebook.common.mean.numel())
        self._labels: dict[int, Tensor] = {}
        self._seen: dict[tuple[int, int], Choice | None] = {}

    def best(self) -> Choice | None:
        """Find the textures and the step of the least expected error; None if a linear code is at least as good.

        Estimates without the loop are too good, most so for coarse steps; so every book that promises more than the
        best one has is tried in it.
        """
        usual = round(self._first_guess())
        starts = [self._climb(self._finest(), usual, 8)]
        if self.noise_variance < _QUIET:  # there a fine sketch may beat a coarse one, with worse ones between
            starts += [self._climb(self._finest(), usual + finer, 8) for finer in (24, 48)]
        start = min((one for one in starts if one is not None), key=lambda one: one.error, default=None)
        found = [choice for choice in [start, *self._other_books(start)] if choice is not None]
        best = None
        for one in sorted(found, key=lambda one: one.error):
            if best is None or one.error < best.error:
                settled = self._settle(self._climb(one.book, one.log_step, 4, rounds=1) or one)
                if settled is not None and (best is None or settled.error < best.error):
                    best = settled
        return best if best is not None and best.error < self.linear_error else None

    def _settle(self, choice: Choice) -> Choice | None:
        """Choose classes anew beside the sketch that there is now, not a guess of it, and try steps near by; repeat.

        Classes are judged by what they cost where details arrive with the error that they do now. A sketch may take
        more bits than was guessed: where they do not fit, coarser steps are tried; None if none of them fits.
        """
        textures = self.codebook.books[choice.book].textures
        drawn = (self._weigh(choice.book, choice.log_step - coarser, closed_loop=True) for coarser in _COARSER)
        best = next((one for one in drawn if one is not None), None)
        if best is None:
            return None
        for _ in range(_ROUNDS):
            before, labels = best, self.labels(best.book, best.log_step)
            assert before.drawn is not None  # as all that are weighed in closed loop
            drawing, _ = before.drawn
            if textures.classes > 1:
                uses = self.k - self.digital_uses(before.bits)
                self.floor = error_of_sent(drawing.log_variances, uses, self.noise_variance) or self.floor
                self._labels[before.book] = self._cheapest(textures, drawing.known)
            for log_step in (before.log_step, before.log_step - _NEAR, before.log_step + _NEAR):
                other = self._weigh(before.book, log_step, closed_loop=True)
                if other is not None and other.error < best.error:
                    best, labels = other, self._labels[before.book]
            self._labels[before.book] = labels
            if best is before:
                break
        return best

    def labels(self, book: int, log_step: int) -> Tensor:
        """Return the classes of the blocks in a book."""
        if book not in self._labels:
            steps = torch.full((len(self.components),), log_step) + self.boost
            own = self.codebook.books[book]
            if own.textures.classes == 1:
                self._labels[book] = torch.zeros(len(self.components), dtype=torch.int64)
            else:
                known = guess(self.codebook, own, self.components, self.shape, steps)
                self._labels[book] = self._cheapest(own.textures, known)
        return self._labels[book]

    def _cheapest(self, textures: Textures, known: Tensor) -> Tensor:
        """Return the class that costs each block least, with less error aimed at where it counts more."""
        labels = torch.zeros(len(self.components), dtype=torch.int64)
        for boost in self.boost.unique().tolist():
            rows = self.boost == boost
            floor = self.floor * 2 ** (-boost / OCTAVE)
            labels[rows] = textures.coding_costs(self.components[rows], known[rows], floor).argmin(1)
        return labels

    def weighed(self, choice: Choice, boost: Tensor) -> float:
        """Say what error a choice would leave if blocks counted as `boost` has it."""
        drawing, details = choice.drawn or self.draw(choice.book, choice.log_step, closed_loop=True)
        weights = torch.exp2(boost.float() / OCTAVE)[:, None]
        uses = self.k - self.digital_uses(choice.bits)
        error = expected_error(drawing.log_variances, details, uses, self.noise_variance, weights=weights)
        _, outside = self._analysed(drawing.book.textures, drawing.labels)
        return error + float((outside * weights[:, 0]).sum())

    def draw(self, book: int, log_step: int, *, closed_loop: bool) -> tuple[Drawing, Tensor]:
        """Sketch the photograph; see `draw`."""
        steps = torch.full((len(self.components),), log_step)
        labels = self.labels(book, log_step)
        chosen = self.codebook.books[book]
        own, _ = self._analysed(chosen.textures, labels)
        return draw(
            self.codebook,
            chosen,
            self.components,
            self.shape,
            labels,
            steps,
            self.boost,
            closed_loop=closed_loop,
            own=own,
        )

    def digital_uses(self, bits: float) -> int:
        """Channel uses of header and payload."""
        payload = transport.channel_uses(8 * math.ceil(bits / 8), self.safe_snr_db, fading=self.fading)
        return header.uses(self.safe_snr_db, fading=self.fading) + payload

    def _linear_error(self) -> float:
        """Expected error of the linear code on the same channel uses, weights of blocks aside."""
        drawing, details = draw_linear(self.codebook, self.components, self.shape)
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
            found = self._weigh(book, log_step, closed_loop=False)
            self._seen[key] = None if found is None else replace(found, drawn=None)
        return self._seen[key]

    def _weigh(self, book: int, log_step: int, *, closed_loop: bool) -> Choice | None:
        """Say what error textures and a step would leave; None if their bits do not fit, or no header can say it."""
        if not LOWEST_LOG_STEP <= log_step <= HIGHEST_LOG_STEP:
            return None
        drawing, details = self.draw(book, log_step, closed_loop=closed_loop)
        return self._judge(book, log_step, drawing, details)

    def _judge(self, book: int, log_step: int, drawing: Drawing, details: Tensor) -> Choice | None:
        """Say what error a drawing would leave; None if its bits do not fit."""
        bits = float(map_costs(self.codebook.books[book], drawing.labels.reshape(self.shape))) + _ROUNDING_BITS
        bits += float(level_costs(self.codebook, drawing.layout, drawing.levels, drawing.found).sum())
        bits += self.draft.bits(bits)
        if bits > LARGEST_PAYLOAD_BITS:
            return None
        try:
            uses = self.k - self.digital_uses(bits)
        except ValueError:  # no mode is safe
            return None
        if uses < 0:
            return None
        error = expected_error(drawing.log_variances, details, uses, self.noise_variance)
        return Choice(book, log_step, error + self._outside(drawing), bits, (drawing, details))

    def _outside(self, drawing: Drawing) -> float:
        """Energy that no kept component holds, times the blocks' weights."""
        _, outside = self._analysed(drawing.book.textures, drawing.labels)
        return float((outside * drawing.weights[:, 0].square()).sum())

    def _analysed(self, textures: Textures, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Components in their classes' own, and each block's energy outside of them; kept until classes change."""
        if self._own is None or self._own[0] is not labels:
            own = textures.analyse(self.components, labels)
            outside = (self.components.square().sum(1) - own.square().sum(1)).clamp_min(0)
            self._own = labels, own, outside
        return self._own[1:]

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
        return usual_log_step(self.k / len(self.components)) - float(self.boost.float().mean())


def usual_log_step(uses_per_block: float) -> float:
    """Guess the step that suits a photograph with so many channel uses per block: where a search begins."""
    return 10 * math.log2(uses_per_block / 16) - 4
