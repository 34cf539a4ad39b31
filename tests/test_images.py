import io
import os
import stat

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toys import rand_images, seeded

from semcomm.files.atomic import write_whole
from semcomm.images import center_crop, check_images, load_image, pad_to_multiple, save_image, to_float, to_uint8

ORIENTATION = 274
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored.transpose(1, 0, 2)[:, ::-1],
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: stored.transpose(1, 0, 2)[::-1],
}
"""What a viewer shows for each EXIF orientation, from the EXIF standard's "row 0 is at the ... side" table."""


def pixels(path):
    return load_image(path).permute(1, 2, 0).numpy()


@pytest.fixture
def stored(photograph):
    return photograph.permute(1, 2, 0).numpy()[:24, :32]


# Reading


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation_is_applied(stored, tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(stored).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(pixels(tmp_path / "turned.png"), UPRIGHT[orientation](stored))


def test_exif_rotated_jpeg_of_a_camera(hopper_path, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(hopper_path) as image:
        image.rotate(90, expand=True).save(tmp_path / "camera.jpg", quality=95, exif=exif)
    difference = np.abs(pixels(tmp_path / "camera.jpg").astype(int) - pixels(hopper_path))
    assert difference.mean() < 2


def test_gray_becomes_three_equal_channels(stored, tmp_path):
    Image.fromarray(stored[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(pixels(tmp_path / "gray.png"), np.repeat(stored[..., :1], 3, axis=2))


def test_bilevel_becomes_black_and_white(stored, tmp_path):
    bits = stored[..., 0] > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(pixels(tmp_path / "bits.png"), np.repeat(bits[..., None] * 255, 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_down_not_cut_off(stored, tmp_path, suffix):
    deep = stored[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
    np.testing.assert_array_equal(pixels(tmp_path / f"deep.{suffix}"), np.repeat(stored[..., :1], 3, axis=2))


@pytest.mark.parametrize(("scale", "dtype"), [(257, np.int32), (1, np.float32), (257, np.float32)])
def test_32_bit_tiff(stored, tmp_path, scale, dtype):
    values = stored[..., 0].astype(dtype) * scale
    Image.fromarray(values).save(tmp_path / "wide.tiff")
    np.testing.assert_array_equal(pixels(tmp_path / "wide.tiff"), np.repeat(stored[..., :1], 3, axis=2))


def test_nan_in_a_float_tiff_is_black_and_silent(tmp_path):
    Image.fromarray(np.array([[np.nan, 200.0]], dtype=np.float32)).save(tmp_path / "nan.tiff")
    np.testing.assert_array_equal(pixels(tmp_path / "nan.tiff")[0, :, 0], [0, 200])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_over_white(stored, tmp_path, mode):
    opacity = np.linspace(0, 255, stored.shape[1]).astype(np.uint8)[None].repeat(stored.shape[0], axis=0)
    color = stored if mode == "RGBA" else stored[..., :1]
    Image.fromarray(np.concatenate([color, opacity[..., None]], axis=2), mode=None).save(tmp_path / "clear.png")
    with Image.open(tmp_path / "clear.png") as image:
        assert image.mode == mode
    share = opacity[..., None] / 255
    expected = share * color + (1 - share) * 255
    assert np.abs(pixels(tmp_path / "clear.png") - expected).max() <= 1


def test_transparent_palette_entry_lies_over_white(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "palette.png", transparency=1)
    image.save(tmp_path / "palette.gif", transparency=1)
    for name in ("palette.png", "palette.gif"):
        assert pixels(tmp_path / name)[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_cmyk_jpeg_is_mixed_from_ink(tmp_path):
    inks = {"white": (0, 0, 0, 0), "red": (0, 255, 255, 0), "black": (0, 0, 0, 255), "cyan": (255, 0, 0, 0)}
    mixed = {"white": (255, 255, 255), "red": (255, 0, 0), "black": (0, 0, 0), "cyan": (0, 255, 255)}
    for name, ink in inks.items():
        Image.new("CMYK", (16, 16), ink).save(tmp_path / "ink.jpg", quality=100)
        assert np.abs(pixels(tmp_path / "ink.jpg").astype(int) - mixed[name]).max() <= 3, name


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of some damage Pillow warns beside raising
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_truncated_file_is_refused(hopper_path, tmp_path, suffix, kept):
    with Image.open(hopper_path) as image:
        image.crop((100, 100, 200, 200)).save(tmp_path / f"whole.{suffix}")
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=f"{path.name}"):
        load_image(path)


def test_truncated_jpeg_is_called_so(hopper_path, tmp_path):
    path = tmp_path / "half.jpg"
    path.write_bytes(hopper_path.read_bytes()[:20_000])
    with pytest.raises(ValueError, match=r"image .*half\.jpg is truncated or damaged"):
        load_image(path)


@pytest.mark.parametrize("content", [b"", b"not an image, whatever the name says\n" * 20])
def test_a_text_file_named_jpg_is_refused(tmp_path, content):
    (tmp_path / "letter.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"not an image that can be read: .*letter\.jpg"):
        load_image(tmp_path / "letter.jpg")


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such image file: .*nothing\.png"):
        load_image(tmp_path / "nothing.png")
    with pytest.raises(FileNotFoundError, match="no such image file"):
        load_image(tmp_path)


def test_decompression_bomb_is_refused_and_a_large_photograph_is_not(stored, tmp_path, monkeypatch):
    Image.fromarray(stored).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", stored.shape[0] * stored.shape[1] * 2 // 3)
    np.testing.assert_array_equal(pixels(tmp_path / "large.png"), stored)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"large\.png is too large"):
        load_image(tmp_path / "large.png")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"BM"]))
def test_garbage_never_ends_in_another_error(tmp_path_factory, garbage, magic):
    path = tmp_path_factory.getbasetemp() / "garbage.jpg"
    path.write_bytes(magic + garbage)
    with pytest.raises(ValueError, match=r"garbage\.jpg"):
        load_image(path)


# Writing


def test_saved_image_comes_back(photograph, tmp_path):
    path = tmp_path / "new" / "folder" / "received.png"
    save_image(photograph, path)
    assert torch.equal(load_image(path), photograph)
    assert [one.name for one in path.parent.iterdir()] == ["received.png"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail():
        with write_whole(path) as temporary:
            temporary.write_text("half of the n")
            raise KeyError("interrupted")

    with pytest.raises(KeyError, match="interrupted"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write to folder .*file"), write_whole(tmp_path / "file" / "a.png"):
        pass


# Values


def test_uint8_survives_the_way_to_float_and_back():
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    floats = to_float(every)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (0, 1)
    assert torch.equal(to_uint8(floats), every)
    assert to_float(floats) is floats


def test_to_uint8_rounds_and_clamps():
    values = torch.tensor([-3.0, 0.0, 0.49 / 255, 0.51 / 255, 254.6 / 255, 1.0, 7.0])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 255, 255, 255]


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([2, 4, 8, 16]))
def test_padding_repeats_the_border(height, width, multiple):
    images = torch.rand(2, 3, height, width, generator=seeded())
    down, right = -height % multiple, -width % multiple
    expected = np.pad(images.numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="edge")
    np.testing.assert_array_equal(pad_to_multiple(images, multiple).numpy(), expected)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_the_centre_is_cut_out(height, width, size):
    image = torch.rand(3, height, width, generator=seeded())
    if size > min(height, width):
        with pytest.raises(ValueError, match=f"at least {size} x {size} pixels .*, got {height} x {width}"):
            center_crop(image, size)
        return
    crop = center_crop(image, size)
    assert crop.shape == (3, size, size)
    # the margins of opposite sides are equal, or the later one is a pixel wider
    top, left = ((image == crop[0, 0, 0]).nonzero()[0, axis].item() for axis in (1, 2))
    assert height - size - 2 * top in (0, 1)
    assert width - size - 2 * left in (0, 1)
    assert torch.equal(image[:, top : top + size, left : left + size], crop)


def test_no_empty_crop():
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        center_crop(rand_images(), 0)


# Checks


def test_good_images_pass_unchanged():
    images = rand_images()
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0, 1
    assert check_images(images, smallest=16) is images


def with_pixel(value):
    images = rand_images()
    images[1, 2, 3, 4] = value
    return images


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 3, 16, 16), np.float32), TypeError, r"images must be a float32 tensor.*got ndarray"),
        (torch.zeros(3, 16, 16), ValueError, r"images must have shape \(b, 3, h, w\).*got \(3, 16, 16\)"),
        (torch.zeros(1, 1, 16, 16), ValueError, r"RGB.*got \(1, 1, 16, 16\)"),
        (torch.zeros(1, 16, 16, 3), ValueError, r"got \(1, 16, 16, 3\)"),
        (torch.zeros(0, 3, 16, 16), ValueError, r"b >= 1, got \(0, 3, 16, 16\)"),
        (torch.zeros(1, 3, 7, 16), ValueError, r"at least 8 x 8 pixels.*got 7 x 16"),
        (torch.zeros(1, 3, 16, 0), ValueError, r"at least 8 x 8 pixels.*got 16 x 0"),
        (
            torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
            TypeError,
            r"float32 in \[0, 1\].*divide by 255, or give transmit",
        ),
        (torch.zeros(1, 3, 16, 16, dtype=torch.float64), TypeError, r"got torch.float64; convert with .float"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.complex64), TypeError, r"got torch.complex64"),
        (with_pixel(float("nan")), ValueError, r"finite values in \[0, 1\], got values from nan to nan"),
        (with_pixel(float("inf")), ValueError, r"finite values in \[0, 1\].*to inf"),
        (with_pixel(-0.01), ValueError, r"\[0, 1\], got values from -0.01"),
        (with_pixel(1.5), ValueError, r"\[0, 1\].*to 1.5"),
    ],
)
def test_bad_images_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        check_images(images, smallest=8)


def test_pillow_reads_from_memory_what_save_image_wrote(photograph, tmp_path):
    save_image(photograph, tmp_path / "a.png")
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (80, 96))


@pytest.mark.parametrize(
    ("mode", "dtype", "values", "expected"),
    [
        ("F", "float32", [0.0, 0.5, 1.0], [0, 128, 255]),
        ("F", "float32", [0.0, 100.0, 255.0], [0, 100, 255]),
        ("F", "float32", [0.0, 257.0 * 9, 65535.0], [0, 9, 255]),
        ("I", "int32", [0, 100, 255], [0, 100, 255]),
        ("I", "int32", [0, 257 * 9, 65535], [0, 9, 255]),
    ],
)
def test_white_is_found_where_the_file_does_not_say(tmp_path, mode, dtype, values, expected):
    Image.fromarray(np.array([values], dtype=dtype)).save(tmp_path / "deep.tiff")
    with Image.open(tmp_path / "deep.tiff") as image:
        assert image.mode == mode
    assert load_image(tmp_path / "deep.tiff")[0, 0].tolist() == expected
