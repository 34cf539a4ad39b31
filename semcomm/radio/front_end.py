"""What radios and the air between them do to samples, simulated: for tests, and for trying a burst out."""

from collections.abc import Sequence

import numpy as np
import torch

from semcomm.channel.base import complex_normal
from semcomm.radio.pulses import SAMPLES, SPAN


def front_end(
    samples: np.ndarray,
    snr_db: float,
    *,
    carrier_offset: float = 0.0,
    phase: float = 0.0,
    delay: float = 0.0,
    silence: int = 0,
    paths: Sequence[complex] = (1.0,),
    gain: float = 1.0,
    bits: int | None = None,
    generator: torch.Generator | None = None,
) -> np.ndarray:
    """Delay, turn, reflect, add noise to and quantise the samples of one burst.

    Args:
        samples: what `write_burst` made, complex `(n,)`.
        snr_db: mean energy per symbol sent over the noise's density, in dB: the SNR of matched symbols.
        carrier_offset: in cycles per symbol.
        phase: of the carrier, in radians.
        delay: in samples, a fraction or many.
        silence: samples of noise before and after.
        paths: amplitudes of the paths, one sample apart.
        gain: of everything.
        bits: of the converter, whose full scale is the largest part; None for floats.
        generator: where the noise comes from.

    Returns:
        complex64 `(n + 2 silence + paths,)`; with `bits` whole numbers.
    """
    energy = np.sum(abs(samples) ** 2) / (len(samples) / SAMPLES - 2 * SPAN)
    sent = np.pad(samples.astype(np.complex128), (silence, silence + len(paths)))
    whole = int(np.floor(delay))
    sent = np.concatenate([np.zeros(whole), sent])
    sent = np.fft.ifft(np.fft.fft(sent) * np.exp(-2j * np.pi * np.fft.fftfreq(len(sent)) * (delay - whole)))
    arrived = np.convolve(sent, np.asarray(paths))[: len(sent)]
    arrived *= np.exp(1j * (phase + 2 * np.pi * carrier_offset / SAMPLES * np.arange(len(sent))))
    noise = complex_normal((len(sent),), torch.device("cpu"), generator).numpy()
    arrived = gain * (arrived + noise * np.sqrt(energy * 10 ** (-snr_db / 10)))
    if bits is not None:
        full = (2 ** (bits - 1) - 1) / max(abs(arrived.real).max(), abs(arrived.imag).max())
        arrived = np.round(arrived.real * full) + 1j * np.round(arrived.imag * full)
    return arrived.astype(np.complex64)
