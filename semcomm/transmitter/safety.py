"""What a sender of the hybrid code is told of the channel, and how safe its digital part is to be."""

import warnings

import torch

from semcomm.channel.snr import SNR, check_snr


def finite_snrs(snr_db: SNR | None, images: int, name: str, *, most: float | None = None) -> list[float]:
    """Return an SNR in dB for each image.

    Args:
        snr_db: a number, or a tensor `(images,)`.
        images: how many.
        name: the argument's name, for errors.
        most: what stands for larger ones, infinity among them; None refuses infinity.

    Raises:
        TypeError: if it is neither a number nor a real tensor.
        ValueError: if it is None, NaN, infinite or of another shape.

    Example:
        >>> finite_snrs(float("inf"), 1, "safe_snr_db")
        Traceback (most recent call last):
        ...
        ValueError: safe_snr_db must be finite, in dB, got inf
    """
    if snr_db is None:
        raise ValueError(f"{name} must be the SNR that the sender believes, in dB, got None")
    values = torch.as_tensor(check_snr(snr_db, images, name=name), dtype=torch.float64).expand(images).tolist()
    if most is not None:
        return [min(value, most) for value in values]
    for value in values:
        if value == float("inf"):
            raise ValueError(f"{name} must be finite, in dB, got {value}")
    return values


def safe_snrs(safe_snr_db: SNR | None, told_snrs_db: list[float]) -> list[float]:
    """Return the SNR in dB down to which each image's digital part must arrive: the one told if None.

    One above the SNR told is allowed, and a warning says that the digital part will be lost there.
    """
    if safe_snr_db is None:
        return told_snrs_db
    safe = finite_snrs(safe_snr_db, len(told_snrs_db), "safe_snr_db")
    for value, told in zip(safe, told_snrs_db, strict=True):
        if value > told:
            warnings.warn(
                f"safe_snr_db is {value:g}, above the SNR told, {told:g} dB: there the digital part will be lost",
                stacklevel=3,
            )
            break
    return safe
