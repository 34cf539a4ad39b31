"""A burst: a preamble, the symbols of one image with pilots among them, and pulses; and how it is read again.

| on the air | symbols |
|---|---|
| preamble, known | 256 |
| the image's symbols, a known pilot before every 31 of them and one at the end | k + ceil(k / 31) + 1 |
| ends of the first and the last pulse | 20 |
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from semcomm.link.waveform import scrambling
from semcomm.radio.pulses import SPAN, convolve, shape
from semcomm.radio.synchronise import equalise, find_preamble, peak, take_symbols
from semcomm.whole import check_whole

PREAMBLE = 256
SPACING = 32
"""One of so many symbols is a pilot."""
MEMORIES = (256, 64, 16, 4, 1)
"""Standard deviations, in pilots, of the bells by which the receiver may average them."""
BETTER = 0.9
"""A shorter one is taken where it leaves so much of the error, or less."""
_PREAMBLE_BITS, _PILOT_BITS = 7, 8
"""Which fixed sequences preamble and pilots are made of."""


@final
@dataclass(frozen=True)
class Burst:
    """What a receiver made of samples.

    Args:
        symbols: of the image, complex64 `(1, k)`: what was sent, and noise.
        noise_variance: of the noise, per complex symbol, float32 `(1, 1)`.
        start: where the first symbol of the preamble is centred, in samples.
        carrier_offset: in cycles per symbol.
        gain: of the channel, amplitude of the strongest path.
    """

    symbols: Tensor
    noise_variance: Tensor
    start: float
    carrier_offset: float
    gain: float

    @property
    def snr_db(self) -> float:
        """SNR of the symbols in dB."""
        return -10 * math.log10(float(self.noise_variance))


def burst_uses(k: int) -> int:
    """Symbol periods that a burst of k symbols occupies the channel.

    Example:
        >>> burst_uses(6200)
        6677
    """
    k = check_whole(k, "k")
    return PREAMBLE + k + math.ceil(k / (SPACING - 1)) + 1 + 2 * SPAN


def write_burst(symbols: Tensor) -> np.ndarray:
    """Make samples of an image's symbols.

    Args:
        symbols: complex64 `(k,)`, of unit mean power.

    Returns:
        complex64 `(4 burst_uses(k),)`, real and imaginary parts in [-1, 1], the largest 1.
    """
    sent = symbols.detach().cpu().numpy().astype(np.complex128)
    body = np.zeros(len(sent) + math.ceil(len(sent) / (SPACING - 1)) + 1, dtype=np.complex128)
    is_pilot = _is_pilot(len(sent))
    body[is_pilot] = _known(int(is_pilot.sum()), _PILOT_BITS)
    body[~is_pilot] = sent
    samples = shape(np.concatenate([_known(PREAMBLE, _PREAMBLE_BITS), body]))
    return (samples / np.abs([np.real(samples), np.imag(samples)]).max()).astype(np.complex64)


def read_burst(samples: np.ndarray, k: int) -> Burst:
    """Find a burst of k symbols among samples, and undo what radio and channel did to it.

    Start and carrier offset are those at which the preamble is likeliest. Paths up to 12 symbols later than the
    strongest and 6 earlier are estimated from it and equalised (MMSE). Phase and gain follow the pilots. How
    far pilots and preamble are from what the others predict is the noise.

    Args:
        samples: complex `(n,)`, 4 per symbol, the burst anywhere among them; its carrier at most 1 % of the symbol rate
            off.
        k: how many symbols the burst holds.

    Raises:
        ValueError: if no preamble is there, or the samples end before the burst does.
    """
    k, known = check_whole(k, "k"), _known(PREAMBLE, _PREAMBLE_BITS)
    is_pilot = _is_pilot(k)
    pilots = _known(int(is_pilot.sum()), _PILOT_BITS)
    found = find_preamble(samples, known)
    count = PREAMBLE + len(is_pilot)
    received = take_symbols(found, count)
    equalised, gain = equalise(received, known)
    body = equalised[PREAMBLE:count]
    drift = _drift(body[is_pilot] / pilots, _on_the_grid(equalised[:PREAMBLE] / known))
    turned = np.exp(-2j * np.pi * drift * np.arange(-PREAMBLE, len(body)))
    start, body = equalised[:PREAMBLE] * turned[:PREAMBLE] / known, body * turned[PREAMBLE:]
    smooth, noise = _follow(body[is_pilot] / pilots, _on_the_grid(start))
    places = np.concatenate([np.arange(SPACING - PREAMBLE, 0, SPACING), np.flatnonzero(is_pilot)])
    everywhere = np.arange(len(body))
    factor = np.interp(everywhere, places, np.real(smooth)) + 1j * np.interp(everywhere, places, np.imag(smooth))
    steady = (len(pilots) * noise + _scatter(start)) / (len(pilots) + PREAMBLE)
    wanders = noise > steady * (1 + 3 / len(pilots) ** 0.5)  # which the preamble does not show
    noise = noise if wanders else steady
    symbols = (body / factor)[~is_pilot].astype(np.complex64)
    return Burst(
        torch.from_numpy(symbols)[None],
        torch.full((1, 1), max(float(noise), 1e-9)),
        found.start,
        found.carrier_offset + drift,
        gain,
    )


def _is_pilot(k: int) -> np.ndarray:
    """Which symbols after the preamble are pilots, bool `(k + pilots,)`."""
    count = k + math.ceil(k / (SPACING - 1)) + 1
    places = np.arange(count) % SPACING == 0
    places[-1] = True
    return places


def _known(count: int, sequence: int) -> np.ndarray:
    """Fixed QPSK symbols of unit power, complex128 `(count,)`."""
    signs = 1 - 2 * scrambling(2 * count, sequence).numpy().astype(np.float64)
    return (signs[::2] + 1j * signs[1::2]) / 2**0.5


def _on_the_grid(preamble: np.ndarray) -> np.ndarray:
    """Averages of a preamble around the places where pilots would be, every `SPACING` symbols before the first one."""
    return preamble[SPACING // 2 : -SPACING // 2].reshape(-1, SPACING).mean(1)


def _drift(pilots: np.ndarray, preamble: np.ndarray) -> float:
    """Likeliest carrier offset that is left, in cycles per symbol; arguments as of `_follow`."""
    values = np.concatenate([SPACING * preamble, pilots[:-1]])  # the last is at a place of its own
    size = 16 << len(values).bit_length()
    spectrum = abs(np.fft.fft(values, size))
    near = size // 8  # the preamble has left far less
    spectrum[near:-near] = 0
    return peak(spectrum) / size / SPACING


def _follow(pilots: np.ndarray, preamble: np.ndarray) -> tuple[np.ndarray, float]:
    """Average each pilot with its neighbours, under the longest bell that predicts pilots well from the others.

    Args:
        pilots: divided by what was sent, `(p,)`.
        preamble: likewise, averaged around every `SPACING`-th symbol, `(q,)`.

    Returns:
        What pilots and preamble are without noise, `(q + p,)`, and the mean squared error of the prediction relative to
        it: the noise that a symbol between pilots has after it was divided.
    """
    values = np.concatenate([preamble, pilots])
    weights = np.concatenate([np.full(len(preamble), float(SPACING)), np.ones(len(pilots))])
    best: tuple[np.ndarray, float] | None = None
    for memory in MEMORIES:
        reach = min(3 * memory, len(values) - 1)
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / memory) ** 2)
        total = np.real(convolve(weights, bell))
        smooth = convolve(values * weights, bell) / total
        others = 1 - 1 / total[len(preamble) :]
        errors = (pilots / smooth[len(preamble) :] - 1) / others
        error = float(np.mean(abs(errors) ** 2))
        if best is None or error < BETTER * best[1]:
            best = smooth, error
    assert best is not None
    return best


def _scatter(seen: np.ndarray) -> float:
    """Sum of squared errors of what was received, divided by what was sent, in units of its mean."""
    return float(np.sum(abs(seen / seen.mean() - 1) ** 2))
