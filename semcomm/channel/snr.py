"""What an SNR in dB means, everywhere: against the transmit power constraint, per complex symbol."""

from numbers import Real

import torch
from torch import Tensor

SNR = float | Tensor
"""One SNR in dB for all images, or a tensor `(b,)` with one per image."""
LOWEST_SNR_DB = -300.0
"""Below it float32 would overflow: at -300 dB the noise has 10^30 times the signal's power."""


def check_snr(snr_db: SNR, images: int, *, values: bool = False, name: str = "snr_db") -> SNR:
    """Return `snr_db` if it is a number or a real tensor `(images,)`, at least -300 dB (+inf means no noise).

    Args:
        snr_db: SNR in dB.
        images: how many there are.
        values: read a tensor's values wherever it is; False leaves them unread but on a CPU, since the host would wait
            for the device.
        name: what errors call it.

    Raises:
        TypeError: if it is neither a number nor a real tensor.
        ValueError: if it is NaN or below -300 dB, or a tensor of another shape.

    Example:
        >>> check_snr(10, images=2)
        10.0
    """
    if isinstance(snr_db, Tensor):
        if snr_db.is_complex() or snr_db.dtype == torch.bool:
            raise TypeError(f"{name} must be real, got a tensor of {snr_db.dtype}")
        if snr_db.ndim and snr_db.shape != (images,):
            raise ValueError(
                f"{name} must be a number or a tensor with one SNR per image, shape ({images},), "
                f"got shape {tuple(snr_db.shape)}"
            )
        unread = torch.compiler.is_compiling() or not (values or snr_db.device.type == "cpu")
        if not unread and not bool((snr_db >= LOWEST_SNR_DB).all()):
            raise ValueError(f"{name} must hold SNRs in dB, at least {LOWEST_SNR_DB:g}, got {snr_db.tolist()}")
        return snr_db.float()
    if not isinstance(snr_db, Real) or isinstance(snr_db, bool):
        raise TypeError(f"{name} must be a number or a tensor, got {type(snr_db).__name__} {snr_db!r}")
    if not snr_db >= LOWEST_SNR_DB:
        raise ValueError(f"{name} must be an SNR in dB, at least {LOWEST_SNR_DB:g}, got {snr_db}")
    return float(snr_db)


def snr_column(snr_db: SNR, features: Tensor) -> Tensor:
    """Give every image its SNR: float32 `(b, 1)` on the device of `features`, whose first axis is the batch."""
    snr = torch.as_tensor(snr_db, dtype=torch.float32, device=features.device)
    return snr.reshape(-1, 1).expand(features.shape[0], 1)


def noise_variance(snr_db: SNR, power: float) -> SNR:
    r"""Noise variance per complex symbol, $\sigma^2 = P / 10^{\mathrm{SNR}/10}$; each real part has half of it.

    Args:
        snr_db: SNR in dB, a number or a tensor.
        power: the transmit power constraint P.

    Returns:
        A float, or a tensor of the shape of `snr_db`.

    Example:
        >>> noise_variance(10.0, power=1.0)
        0.1
    """
    return power * 10 ** (-snr_db / 10)


def noise_variance_of(symbols: Tensor, snr_db: SNR, power: float) -> Tensor:
    """Noise variance beside symbols `(b, k)`: float32 `()` for one SNR, `(b, 1)` for one per image, on their device."""
    variance = noise_variance(snr_db, power)
    if isinstance(variance, Tensor):
        return variance.to(symbols.device, torch.float32).reshape(-1, 1) if variance.ndim else variance.float()
    return torch.full((), variance, dtype=torch.float32, device=symbols.device)
