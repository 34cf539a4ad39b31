"""Symbols to samples and back: root-raised-cosine pulses."""

import numpy as np

SAMPLES = 4
"""Samples per symbol."""
ROLL_OFF = 0.25
"""Of the pulses: they occupy 1.25 times the symbol rate."""
SPAN = 10
"""Symbols that a pulse lasts at either side."""


def pulse() -> np.ndarray:
    r"""The root-raised-cosine pulse of unit energy, float64 `(2 SPAN SAMPLES + 1,)`.

    $h(t) = \frac{\sin(\pi t (1 - \beta)) + 4 \beta t \cos(\pi t (1 + \beta))}{\pi t (1 - (4 \beta t)^2)}$, t in symbols
    (Proakis and Salehi, Digital Communications, 5th ed., Section 9.2).

    Example:
        >>> both = np.convolve(pulse(), pulse())[:: SAMPLES]  # sent and matched: no interference between symbols
        >>> bool(abs(both[2 * SPAN] - 1) < 1e-9), bool(np.delete(abs(both), 2 * SPAN).max() < 3e-3)
        (True, True)
    """
    t = np.arange(-SPAN * SAMPLES, SPAN * SAMPLES + 1) / SAMPLES
    with np.errstate(divide="ignore", invalid="ignore"):
        h = np.sin(np.pi * t * (1 - ROLL_OFF)) + 4 * ROLL_OFF * t * np.cos(np.pi * t * (1 + ROLL_OFF))
        h /= np.pi * t * (1 - (4 * ROLL_OFF * t) ** 2)
    h[t == 0] = 1 - ROLL_OFF + 4 * ROLL_OFF / np.pi
    angle = np.pi / (4 * ROLL_OFF)
    h[np.isclose(abs(t), 1 / (4 * ROLL_OFF))] = (
        ROLL_OFF / 2**0.5 * ((1 + 2 / np.pi) * np.sin(angle) + (1 - 2 / np.pi) * np.cos(angle))
    )
    return h / np.linalg.norm(h)


def shape(symbols: np.ndarray) -> np.ndarray:
    """Symbols `(n,)` to samples `(SAMPLES (n + 2 SPAN),)`; the pulse of symbol j is centred at SAMPLES (j + SPAN)."""
    spaced = np.zeros(SAMPLES * (len(symbols) + 2 * SPAN), dtype=np.complex128)
    spaced[SAMPLES * SPAN : SAMPLES * (SPAN + len(symbols)) : SAMPLES] = symbols
    return convolve(spaced, pulse())


def match(samples: np.ndarray) -> np.ndarray:
    """Samples filtered by the pulse, which is its own mirror image; nothing is delayed."""
    return convolve(samples, pulse())


def convolve(samples: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Filter with an odd number of taps, whose middle is at no delay: `(n,)` to `(n,)`."""
    size = 1 << (len(samples) + len(taps) - 1).bit_length()
    whole = np.fft.ifft(np.fft.fft(samples, size) * np.fft.fft(taps, size))
    start = len(taps) // 2
    return whole[start : start + len(samples)]
