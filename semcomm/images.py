"""Photographs: from a file to a tensor, checked, padded, and back."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from semcomm.files.atomic import write_whole

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
            raise ValueError(f"images must hold finite values in [0, 1], got values from {low:g} to {high:g}")
    return images


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
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    height, width = image.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"image must be at least {size} x {size} pixels (size), got {height} x {width}")
    top, left = (height - size) // 2, (width - size) // 2
    return image[..., top : top + size, left : left + size]


def load_image(path: str | Path) -> Tensor:
    """Read a photograph of any mode: EXIF rotation applied, 16 bit scaled down, transparency laid over white.

    Args:
        path: a file that Pillow reads.

    Returns:
        uint8 `(3, h, w)`, RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not an image, is truncated, or is too large to be safe.
    """
    array = _decode(Path(path), lambda image: _to_rgb(ImageOps.exif_transpose(image)))
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def load_values(path: str | Path) -> np.ndarray:
    """Read an image file's values as they are stored, such as a label map's.

    Args:
        path: a file that Pillow reads.

    Returns:
        `(h, w)`, palette images' indices included, or `(h, w, c)`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not an image, is truncated, or is too large to be safe.
    """
    return _decode(Path(path), lambda image: image)


def _decode(path: Path, convert: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"no such image file: {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow says of damage that it can live with, and of bombs it allows
            with Image.open(path) as image:
                return np.array(convert(image))
    except Image.DecompressionBombError as error:
        raise ValueError(f"image {path} is too large: {error}") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"not an image that can be read: {path}") from error
    except PermissionError as error:
        raise OSError(f"cannot read image {path}: {error.strerror}") from error
    except Exception as error:  # a damaged file raises whatever its decoder stumbles over
        raise ValueError(f"image {path} is truncated or damaged: {str(error) or type(error).__name__}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        image = Image.fromarray((255 * values / _white(image.mode, values.max())).round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _white(mode: str, largest: float) -> float:
    """White in an image of more than 8 bits: 16-bit files have one; of others the values tell."""
    if mode.startswith("I;16") or largest > 255:
        return 65535
    return 1 if mode == "F" and largest <= 1 else 255


def save_image(image: Tensor, path: str | Path) -> None:
    """Write uint8 `(3, h, w)` as PNG, whole or not at all."""
    with write_whole(path) as temporary:
        Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(temporary, format="PNG")
