"""Every depth and kind of color that Pillow hands out, against written values, tifffile and closed forms."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import PIL
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from semcomm.files.pictures import FORMATS, SUFFIXES, load_image, load_values

SHAPE = (6, 8)
OLDER_PILLOW = int(PIL.__version__.partition(".")[0]) < 13
"""It opens no TIFF of gray beside an opacity that is multiplied in, or called nothing."""


def pixels(path):
    return load_image(path).permute(1, 2, 0).numpy().astype(int)


def drawn(largest, *channels, seed=0):
    """Values from black to white, both there."""
    values = np.random.default_rng(seed).integers(0, largest + 1, (*SHAPE, *channels), dtype=np.int64)
    values[0, 0], values[0, 1] = 0, largest
    return values


def gray(shares):
    """What shares of white look like: three channels, exactly rounded."""
    return np.repeat(np.round(255 * shares)[..., None], 3, axis=2)


def over_white(shares, opacity):
    return 255 * (shares * opacity + 1 - opacity)


# PNG, written by hand as its specification says


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(values, bits, color, *extra):
    height, width = values.shape[:2]
    samples = values.reshape(height, -1)
    if bits < 8:
        shifted = samples[..., None] >> np.arange(bits)[::-1] & 1
        rows = np.packbits(shifted.reshape(height, -1).astype(np.uint8), axis=1)
    else:
        rows = samples.astype(">u2" if bits == 16 else "u1")
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("keyed", [False, True])
def test_gray_png(tmp_path, bits, keyed):
    white = 2**bits - 1
    values = drawn(white)
    key = int(values[2, 2])
    values[3, 3] = key ^ 1  # only the lowest bit tells it from the transparent value
    (tmp_path / "a.png").write_bytes(png(values, bits, 0, *[chunk(b"tRNS", struct.pack(">H", key))][: int(keyed)]))
    expected = gray(np.where(keyed & (values == key), 1, values / white))
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("keyed", [False, True])
def test_color_png(tmp_path, bits, keyed):
    white = 2**bits - 1
    values = drawn(white, 3)
    values[3, 3] = values[2, 2]
    values[4, 4] = values[2, 2] ^ np.array([0, 0, 1])
    key = chunk(b"tRNS", struct.pack(">HHH", *values[2, 2]))
    (tmp_path / "a.png").write_bytes(png(values, bits, 2, *[key][: int(keyed)]))
    clear = (values == values[2, 2]).all(axis=2, keepdims=True) & keyed
    assert clear.sum() == 2 * keyed
    expected = np.where(clear, 255, 255 * values / white)
    assert np.abs(pixels(tmp_path / "a.png") - expected).max() < (1 if bits == 16 else 1e-9)  # the upper 8 bits


def test_keyed_16_bit_png_is_turned_with_its_opacity(tmp_path):
    values = drawn(65535, 3)
    exif = Image.Exif()
    exif[274] = 6
    extra = chunk(b"tRNS", struct.pack(">HHH", *values[2, 1])), chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "a.png").write_bytes(png(values, 16, 2, *extra))
    turned = pixels(tmp_path / "a.png")
    assert turned.shape == (*SHAPE[::-1], 3)
    white = np.argwhere((turned == 255).all(axis=2)).tolist()
    assert white == [[1, SHAPE[0] - 1 - 2], [1, SHAPE[0] - 1]]  # the transparent pixel, and the white one of `drawn`


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("color", "channels"), [(4, 2), (6, 4)])
def test_png_with_opacity(tmp_path, bits, color, channels):
    shares = drawn(2**bits - 1, channels) / (2**bits - 1)
    (tmp_path / "a.png").write_bytes(png(drawn(2**bits - 1, channels), bits, color))
    expected = over_white(shares[..., :-1], shares[..., -1:])
    assert np.abs(pixels(tmp_path / "a.png") - expected).max() < (0.5 if bits == 8 else 2)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("clear", [False, True])
def test_palette_png(tmp_path, bits, clear):
    random = np.random.default_rng(1)
    palette, opacity = random.integers(0, 256, (2**bits, 3)), random.integers(0, 256, 2**bits)
    indices = drawn(2**bits - 1)
    extra = [chunk(b"PLTE", palette.astype(np.uint8).tobytes()), chunk(b"tRNS", opacity.astype(np.uint8).tobytes())]
    (tmp_path / "a.png").write_bytes(png(indices, bits, 3, *extra[: 1 + clear]))
    share = opacity[indices][..., None] / 255 if clear else 1
    assert np.abs(pixels(tmp_path / "a.png") - over_white(palette[indices] / 255, share)).max() < 0.5
    np.testing.assert_array_equal(load_values(tmp_path / "a.png"), indices)


# TIFF, read back by tifffile


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("u4", 2**32 - 1), ("f4", 1)])
def test_gray_tiff_is_right_or_refused(tmp_path, order, kind, compression, dtype, white):
    path = tmp_path / "a.tif"
    values = (np.random.default_rng(0).random(SHAPE) * white).astype(dtype)
    tifffile.imwrite(path, values, byteorder=order, photometric=kind, compression=compression)
    shares = tifffile.imread(path).astype(np.float64) / white
    unknown_to_pillow = {("u4", "<", "miniswhite"), ("u4", ">", "minisblack"), ("u4", ">", "miniswhite")}
    if (dtype, order, kind) in unknown_to_pillow | {("u2", ">", "miniswhite")}:
        with pytest.raises(ValueError, match="not an image that can be read"):
            load_image(path)
        return
    np.testing.assert_array_equal(pixels(path), gray(1 - shares if kind == "miniswhite" else shares))


def test_12_bit_tiff(tmp_path):
    """Two values in three bytes, the upper bits first; tifffile needs a further package to write that."""
    values = drawn(4095)
    bits = (values.reshape(SHAPE[0], -1, 1) >> np.arange(12)[::-1] & 1).astype(np.uint8)
    data = np.packbits(bits.reshape(SHAPE[0], -1), axis=1).tobytes()
    short, long, offset = 3, 4, 8 + len(data)
    tags = [
        (256, short, SHAPE[1]),
        (257, short, SHAPE[0]),
        (258, short, 12),
        (259, short, 1),
        (262, short, 1),
        (273, long, 8),
        (277, short, 1),
        (278, short, SHAPE[0]),
        (279, long, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    (tmp_path / "a.tif").write_bytes(struct.pack("<2sHI", b"II", 42, offset) + data + directory)
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), gray(values / 4095))


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("f4", 1)])
@pytest.mark.parametrize("opacity", [None, "unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("colors", [1, 3])
def test_tiff_of_several_samples_is_right_or_refused(
    tmp_path, planes, order, compression, dtype, white, opacity, colors
):
    path, channels = tmp_path / "a.tif", colors + (opacity is not None)
    if channels == 1:
        return  # `test_gray_tiff_is_right_or_refused`
    values = (np.random.default_rng(0).random((*SHAPE, channels)) * white).astype(dtype)
    tifffile.imwrite(
        path,
        np.moveaxis(values, 2, 0) if planes == "separate" else values,
        byteorder=order,
        photometric="rgb" if colors == 3 else "minisblack",
        planarconfig=planes,
        compression=compression,
        extrasamples=None if opacity is None else [opacity],
    )
    try:
        read = pixels(path)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017
        unknown = OLDER_PILLOW and colors == 1 and opacity in ("assocalpha", "unspecified")
        assert dtype != "u1" or planes == "separate" or unknown
        return
    read_by_tifffile = tifffile.imread(path).astype(np.float64) / white
    shares = np.moveaxis(read_by_tifffile, 0, 2) if planes == "separate" else read_by_tifffile
    share, clear = shares[..., :colors], shares[..., colors:] if opacity else np.ones((*SHAPE, 1))
    expected = {
        None: 255 * share,
        "unspecified": 255 * share,
        "unassalpha": over_white(share, clear),
        "assocalpha": 255 * (np.minimum(share, clear) + 1 - clear),  # multiplied by the opacity already
    }[opacity]
    assert np.abs(read - expected).max() < (1.01 if dtype == "u1" else 3)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4"])
def test_integers_with_a_sign_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 5, 100]], dtype=dtype))
    with pytest.raises(ValueError, match=r"a\.tif holds integers with a sign.*save it as uint16"):
        load_image(tmp_path / "a.tif")


def test_32_bit_integers_that_would_all_be_black_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 5, 65535]], dtype=np.uint32))
    with pytest.raises(ValueError, match=r"32-bit integers up to 65535, all of them black where 4294967295 is white"):
        load_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 2), dtype=np.uint32))
    assert not pixels(tmp_path / "a.tif").any()


@pytest.mark.filterwarnings("ignore:IM image format")
def test_32_bit_integers_of_another_format_are_refused(tmp_path, monkeypatch):
    Image.fromarray(np.array([[0, 5]], dtype=np.int32)).save(tmp_path / "a.im")
    monkeypatch.setattr("semcomm.files.pictures._readable", lambda: ("IM",))
    with pytest.raises(ValueError, match=r"a\.im holds 32-bit integers, of which none is known to be white"):
        load_image(tmp_path / "a.im")


def test_planes_that_pillow_confuses_are_refused(tmp_path):
    values = (np.random.default_rng(0).random((3, *SHAPE)) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig="separate")
    with pytest.raises(ValueError, match=r"a\.tif stores its colors in planes.*save it interleaved"):
        load_image(tmp_path / "a.tif")


def test_palette_cmyk_and_bilevel_tiff(tmp_path):
    path, random = tmp_path / "a.tif", np.random.default_rng(0)
    colors, indices = random.integers(0, 65536, (3, 256), dtype=np.uint16), drawn(255).astype(np.uint8)
    tifffile.imwrite(path, indices, photometric="palette", colormap=colors)
    assert np.abs(pixels(path) - np.moveaxis(colors[:, indices], 0, 2) / 257).max() < 1
    for dtype, white in (("u1", 255), ("u2", 65535)):
        ink = drawn(white, 4).astype(dtype)
        tifffile.imwrite(path, ink, photometric="separated")
        light = 1 - ink / white
        assert np.abs(pixels(path) - 255 * light[..., :3] * light[..., 3:]).max() < 1.1
    bits = random.random(SHAPE) > 0.5
    for kind in ("minisblack", "miniswhite"):
        tifffile.imwrite(path, bits, photometric=kind)
        np.testing.assert_array_equal(pixels(path), gray(bits if kind == "minisblack" else ~bits))


def encoded(light):
    """IEC 61966-2-1: linear light to sRGB."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def test_lab_tiff(tmp_path):
    """CIELAB under D50, by way of XYZ, to sRGB by its matrix adapted to D50 (Bradford; Lindbloom's table)."""
    lab = np.stack([drawn(60) + 100, drawn(20, seed=1) - 10, drawn(20, seed=2) - 10], axis=2)
    tifffile.imwrite(tmp_path / "a.tif", (lab & 255).astype(np.uint8), photometric="cielab")
    lightness = (lab[..., 0] * 100 / 255 + 16) / 116
    f = np.stack([lightness + lab[..., 1] / 500, lightness, lightness - lab[..., 2] / 200], axis=2)
    xyz = np.array([0.96422, 1, 0.82521]) * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    to_rgb = np.array(
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    )
    assert np.abs(pixels(tmp_path / "a.tif") - 255 * encoded((xyz @ to_rgb.T).clip(0, 1))).max() < 2


# Floats


@pytest.mark.parametrize("suffix", ["tif", "pfm"])
def test_floats_are_clipped_at_one(tmp_path, suffix):
    values = np.array([[0.0, 0.25, 0.5, 1.0], [1.5, -0.5, np.nan, 0.75], [np.inf, -np.inf, 0.1, 0.2]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    expected = [[0, 64, 128, 255], [255, 0, 0, 191], [255, 0, 26, 51]]
    assert pixels(tmp_path / f"a.{suffix}")[..., 0].tolist() == expected


@pytest.mark.parametrize("suffix", ["tif", "pfm"])
def test_floats_that_are_mostly_above_one_are_refused(tmp_path, suffix):
    Image.fromarray(np.array([[0, 100, 255]], dtype=np.float32)).save(tmp_path / f"a.{suffix}")
    with pytest.raises(ValueError, match=rf"a\.{suffix} holds floats up to 255, most of them above 1, which is white"):
        load_image(tmp_path / f"a.{suffix}")


# PGM and PPM: the header's largest value is white


@pytest.mark.parametrize("white", [1, 15, 255, 256, 1000, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_netpbm(tmp_path, white, plain):
    for magic, channels in (("P5", ()), ("P6", (3,))):
        values = drawn(min(white, 200), *channels)  # small ones, in 16 bits, too
        kind = f"P{int(magic[1]) - 3}" if plain else magic
        header = f"{kind}\n{SHAPE[1]} {SHAPE[0]}\n{white}\n".encode()
        text = " ".join(map(str, values.ravel())).encode()
        (tmp_path / "a.ppm").write_bytes(
            header + (text if plain else values.astype(">u2" if white > 255 else "u1").tobytes())
        )
        shares = np.repeat(values[..., None], 3, axis=2) / white if not channels else values / white
        assert np.abs(pixels(tmp_path / "a.ppm") - 255 * shares).max() <= 0.5


# Other formats


def test_16_bit_jpeg_2000(tmp_path):
    values = drawn(65535).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.jp2")
    np.testing.assert_array_equal(pixels(tmp_path / "a.jp2"), gray(values / 65535))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", ["jp2", "tga", "qoi", "sgi", "bmp", "png", "webp", "tif", "ico"])
def test_lossless_formats(tmp_path, mode, suffix):
    image = Image.fromarray(drawn(255, 4).astype(np.uint8)).convert(mode)
    if (mode, suffix) in {("L", "qoi"), ("LA", "qoi"), ("LA", "sgi"), ("LA", "bmp"), ("RGBA", "bmp")}:
        return  # there is no such file; what a 32-bit bitmap keeps in its fourth byte is no opacity
    sizes = {"sizes": [SHAPE[::-1]]} if suffix == "ico" else {}  # or an older Pillow writes an icon without pictures
    image.save(tmp_path / f"a.{suffix}", lossless=True, **sizes)
    shares = np.asarray(image.convert("RGBA")) / 255
    expected = over_white(shares[..., :3], shares[..., 3:])
    assert np.abs(pixels(tmp_path / f"a.{suffix}") - expected).max() < 0.51


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_of_an_animation_the_first_frame_is_read(tmp_path, suffix):
    frames = [Image.new("RGB", SHAPE[::-1], color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.n_frames == 3
    assert (pixels(tmp_path / f"a.{suffix}") == [255, 0, 0]).all()


def test_suffixes_are_those_of_the_formats():
    Image.init()
    known = Image.registered_extensions()
    read_as = {"JPEG": {"JPEG"}, "SGI": {"SGI"}}
    for name, suffixes in FORMATS.items():
        assert {known[suffix] for suffix in suffixes} <= read_as.get(name, {name}), name
    assert {".jp2", ".j2k", ".mpo", ".gif"} <= SUFFIXES


def test_a_format_that_is_not_listed_is_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")  # Pillow would run Ghostscript
    with pytest.raises(ValueError, match="not an image that can be read"):
        load_image(tmp_path / "a.eps")


# Color profiles


def swapped_profile():
    """SRGB's profile with red's and green's colors exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = profile[128 : 128 + 4 + 12 * struct.unpack(">I", profile[128:132])[0]]
    swapped = table.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")
    assert swapped != table
    return profile[:128] + swapped + profile[128 + len(table) :]


def gray_profile():
    """A profile of gray with the gamma 1.8, version 2.4 of the ICC's specification."""
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"gray\0" + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)),
    }
    table, data, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    white = struct.pack(">iii", 63190, 65536, 54061)
    header = struct.pack(">I4sI4s4s4s", offset + len(data), b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header + bytes(128 - len(header)) + table + data


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_a_color_profile_is_applied(tmp_path, suffix):
    values = np.kron(drawn(255, 3)[:2, :3], np.ones((16, 16, 1))).astype(np.uint8)
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {"lossless": True}
    Image.fromarray(values).save(tmp_path / f"a.{suffix}", icc_profile=swapped_profile(), **options)
    assert np.abs(pixels(tmp_path / f"a.{suffix}") - values[..., [1, 0, 2]]).max() <= (4 if suffix == "jpg" else 1)


def test_a_color_profile_is_applied_below_opacity_and_palettes(tmp_path):
    values = drawn(255, 4).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=swapped_profile())
    expected = over_white(values[..., [1, 0, 2]] / 255, values[..., 3:] / 255)
    assert np.abs(pixels(tmp_path / "a.png") - expected).max() <= 1.5
    palette = Image.fromarray(values[..., 0] % 4)
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    palette.save(tmp_path / "b.png", icc_profile=swapped_profile())
    expected = np.array([[0, 255, 0], [255, 0, 0], [0, 0, 255], [9, 9, 9]])[values[..., 0] % 4]
    assert np.abs(pixels(tmp_path / "b.png") - expected).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_gray_profile_is_applied(tmp_path, dtype):
    white = np.iinfo(dtype).max
    values = drawn(white).astype(dtype)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=gray_profile())
    close = 2.5  # near black the curve is steep, and 8 bits are kept of deep gray
    assert (
        np.abs(
            pixels(tmp_path / "a.png") - 255 * encoded((values / white) ** (round(1.8 * 256) / 256))[..., None]
        ).max()
        <= close
    )


@pytest.mark.parametrize("profile", [b"rubbish", gray_profile()])
def test_a_profile_that_does_not_fit_is_left_out(tmp_path, profile):
    values = drawn(255, 3).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), values)


def test_srgb_s_own_profile_changes_nothing(tmp_path):
    values = drawn(255, 3).astype(np.uint8)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=own)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), values)


# Damage


def test_damaged_tiffs_print_nothing(tmp_path):
    """Neither libtiff nor Pillow's log, in a process that reads as the command line does; else they do print."""
    random, files = np.random.default_rng(0), []
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        file = io.BytesIO()
        Image.fromarray(drawn(255, 3).astype(np.uint8)).resize((64, 64)).save(file, "TIFF", compression=compression)
        for number in range(40):
            content = bytearray(file.getvalue())
            for place in random.integers(8, len(content), 20):
                content[place] = random.integers(256)
            files.append(tmp_path / f"{compression}{number}.tif")
            files[-1].write_bytes(content)
    script = (
        "import sys\nfrom semcomm.files import pictures\n{}\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n        pictures.load_image(path)\n    except (ValueError, OSError):\n        pass\n"
    )
    silent, loud = (
        subprocess.run([sys.executable, "-c", script.format(line), *files], capture_output=True, text=True, check=True)
        for line in ("", "pictures._quiet_decoders = lambda: None")
    )
    assert loud.stderr
    assert (silent.stdout, silent.stderr) == ("", "")


def test_tensors_are_contiguous_bytes(tmp_path):
    Image.fromarray(drawn(255, 3).astype(np.uint8)).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png")
    assert (image.dtype, image.shape, image.is_contiguous()) == (torch.uint8, (3, *SHAPE), True)
