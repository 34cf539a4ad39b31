"""Image codecs: a photograph encoded once at every quality, and the best file that a budget pays for."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Codec = Literal["jpeg", "jpeg2000", "webp", "avif"]
JPEG2000_RATES = tuple(round(1.05**step, 4) for step in range(141))
"""Compression factors from 1 to 926, best first: Pillow's JPEG 2000 takes rates instead of qualities."""
CACHE_BYTES = 2**28
"""Files that `encode_all` keeps: some 100 photographs of 481 x 321 pixels in JPEG, WebP or AVIF, 50 in JPEG 2000."""

_encoded: OrderedDict[tuple[str, tuple[int, ...], bytes], tuple[bytes, ...]] = OrderedDict()


def encode_all(image: Tensor, codec: Codec) -> tuple[bytes, ...]:
    """Encode an image at every quality of a codec.

    The files of the images last asked for are kept, up to `CACHE_BYTES`, and found again by the images' contents: an
    image is encoded once for all SNRs, bandwidth ratios and baselines. Qualities are shared out among as many threads
    as torch may use.

    Args:
        image: uint8 `(3, h, w)`.
        codec: "jpeg", "jpeg2000", "webp" or "avif".

    Returns:
        The files, from the best quality to the coarsest.

    Example:
        >>> files = encode_all(torch.zeros(3, 8, 8, dtype=torch.uint8), "jpeg")
        >>> len(files), files[0][:2].hex()
        (100, 'ffd8')
    """
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    key = (codec, pixels.shape, hashlib.sha256(pixels.tobytes()).digest())
    files = _encoded.pop(key, None)
    if files is None:
        photograph, (encode, qualities, _) = Image.fromarray(pixels), CODECS[codec]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            # a copy each, because Pillow writes the encoder's settings into the image
            files = tuple(pool.map(lambda quality: encode(photograph.copy(), quality), qualities()))
    _encoded[key] = files
    while len(_encoded) > 1 and sum(sum(map(len, kept)) for kept in list(_encoded.values())) > CACHE_BYTES:
        _encoded.popitem(last=False)
    return files


def best_file(image: Tensor, codec: Codec, bits: int, *, headers: bool = True) -> bytes | None:
    """Encode at the best quality whose file fits.

    The best quality is the codec's highest setting (JPEG 2000: the lowest compression factor), which need not be the
    one with the least error. File sizes grow with it but not strictly, so a bisection would miss some: all are tried.

    Args:
        image: uint8 `(3, h, w)`.
        codec: "jpeg", "jpeg2000", "webp" or "avif".
        bits: the budget.
        headers: whether the whole file counts, or its payload and one byte for the quality.

    Returns:
        The whole file, or None if no quality fits.
    """
    for file in encode_all(image, codec):
        if 8 * len(charged(file, codec, headers=headers)) <= bits:
            return file
    return None


def charged(file: bytes, codec: Codec, *, headers: bool) -> bytes:
    """Return what of a file is sent: all of it, or a byte for the quality and the payload."""
    return file if headers else b"\0" + CODECS[codec].payload(file)


def decompress(file: bytes) -> Tensor:
    """Decode a file into uint8 `(3, h, w)`."""
    decoded = Image.open(io.BytesIO(file)).convert("RGB")
    return torch.from_numpy(np.array(decoded)).permute(2, 0, 1)


def _save(photograph: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    photograph.save(file, name, **options)
    return file.getvalue()


def _jpeg(photograph: Image.Image, quality: float) -> bytes:
    return _save(photograph, "JPEG", quality=int(quality), optimize=True)


def _jpeg2000(photograph: Image.Image, rate: float) -> bytes:
    return _save(
        photograph,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[rate],
        irreversible=True,
        no_jp2=True,
        mct=1,  # Pillow's default codes RGB without decorrelating the colours, which costs several dB
        num_resolutions=min(6, min(photograph.size).bit_length()),
    )


def _webp(photograph: Image.Image, quality: float) -> bytes:
    return _save(photograph, "WEBP", quality=int(quality))


def _avif(photograph: Image.Image, quality: float) -> bytes:
    # one thread, because with more the file depends on the machine's number of cores
    return _save(photograph, "AVIF", quality=int(quality), max_threads=1)


@cache
def avif_qualities() -> tuple[int, ...]:
    """AVIF's qualities from 100 to 0 whose files differ.

    libavif maps 101 qualities to 64 quantisers, and how depends on its version, so black pixels are encoded at each:
    the quantiser is written in the file.
    """
    pixels = Image.new("RGB", (8, 8))
    best = {_avif(pixels, quality): quality for quality in range(101)}
    return tuple(sorted(best.values(), reverse=True))


# What is constant in a file, and what is its payload. Constant is what a receiver can write itself who knows the codec,
# the image's size, the quality and, as every receiver does, how many bytes have come.


def _jpeg_payload(file: bytes) -> bytes:
    """The Huffman tables, which are made for the image, and the scan (ITU-T T.81, Annex B)."""
    tables, place, marker = b"", 2, 0
    while marker != 0xDA:  # start of scan
        marker, length = file[place + 1], int.from_bytes(file[place + 2 : place + 4], "big")
        if marker == 0xC4:  # define Huffman tables
            tables += file[place : place + 2 + length]
        place += 2 + length
    return tables + file[place:-2]


def _jpeg2000_payload(file: bytes) -> bytes:
    """The packets of the only tile: from start of data to end of codestream (ITU-T T.800, Annex A)."""
    place = 2
    while file[place : place + 2] != b"\xff\x93":
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
    return file[place + 2 : -2]


def _webp_payload(file: bytes) -> bytes:
    """The VP8 frame without its start code and size (RFC 9649, Section 2.5; RFC 6386, Section 9.1)."""
    return file[20:23] + file[30:]


def _avif_payload(file: bytes) -> bytes:
    """The AV1 stream without temporal delimiter and sequence header (ISO/IEC 14496-12; AV1, Section 5.3)."""
    place = 0
    while file[place + 4 : place + 8] != b"mdat":
        place += int.from_bytes(file[place : place + 4], "big")
    place += 8
    while file[place] >> 3 in (1, 2):  # both are shorter than 128 bytes, so that their length is one byte
        place += 2 + file[place + 1]
    return file[place:]


class ImageCodec(NamedTuple):
    """An encoder, its qualities from the best to the coarsest, and what of a file is not constant."""

    encode: Callable[[Image.Image, float], bytes]
    qualities: Callable[[], Sequence[float]]
    payload: Callable[[bytes], bytes]


CODECS: dict[str, ImageCodec] = {
    "jpeg": ImageCodec(_jpeg, lambda: range(100, 0, -1), _jpeg_payload),
    "jpeg2000": ImageCodec(_jpeg2000, lambda: JPEG2000_RATES, _jpeg2000_payload),
    "webp": ImageCodec(_webp, lambda: range(100, -1, -1), _webp_payload),
    "avif": ImageCodec(_avif, avif_qualities, _avif_payload),
}
