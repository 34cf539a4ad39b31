"""Files over a channel for real: one file an image, in exactly k channel uses."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from semcomm.checks import as_received, check_gains_told, uses
from semcomm.contracts import Received
from semcomm.link import transport
from semcomm.link.bits import bits_to_bytes, bits_to_integer, bytes_to_bits, integer_to_bits
from semcomm.link.modes import Fading

LENGTH_BITS = 24
MOST_STREAMS = 64
"""Symbols that share one channel use, at most."""


@final
@dataclass(frozen=True)
class Carried:
    """What became of files.

    Args:
        files: what arrived; None for a file that was lost, or not sent.
        symbols: complex64 `(b, k)`, of unit mean power.
        received: what the channel delivered.
    """

    files: list[bytes | None]
    symbols: Tensor
    received: Received


@lru_cache(maxsize=4096)
def agreed_payload(channel_uses: int, believed_snr_db: float, fading: Fading) -> tuple[int, int] | None:
    """Return the mode that both ends use at an SNR they believe in, and the bits it carries; None if none is safe.

    A payload is a length of 24 bits, the file and zeros, so that it is as long as the mode allows.
    """
    mode, bits = transport.best_mode(channel_uses, believed_snr_db, fading=fading)
    return None if bits <= LENGTH_BITS else (mode, bits)


def symbols_within(channel: nn.Module, channel_uses: int) -> int:
    """Return how many symbols a channel takes within so many channel uses, its pilots and prefixes included.

    Example:
        >>> from semcomm.channel import OFDMChannel
        >>> symbols_within(OFDMChannel(fft_size=64, cyclic_prefix=16), 1000)  # 12 OFDM symbols of 80 samples
        768
    """
    counts = range(1, MOST_STREAMS * channel_uses + 1)
    return bisect_right(counts, channel_uses, key=lambda symbols: uses(channel, symbols))


def budget(channel_uses: int, believed_snr_db: float, fading: Fading) -> int:
    """Return the bits of the largest file, in whole bytes."""
    agreed = agreed_payload(channel_uses, believed_snr_db, fading)
    return 0 if agreed is None else (agreed[1] - LENGTH_BITS) // 8 * 8


def carry(
    files: Sequence[bytes | None],
    channel_uses: int,
    snr_db: Sequence[float],
    believed_snr_db: Sequence[float],
    *,
    channel: nn.Module,
    fading: Fading,
    generator: torch.Generator | None,
) -> Carried:
    """Send files over a channel.

    Args:
        files: each within its `budget`; None to send known symbols instead.
        channel_uses: k of every image.
        snr_db: each image's SNR in dB.
        believed_snr_db: what both ends believe it to be, which chooses the mode.
        channel: what the symbols pass.
        fading: which fading the modes are chosen for.
        generator: where the channel's randomness comes from.

    Raises:
        ValueError: if the channel does not tell its noise, or fades and does not tell its gains.
    """
    plans, payloads = [], []
    for file, believed in zip(files, believed_snr_db, strict=True):
        agreed = agreed_payload(channel_uses, believed, fading)
        if file is None or agreed is None:
            plans.append(transport.plan(0, 0, channel_uses=channel_uses))
            payloads.append(np.zeros(0, dtype=np.uint8))
            continue
        mode, bits = agreed
        sent = np.concatenate([integer_to_bits(len(file), LENGTH_BITS), bytes_to_bits(file)])
        plans.append(transport.plan(bits, mode, channel_uses=channel_uses))
        payloads.append(np.pad(sent, (0, bits - len(sent))))
    symbols = torch.stack(transport.send(payloads, plans))
    snrs = torch.tensor(snr_db, dtype=torch.float32)
    received = as_received(channel(symbols, snrs, generator=generator), snrs, channel)
    variance = received.noise_variance
    if variance is None:
        raise ValueError(
            f"channel must tell its noise_variance to a receiver of bits, {type(channel).__name__} does not"
        )
    check_gains_told(received, fading, channel)
    arrived = transport.receive(
        list(received.symbols),
        plans,
        noise_variance=list(variance.broadcast_to(symbols.shape)),
        csi=None if received.csi is None else list(received.csi),
    )
    return Carried([_file(payload) for payload in arrived], symbols, received)


def _file(payload: transport.Payload) -> bytes | None:
    if not payload.ok or not payload.bits.size:
        return None
    length = bits_to_integer(payload.bits[:LENGTH_BITS])
    return bits_to_bytes(payload.bits[LENGTH_BITS : LENGTH_BITS + 8 * length])
