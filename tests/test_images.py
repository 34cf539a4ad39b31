import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import rand_images, seeded

from semcomm.images import center_crop, check_images, pad_to_multiple, to_float, to_uint8

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
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got 0"):
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
        (with_pixel(1 + 2**-23), ValueError, r"\[0, 1\], got values from .* to 1.0000001"),
        (with_pixel(-0.01), ValueError, r"\[0, 1\], got values from -0.01"),
        (with_pixel(1.5), ValueError, r"\[0, 1\].*to 1.5"),
    ],
)
def test_bad_images_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        check_images(images, smallest=8)
