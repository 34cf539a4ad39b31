"""Blocks of bits to coded bits and back: check, 5G LDPC code, rate matching."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.belief_propagation import LayeredDecoder
from semcomm.link.crc import CRCName, crc_holds, with_crc
from semcomm.link.sionna_blocks import (
    COLUMNS,
    CORE_ROWS,
    PUNCTURED_COLUMNS,
    ROWS,
    Graph,
    MotherCode,
    generators_kept,
)

CRC_BITS: dict[CRCName, int] = {"16": 16, "24B": 24}
# Few lifting sizes of TS 38.212, Table 5.3.2-1, so that few codes are ever built; a code serves what is up to a fifth
# shorter.
LIFTINGS = (8, 10, 12, 15, 18, 22, 26, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
LARGEST = {"bg1": 22 * 384, "bg2": 10 * 384}
# iterations between looks at the checks: 50 in all
ITERATIONS = (4, 2, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5)
BATCH = 16
# a known bit's log-likelihood ratio
CERTAIN = 30.0


@final
@dataclass(frozen=True)
class BlockCode:
    """How a block of `information` bits, its check included, becomes `coded` bits.

    Args:
        information: bits, the check's included.
        coded: bits sent; more than the code has are repetitions.
        check: which check.
    """

    information: int
    coded: int
    check: CRCName = "24B"

    @property
    def payload(self) -> int:
        """Bits without the check's."""
        return self.information - CRC_BITS[self.check]

    @property
    def graph(self) -> Graph:
        """Base graph, as TS 38.212, Section 7.2.2, chooses it, but for rates below 1/3, which get the second one."""
        k, rate = self.information, self.information / self.coded
        if k <= 292 or (k <= LARGEST["bg2"] and rate <= 0.67):
            return "bg2"
        return "bg1"

    @property
    def lifting(self) -> int:
        """The smallest lifting size whose code takes the information bits."""
        return _lifting(self.graph, self.information)

    @property
    def rows(self) -> int:
        """Rows of the base graph that the coded bits reach."""
        z = self.lifting
        parity = self.coded - (self.information - PUNCTURED_COLUMNS * z)
        return min(max(-(-parity // z), CORE_ROWS), ROWS[self.graph])

    def code(self, device: str) -> MotherCode:
        """Return the code before rate matching."""
        return MotherCode(self.graph, self.lifting, device)


def encode(payloads: np.ndarray, block: BlockCode, device: str) -> Tensor:
    """Return coded bits of blocks.

    The check's bits are inverted, so that the codeword of zeros never passes for a payload.

    Args:
        payloads: uint8 `(b, payload)`.
        block: how.
        device: where.

    Shape:
        `(b, payload)` -> `(b, coded)`, float32.
    """
    checked = with_crc(payloads, block.check)
    checked[:, block.payload :] ^= 1
    code = block.code(device)
    positions = _positions(block).to(device)
    with generators_kept():
        parts = torch.from_numpy(checked).to(device, torch.float32).split(BATCH)
        return torch.cat([code.encode(part)[:, positions] for part in parts])


def decode(
    logits: Tensor, block: BlockCode, *, iterations: Sequence[int] = ITERATIONS
) -> tuple[np.ndarray, np.ndarray]:
    """Return payloads and whether each arrived.

    Belief propagation goes on for the blocks whose check does not hold yet.

    Args:
        logits: log p(1) / p(0) of the coded bits, float32 `(b, coded)`.
        block: how they were coded.
        iterations: rounds of belief propagation between looks at the check.

    Shape:
        `(b, coded)` -> uint8 `(b, payload)`, bool `(b,)`.
    """
    parts = [_decode(part, block, iterations) for part in logits.split(BATCH)]
    return np.concatenate([bits for bits, _ in parts]), np.concatenate([arrived for _, arrived in parts])


def _decode(logits: Tensor, block: BlockCode, looks: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    code, k = block.code(str(logits.device)), block.information
    llrs = torch.zeros(len(logits), code.parity_start + block.rows * code.lifting, device=logits.device)
    llrs.index_add_(1, _positions(block).to(logits.device), logits, alpha=-1)
    llrs.clamp_(-CERTAIN, CERTAIN)
    llrs[:, k : code.parity_start] = CERTAIN
    bits = np.zeros((len(logits), k), dtype=np.uint8)
    arrived = np.zeros(len(logits), dtype=bool)
    waiting = np.arange(len(logits))
    decoder = LayeredDecoder(llrs, code.layers(block.rows))
    for iterations in looks:
        decoder.run(iterations)
        decided = (decoder.llrs[:, :k] < 0).to(torch.uint8).cpu().numpy()
        decided[:, block.payload :] ^= 1
        holds = crc_holds(decided, block.check)
        bits[waiting], arrived[waiting] = decided, holds
        if holds.all():
            break
        if holds.any():
            waiting = waiting[~holds]
            decoder.keep(torch.from_numpy(~holds).to(logits.device))
    return bits[:, : block.payload], arrived


@lru_cache(maxsize=64)
def _positions(block: BlockCode) -> Tensor:
    """Where in the codeword each coded bit stands: after the punctured bits, without fillers, cyclically."""
    z, start = block.lifting, COLUMNS[block.graph] * block.lifting
    sent = np.concatenate(
        [
            np.arange(PUNCTURED_COLUMNS * z, block.information),
            np.arange(start, start + _parity(block.graph, z)),
        ]
    )
    return torch.from_numpy(np.resize(sent, block.coded) if block.coded else sent[:0])


def _parity(graph: Graph, lifting: int) -> int:
    code = MotherCode(graph, lifting, "cpu")
    return min(ROWS[graph] * lifting, (5 if graph == "bg2" else 3) * code.information - code.information + 2 * lifting)


def _lifting(graph: Graph, information: int) -> int:
    for lifting in LIFTINGS:
        if MotherCode(graph, lifting, "cpu").information >= information:
            return lifting
    raise ValueError(f"information must be at most {LARGEST[graph]} bits, got {information}")
