import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import seeded

from semcomm.symbols import (
    bandwidth_ratio,
    features_to_symbols,
    plane_size,
    symbols_per_image,
    symbols_per_pixel,
    symbols_to_features,
)

sizes = st.integers(1, 6)


@given(sizes, sizes, sizes, sizes)
def test_channel_pairs_become_real_and_imaginary_parts(batch, channels, height, width):
    features = torch.randn(batch, 2 * channels, height, width, generator=seeded())
    array = features.numpy()
    expected = (array[:, 0::2] + 1j * array[:, 1::2]).reshape(batch, -1)
    symbols = features_to_symbols(features)
    assert symbols.dtype == torch.complex64
    np.testing.assert_array_equal(symbols.numpy(), expected)
    assert torch.equal(symbols_to_features(symbols, height, width), features)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_brought_to_complex64(dtype):
    features = torch.tensor([0.5, -2.0], dtype=dtype).reshape(1, 2, 1, 1)
    symbols = features_to_symbols(features)
    assert symbols.dtype == torch.complex64
    assert symbols.item() == 0.5 - 2j


@given(st.integers(2, 7), st.sampled_from([2, 4, 8, 16]), st.integers(1, 700), st.integers(1, 700))
def test_k_and_its_ratios_are_the_papers(level, downsampling, height, width):
    rows, columns = -(-height // downsampling), -(-width // downsampling)
    assert plane_size(height, width, downsampling) == (rows, columns)
    k = symbols_per_image(height, width, complex_channels=3 * level + 1, downsampling=downsampling)
    assert k == (3 * level + 1) * rows * columns
    assert bandwidth_ratio(k, height, width) == float(Fraction(k, 3 * height * width))
    assert symbols_per_pixel(k, height, width) == float(Fraction(k, height * width))
    if height % downsampling == width % downsampling == 0:
        assert math.isclose(bandwidth_ratio(k, height, width), (3 * level + 1) / (3 * downsampling**2))


@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (2, 4, 4), (1, 2, 2, 2, 2)])
def test_features_that_cannot_be_paired_are_refused(shape):
    with pytest.raises(ValueError, match=r"features must be real \(b, 2c, h, w\).*got \("):
        features_to_symbols(torch.zeros(shape))


def test_symbols_that_do_not_fill_a_plane_are_refused():
    with pytest.raises(ValueError, match="symbols: 7 per image do not fill planes of 2 x 2"):
        symbols_to_features(torch.zeros(1, 7, dtype=torch.complex64), 2, 2)
