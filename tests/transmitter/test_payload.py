"""The payload: bits that come back as the map and the sketch they were, at the cost that was estimated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_codebook import dead_leaves

from semcomm.images import to_float
from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.transmitter.blocks import to_blocks
from semcomm.transmitter.drawing import draw, label
from semcomm.transmitter.payload import level_costs, map_costs, read_map, read_sketch, write_map, write_sketch
from semcomm.transmitter.sketch import contexts, layout


@given(rows=st.integers(1, 7), columns=st.integers(1, 7), seed=st.integers(0, 1000))
def test_a_texture_map_comes_back(codebook, rows, columns, seed):
    book = codebook.books[-1]
    labels = torch.randint(book.textures.classes, (rows, columns), generator=torch.Generator().manual_seed(seed))
    encoder = RangeEncoder()
    write_map(encoder, book, labels)
    assert torch.equal(read_map(RangeDecoder(encoder.bits()), book, rows, columns), labels)


@settings(max_examples=10)
@given(rows=st.integers(1, 5), columns=st.integers(1, 5), seed=st.integers(0, 1000), log_step=st.integers(-40, 60))
def test_any_levels_come_back_with_their_contexts(codebook, rows, columns, seed, log_step):
    """Large ones, too, which the tables do not have."""
    random = torch.Generator().manual_seed(seed)
    book, blocks = codebook.books[-1], rows * columns
    labels = torch.randint(book.textures.classes, (blocks,), generator=random)
    plan = layout(book.textures, labels, torch.full((blocks,), log_step))
    levels = (8 * torch.randn(plan.is_coded.shape, generator=random)).long() * plan.is_coded
    found = contexts(codebook.tables, plan, (1, rows, columns), levels)
    encoder = RangeEncoder()
    write_sketch(encoder, codebook, plan, levels, found)
    there, again = read_sketch(RangeDecoder(encoder.bits()), codebook, plan, (1, rows, columns))
    assert torch.equal(there, levels)
    assert torch.equal(again.activities, found.activities)
    assert torch.equal(again.last, found.last)


@pytest.fixture(scope="module")
def drawing(codebook):
    image = to_float(dead_leaves(160, 192, 91))[None]
    components = codebook.common.components(to_blocks(image, 16).flatten(0, 2))
    book, shape = codebook.books[-1], (1, 10, 12)
    steps = torch.full((len(components),), 20)
    labels = label(codebook, book, components, shape, steps)
    return draw(codebook, book, components, shape, labels, steps, torch.zeros_like(steps))[0]


def test_costs_are_the_bits_that_are_written(codebook, drawing):
    encoder = RangeEncoder()
    write_map(encoder, drawing.book, drawing.labels.reshape(10, 12))
    of_map = len(encoder.bits())
    assert abs(of_map - map_costs(drawing.book, drawing.labels.reshape(1, 10, 12))) < 40
    write_sketch(encoder, codebook, drawing.layout, drawing.levels, drawing.found)
    of_levels = float(level_costs(codebook, drawing.layout, drawing.levels, drawing.found).sum())
    assert abs(len(encoder.bits()) - of_map - of_levels) < 40 + 0.002 * of_levels


def test_contexts_save_bits(codebook, drawing):
    """Contexts know nothing of levels that are dealt out anew among the blocks of one bucket."""
    from dataclasses import replace

    random = torch.Generator().manual_seed(0)
    plan = drawing.layout
    levels = drawing.levels.clone()
    for bucket in range(26):
        places = (plan.is_coded & (plan.buckets == bucket)).nonzero(as_tuple=True)
        levels[places] = levels[places][torch.randperm(len(places[0]), generator=random)]
    found = contexts(codebook.tables, plan, drawing.shape, levels)
    mixed = replace(drawing, levels=levels, found=found)
    costs = [float(level_costs(codebook, plan, one.levels, one.found).sum()) for one in (drawing, mixed)]
    assert costs[0] < 0.99 * costs[1]


def test_one_class_needs_no_map(codebook):
    assert map_costs(codebook.books[0], torch.zeros(1, 4, 4, dtype=torch.int64)) == 0.0


def test_nothing_coded_costs_nothing(codebook):
    plan = layout(codebook.books[0].textures, torch.zeros(4, dtype=torch.int64), torch.full((4,), -200))
    nothing = torch.zeros(4, 0, dtype=torch.int64)
    found = contexts(codebook.tables, plan, (1, 2, 2), nothing)
    assert level_costs(codebook, plan, nothing, found).tolist() == [0.0] * 4
    np.testing.assert_array_equal(found.last, np.full(4, int(found.last[0])))
