"""Hops 5 and 6 of 6 for the hybrid code: bits to a drawing, symbols to details, both together to an image."""

from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Delivered, Received
from semcomm.link import header, transport
from semcomm.link.entropy import RangeDecoder
from semcomm.link.frame import Fields, gain_of, mark_uses, read_mark
from semcomm.networks.facts import block_facts, confidence, expected_errors, numbers
from semcomm.transmitter.blocks import to_images
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, draw, redraw, synthesise
from semcomm.transmitter.hybrid import SMALLEST_FRAME, Side
from semcomm.transmitter.linear import Allocation, allocate
from semcomm.transmitter.payload import read_map, read_sketch
from semcomm.transmitter.sketch import NOTHING_CODED, layout

GRAY = 0.5


@final
class HybridReceiver(nn.Module):
    """Hops 5 and 6 of 6: received symbols, not equalised, to images.

    Args:
        codebook: the statistics that both ends share.
        network: adds to the picture what a closed form cannot know, or None; see `ResidualNetwork`.
        digital: whether frames may have a digital part; see `HybridTransmitter`.
    """

    def __init__(self, codebook: Codebook, *, network: nn.Module | None = None, digital: bool = True):
        super().__init__()
        self.codebook = codebook
        self.network = network
        self.digital = digital

    def forward(
        self,
        received: Received,
        size: tuple[int, int],
        snr_db: SNR | None = None,
        *,
        told_snr_db: SNR | None = None,
    ) -> Delivered:
        """Decode complex64 `(b, k)` into images `(b, 3, *size)`, and say which are lost."""
        if isinstance(received.side, Side):
            return Delivered(self._rehearse(received, received.side, size, snr_db))
        images, lost = [], []
        for place, symbols in enumerate(received.symbols.cpu()):
            noise = _row(received.noise_variance, place, symbols)
            fades = None if received.csi is None else received.csi[place].cpu()
            told = snr_db if told_snr_db is None else told_snr_db
            image = self._image(symbols, noise, fades, size, None if told is None else _number(told, place))
            lost.append(image is None)
            images.append(torch.full((3, *size), GRAY) if image is None else image)
        stacked = torch.stack(images).clamp(0, 1).to(received.symbols.device)
        return Delivered(stacked, lost=torch.tensor(lost, device=stacked.device))

    def _rehearse(self, received: Received, side: Side, size: tuple[int, int], snr_db: SNR | None) -> Tensor:
        """Decode a training batch, whose digital part has arrived."""
        drawing, count = side.drawing, side.drawing.shape[0]
        if received.noise_variance is None or snr_db is None:
            raise ValueError("received.noise_variance and snr_db must be known to the hybrid code, got None")
        noise = received.noise_variance.expand_as(received.symbols).float()
        rows = []
        with torch.autocast(received.symbols.device.type, enabled=False):
            for place, (allocation, start) in enumerate(zip(side.allocations, side.starts, strict=True)):
                fades = None if received.csi is None else received.csi[place, start:]
                values = received.symbols[place, start:]
                rows.append(_estimate(allocation, values, noise[place, start:], fades, side.gains[place], drawing))
            details = torch.cat(rows)
        snrs = torch.as_tensor(snr_db).expand(count)
        return self.show(drawing, details, side.allocations, received.symbols.shape[1], snrs, snrs, side.gains)[
            :, :, : size[0], : size[1]
        ]

    def show(
        self,
        drawing: Drawing,
        details: Tensor,
        shares: list[Allocation],
        k: int,
        snrs_db: Tensor,
        told_snrs_db: Tensor,
        gains: Tensor,
    ) -> Tensor:
        """Put drawing and details `(blocks, Q)` together to images of whole blocks, and add the network's part."""
        side = self.codebook.block

        def picture(some: Tensor) -> Tensor:
            return to_images(synthesise(self.codebook, drawing, some).unflatten(0, drawing.shape), side)

        with torch.autocast(details.device.type, enabled=False):
            seen = picture(details)
            if self.network is None:
                return seen
            sketch = picture(torch.zeros_like(details))
            errors = expected_errors(drawing, shares, 10 ** (-snrs_db / 10))
            about = numbers(drawing, errors, snrs_db, told_snrs_db, k, gains)
        added = self.network(torch.cat([seen, sketch], dim=1) - 0.5, block_facts(drawing, errors), about)
        return seen + confidence(about) * added.float()

    def _image(
        self, symbols: Tensor, noise: Tensor, fades: Tensor | None, size: tuple[int, int], told_snr_db: float | None
    ) -> Tensor | None:
        side = self.codebook.block
        shape = (1, -(-size[0] // side), -(-size[1] // side))
        found = None
        if self.digital and len(symbols) >= SMALLEST_FRAME:
            (found,) = header.receive([symbols], noise_variance=[noise], csi=[fades])
        if found is not None:
            image = self._hybrid(symbols, noise, fades, shape, found)
        else:
            image = self._linear(symbols, noise, fades, shape, told_snr_db)
        return None if image is None else image[0, :, : size[0], : size[1]]

    def _hybrid(
        self, symbols: Tensor, noise: Tensor, fades: Tensor | None, shape: tuple[int, int, int], found: header.Header
    ) -> Tensor | None:
        fields = Fields.from_bits(found.bits)
        if fields.book >= len(self.codebook.books):
            return None
        plan = transport.plan(8 * fields.payload_bytes, fields.mode)
        start, end = found.uses, found.uses + plan.channel_uses
        if end > len(symbols):
            return None
        (payload,) = transport.receive(
            [symbols[start:end]],
            [plan],
            noise_variance=[noise[start:end]],
            csi=[None if fades is None else fades[start:end]],
        )
        if not payload.ok:
            return None
        drawing = self._decode(payload.bits, fields, shape)
        variance = 10 ** (-fields.told_snr_db / 10)
        allocation = allocate(drawing.log_variances.flatten(), len(symbols) - end, variance)
        if fields.gain == 0:
            details = torch.zeros(drawing.log_variances.shape)
        else:
            details = _estimate(
                allocation, symbols[end:], noise[end:], _from(fades, end), gain_of(fields.gain), drawing
            )
        told, gain = torch.tensor([fields.told_snr_db]), torch.tensor([gain_of(max(fields.gain, 1))])
        return self.show(drawing, details, [allocation], len(symbols), _snr(noise), told, gain)

    def _decode(self, bits, fields: Fields, shape: tuple[int, int, int]) -> Drawing:  # noqa: ANN001
        book = self.codebook.books[fields.book]
        decoder = RangeDecoder(bits)
        blocks = shape[1] * shape[2]
        labels = torch.zeros(blocks, dtype=torch.int64)
        if book.textures.classes > 1:
            labels = read_map(decoder, book, shape[1], shape[2]).flatten()
        steps = torch.full((blocks,), fields.log_step)
        boost = torch.zeros_like(steps)
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
        book = self.codebook.books[0]
        blocks = shape[1] * shape[2]
        components = torch.zeros(blocks, self.codebook.common.transform.shape[0])
        steps = torch.full((blocks,), NOTHING_CODED)
        labels = torch.zeros_like(steps)
        drawing, _ = draw(
            self.codebook, book, components, shape, labels, steps, torch.zeros_like(steps), closed_loop=False
        )
        allocation = allocate(drawing.log_variances.flatten(), len(symbols) - start, told_variance(told_snr_db))
        details = _estimate(allocation, symbols[start:], noise[start:], _from(fades, start), gain, drawing)
        told = torch.tensor([told_snr_db])
        return self.show(drawing, details, [allocation], len(symbols), _snr(noise), told, torch.tensor([gain]))


def told_variance(told_snr_db: float) -> float:
    """Return the noise's variance that a frame is made for: the SNR told, in steps that a header can say."""
    from semcomm.link.frame import quantise_told

    return 10 ** (-Fields(0, 0, 0, 0, 0, quantise_told(told_snr_db)).told_snr_db / 10)


def _estimate(
    allocation: Allocation, symbols: Tensor, noise: Tensor, fades: Tensor | None, gain: float | Tensor, drawing: Drawing
) -> Tensor:
    """Estimate details `(blocks, Q)` from raw symbols y = h x + w."""
    if fades is not None:
        strength = fades.abs().square().clamp_min(1e-12)
        symbols, noise = symbols * fades.conj() / strength, noise / strength
    values = allocation.estimate(allocation.pick(symbols).double(), allocation.pick(noise).double(), gain)
    blocks = drawing.shape[1] * drawing.shape[2]
    return allocation.spread(values, (blocks, drawing.log_variances.shape[1]))


def _row(noise_variance: Tensor | None, place: int, symbols: Tensor) -> Tensor:
    if noise_variance is None:
        raise ValueError("received.noise_variance must be known to the hybrid code, got None")
    noise = noise_variance.cpu()
    row = noise[place] if noise.ndim else noise
    return row.float().expand(len(symbols)).contiguous()


def _from(values: Tensor | None, start: int) -> Tensor | None:
    return None if values is None else values[start:]


def _number(value: SNR, place: int) -> float:
    return float(value[place]) if isinstance(value, Tensor) and value.ndim else float(value)


def _snr(noise: Tensor) -> Tensor:
    return -10 * noise.mean().log10().reshape(1)
