import io
import os
import stat

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semcomm.files.atomic import write_whole
from semcomm.files.pictures import load_image, save_image

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


def test_pillow_reads_from_memory_what_save_image_wrote(photograph, tmp_path):
    save_image(photograph, tmp_path / "a.png")
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (80, 96))
