"""A block of a payload to symbols and back: shaped amplitudes, 5G LDPC code, constellation.

A block in QPSK is its payload and a check, coded. One of more amplitudes is shaped (`semcomm.link.shaping`): part of
the payload tells the amplitudes, whose labels the code protects; the rest of the payload, the check and the parity
bits are the signs (Böcherer, Steiner, Schulte 2015, Figure 2). The code's rate stays (short blocks need a
higher one), and how uneven the amplitudes are follows the payload.
"""

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link import shaping
from semcomm.link.codewords import CRC_BITS, LARGEST, LIFTINGS, BlockCode, decode, encode
from semcomm.link.sionna_blocks import COLUMNS, PUNCTURED_COLUMNS
from semcomm.link.waveform import from_gray, scrambling, to_logits, to_symbols

QPSK_BITS = 2
CHECK = CRC_BITS["24B"]
# by bits of a symbol: rate of the code in 1/1024. The amplitudes' labels and the bits that are never sent must be
# information bits, which lower rates have no room for.
CODE_RATES = {4: 696, 6: 860, 8: 860, 10: 922}
# channel uses from which on that room is there at rates up to 0.92
SHORTEST = {4: 108, 6: 60, 8: 40, 10: 100}
# which fixed sequence flips a shaped payload, so that the amplitudes of any payload look random
FLIPS = 1


@final
@dataclass(frozen=True)
class Block:
    """How a block of a payload becomes symbols: integers, and what follows from them.

    Args:
        payload: bits, without the check's.
        channel_uses: symbols; of a shaped block from `SHORTEST` to `longest`.
        bits_per_symbol: 2 (QPSK), 4, 6, 8 or 10 (shaped 1024-QAM).
    """

    payload: int
    channel_uses: int
    bits_per_symbol: int

    @cached_property
    def code(self) -> BlockCode:
        """How its bits are coded.

        Raises:
            ValueError: if a shaped block is too short or too long.
        """
        coded = self.bits_per_symbol * self.channel_uses
        if self.bits_per_symbol == QPSK_BITS:
            return BlockCode(self.payload + CHECK, coded)
        wanted = CODE_RATES[self.bits_per_symbol] * coded // 1024
        least, most = SHORTEST[self.bits_per_symbol], longest(self.bits_per_symbol)
        for lifting in LIFTINGS if least <= self.channel_uses <= most else ():
            information = max(wanted, self.labels + CHECK + PUNCTURED_COLUMNS * lifting)
            if information <= COLUMNS["bg1"] * lifting:
                return BlockCode(information, coded)
        raise ValueError(f"channel_uses must be from {least} to {most}, got {self.channel_uses}")

    @property
    def labels(self) -> int:
        """Coded bits that tell amplitudes; all others are signs."""
        return (self.bits_per_symbol - QPSK_BITS) * self.channel_uses

    @property
    def unsent(self) -> int:
        """Information bits of the code, its first ones, that are never sent: labels must not be among them."""
        return PUNCTURED_COLUMNS * self.code.lifting

    @property
    def shaped(self) -> int:
        """Bits of the payload, its first ones, that the order of the amplitudes tells."""
        return max(self.payload - (self.code.payload - self.labels), 0)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How often each amplitude occurs among the 2 `channel_uses` real and imaginary parts.

        Raises:
            ValueError: if the payload does not fit.
        """
        return shaping.composition(1 << self.bits_per_symbol // 2 - 1, 2 * self.channel_uses, self.shaped)


def longest(bits_per_symbol: int) -> int:
    """Return the most channel uses of a block; QPSK, whose code repeats itself, has no limit."""
    if bits_per_symbol == QPSK_BITS:
        return sys.maxsize
    by_rate = (1024 * (LARGEST["bg1"] + 1) - 1) // (CODE_RATES[bits_per_symbol] * bits_per_symbol)
    by_labels = (LARGEST["bg1"] - CHECK - PUNCTURED_COLUMNS * LIFTINGS[-1]) // (bits_per_symbol - QPSK_BITS)
    return min(by_rate, by_labels)


def send_blocks(payloads: np.ndarray, block: Block, device: str) -> Tensor:
    """Return the symbols of blocks that are alike, of unit mean power each.

    Args:
        payloads: uint8 `(b, payload)`.
        block: how.
        device: where the symbols are to be.

    Shape:
        `(b, payload)` -> complex64 `(b, channel_uses)`.
    """
    information = payloads
    if block.bits_per_symbol > QPSK_BITS:
        information = payloads ^ _flips(block)
        placed = [shaping.to_amplitudes(row, block.counts) for row in information[:, : block.shaped]]
        plain = information[:, block.shaped :]
        plain = np.pad(plain, ((0, 0), (0, block.code.payload - block.labels - plain.shape[1])))
        labels = _to_labels(np.stack(placed), block)
        information = np.hstack([plain[:, : block.unsent], labels, plain[:, block.unsent :]])
    return to_symbols(encode(information, block.code, device), block.counts)


def receive_blocks(symbols: Tensor, noise_variance: Tensor, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return payloads of blocks that are alike, and whether each arrived.

    Args:
        symbols: complex64 `(b, channel_uses)`, equalised.
        noise_variance: float32 `(b, channel_uses)`, of the noise left in each.
        block: how they were sent.

    Shape:
        `(b, channel_uses)` -> uint8 `(b, payload)`, bool `(b,)`.
    """
    payloads, arrived = decode(to_logits(symbols, noise_variance, block.counts), block.code)
    if block.bits_per_symbol > QPSK_BITS:
        start, labels, end = np.split(payloads, [block.unsent, block.unsent + block.labels], axis=1)
        plain = np.hstack([start, end])[:, : block.payload - block.shaped]
        told = np.zeros((len(plain), block.shaped), dtype=np.uint8)
        for index, placed in enumerate(_from_labels(labels, block)):
            bits = shaping.to_bits(placed, block.counts, block.shaped) if arrived[index] else None
            if bits is None:
                arrived[index] = False
            else:
                told[index] = bits
        payloads = np.hstack([told, plain]) ^ _flips(block)
    return payloads, arrived


def _to_labels(placed: np.ndarray, block: Block) -> np.ndarray:
    """Gray labels of amplitudes, first their first bits: `(b, parts)` -> `(b, labels)`."""
    gray = placed ^ placed >> 1
    return np.hstack([gray >> bit & 1 for bit in reversed(range(block.bits_per_symbol // 2 - 1))]).astype(np.uint8)


def _from_labels(labels: np.ndarray, block: Block) -> np.ndarray:
    return from_gray(torch.from_numpy(labels).unflatten(1, (block.bits_per_symbol // 2 - 1, -1))).numpy()


def _flips(block: Block) -> np.ndarray:
    return scrambling(block.payload, FLIPS).numpy().astype(np.uint8)
