"""Real features to complex symbols and back, and the arithmetic of channel uses.

Symbols used in shapes: `b` images, `c` complex channels, `h x w` pixels, `t` the downsampling factor, `k` channel uses
per image.
"""

import math
from numbers import Real

import torch
from einops import rearrange
from torch import Tensor


def features_to_symbols(features: Tensor) -> Tensor:
    """Pair neighbouring feature channels into complex symbols: channel 2j is the real part, 2j+1 the imaginary part.

    Args:
        features: real `(b, 2c, h/t, w/t)`; half precisions are widened first.

    Returns:
        complex64 `(b, k)`, `k = c (h/t) (w/t)`, channel by channel.

    Raises:
        ValueError: if `features` is not of rank 4 or has an odd number of channels.

    Example:
        >>> features_to_symbols(torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1))
        tensor([[3.+4.j]])
    """
    if features.ndim != 4 or features.shape[1] % 2:
        raise ValueError(
            f"features must be real (b, 2c, h, w) with an even number of channels, got {tuple(features.shape)}"
        )
    pairs = rearrange(features.float(), "b (c two) h w -> b (c h w) two", two=2)
    return torch.view_as_complex(pairs.contiguous())


def symbols_to_features(symbols: Tensor, height: int, width: int) -> Tensor:
    """Undo `features_to_symbols`: complex `(b, k)` to real `(b, 2c, height, width)`.

    Args:
        symbols: complex64 `(b, c * height * width)`.
        height: rows of the feature plane, h/t.
        width: columns of the feature plane, w/t.

    Raises:
        ValueError: if `k` is not a multiple of `height * width`.

    Example:
        >>> symbols_to_features(torch.tensor([[3.0 + 4.0j]]), 1, 1).flatten()
        tensor([3., 4.])
    """
    if symbols.shape[1] % (height * width):
        raise ValueError(f"symbols: {symbols.shape[1]} per image do not fill planes of {height} x {width}")
    return rearrange(torch.view_as_real(symbols.resolve_conj()), "b (c h w) two -> b (c two) h w", h=height, w=width)


def plane_size(height: int, width: int, downsampling: int) -> tuple[int, int]:
    """Size of the feature plane of an `height x width` image: h/t x w/t, rounded up as the image is padded.

    Example:
        >>> plane_size(481, 321, 8)
        (61, 41)
    """
    return -(-height // downsampling), -(-width // downsampling)


def symbols_per_image(height: int, width: int, *, complex_channels: int, downsampling: int) -> int:
    """Channel uses k of one image, padding included: `c ceil(h/t) ceil(w/t)`.

    MLSC-image has `c = 3l + 1` (arXiv 2202.04754, Section II).

    Example:
        >>> symbols_per_image(256, 256, complex_channels=13, downsampling=8)
        13312
    """
    rows, columns = plane_size(height, width, downsampling)
    return complex_channels * rows * columns


def bandwidth_ratio(symbols: int, height: int, width: int) -> float:
    """Bandwidth ratio k/n, channel uses per source dimension: n = 3 h w (Bourtsoulatze et al. 2019).

    Example:
        >>> bandwidth_ratio(13312, 256, 256) == 13 / 192
        True
    """
    return symbols / (3 * height * width)


def symbols_per_pixel(symbols: int, height: int, width: int) -> float:
    """Channel uses per pixel, k/(h w): three times the bandwidth ratio.

    Example:
        >>> symbols_per_pixel(13312, 256, 256) == 13 / 64
        True
    """
    return symbols / (height * width)


def check_bandwidth_ratio(ratio: float) -> float:
    """Return `ratio` if it is a positive number; a TypeError or ValueError says so if not."""
    if not isinstance(ratio, Real):
        raise TypeError(f"bandwidth_ratio must be a number such as 1 / 12, got {type(ratio).__name__} {ratio!r}")
    if not 0 < ratio < math.inf:
        raise ValueError(f"bandwidth_ratio must be positive, got {ratio!r}")
    return float(ratio)
