"""Hops 5 and 6 of 6 for the hybrid code: bits to a drawing, symbols to details, both together to an image."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Delivered, Received
from semcomm.link import header, transport
from semcomm.link.entropy import RangeDecoder
from semcomm.link.frame import Fields, gain_of, mark_uses, noise_variance_told, quantise_told, read_mark
from semcomm.link.prefix import PrefixDecoder
from semcomm.networks.facts import Shared, block_facts, confidence, expected_errors, numbers
from semcomm.networks.precision import has_bf16
from semcomm.networks.residual import run_at_home
from semcomm.transmitter.blocks import to_images
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw_linear, redraw, synthesise
from semcomm.transmitter.hybrid import Side
from semcomm.transmitter.linear import Allocation, allocate
from semcomm.transmitter.meaning import SILENT, Language, Message, read_message
from semcomm.transmitter.payload import read_map, read_sketch
from semcomm.transmitter.sketch import layout
from semcomm.transmitter.strips import SMALLEST_FRAME, put_together, strips

GRAY = 0.5
NO_LABEL = -1
"""Stands for labels that did not arrive."""


@final
@dataclass(frozen=True)
class Found:
    """What was found in the symbols of one image, or of one strip of it.

    Args:
        image: `(3, h, w)`; None if nothing of it arrived.
        caption: or None.
        labels: the label map, int64 `(h, w)`, or None.
        lost: whether the digital part did not arrive whole.
    """

    image: Tensor | None
    caption: str | None = None
    labels: Tensor | None = None
    lost: bool = False


LOST = Found(None, lost=True)


@final
class HybridReceiver(nn.Module):
    """Hops 5 and 6 of 6: received symbols, not equalised, to images.

    Args:
        codebook: the statistics that both ends share.
        network: adds to the picture what a closed form cannot know, or None; see `ResidualNetwork`.
        digital: whether frames may have a digital part; see `HybridTransmitter`.
        language: the words and class names that captions and label maps are made of; None where none are sent.
    """

    def __init__(
        self,
        codebook: Codebook,
        *,
        network: nn.Module | None = None,
        digital: bool = True,
        language: Language | None = None,
    ):
        super().__init__()
        self.codebook = codebook
        self.network = network
        self.digital = digital
        self.language = language

    def forward(
        self,
        received: Received,
        size: tuple[int, int],
        snr_db: SNR | None = None,
        *,
        told_snr_db: SNR | None = None,
    ) -> Delivered:
        """Decode complex64 `(b, k)` into images `(b, 3, *size)`, with their captions and label maps.

        An image whose bits did not all arrive is lost: it is what the first of its bits say, or gray.
        """
        if isinstance(received.side, Side):
            return Delivered(self._rehearse(received, received.side, size, snr_db, told_snr_db))
        told = snr_db if told_snr_db is None else told_snr_db
        results = []
        for place, symbols in enumerate(received.symbols.cpu()):
            noise = _row(received.noise_variance, place, symbols)
            fades = None if received.csi is None else received.csi[place].cpu()
            believed = None if told is None else _number(told, place)
            with torch.autocast("cpu", enabled=False):
                results.append(self._photograph(symbols, noise, fades, size, believed))
        device = received.symbols.device
        images = [torch.full((3, *size), GRAY) if one.image is None else one.image for one in results]
        lost = torch.tensor([one.lost for one in results], device=device) if self.digital else None
        return Delivered(torch.stack(images).clamp(0, 1).to(device), *self._meaning(results, size, device), lost)

    def _meaning(
        self, results: list[Found], size: tuple[int, int], device: torch.device
    ) -> tuple[list[str | None] | None, Tensor | None]:
        """Captions and label maps `(b, h, w)`; each None where this system has none."""
        captions, labels = None, None
        if self.language is not None and self.language.speaks:
            captions = [one.caption for one in results]
        if self.language is not None and self.language.class_names is not None:
            nothing = torch.full(size, NO_LABEL)
            labels = torch.stack([nothing if one.labels is None else one.labels for one in results]).to(device)
        return captions, labels

    def _rehearse(
        self, received: Received, side: Side, size: tuple[int, int], snr_db: SNR | None, told_snr_db: SNR | None
    ) -> Tensor:
        """Decode a training batch, whose digital part has arrived."""
        drawing, count = side.drawing, side.drawing.shape[0]
        if received.noise_variance is None or snr_db is None:
            raise ValueError("received.noise_variance and snr_db must be known to the hybrid code, got None")
        symbols, noise = received.symbols, received.noise_variance.expand_as(received.symbols).float()
        with torch.autocast(symbols.device.type, enabled=False):
            symbols, noise = _without_bias(symbols, noise, received.csi)
            details = side.shares.estimate(symbols, noise, side.gains, drawing.log_variances.shape)
        told = snr_db if told_snr_db is None else told_snr_db
        snrs, tolds = (torch.as_tensor(one, device=symbols.device).expand(count) for one in (snr_db, told))
        images = self.show(
            drawing, details, side.shares, symbols.shape[1], side.shares.noise(noise), snrs, tolds, side.gains
        )
        return images[:, :, : size[0], : size[1]]

    def show(
        self,
        drawing: Drawing,
        details: Tensor,
        shared: Shared,
        k: int,
        noise_variance: Tensor,
        snrs_db: Tensor,
        told_snrs_db: Tensor,
        gains: Tensor,
    ) -> Tensor:
        """Put drawing and details `(blocks, Q)` together to images of whole blocks, and add the network's part."""
        codebook = self.codebook.on(details.device)

        def picture(some: Tensor) -> Tensor:
            return to_images(synthesise(codebook, drawing, some).unflatten(0, drawing.shape), codebook.block)

        with torch.autocast(details.device.type, enabled=False):
            seen = picture(details)
            if self.network is None:
                return seen
            sketch = picture(torch.zeros_like(details))
            errors = expected_errors(drawing, shared, noise_variance)
            about = numbers(drawing, errors, snrs_db, told_snrs_db, k, gains)
        added = self._added(torch.cat([seen, sketch], dim=1) - 0.5, block_facts(drawing, errors), about)
        return seen + confidence(about) * added

    def _added(self, pictures: Tensor, facts: Tensor, about: Tensor) -> Tensor:
        """What the network adds, float32; in eval mode the mean of that and what it adds to the mirror image."""
        assert self.network is not None
        if self.training:
            return run_at_home(self.network, pictures, facts, about).float()
        device = next(self.network.parameters(), pictures).device
        seen, known = (torch.cat([one, one.flip(-1)]) for one in (pictures, facts))
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            plain, mirrored = run_at_home(self.network, seen, known, about.repeat(2, 1)).float().chunk(2)
        return (plain + mirrored.flip(-1)) / 2

    def _photograph(
        self, symbols: Tensor, noise: Tensor, fades: Tensor | None, size: tuple[int, int], told_snr_db: float | None
    ) -> Found:
        """Decode one image's symbols `(k,)`, those of a large one strip by strip."""
        parts = strips(*size, len(symbols), self.codebook.block)
        found = [
            self._find(
                symbols[part.uses],
                noise[part.uses],
                None if fades is None else fades[part.uses],
                (part.rows.stop - part.rows.start, size[1]),
                told_snr_db,
            )
            for part in parts
        ]
        if len(found) == 1:
            return found[0]
        images, maps = [one.image for one in found], [one.labels for one in found]
        return Found(
            put_together(parts, images, GRAY, (3, *size)),
            found[0].caption,
            put_together(parts, maps, NO_LABEL, size),
            any(one.lost for one in found),
        )

    def _find(
        self, symbols: Tensor, noise: Tensor, fades: Tensor | None, size: tuple[int, int], told_snr_db: float | None
    ) -> Found:
        """Decode one frame, symbols `(k,)`."""
        found = None
        if self.digital and len(symbols) >= SMALLEST_FRAME:
            (found,) = header.receive([symbols], noise_variance=[noise], csi=[fades])
        if found is not None:
            result = self._hybrid(symbols, noise, fades, size, found)
        else:
            image = self._linear(symbols, noise, fades, self._blocks(size), told_snr_db)
            result = LOST if image is None else Found(image)
        if result.image is None:
            return result
        return replace(result, image=result.image[0, :, : size[0], : size[1]])

    def _blocks(self, size: tuple[int, int]) -> tuple[int, int, int]:
        side = self.codebook.block
        return 1, -(-size[0] // side), -(-size[1] // side)

    def _hybrid(
        self, symbols: Tensor, noise: Tensor, fades: Tensor | None, size: tuple[int, int], found: header.Header
    ) -> Found:
        fields = Fields.from_bits(found.bits)
        try:
            plan = transport.plan(8 * fields.payload_bytes, fields.mode)
        except ValueError:  # a header that passed its check by chance
            return LOST
        start, end = found.uses, found.uses + plan.channel_uses
        if end > len(symbols) or fields.book >= len(self.codebook.books):
            return LOST
        (payload,) = transport.receive(
            [symbols[start:end]],
            [plan],
            noise_variance=[noise[start:end]],
            csi=[None if fades is None else fades[start:end]],
        )
        if not payload.ok:
            return self._partial(payload.leading_bits, fields, size)
        said: list[Message] = []
        try:
            drawing = self._decode(RangeDecoder(payload.bits), fields, size, said)
        except LookupError as error:
            raise ValueError(f"received cannot be understood: {error}") from error
        except ValueError:  # bits that passed their checks by chance
            return LOST
        variance = fields.noise_variance
        allocation = allocate(drawing.log_variances, len(symbols) - end, variance)
        gain = gain_of(max(fields.gain, 1))
        details, met = _estimate(allocation, symbols[end:], noise[end:], _from(fades, end), gain, drawing)
        if fields.gain == 0:
            details = torch.zeros_like(details)
        told, gains = torch.tensor([fields.told_snr_db]), torch.tensor([gain])
        image = self.show(drawing, details, allocation, len(symbols), met[None], _snr(noise), told, gains)
        return Found(image, said[-1].caption, said[-1].label_map)

    def _partial(self, bits: np.ndarray, fields: Fields, size: tuple[int, int]) -> Found:
        """Show what the first bits say: caption, label map, and the first components of the sketch, without details."""
        said: list[Message] = [SILENT]
        try:
            drawing = self._decode(PrefixDecoder(bits), fields, size, said)
            nothing = torch.zeros(drawing.log_variances.shape)
            blocks = synthesise(self.codebook, drawing, nothing).unflatten(0, drawing.shape)
            image = to_images(blocks, self.codebook.block)
        except (EOFError, LookupError, ValueError):
            image = None
        return Found(image, said[-1].caption, said[-1].label_map, lost=True)

    def _decode(
        self, decoder: RangeDecoder | PrefixDecoder, fields: Fields, size: tuple[int, int], said: list[Message]
    ) -> Drawing:
        """Decode a payload; messages are appended to `said` as soon as they are known."""
        book, shape = self.codebook.books[fields.book], self._blocks(size)
        read_message(decoder, self.language, size, said)
        labels = torch.zeros(shape[1] * shape[2], dtype=torch.int64)
        if book.textures.classes > 1:
            labels = read_map(decoder, book, shape[1], shape[2]).flatten()
        steps = torch.full_like(labels, fields.log_step)
        classes = 0 if self.language is None else self.language.classes
        boost = said[-1].boost(self.codebook.block, classes)
        levels, contexts = read_sketch(decoder, self.codebook, layout(book.textures, labels, steps, boost), shape)
        return redraw(self.codebook, book, shape, labels, steps, boost, levels, contexts)

    def _linear(
        self,
        symbols: Tensor,
        noise: Tensor,
        fades: Tensor | None,
        shape: tuple[int, int, int],
        told_snr_db: float | None,
    ) -> Tensor | None:
        if told_snr_db is None:
            raise ValueError("snr_db must be the SNR that the sender believes, in dB, got None")
        start = mark_uses(len(symbols))
        gain = 1.0
        if start:
            fade = torch.ones(start, dtype=torch.complex64) if fades is None else fades[:start]
            index, is_there = read_mark(symbols[:start] / fade, fade.abs().square() / noise[:start])
            if not is_there and self.digital and len(symbols) >= SMALLEST_FRAME:
                return None
            gain = gain_of(index)
        unknown = torch.zeros(shape[1] * shape[2], self.codebook.common.transform.shape[0])
        drawing, _ = draw_linear(self.codebook, unknown, shape)
        variance = noise_variance_told(quantise_told(told_snr_db))
        allocation = allocate(drawing.log_variances, len(symbols) - start, variance)
        details, met = _estimate(allocation, symbols[start:], noise[start:], _from(fades, start), gain, drawing)
        told, gains = torch.tensor([told_snr_db]), torch.tensor([gain])
        return self.show(drawing, details, allocation, len(symbols), met[None], _snr(noise), told, gains)


def _without_bias(symbols: Tensor, noise_variance: Tensor, csi: Tensor | None) -> tuple[Tensor, Tensor]:
    """Divide raw symbols y = h x + w by their gains; the noise variance grows with it."""
    if csi is None:
        return symbols, noise_variance
    strength = csi.abs().square().clamp_min(1e-12)
    return symbols * csi.conj() / strength, noise_variance / strength


def _estimate(
    allocation: Allocation, symbols: Tensor, noise: Tensor, fades: Tensor | None, gain: float, drawing: Drawing
) -> tuple[Tensor, Tensor]:
    """Estimate details `(blocks, Q)` from raw symbols y = h x + w; say what noise each component met, `(m,)`."""
    symbols, noise = _without_bias(symbols, noise, fades)
    met = allocation.pick(noise)
    values = allocation.estimate(allocation.pick(symbols).double(), met.double(), gain)
    blocks, components = drawing.log_variances.shape
    return allocation.spread(values, (blocks, components)), met


def _row(noise_variance: Tensor | None, place: int, symbols: Tensor) -> Tensor:
    if noise_variance is None:
        raise ValueError("received.noise_variance must be known to the hybrid code, got None")
    noise = noise_variance.cpu()
    row = noise[place] if noise.ndim else noise
    return row.float().clamp_min(transport.FAINTEST).expand(len(symbols)).contiguous()


def _from(values: Tensor | None, start: int) -> Tensor | None:
    return None if values is None else values[start:]


def _number(value: SNR, place: int) -> float:
    return float(value[place]) if isinstance(value, Tensor) and value.ndim else float(value)


def _snr(noise: Tensor) -> Tensor:
    return -10 * noise.mean().log10().reshape(1)
