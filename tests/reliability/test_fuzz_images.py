"""Damaged photographs: every one is read, or refused with one error that names it."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features
from reliability.mutations import damaged
from reliability.outcomes import attempt, cases

from semcomm.data.damaged import sort_out_damaged
from semcomm.data.folders import Photographs
from semcomm.files.pictures import load_image, load_values

AREA = "images"


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def originals(hopper_path):
    """One small photograph in every format and mode that people have, by what to call it."""
    with Image.open(hopper_path) as image:
        rgb = image.convert("RGB").crop((200, 60, 224, 80))
    gray = np.asarray(rgb.convert("L"))
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[274] = 6
    more = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    palette = rgb.quantize(16)
    files = {
        "rgb.png": saved(rgb, "PNG"),
        "gray.png": saved(rgb.convert("L"), "PNG"),
        "clear.png": saved(rgb.convert("RGBA"), "PNG"),
        "palette.png": saved(palette, "PNG", transparency=3),
        "bits.png": saved(rgb.convert("1"), "PNG"),
        "deep.png": saved(deep, "PNG"),
        "animated.png": saved(rgb, "PNG", **more),
        "rgb.jpg": saved(rgb, "JPEG", exif=turned),
        "progressive.jpg": saved(rgb, "JPEG", progressive=True),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG"),
        "gray.jpg": saved(rgb.convert("L"), "JPEG"),
        "animated.gif": saved(palette, "GIF", **more),
        "rgb.webp": saved(rgb, "WEBP"),
        "animated.webp": saved(rgb, "WEBP", **more),
        "rgb.tif": saved(rgb, "TIFF"),
        "packed.tif": saved(rgb, "TIFF", compression="tiff_lzw"),
        "cmyk.tif": saved(rgb.convert("CMYK"), "TIFF"),
        "deep.tif": saved(deep, "TIFF"),
        "float.tif": saved(Image.fromarray(gray / np.float32(255)), "TIFF"),
        "pages.tif": saved(rgb, "TIFF", **more),
        "rgb.bmp": saved(rgb, "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "rgb.ppm": saved(rgb, "PPM"),
        "deep.pgm": saved(deep, "PPM"),
        "rgb.ico": saved(rgb, "ICO"),
    }
    if features.check("jpg_2000"):
        files["rgb.jp2"] = saved(rgb, "JPEG2000")
    if features.check("avif"):
        files["rgb.avif"] = saved(rgb, "AVIF")
    return files


def read(path, case):
    image = attempt(AREA, lambda: load_image(path), case=case, naming=str(path))
    if image is not None:
        assert (str(image.dtype), image.ndim, image.shape[0]) == ("torch.uint8", 3, 3), case
    values = attempt(AREA, lambda: load_values(path), case=case, naming=str(path))
    assert values is None or (values.ndim in (2, 3) and values.dtype != object), case
    return image


def fuzz(originals, folder, count, seed):
    names = sorted(originals)
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        name = names[number[1] % len(names)]
        suffix = random.choice(["", "", "", ".jpg", ".png", ".tif"])
        path = folder / f"{name}{suffix}"
        content = damaged(originals[name], random)
        if random.integers(4) == 0:
            content = damaged(content, random)
        path.write_bytes(content)
        read(path, f"case {number} of {name}")
        path.unlink()


def spoken(capfd):
    """Lines on stderr, but for those of libtiff and old dav1d, which Pillow lets talk about damaged compressed data."""
    known = re.compile(r"tempfile\.tif: |LZW|TIFF|Fax|Error parsing (OBU|frame)")
    return [line for line in capfd.readouterr().err.splitlines() if not known.match(line)]


def test_whole_ones_are_read_whatever_they_are_called(originals, tmp_path):
    for name, content in originals.items():
        for suffix in ("", ".jpg"):
            path = tmp_path / f"{name}{suffix}"
            path.write_bytes(content)
            assert read(path, name) is not None, name


def test_damaged_ones_are_read_or_named(originals, tmp_path, capfd):
    fuzz(originals, tmp_path, 300, seed=0)
    assert spoken(capfd) == []


@pytest.mark.slow
def test_thousands_of_damaged_ones_are_read_or_named(originals, tmp_path, capfd):
    fuzz(originals, tmp_path, 5000, seed=1)
    assert spoken(capfd) == []


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge(name, width, height):
    """A file of a few bytes that says it is a huge picture."""
    if name == "png":
        header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    if name == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head
    if name == "gif":
        side = min(width, 65535), min(height, 65535)
        return (
            b"GIF89a" + struct.pack("<HHBBB", *side, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, *side, 0) + b"\2\0;"
        )
    return b"%s %d %d 255\n" % (name.encode(), width, height)


@pytest.mark.parametrize("sides", [(20_000, 10_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1), (0, 0), (1, 2**30)])
@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "P6", "P5"])
def test_headers_of_huge_pictures_are_refused(tmp_path, kind, sides):
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(huge(kind, *sides))
    assert read(path, f"{kind} {sides}") is None


def test_a_folder_of_damage_is_sorted_out(originals, tmp_path):
    random = np.random.default_rng(0)
    for name, content in originals.items():
        (tmp_path / name).write_bytes(content)
        for number in range(3):
            (tmp_path / f"{number}-{name}").write_bytes(damaged(content, random))
    paths = sorted(tmp_path.iterdir())
    good = sort_out_damaged(Photographs(paths))
    assert sorted([*good, *good.damaged]) == paths
    assert {tmp_path / name for name in originals} <= set(good)
