"""What a code needs under fading, from what it needs without: equal mutual information of bits and symbols."""

from functools import lru_cache

import numpy as np

from semcomm.link.waveform import amplitudes, part_bits

GRID_DB = np.arange(-30.0, 50.01, 1.0)
GAUSS_NODES = 24
FADES = 100


def faded_snr_db(snr_db: float, counts: tuple[int, ...]) -> float:
    r"""Return the mean SNR in dB at which fast Rayleigh fading carries as much as `snr_db` without fading.

    Fades differ from symbol to symbol, and the receiver knows them. A code sees the average over the fades of the
    mutual information of its bits (effective SNR mapping; Brueninghaus et al., PIMRC 2005).

    Args:
        snr_db: SNR in dB without fading.
        counts: how often each amplitude occurs: 1 for QPSK, 2 for 16-QAM, ...

    Example:
        >>> round(faded_snr_db(10.0, (1, 1)) - 10.0, 1)
        3.5
    """
    wanted = np.interp(snr_db, GRID_DB, information(counts))
    return float(np.interp(wanted, _faded_information(counts), GRID_DB))


@lru_cache(maxsize=256)
def _faded_information(counts: tuple[int, ...]) -> np.ndarray:
    nodes, weights = np.polynomial.laguerre.laggauss(FADES)
    shifts = 10 * np.log10(nodes)
    return np.array([weights @ np.interp(mean + shifts, GRID_DB, information(counts)) for mean in GRID_DB])


@lru_cache(maxsize=256)
def information(counts: tuple[int, ...]) -> np.ndarray:
    """Return the mutual information of the bits of a symbol, in bits, over `GRID_DB`.

    The parts of a square constellation are alike, so it is twice the sum over the bits of an amplitude and its sign
    with Gray labels (Caire, Taricco, Biglieri 1998, Equation 15; here amplitudes need not be equally likely), by
    Gauss-Hermite quadrature over the noise. Labels of shaped amplitudes depend on one another, so this is a little more
    than the symbols carry.
    """
    positive = amplitudes(counts).double().numpy()
    often = np.array(counts) / sum(counts)
    places = np.arange(2 * len(counts))
    labels = (places ^ places >> 1)[:, None] >> np.arange(part_bits(counts)) & 1
    levels, prior = np.concatenate([-positive[::-1], positive]), np.concatenate([often[::-1], often]) / 2
    levels, labels, prior = levels[prior > 0], labels[prior > 0], prior[prior > 0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(GAUSS_NODES)
    weights = weights / weights.sum()
    result = []
    for snr in 10 ** (GRID_DB / 10):
        received = levels[:, None] + nodes / snr**0.5
        exponents = -0.5 * snr * (received[..., None] - levels) ** 2
        likelihoods = prior * np.exp(exponents - exponents.max(-1, keepdims=True))
        told = 0.0
        for bit in labels.T:
            alike = bit[:, None] == bit
            posteriors = (likelihoods * alike[:, None]).sum(-1) / likelihoods.sum(-1)
            told += prior @ np.log2(posteriors.clip(1e-300)) @ weights - prior @ np.log2(alike @ prior)
        result.append(2 * told)
    return np.maximum.accumulate(np.clip(result, 0, 2 * part_bits(counts)))
