"""Blocks: cut and put together, neighbours by brute force, and an order in which every neighbour comes first."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semcomm.transmitter.blocks import grid, to_blocks, to_images


def test_blocks_hold_their_pixels_colour_by_colour():
    images = torch.arange(2 * 3 * 8 * 12).float().reshape(2, 3, 8, 12)
    blocks = to_blocks(images, 4)
    assert blocks.shape == (2, 2, 3, 48)
    assert torch.equal(blocks[1, 1, 2], images[1, :, 4:8, 8:12].flatten())
    assert torch.equal(to_images(blocks, 4), images)


def expected_neighbours(images, rows, columns):
    """Left, upper, upper left, upper right; who is missing is replaced by one who is there."""
    nobody = images * rows * columns
    result = []
    for image in range(images):
        for row in range(rows):
            for column in range(columns):

                def at(r, c, image=image):
                    inside = 0 <= r < rows and 0 <= c < columns
                    return (image * rows + r) * columns + c if inside else None

                left, up = at(row, column - 1), at(row - 1, column)
                up_left, up_right = at(row - 1, column - 1), at(row - 1, column + 1)
                if row == 0:
                    up = up_left = up_right = left
                elif column == 0:
                    left = up_left = up
                if row > 0 and up_right is None:
                    up_right = up
                own = [left, up, up_left, up_right]
                result.append([nobody if one is None else one for one in own])
    return result


@given(images=st.integers(1, 3), rows=st.integers(1, 6), columns=st.integers(1, 7))
def test_neighbours_are_those_of_a_search_by_hand(images, rows, columns):
    assert grid(images, rows, columns).neighbours.tolist() == expected_neighbours(images, rows, columns)


@given(images=st.integers(1, 3), rows=st.integers(1, 6), columns=st.integers(1, 7))
def test_every_wave_needs_earlier_waves_only_and_all_blocks_are_met_once(images, rows, columns):
    own = grid(images, rows, columns)
    done = {images * rows * columns}
    for wave in own.waves:
        for block in wave.tolist():
            assert set(own.neighbours[block].tolist()) <= done
        done |= set(wave.tolist())
    everyone = np.concatenate([wave.numpy() for wave in own.waves])
    assert sorted(everyone.tolist()) == list(range(images * rows * columns))


def test_blocks_of_two_images_do_not_touch():
    neighbours = grid(2, 3, 4).neighbours
    assert set(neighbours[:12].flatten().tolist()) <= set(range(12)) | {24}
    assert set(neighbours[12:].flatten().tolist()) <= set(range(12, 24)) | {24}


@pytest.mark.parametrize("shape", [(1, 32, 48), (1, 2, 3)])
def test_waves_are_few(shape):
    images, rows, columns = shape
    assert len(grid(images, rows, columns).waves) == 2 * (rows - 1) + columns
