"""Every kind of file that is no photograph is found before long work; odd photographs are not mistaken for damaged."""

import os
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.data.damaged import sort_out_damaged
from semcomm.data.folders import CropDataset, Photographs, list_images
from semcomm.files.pictures import load_image


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture
def bad(tmp_path, hopper_path):
    """A folder of what cannot be read, and what each of them is called."""
    whole = hopper_path.read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "letter.jpg").write_text("Dear reader,\n" * 20)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    size = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0)  # 0.2 gigapixels in a few bytes
    body = png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size) + body)
    called = {
        "bomb.png": "is too large",
        "empty.jpg": "not an image that can be read",
        "gone.jpg": "no such image file",
        "half.jpg": "is truncated or damaged",
        "letter.jpg": "not an image that can be read",
    }
    if os.geteuid():  # root reads everything
        (tmp_path / "secret.jpg").write_bytes(whole)
        (tmp_path / "secret.jpg").chmod(0)
        called["secret.jpg"] = "cannot read image"
    return tmp_path, called


@pytest.fixture
def odd(tmp_path, photograph):
    """A folder of photographs of unusual kinds, and the size each is read with."""
    folder = tmp_path / "odd"
    folder.mkdir()
    array = photograph.permute(1, 2, 0).numpy()[:40, :24]
    image = Image.fromarray(array)
    turned = Image.Exif()
    turned[274] = 6
    image.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(array[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    image.convert("RGBA").save(folder / "clear.png")
    image.quantize(16).save(folder / "palette.png")
    image.save(folder / "turned.jpg", exif=turned)
    image.resize((2, 1)).save(folder / "tiny.png")
    (folder / "folder.jpg").mkdir()
    sizes = dict.fromkeys(("clear.png", "cmyk.jpg", "deep.png", "palette.png"), (40, 24))
    return folder, sizes | {"tiny.png": (1, 2), "turned.jpg": (24, 40)}


def test_damaged_files_are_named_with_their_damage(bad, photograph):
    folder, called = bad
    good = folder / "whole.png"
    Image.fromarray(photograph.permute(1, 2, 0).numpy()).save(good)
    calls = []
    kept = sort_out_damaged(Photographs(list_images(folder)), progress=lambda: calls.append(1))
    damaged = kept.damaged
    assert list(kept) == [good]
    assert {path.name: called[path.name] in problem for path, problem in damaged.items()} == dict.fromkeys(called, True)
    assert all(str(path) in problem for path, problem in damaged.items())
    assert len(calls) == len(called) + 1


def test_odd_photographs_are_good_and_make_crops(odd):
    folder, sizes = odd
    paths = list_images(folder)
    kept = sort_out_damaged(Photographs(paths))
    assert (list(kept), kept.damaged) == (paths, {})
    assert {path.name: tuple(load_image(path).shape[1:]) for path in paths} == sizes
    crops = CropDataset(paths, 32, seed=0)
    assert {crops[number]["images"].shape for number in range(len(paths))} == {(3, 32, 32)}


def test_many_threads_leave_the_warning_filters_as_they_were(odd):
    paths = list_images(odd[0]) * 20
    before = list(warnings.filters)
    kept = sort_out_damaged(Photographs(paths))
    assert (list(kept), kept.damaged) == (paths, {})
    assert warnings.filters == before


def test_no_good_photograph_is_an_error(bad):
    folder, called = bad
    with pytest.raises(ValueError, match=rf"none of {len(called)} photographs can be read: .*bomb\.png is too large"):
        sort_out_damaged(Photographs(list_images(folder)))
    with pytest.raises(ValueError, match="none of 0 photographs can be read: there are none"):
        sort_out_damaged(Photographs([]))


def test_an_interrupt_does_not_wait_for_all_the_rest(odd, monkeypatch):
    begun = []

    def slow(path):
        begun.append(path)
        time.sleep(0.01)
        return torch.zeros(3, 1, 1, dtype=torch.uint8)

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("semcomm.data.folders.load_image", slow)
    with pytest.raises(KeyboardInterrupt):
        sort_out_damaged(Photographs(list_images(odd[0]) * 100), progress=interrupt)
    assert 0 < len(begun) < 300
