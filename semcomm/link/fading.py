"""What a code needs under fading, from what it needs without: equal mutual information of bits and symbols."""

from functools import lru_cache

import numpy as np

GRID_DB = np.arange(-40.0, 60.01, 0.5)
GAUSS_NODES = 24
FADES = 100


def faded_snr_db(snr_db: float, bits_per_symbol: int) -> float:
    r"""Return the mean SNR in dB at which fast Rayleigh fading carries as much as `snr_db` without fading.

    Fades differ from symbol to symbol, and the receiver knows them. A code sees the average over the fades of the
    mutual information of its bits (effective SNR mapping; Brueninghaus et al., PIMRC 2005).

    Args:
        snr_db: SNR in dB without fading.
        bits_per_symbol: 2, 4, 6 or 8.

    Example:
        >>> round(faded_snr_db(10.0, 4) - 10.0, 1)
        3.5
    """
    wanted = np.interp(snr_db, GRID_DB, information(bits_per_symbol))
    return float(np.interp(wanted, _faded_information(bits_per_symbol), GRID_DB))


@lru_cache(maxsize=4)
def _faded_information(bits_per_symbol: int) -> np.ndarray:
    nodes, weights = np.polynomial.laguerre.laggauss(FADES)
    shifts = 10 * np.log10(nodes)
    return np.array([weights @ np.interp(mean + shifts, GRID_DB, information(bits_per_symbol)) for mean in GRID_DB])


@lru_cache(maxsize=4)
def information(bits_per_symbol: int) -> np.ndarray:
    """Return the mutual information of the bits of a symbol, in bits, over `GRID_DB`.

    The parts of a square constellation are alike, so it is twice that of amplitudes with Gray labels (Caire, Taricco,
    Biglieri 1998, Equation 15), by Gauss-Hermite quadrature over the noise.
    """
    bits = bits_per_symbol // 2
    levels = np.arange(1 << bits)
    amplitudes = (2 * levels + 1 - len(levels)) / np.sqrt((len(levels) ** 2 - 1) / 3)
    labels = (levels ^ levels >> 1)[:, None] >> np.arange(bits) & 1
    nodes, weights = np.polynomial.hermite_e.hermegauss(GAUSS_NODES)
    weights = weights / weights.sum()
    result = []
    for snr in 10 ** (GRID_DB / 10):
        received = amplitudes[:, None] + nodes / snr**0.5
        exponents = -0.5 * snr * (received[..., None] - amplitudes) ** 2
        likelihoods = np.exp(exponents - exponents.max(-1, keepdims=True))
        lost = 0.0
        for bit in range(bits):
            alike = labels[:, bit][:, None] == labels[:, bit]
            shares = likelihoods.sum(-1) / (likelihoods * alike[:, None]).sum(-1).clip(1e-300)
            lost += (np.log2(shares) @ weights).mean()
        result.append(2 * (bits - lost))
    return np.maximum.accumulate(np.clip(result, 0, bits_per_symbol))
