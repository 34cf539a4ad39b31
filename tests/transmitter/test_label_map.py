"""Label maps as bits: round trips, majority, and what they cost."""

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.transmitter.label_map import enlarge_labels, read_labels, reduce_labels, write_labels


def bits_of(labels, classes):
    encoder = RangeEncoder()
    write_labels(encoder, labels, classes)
    return encoder.bits()


def blobs(seed, height=96, width=128, classes=5):
    """Smooth regions, as a segmenter makes them."""
    noise = np.random.default_rng(seed).normal(size=(classes, height, width))
    return torch.from_numpy(np.stack([gaussian_filter(plane, 9) for plane in noise]).argmax(0))


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 2, 21, 150]), st.integers(0, 2**31))
def test_any_map_comes_back(rows, columns, classes, seed):
    labels = torch.randint(classes, (rows, columns), generator=torch.Generator().manual_seed(seed))
    read = read_labels(RangeDecoder(bits_of(labels, classes)), rows, columns, classes)
    assert read.dtype == torch.int64
    assert torch.equal(read, labels)


def test_bits_of_another_map_are_refused_or_decode_to_known_classes():
    bits = np.random.default_rng(2).integers(0, 2, 4000).astype(np.uint8)
    labels = read_labels(RangeDecoder(bits), 12, 12, 21)
    assert 0 <= labels.min() <= labels.max() < 21


def test_a_name_beyond_the_classes_is_refused():
    encoder = RangeEncoder()
    write_labels(encoder, torch.tensor([[1]]), 2)
    with pytest.raises(ValueError, match="one of 1 classes, got 1"):
        read_labels(RangeDecoder(encoder.bits()), 1, 1, 1)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([4, 8, 16]), st.integers(0, 2**31))
def test_reduction_is_the_majority_of_every_cell(height, width, reduction, seed):
    labels = torch.randint(3, (height, width), generator=torch.Generator().manual_seed(seed))
    small = reduce_labels(labels, reduction, 3)
    for row in range(small.shape[0]):
        for column in range(small.shape[1]):
            cell = labels[row * reduction :, column * reduction :][:reduction, :reduction].flatten().tolist()
            assert small[row, column] == max(range(3), key=cell.count)
    full = enlarge_labels(small, reduction, (height, width))
    assert full.shape == labels.shape
    assert torch.equal(reduce_labels(full, reduction, 3), small)


def test_smooth_maps_cost_less_than_a_general_compressor_needs():
    for seed in range(3):
        labels = blobs(seed)
        assert len(bits_of(labels, 5)) < 0.5 * 8 * len(zlib.compress(labels.numpy().astype(np.uint8).tobytes(), 9))


def test_the_counts_follow_the_map():
    labels = torch.arange(400).reshape(20, 20) % 7  # every cell is its upper left neighbour's successor
    assert len(bits_of(labels, 150)) < 400 * np.log2(150)
    assert len(bits_of(torch.full((48, 64), 3), 150)) < 60
