"""Bits as uint8 arrays of zeros and ones, most significant first, and what they stand for."""

import numpy as np


def bytes_to_bits(data: bytes) -> np.ndarray:
    """Return the bits of bytes, most significant first, as uint8 `(8 len(data),)`.

    Example:
        >>> bytes_to_bits(b"A").tolist()
        [0, 1, 0, 0, 0, 0, 0, 1]
    """
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8))


def bits_to_bytes(bits: np.ndarray) -> bytes:
    r"""Return bits as bytes; zeros fill the last byte.

    Example:
        >>> bits_to_bytes(np.array([0, 1, 0, 0, 0, 0, 0, 1, 1]))
        b'A\x80'
    """
    return np.packbits(check_bits(bits)).tobytes()


def integer_to_bits(value: int, width: int) -> np.ndarray:
    """Return a non-negative integer as `width` bits, most significant first.

    Raises:
        ValueError: if the value does not fit.

    Example:
        >>> integer_to_bits(5, 4).tolist()
        [0, 1, 0, 1]
    """
    if not 0 <= value < 1 << width:
        raise ValueError(f"value must be from 0 to 2**{width} - 1 to fit {width} bits, got {value}")
    return np.array([value >> shift & 1 for shift in range(width - 1, -1, -1)], dtype=np.uint8)


def bits_to_integer(bits: np.ndarray) -> int:
    """Return the non-negative integer that bits stand for, most significant first.

    Example:
        >>> bits_to_integer(np.array([0, 1, 0, 1]))
        5
    """
    return int("0" + "".join(map(str, check_bits(bits).tolist())), 2)


def check_bits(bits: np.ndarray) -> np.ndarray:
    """Return bits as a flat uint8 array.

    Raises:
        TypeError: if they are not an array.
        ValueError: if they are not one-dimensional zeros and ones.

    Example:
        >>> check_bits(np.array([1.0, 0.0]))
        array([1, 0], dtype=uint8)
    """
    if not isinstance(bits, np.ndarray):
        raise TypeError(f"bits must be a numpy array, got {type(bits).__name__}")
    if bits.ndim != 1:
        raise ValueError(f"bits must be one-dimensional, got an array of shape {bits.shape}")
    as_bytes = bits.astype(np.uint8)
    if bits.size and (as_bytes.max() > 1 or not np.array_equal(as_bytes, bits)):
        raise ValueError("bits must be zeros and ones, got other values")
    return as_bytes
