"""Codecs against an exhaustive search written here; payloads by building the files again from them."""

import io
import itertools
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import AvifImagePlugin, Image

from semcomm import SeparationBaseline
from semcomm.baselines import codecs
from semcomm.baselines.codecs import CODECS, ImageCodec, avif_qualities, best_file, decompress, encode_all

CODEC_NAMES = ["jpeg", "jpeg2000", "webp", "avif"]


@pytest.fixture(autouse=True)
def nothing_encoded_yet(monkeypatch):
    monkeypatch.setattr(codecs, "_encoded", OrderedDict())


@pytest.fixture
def small(photograph):
    """A crop whose JPEG files do not all grow with the quality."""
    return photograph[:, 50:74, 20:48].contiguous()


def compress(image, codec, bits, *, headers=True):
    """Compress with `best_file` and decompress; None if no quality fits."""
    file = best_file(image, codec, bits, headers=headers)
    return None if file is None else decompress(file)


def save(image, codec, quality):
    """Every setting of Pillow's that the library declares, in one place and independently of it."""
    options = {
        "jpeg": {"format": "JPEG", "optimize": True, "quality": quality},
        "jpeg2000": {
            "format": "JPEG2000",
            "quality_mode": "rates",
            "quality_layers": [quality],
            "irreversible": True,
            "no_jp2": True,
            "mct": 1,
            "num_resolutions": 5,  # of 24 x 28 pixels
        },
        "webp": {"format": "WEBP", "quality": quality},
        "avif": {"format": "AVIF", "quality": quality, "max_threads": 1},
    }
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, **options[codec])
    return file.getvalue()


def decode(file):
    return torch.from_numpy(np.array(Image.open(io.BytesIO(file)).convert("RGB"))).permute(2, 0, 1)


SETTINGS = {
    "jpeg": list(range(1, 101)),
    "jpeg2000": [round(1.05**step, 4) for step in reversed(range(141))],
    "webp": list(range(101)),
    "avif": list(range(101)),
}
"""From the coarsest to the best."""


# The best file that fits


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_an_exhaustive_search_over_all_qualities_finds_the_same(small, codec):
    files = [save(small, codec, quality) for quality in SETTINGS[codec]]
    least = min(map(len, files))
    for budget in sorted({*map(len, files[::9]), least - 1, least, least + 1, *(len(files[-1]) + d for d in (-1, 0))}):
        for bits in (8 * budget, 8 * budget + 7):
            fitting = [file for file in files if 8 * len(file) <= bits]
            received = compress(small, codec, bits)
            if fitting:
                assert torch.equal(received, decode(fitting[-1]))
            else:
                assert received is None


def test_real_files_do_not_grow_with_the_quality_everywhere(small):
    """What makes a bisection wrong."""
    sizes = [len(file) for file in encode_all(small, "jpeg")]
    assert sizes != sorted(sizes, reverse=True)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 45))
def test_sizes_in_any_order(padding, budget):
    """Invented files: a quality q is a gray image of value q, and its size follows no rule."""
    gray = {quality: torch.full((3, 4, 4), quality, dtype=torch.uint8) for quality in range(len(padding))}
    pictures = {quality: save_png(image) for quality, image in gray.items()}
    shortest = min(map(len, pictures.values()))
    files = {quality: picture + bytes(padding[quality]) for quality, picture in pictures.items()}
    qualities = sorted(files, reverse=True)
    invented = ImageCodec(lambda _, quality: files[quality], lambda: qualities, lambda file: file[9:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CODECS, "invented", invented)
        patch.setattr(codecs, "_encoded", OrderedDict())
        received = compress(torch.zeros(3, 4, 4, dtype=torch.uint8), "invented", 8 * (shortest + budget))
        without = compress(torch.zeros(3, 4, 4, dtype=torch.uint8), "invented", 8 * (shortest + budget), headers=False)
    for got, spared in ((received, 0), (without, 9 - 1)):
        fitting = [quality for quality, file in files.items() if len(file) - spared <= shortest + budget]
        assert (got is None) == (not fitting)
        assert got is None or torch.equal(got, gray[max(fitting)])


def save_png(image):
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "PNG")
    return file.getvalue()


def test_avif_qualities_left_out_give_the_same_files(small):
    kept = dict(zip(avif_qualities(), encode_all(small, "avif"), strict=True))
    assert len(set(kept.values())) == len(kept) == 64
    for quality in range(101):
        stands_for_it = min(one for one in kept if one >= quality)
        assert save(small, "avif", quality) == kept[stands_for_it]


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 9)])
def test_every_codec_takes_every_size(codec, size):
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])[None]
    image = torch.stack([90 + rows + columns, 150 - 2 * rows + 0 * columns, 200 - columns + 0 * rows]).to(torch.uint8)
    for headers in (True, False):
        received = compress(image, codec, 10**7, headers=headers)
        assert received.shape == image.shape
        assert received.dtype == torch.uint8
        assert (received.float() - image.float()).abs().mean() < 4


# Encoded once


@pytest.fixture
def encoded(monkeypatch):
    """The qualities at which JPEG was really encoded."""
    calls = []
    jpeg = CODECS["jpeg"]

    def counted(photograph, quality):
        calls.append(quality)
        return jpeg.encode(photograph, quality)

    monkeypatch.setitem(CODECS, "jpeg", jpeg._replace(encode=counted))
    return calls


def test_an_image_is_encoded_once_for_all_snrs_ratios_and_baselines(photograph, encoded):
    small = photograph[None, :, :24, :32]
    for ratio, headers in itertools.product((1 / 12, 1 / 2), (True, False)):
        scheme = SeparationBaseline("jpeg", bandwidth_ratio=ratio, headers=headers)
        for snr_db in (-20.0, 10.0):
            scheme.transmit(small.clone(), snr_db)
            scheme.transmit(small.float() / 255, snr_db)
    assert sorted(encoded) == list(range(1, 101))


def test_images_are_told_apart_by_their_contents(photograph, encoded):
    first = encode_all(photograph, "jpeg")
    other = photograph.clone()
    other[0, 0, 0] += 1
    reshaped = photograph.permute(1, 2, 0).reshape(80, 96, 3).permute(2, 0, 1)  # the same bytes, another size
    for image in (other, reshaped):
        assert encode_all(image, "jpeg") != first
    assert len(encoded) == 300
    photograph.zero_()  # in place: the same tensor, another image
    assert encode_all(photograph, "jpeg") != first
    assert len(encoded) == 400


def test_what_was_used_longest_ago_is_forgotten_first(photograph, encoded, monkeypatch):
    a, b, c = (photograph[:, :16, at : at + 16].contiguous() for at in (0, 20, 40))
    sizes = [sum(map(len, encode_all(image, "jpeg"))) for image in (a, b, c)]
    assert len(encoded) == 300
    monkeypatch.setattr(codecs, "_encoded", OrderedDict())
    monkeypatch.setattr(codecs, "CACHE_BYTES", sum(sizes) - 1)
    for image, expected in ((a, 100), (b, 200), (a, 200), (c, 300), (a, 300), (b, 400)):
        encode_all(image, "jpeg")
        assert len(encoded) == 300 + expected
    monkeypatch.setattr(codecs, "CACHE_BYTES", 1)  # too little for any: the last one stays all the same
    for image, expected in ((c, 500), (c, 500), (a, 600)):
        encode_all(image, "jpeg")
        assert len(encoded) == 300 + expected
    assert len(codecs._encoded) == 1


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_threads_do_not_change_the_files(small, codec, monkeypatch):
    alone = encode_all(small, codec)
    monkeypatch.setattr(codecs, "_encoded", OrderedDict())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert encode_all(small, codec) == alone


def test_avif_does_not_depend_on_the_number_of_cores(hopper_path, monkeypatch):
    with Image.open(hopper_path) as image:
        crop = image.convert("RGB").crop((150, 40, 310, 200))  # no smaller: below, libaom uses one thread anyhow
    files = set()
    for cores in (1, 2):
        monkeypatch.setattr(AvifImagePlugin, "_get_default_max_threads", lambda cores=cores: cores)
        files.add(CODECS["avif"].encode(crop, 50))
    assert len(files) == 1


# Headers


def rebuild(codec, payload, other, height, width):
    """What a receiver writes who was sent the payload alone, and has another file of that size and quality."""
    if codec == "jpeg":
        tables, scan = other.index(b"\xff\xc4"), other.index(b"\xff\xda")
        split = 0
        while payload[split : split + 2] == b"\xff\xc4":
            split += 2 + int.from_bytes(payload[split + 2 : split + 4], "big")
        return other[:tables] + payload[:split] + other[scan : scan + 14] + payload[split:] + b"\xff\xd9"
    if codec == "jpeg2000":
        start, data = other.index(b"\xff\x90"), other.index(b"\xff\x93") + 2
        length = (data - start + len(payload)).to_bytes(4, "big")
        return other[: start + 6] + length + other[start + 10 : data] + payload + b"\xff\xd9"
    if codec == "webp":
        size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = payload[:3] + b"\x9d\x01\x2a" + size + payload[3:]
        chunk = b"VP8 " + len(frame).to_bytes(4, "little") + frame
        return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    box = other.index(b"mdat") - 4
    item = len(other) - box - 8
    sequence = 2 + 2 + other[box + 8 + 3]  # an empty temporal delimiter, then the sequence header
    head = other[:box]
    old, new = item.to_bytes(4, "big"), (sequence + len(payload)).to_bytes(4, "big")
    assert head.count(old) == 1  # in the box that locates the item
    stream = other[box + 8 : box + 8 + sequence] + payload
    return head.replace(old, new) + (8 + len(stream)).to_bytes(4, "big") + b"mdat" + stream


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("size", [(24, 28), (47, 39)])
def test_a_receiver_rebuilds_the_file_from_the_payload_alone(photograph, codec, size):
    height, width = size
    image = photograph[:, :height, :width]
    noise = torch.randint(0, 256, image.shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    files, others = encode_all(image, codec), encode_all(noise, codec)
    for file, other in list(zip(files, others, strict=True))[::21]:
        payload = CODECS[codec].payload(file)
        assert rebuild(codec, payload, other, height, width) == file
        assert payload != CODECS[codec].payload(other)


@pytest.mark.parametrize(
    ("codec", "constant"), [("jpeg", {193}), ("jpeg2000", {157}), ("webp", {27}), ("avif", {288, 285})]
)
def test_how_long_the_constant_headers_are(photograph, codec, constant):
    """The figures of the guide; 285 with the libavif of Pillow 11."""
    files = encode_all(photograph[:, :40, :40], codec)
    lengths = {len(file) - len(CODECS[codec].payload(file)) for file in files}
    assert len(lengths) == 1
    assert lengths <= constant


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("headers", [True, False])
def test_the_least_file_fits_to_the_bit(small, codec, headers):
    files = encode_all(small, codec)
    counted = [len(file) if headers else 1 + len(CODECS[codec].payload(file)) for file in files]
    received = compress(small, codec, 8 * min(counted), headers=headers)
    assert torch.equal(received, decode(files[counted.index(min(counted))]))
    assert compress(small, codec, 8 * min(counted) - 1, headers=headers) is None
