"""The page's photographs: what is sent of a file, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.app.photographs import open_photograph, samples
from semcomm.files.pictures import load_image


def written(path, height, width):
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_the_samples_are_photographs_of_installed_packages():
    found = samples()
    assert "portrait" in found
    for path in found.values():
        assert "site-packages" in path.parts
        assert max(open_photograph(path).pixels.shape) in range(256, 513)


def test_a_small_photograph_is_sent_as_it_is(tmp_path):
    path = written(tmp_path / "a.png", 100, 512)
    photograph = open_photograph(path)
    assert torch.equal(photograph.pixels, load_image(path))
    assert photograph.taken_from == (100, 512)


@pytest.mark.parametrize(
    ("size", "sent"), [((900, 600), (512, 341)), ((100, 513), (100, 512)), ((2000, 2000), (512, 512))]
)
def test_a_large_one_is_reduced_to_512_pixels(tmp_path, size, sent):
    photograph = open_photograph(written(tmp_path / "a.png", *size))
    assert tuple(photograph.pixels.shape) == (3, *sent)
    assert photograph.taken_from == size


def test_the_same_pixels_are_the_same_photograph(tmp_path):
    first, again = (open_photograph(written(tmp_path / f"{name}.png", 40, 50)) for name in "ab")
    turned = open_photograph(written(tmp_path / "c.png", 50, 40))
    assert first == again
    assert hash(first) == hash(again)
    assert first != turned


def test_a_strip_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 32 pixels a side.*got 10 x 512.*crop it"):
        open_photograph(written(tmp_path / "a.png", 40, 2048))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("nothing to see")
    with pytest.raises(ValueError, match="not an image that can be read"):
        open_photograph(tmp_path / "a.jpg")
