"""Picture files: decoded to 8-bit sRGB, whatever mode, depth and colours they are stored in, and written as PNG."""

import ctypes
import io
import logging
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, ImageFile, ImageOps
from torch import Tensor

from semcomm.files.atomic import write_whole

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "MPO": (".mpo",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "TGA": (".tga",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "PCX": (".pcx",),
    "PSD": (".psd",),
    "ICO": (".ico",),
}
"""The formats that are read, by Pillow's names, and their files' suffixes. A file is known by its content."""

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""By which a folder's pictures are found."""

DEPTH, PHOTOMETRIC, PLANAR, SAMPLE_FORMAT = 258, 262, 284, 339
"""TIFF's tags BitsPerSample, PhotometricInterpretation, PlanarConfiguration and SampleFormat."""

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
"""Pillow's modes with opacity; in "La" and "RGBa" it is multiplied into the colors."""


def load_image(path: str | Path, *, content: bytes | None = None) -> Tensor:
    """Read a photograph as sRGB: colour profile applied, transparency laid over white, upright by its EXIF rotation.

    Of an animation it is the first frame. Gray of more than 8 bits is rounded to 8, white being 2^bits - 1, or what
    the file's header says; of 16-bit colours the upper 8 bits are kept. In images of floats white is 1; what is above
    becomes white, what is below 0, or NaN, black. A PNG's gamma chunk is not applied.

    Args:
        path: a file in one of `FORMATS`.
        content: the file's bytes, where they lie elsewhere; then `path` is but a name for messages.

    Returns:
        uint8 `(3, h, w)`, RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if it cannot be read.
        ValueError: if the file is not an image, is truncated, is too large to be safe, or does not say what is white:
            integers of 32 bits or with a sign, floats that are mostly above 1.
    """
    array = _decode(Path(path), _to_rgb, content)
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def load_values(path: str | Path) -> np.ndarray:
    """Read an image file's values as they are stored, such as a label map's.

    Args:
        path: a file in one of `FORMATS`.

    Returns:
        `(h, w)`, palette images' indices included, or `(h, w, c)`.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if it cannot be read.
        ValueError: if the file is not an image, is truncated, or is too large to be safe.
    """
    return _decode(Path(path), lambda image: image)


def save_image(image: Tensor, path: str | Path) -> None:
    """Write uint8 `(3, h, w)` as PNG, whole or not at all."""
    with write_whole(path) as temporary:
        Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(temporary, format="PNG")


class _UnreadableError(Exception):
    """The file may be sound, but which colors it means is unknown, or Pillow would take it for others."""


def _decode(
    path: Path, convert: Callable[[ImageFile.ImageFile], Image.Image], content: bytes | None = None
) -> np.ndarray:
    if content is None and not path.is_file():
        raise FileNotFoundError(f"no such image file: {path}")
    _quiet_decoders()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow says of damage that it can live with, and of bombs it allows
            with Image.open(path if content is None else io.BytesIO(content), formats=_readable()) as image:
                return np.array(convert(image))
    except Image.DecompressionBombError as error:
        raise ValueError(f"image {path} is too large: {error}") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"not an image that can be read: {path}") from error
    except _UnreadableError as error:
        raise ValueError(f"image {path} {error}") from error
    except PermissionError as error:
        raise OSError(f"cannot read image {path}: {error.strerror}") from error
    except Exception as error:  # a damaged file raises whatever its decoder stumbles over
        raise ValueError(f"image {path} is truncated or damaged: {str(error) or type(error).__name__}") from error


@cache
def _readable() -> tuple[str, ...]:
    """The formats that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@cache
def _quiet_decoders() -> None:
    """Keep Pillow and libtiff from printing what they find wrong in a TIFF; Pillow raises it as an error, too."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # without any handler logging prints errors
    library = ctypes.CDLL(Image.core.__file__)
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        if hasattr(library, name):  # not where libtiff is linked into Pillow
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)


def _to_rgb(image: ImageFile.ImageFile) -> Image.Image:
    if image.format == "TIFF":
        _check_tiff(image)
    profile = image.info.get("icc_profile")
    deep = image.mode.startswith("I;16") or image.mode in ("I", "F")
    white, negative = _white(image) if deep else (0.0, False)
    opacity = _opacity_by_color(image)
    upright = ImageOps.exif_transpose(image)
    if deep:
        shares = np.nan_to_num(_values(upright) / white, nan=0.0).clip(0, 1)
        upright = Image.fromarray((255 * (1 - shares if negative else shares)).round().astype(np.uint8))
    elif upright.mode in ("La", "PA"):
        upright = upright.convert("LA" if upright.mode == "La" else "RGBA")
    elif opacity is None and upright.mode not in TRANSPARENT and upright.has_transparency_data:
        upright = upright.convert("RGBA")
    if opacity is None and upright.mode in TRANSPARENT:
        opacity = upright.getchannel("A")
    colors = _to_srgb(upright, profile)
    return colors if opacity is None else Image.composite(colors, Image.new("RGB", colors.size, "white"), opacity)


def _values(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    if values.dtype == np.int32:
        values = values.view(np.uint32)  # unsigned 32-bit files, as Pillow's one mode of 32 bits holds them
    return values.astype(np.float64)


def _white(image: ImageFile.ImageFile) -> tuple[float, bool]:
    """The value of white in an image of more than 8 bits; and whether it is that of black instead.

    Raises:
        _UnreadableError: if nothing says which value is white.
    """
    tags: Any = getattr(image, "tag_v2", {})
    negative = tags.get(PHOTOMETRIC) == 0
    if image.mode == "F":
        values = np.asarray(image)
        if (values > 1).mean() > 0.5:
            raise _UnreadableError(
                f"holds floats up to {np.nanmax(values):g}, most of them above 1, which is white: "
                "divide them by what is white in it"
            )
        return 1.0, negative
    if image.mode.startswith("I;16") or image.format == "PPM":  # Pillow scales a PGM's values to 65,535
        return 2.0 ** max(_numbers(tags.get(DEPTH, 16))) - 1, negative
    if image.format != "TIFF":
        raise _UnreadableError("holds 32-bit integers, of which none is known to be white: save it as uint16")
    white, largest = 2.0**32 - 1, _values(image).max()
    if 0 < largest < white / 510:
        raise _UnreadableError(
            f"holds 32-bit integers up to {largest:g}, all of them black where {white:.0f} is white: save it as uint16"
        )
    return white, negative


def _check_tiff(image: ImageFile.ImageFile) -> None:
    """Refuse what Pillow reads wrongly without a word, or let it read it rightly.

    Raises:
        _UnreadableError: if the samples have a sign, or are stored plane by plane in a way that Pillow confuses.
    """
    tags: Any = getattr(image, "tag_v2", {})
    if 2 in _numbers(tags.get(SAMPLE_FORMAT, 1)):
        raise _UnreadableError("holds integers with a sign, of which none is known to be white: save it as uint16")
    packed = any(tile.codec_name == "libtiff" for tile in image.tile)
    deep = max(_numbers(tags.get(DEPTH, 1))) > 8
    if tags.get(PLANAR) == 2 and (
        image.mode in ("LA", "La", "PA") or (image.mode in ("RGB", "RGBA") and deep and not packed)
    ):
        raise _UnreadableError("stores its colors in planes, which is not understood for its kind: save it interleaved")
    if packed and image.mode == "F":  # libtiff has swapped the bytes already
        image.tile = [tile._replace(args=("F;32NF", *tuple(tile.args or ())[1:])) for tile in image.tile]


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _opacity_by_color(image: ImageFile.ImageFile) -> Image.Image | None:
    """What a PNG's one transparent color leaves, where its samples are of another depth than Pillow's pixels.

    Pillow compares the color, which has the file's depth, with pixels of 8 bits.
    """
    color = image.info.get("transparency")
    if image.format != "PNG" or color is None or image.mode == "P" or not image.tile:
        return None
    raw_mode = str(image.tile[0].args)
    if image.mode.startswith("I;16"):
        upright = np.asarray(ImageOps.exif_transpose(image))
    elif raw_mode == "RGB;16B":
        with Image.open(image.filename or io.BytesIO(image.fp.getvalue())) as again:  # type: ignore[union-attr]
            again.tile = [again.tile[0]._replace(args="RGB;16L")]  # the samples' second bytes
            low = np.asarray(ImageOps.exif_transpose(again), dtype=np.uint16)
        upright = 256 * np.asarray(ImageOps.exif_transpose(image), dtype=np.uint16) + low
    elif raw_mode in ("L;2", "L;4"):
        upright = np.asarray(ImageOps.exif_transpose(image))
        color = color * 255 // (2 ** int(raw_mode[2]) - 1)
    else:
        return None
    seen = upright != np.array(color)
    return Image.fromarray((255 * (seen if seen.ndim == 2 else seen.any(axis=2))).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colors without opacity, RGB; by the profile, if there is one that fits."""
    kept = {"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK"}
    colors = image.convert(kept.get(image.mode, "RGB"))
    transform = None if profile is None else _transform(profile, colors.mode)
    if transform is None:
        return colors.convert("RGB")
    return ImageCms.applyTransform(colors, transform) or colors


@cache
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile's colors to sRGB; None if it is damaged, or of another kind of color than the image."""
    try:
        return ImageCms.buildTransform(io.BytesIO(profile), ImageCms.createProfile("sRGB"), mode, "RGB")
    except ImageCms.PyCMSError:
        return None
