"""A payload of bits to symbols and back: what sender and receiver agree on is a few integers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.bits import check_bits
from semcomm.link.blocks import CHECK, QPSK_BITS, Block, longest, receive_blocks, send_blocks
from semcomm.link.modes import (
    MODES,
    MOST_EFFICIENT_FIRST,
    Fading,
    check_mode,
    least_snr_db,
    required_snr_db,
)
from semcomm.link.waveform import spread, to_symbols

HIGHEST_RATE = 0.95
FAINTEST = 1e-12


@final
@dataclass(frozen=True)
class Plan:
    """How a payload becomes symbols: integers that both ends compute alike.

    Args:
        payload_bits: bits to carry.
        mode: an index of `MODES`.
        channel_uses: symbols that carry them, all of them.
    """

    payload_bits: int
    mode: int
    channel_uses: int

    @property
    def blocks(self) -> int:
        """Code blocks, each with a check of its own."""
        return -(-self.payload_bits // (MODES[self.mode].largest_block - CHECK))

    @property
    def block_payload(self) -> int:
        """Payload bits of every block; zeros fill the last one."""
        return -(-self.payload_bits // self.blocks) if self.blocks else 0

    def block_list(self) -> list[Block]:
        """Return how each block is sent: their symbols differ by one at most, and what they leave is known symbols."""
        if not self.blocks:
            return []
        bits_per_symbol = MODES[self.mode].bits_per_symbol
        taken = min(self.channel_uses, self.blocks * longest(bits_per_symbol))
        uses, longer = divmod(taken, self.blocks)
        return [Block(self.block_payload, uses + (index < longer), bits_per_symbol) for index in range(self.blocks)]


@final
@dataclass(frozen=True)
class Payload:
    """What a receiver got of a payload.

    Args:
        bits: uint8 `(payload_bits,)`; those of a lost block are not to be used.
        blocks_ok: bool `(blocks,)`: whose check holds.
        block_payload: bits of a block, to tell which bits arrived.
    """

    bits: np.ndarray
    blocks_ok: np.ndarray
    block_payload: int

    @property
    def ok(self) -> bool:
        """Whether every block arrived."""
        return bool(self.blocks_ok.all())

    @property
    def leading_bits(self) -> np.ndarray:
        """The bits before the first lost block."""
        arrived = int(np.argmin(self.blocks_ok)) if not self.ok else len(self.blocks_ok)
        return self.bits[: arrived * self.block_payload]


def plan(payload_bits: int, mode: int, *, channel_uses: int | None = None) -> Plan:
    """Return the plan for a payload.

    Args:
        payload_bits: bits to carry, 0 or more.
        mode: an index of `MODES`.
        channel_uses: symbols to spread the payload over; None for as many as the mode's code rate needs.

    Raises:
        ValueError: if an argument is out of range, or the payload does not fit.

    Example:
        >>> plan(20_000, 100).channel_uses, plan(0, 100).channel_uses
        (12368, 0)
    """
    constellation = check_mode(mode)
    if payload_bits < 0:
        raise ValueError(f"payload_bits must be 0 or more, got {payload_bits}")
    natural = Plan(payload_bits, mode, 0)
    if channel_uses is None:
        symbols = constellation.symbols(natural.block_payload + CHECK)
        return Plan(payload_bits, mode, natural.blocks * symbols)
    if channel_uses < 0 or (channel_uses == 0 and payload_bits > 0):
        raise ValueError(f"channel_uses must be positive for {payload_bits} bits, got {channel_uses}")
    agreed = Plan(payload_bits, mode, channel_uses)
    if not all(_fits(block) for block in set(agreed.block_list())):
        raise ValueError(
            f"channel_uses must be enough for {payload_bits} bits in mode {mode}, such as "
            f"{plan(payload_bits, mode).channel_uses}, got {channel_uses}"
        )
    return agreed


def choose_mode(payload_bits: int, safe_snr_db: float, *, fading: Fading = "none") -> int:
    """Return the mode that carries a payload in the fewest channel uses and loses one in 1,000 at the safe SNR.

    Args:
        payload_bits: bits to carry.
        safe_snr_db: SNR in dB down to which they must arrive.
        fading: see `required_snr_db`.

    Raises:
        ValueError: if no mode is safe at this SNR.
    """
    if payload_bits == 0 and not math.isnan(safe_snr_db):
        return 0
    best = None
    for index in MOST_EFFICIENT_FIRST:
        if best is not None and payload_bits >= best[0] * MODES[index].efficiency:
            break
        if not _may_be_safe(index, safe_snr_db, fading):
            continue
        candidate = plan(payload_bits, index)
        if not _is_safe(candidate, safe_snr_db, fading):
            continue
        if best is None or candidate.channel_uses < best[0]:
            best = candidate.channel_uses, index
    if best is None:
        lowest = required_snr_db(0, plan(payload_bits, 0).block_payload + CHECK, fading=fading)
        raise ValueError(f"safe_snr_db must be at least {lowest:.1f} for {payload_bits} bits, got {safe_snr_db}")
    return best[1]


def channel_uses(payload_bits: int, safe_snr_db: float, *, fading: Fading = "none") -> int:
    """Return the channel uses of a payload in its best mode.

    Raises:
        ValueError: if no mode is safe at this SNR.

    Example:
        >>> channel_uses(0, 10.0)
        0
        >>> channel_uses(20_000, 10.0) < channel_uses(20_000, 9.0)
        True
    """
    return plan(payload_bits, choose_mode(payload_bits, safe_snr_db, fading=fading)).channel_uses


def largest_payload(channel_uses: int, mode: int) -> int:
    """Return the most bits that a mode carries in so many channel uses at its own code rate.

    Example:
        >>> bits = largest_payload(5000, 20)
        >>> plan(bits, 20).channel_uses <= 5000 < plan(bits + 1, 20).channel_uses
        True
    """
    check_mode(mode)
    low, high = 0, MODES[mode].bits_per_symbol * max(channel_uses, 0) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if plan(middle, mode).channel_uses <= channel_uses else (low, middle)
    return low


def best_mode(channel_uses: int, safe_snr_db: float, *, fading: Fading = "none") -> tuple[int, int]:
    """Return the mode that carries most in so many channel uses, and how many bits; 0 where no mode is safe.

    Args:
        channel_uses: symbols there are.
        safe_snr_db: SNR in dB down to which a payload must arrive.
        fading: see `required_snr_db`.

    Example:
        >>> best_mode(1000, -30.0)
        (0, 0)
        >>> mode, bits = best_mode(1000, 10.0)
        >>> 2000 < bits < 3459  # capacity
        True
    """
    best = 0, 0
    for mode in MOST_EFFICIENT_FIRST:
        if channel_uses * MODES[mode].efficiency <= best[1]:
            break
        if not _may_be_safe(mode, safe_snr_db, fading):
            continue
        bits = largest_payload(channel_uses, mode)
        if bits > best[1] and _is_safe(plan(bits, mode), safe_snr_db, fading):
            best = mode, bits
    return best


def send(payloads: Sequence[np.ndarray], plans: Sequence[Plan], *, device: str = "cpu") -> list[Tensor]:
    """Return the symbols of payloads, one payload an image; equal blocks of all images are coded together.

    Args:
        payloads: bits, uint8 `(payload_bits,)` each.
        plans: their plans.
        device: where the symbols are to be.

    Returns:
        complex64 `(channel_uses,)` each, of unit mean power.

    Raises:
        ValueError: if a payload and its plan disagree.
    """
    jobs: dict[Block, list[tuple[int, int, np.ndarray]]] = {}
    for image, (bits, agreed) in enumerate(zip(payloads, plans, strict=True)):
        if len(bits) != agreed.payload_bits:
            raise ValueError(f"payload must have the plan's {agreed.payload_bits} bits, got {len(bits)}")
        filled = np.zeros(agreed.blocks * agreed.block_payload, dtype=np.uint8)
        filled[: len(bits)] = check_bits(bits)
        parts = filled.reshape(agreed.blocks, -1) if agreed.blocks else filled[None, :0]
        for index, block in enumerate(agreed.block_list()):
            jobs.setdefault(block, []).append((image, index, parts[index]))
    blocks: dict[tuple[int, int], Tensor] = {}
    for block, members in jobs.items():
        symbols = send_blocks(np.stack([part for _, _, part in members]), block, device)
        blocks.update({(image, index): row for (image, index, _), row in zip(members, symbols, strict=True)})
    sent = []
    for image, agreed in enumerate(plans):
        coded = [blocks[image, index] for index in range(agreed.blocks)]
        left = agreed.channel_uses - sum(map(len, coded))
        symbols = torch.cat([*coded, to_symbols(torch.zeros(1, 2 * left, device=device))[0]])
        sent.append(symbols[spread(agreed.channel_uses).to(device)])
    return sent


def receive(
    symbols: Sequence[Tensor],
    plans: Sequence[Plan],
    *,
    noise_variance: Sequence[Tensor | float],
    csi: Sequence[Tensor | None] | None = None,
) -> list[Payload]:
    """Return payloads from what a channel delivered: y = h x + w, not equalised.

    Args:
        symbols: complex64 `(channel_uses,)` each.
        plans: the sender's plans.
        noise_variance: w's, a number or float `(channel_uses,)` each.
        csi: h, complex64 `(channel_uses,)` each, or None for 1.

    Raises:
        ValueError: if shapes and plans disagree, or a symbol is not finite.
    """
    jobs: dict[Block, list[tuple[int, int, Tensor, Tensor]]] = {}
    fades = [None] * len(symbols) if csi is None else csi
    for image, (y, agreed, noise, fade) in enumerate(zip(symbols, plans, noise_variance, fades, strict=True)):
        equalised, variance = equalise(y, noise, fade, agreed.channel_uses)
        order = spread(agreed.channel_uses).to(y.device)
        blocks, variances = torch.empty_like(equalised), torch.empty_like(variance)
        blocks[order], variances[order] = equalised, variance
        start = 0
        for index, block in enumerate(agreed.block_list()):
            part = slice(start, start + block.channel_uses)
            jobs.setdefault(block, []).append((image, index, blocks[part], variances[part]))
            start = part.stop
    bits = [np.zeros((agreed.blocks, agreed.block_payload), dtype=np.uint8) for agreed in plans]
    arrived = [np.zeros(agreed.blocks, dtype=bool) for agreed in plans]
    for block, members in jobs.items():
        rows = torch.stack([row for _, _, row, _ in members])
        noise = torch.stack([row for _, _, _, row in members])
        for (image, index, _, _), payload, ok in zip(members, *receive_blocks(rows, noise, block), strict=True):
            bits[image][index], arrived[image][index] = payload, ok
    return [
        Payload(part.flatten()[: agreed.payload_bits], ok, agreed.block_payload)
        for part, ok, agreed in zip(bits, arrived, plans, strict=True)
    ]


def equalise(symbols: Tensor, noise_variance: Tensor | float, csi: Tensor | None, uses: int) -> tuple[Tensor, Tensor]:
    """Return unbiased estimates y / h of the symbols sent, and the noise left in each, sigma^2 / |h|^2.

    Raises:
        ValueError: if shapes disagree, a symbol is not finite, or the noise is negative or not a number.
    """
    if symbols.shape != (uses,):
        raise ValueError(f"symbols must be the plan's {uses} channel uses, got shape {tuple(symbols.shape)}")
    if not torch.isfinite(torch.view_as_real(symbols)).all():
        raise ValueError("symbols must be finite, got NaN or infinity")
    noise = torch.as_tensor(noise_variance, dtype=torch.float32, device=symbols.device).broadcast_to(symbols.shape)
    if not (noise >= 0).all():
        raise ValueError("noise_variance must be 0 or more, got a negative number or NaN")
    gain = torch.ones_like(noise)
    if csi is not None:
        if csi.shape != symbols.shape:
            raise ValueError(f"csi must have the symbols' shape {tuple(symbols.shape)}, got {tuple(csi.shape)}")
        gain = csi.abs().square().clamp_min(FAINTEST)
        symbols = symbols * csi.conj() / gain
    return symbols, (noise / gain).clamp(FAINTEST, 1 / FAINTEST)


def _may_be_safe(mode: int, snr_db: float, fading: Fading) -> bool:
    """Say whether a mode is safe for some payload; first without fading, which needs less and is known at once."""
    return least_snr_db(mode, "none") <= snr_db and least_snr_db(mode, fading) <= snr_db


def _is_safe(candidate: Plan, snr_db: float, fading: Fading) -> bool:
    return required_snr_db(candidate.mode, candidate.block_payload + CHECK, fading=fading) <= snr_db


def _fits(block: Block) -> bool:
    if block.bits_per_symbol == QPSK_BITS:
        return block.payload + CHECK <= HIGHEST_RATE * block.code.coded
    try:
        return bool(block.counts)
    except ValueError:
        return False
