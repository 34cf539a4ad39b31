"""A known preamble found among samples: start, carrier offset and the channel's paths."""

from dataclasses import dataclass
from typing import final

import numpy as np

from semcomm.radio.pulses import SAMPLES, convolve, match

HIGHEST_OFFSET = 0.0125
"""Largest carrier offset that is looked for, in cycles per symbol."""
SEGMENT = 16
"""Symbols of the preamble over which the carrier offset is not felt yet."""
BINS = 1024
"""Carrier offsets that are tried at the end, over a range of 1 / SEGMENT cycles per symbol."""
BLOCK = 2**16
"""Starts that are looked at together, so that memory does not grow with the recording."""
LEAST_LIKENESS = 0.12
"""Share of the samples' energy that a preamble must explain; noise alone reaches half of it."""
EARLIEST, LATEST = 6, 12
"""Symbols by which paths may come before and after the strongest."""
CLEAR = 9.0
"""Paths are believed whose power is so many times the variance of their estimate."""
REACH = 32
"""Symbols that the equaliser looks back and ahead."""


@final
@dataclass(frozen=True)
class Preamble:
    """Where the preamble was found.

    Args:
        samples: matched to the pulse, complex128.
        start: where its first symbol is centred, in samples.
        carrier_offset: in cycles per symbol.
    """

    samples: np.ndarray
    start: float
    carrier_offset: float


def find_preamble(samples: np.ndarray, known: np.ndarray) -> Preamble:
    """Find start and carrier offset at which samples look most like known symbols `(P,)`, P a multiple of 16.

    Segments of 16 symbols are correlated coherently; a Fourier transform over the segments tries all carrier offsets.

    Raises:
        ValueError: if samples are too few or not finite, or nothing there looks like the preamble.
    """
    samples = np.asarray(samples).astype(np.complex128)
    if samples.ndim != 1 or len(samples) < SAMPLES * len(known):
        raise ValueError(f"samples must be (n,), at least {SAMPLES * len(known)}, got shape {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("samples must be finite, got NaN or inf")
    power = np.mean(abs(samples) ** 2)
    matched = match(samples / np.sqrt(power) if power > 0 else samples)
    starts = len(matched) - SAMPLES * (len(known) - 1)
    found = max(
        (_search(matched, known, at, min(at + BLOCK, starts)) for at in range(0, starts, BLOCK)), key=_by_likeness
    )
    likeness, place, seen = found
    if not likeness >= LEAST_LIKENESS:
        raise ValueError(
            f"samples hold no burst: nothing in them looks like its preamble (likeness {likeness:.2f}, at least "
            f"{LEAST_LIKENESS} needed); 4 samples a symbol, a carrier at most 1 % of the symbol rate off"
        )
    fine = np.abs(np.fft.fft(seen, BINS))
    fine[~(abs(np.fft.fftfreq(BINS)) / SEGMENT <= HIGHEST_OFFSET)] = 0
    offset = peak(fine) / (BINS) / SEGMENT
    near = [_likeness(matched, known, place + step, offset) for step in (-1, 0, 1)]
    bend = near[0] - 2 * near[1] + near[2]
    between = 0.0 if bend >= 0 else float(np.clip(0.5 * (near[0] - near[2]) / bend, -0.5, 0.5))
    return Preamble(matched, place + between, offset)


def _search(matched: np.ndarray, known: np.ndarray, first: int, end: int) -> tuple[float, int, np.ndarray]:
    """The likeliest start from `first` to `end`: share of energy explained, start, and the segments' correlations."""
    segments = known.reshape(-1, SEGMENT)
    window = SAMPLES * len(known)
    samples = matched[first : end - 1 + window]
    size = 1 << (len(samples) + SAMPLES * SEGMENT).bit_length()
    spectrum = np.fft.fft(samples, size)
    seen = np.empty((len(segments), end - first), dtype=np.complex128)
    for place, segment in enumerate(segments):
        spaced = np.zeros(SAMPLES * SEGMENT, dtype=np.complex128)
        spaced[::SAMPLES] = segment
        correlation = np.fft.ifft(spectrum * np.fft.fft(spaced, size).conj())
        seen[place] = correlation[SAMPLES * SEGMENT * place :][: end - first]
    tried = 2 * len(segments)
    offsets = abs(np.fft.fft(seen, tried, axis=0))[abs(np.fft.fftfreq(tried)) / SEGMENT <= HIGHEST_OFFSET]
    alike = offsets.max(0) ** 2
    energy = np.cumsum(np.concatenate([[0.0], abs(samples) ** 2]))
    inside = (energy[np.minimum(np.arange(end - first) + window, len(samples))] - energy[: end - first]) / SAMPLES
    likeness = alike / (len(known) * np.maximum(inside, 0.05 * len(known)))
    place = int(likeness.argmax())
    return float(likeness[place]), first + place, seen[:, place]


def _by_likeness(found: tuple[float, int, np.ndarray]) -> float:
    return found[0]


def take_symbols(found: Preamble, count: int) -> np.ndarray:
    """The symbols from a few before the preamble to its `count`-th, without carrier offset, complex128.

    Raises:
        ValueError: if the samples end before.
    """
    last = found.start + SAMPLES * (count - 1)
    if last > len(found.samples) - 1:
        raise ValueError(
            f"samples end before the burst does: it begins at sample {found.start:.0f} and takes "
            f"{SAMPLES * count}, but there are {len(found.samples)}"
        )
    margin = SAMPLES * (EARLIEST + LATEST + REACH)
    padded = np.pad(found.samples, margin)
    turned = padded * np.exp(-2j * np.pi * found.carrier_offset / SAMPLES * np.arange(len(padded)))
    # a delay by a fraction of a sample is a slope of the spectrum's phase
    whole = int(np.floor(found.start))
    shifted = np.fft.ifft(np.fft.fft(turned) * np.exp(2j * np.pi * np.fft.fftfreq(len(padded)) * (found.start - whole)))
    first = margin + whole - SAMPLES * LATEST
    return shifted[first : first + SAMPLES * (count + LATEST + EARLIEST) : SAMPLES]


def equalise(received: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """Undo the channel's paths, which the preamble shows.

    Args:
        received: what `take_symbols` gave.
        known: the preamble `(P,)`.

    Returns:
        The symbols from the preamble's first one, and the strongest path's amplitude.
    """
    rows = len(known) - EARLIEST  # later ones hold symbols that are not known
    delays = np.arange(-EARLIEST, LATEST + 1)
    padded = np.pad(known, (LATEST, EARLIEST))
    sent = np.stack([padded[LATEST - delay :][:rows] for delay in delays], axis=1)
    seen = received[LATEST:][:rows]
    paths, noise = _least_squares(sent, seen)
    spread = noise / len(known)
    clear = (abs(paths) ** 2 > CLEAR * spread) | (abs(paths) == abs(paths).max())
    kept, noise = _least_squares(sent[:, clear], seen)
    response = np.zeros(4 * REACH, dtype=np.complex128)
    response[delays[clear]] = kept
    spectrum = np.fft.fft(response)
    taps = np.fft.ifft(spectrum.conj() / (abs(spectrum) ** 2 + noise + 1e-12))
    taps = np.concatenate([taps[-REACH:], taps[: REACH + 1]])
    return convolve(received, taps)[LATEST:], float(abs(kept).max())


def peak(spectrum: np.ndarray) -> float:
    """Where a periodic sequence peaks, between its samples by a parabola, from -n/2 to n/2."""
    place = int(spectrum.argmax())
    left, middle, right = (spectrum[(place + step) % len(spectrum)] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    between = 0.0 if bend == 0 else 0.5 * (left - right) / bend
    return (place + between + len(spectrum) / 2) % len(spectrum) - len(spectrum) / 2


def _likeness(matched: np.ndarray, known: np.ndarray, start: int, offset: float) -> float:
    places = start + SAMPLES * np.arange(len(known))
    inside = (places >= 0) & (places < len(matched))
    turned = known * np.exp(2j * np.pi * offset * np.arange(len(known)))
    return float(abs(np.vdot(turned[inside], matched[places[inside]])))


def _least_squares(sent: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Paths, and the variance of what they leave."""
    paths = np.linalg.lstsq(sent, seen, rcond=None)[0]
    return paths, float(np.sum(abs(seen - sent @ paths) ** 2) / max(len(seen) - sent.shape[1], 1))
