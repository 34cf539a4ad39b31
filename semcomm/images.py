"""Images as tensors: checked, padded, cropped, and brought from bytes to floats and back."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.whole import check_whole

STRIP_PIXELS = 2**22
"""Images of more pixels are worked on in strips of about as many, so that memory does not grow with the image."""


def check_images(images: Tensor, *, smallest: int = 1, values: bool = True) -> Tensor:
    """Return `images` if it is float32 `(b, 3, h, w)` in [0, 1].

    Args:
        images: the batch to check.
        smallest: the least height and width allowed, in pixels.
        values: read the values wherever the images are; False leaves them unread but on a CPU, since the host would
            wait for the device.

    Raises:
        TypeError: if it is no tensor or not float32.
        ValueError: if it is of another shape, too small, or holds NaN, inf or values outside [0, 1].
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a float32 tensor (b, 3, h, w), got {type(images).__name__}")
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[0] == 0:
        raise ValueError(f"images must have shape (b, 3, h, w), RGB, b >= 1, got {tuple(images.shape)}")
    if min(images.shape[2:]) < smallest:
        raise ValueError(
            f"images must be at least {smallest} x {smallest} pixels (the downsampling factor t), "
            f"got {images.shape[2]} x {images.shape[3]}"
        )
    if images.dtype != torch.float32:
        remedy = "convert with .float()" if images.is_floating_point() else "divide by 255, or give transmit() uint8"
        raise TypeError(f"images must be float32 in [0, 1], got {images.dtype}; {remedy}")
    if not torch.compiler.is_compiling() and (values or images.device.type == "cpu"):
        low, high = torch.stack(images.detach().aminmax()).tolist()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"images must hold finite values in [0, 1], got values from {exact(low)} to {exact(high)}")
    return images


def exact(value: float) -> str:
    """Write a float32 in as few digits as tell it from all others.

    Example:
        >>> exact(torch.tensor(1.000001).item()), exact(torch.tensor(0.1).item()), exact(1.0)
        ('1.000001', '0.1', '1')
    """
    return np.format_float_positional(np.float32(value), trim="-")


def to_float(images: Tensor) -> Tensor:
    """Bring uint8 images 0..255 to float32 in [0, 1]; others pass unchanged."""
    return images.float() / 255 if isinstance(images, Tensor) and images.dtype == torch.uint8 else images


def to_uint8(images: Tensor) -> Tensor:
    """Bring float images in [0, 1] to uint8 0..255, rounded and clamped.

    Example:
        >>> to_uint8(torch.tensor([-0.1, 0.5, 1.0]))
        tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return (images.float() * 255).round().clamp(0, 255).to(torch.uint8)


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of `(b, c, h, w)` until h and w are multiples of `multiple`."""
    down, right = -images.shape[2] % multiple, -images.shape[3] % multiple
    return F.pad(images, (0, right, 0, down), mode="replicate") if down or right else images


def center_crop(image: Tensor, size: int) -> Tensor:
    """Cut out the middle `size x size` pixels; of an odd rest the one pixel more is cut off below, or on the right.

    Args:
        image: a photograph.
        size: height and width to keep, in pixels.

    Shape:
        `(..., h, w)` to `(..., size, size)`.

    Raises:
        ValueError: if `size` is not positive, or the image is smaller.

    Example:
        >>> center_crop(torch.arange(20).reshape(4, 5), 2)
        tensor([[ 6,  7],
                [11, 12]])
    """
    size = check_whole(size, "size")
    height, width = image.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"image must be at least {size} x {size} pixels (size), got {height} x {width}")
    top, left = (height - size) // 2, (width - size) // 2
    return image[..., top : top + size, left : left + size]
