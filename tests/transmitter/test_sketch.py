"""The sketch: contexts of integers, one closed loop at both ends, and rounding differences that die out."""

import math

import numpy as np
import pytest
import torch
from tiny_codebook import dead_leaves

from semcomm.images import to_float
from semcomm.transmitter.blocks import grid, to_blocks
from semcomm.transmitter.drawing import draw, label, redraw, synthesise
from semcomm.transmitter.sketch import (
    ACTIVITIES,
    LARGEST,
    UNIT,
    Activity,
    contexts,
    follow,
    layout,
    step_sizes,
)
from semcomm.transmitter.textures import WORTH_CODING

SHAPE = (1, 8, 12)


@pytest.fixture(scope="module")
def components(codebook):
    image = to_float(dead_leaves(128, 192, 77))[None]
    return codebook.common.components(to_blocks(image, 16).flatten(0, 2))


@pytest.fixture(scope="module")
def sketched(codebook, components):
    """A drawing at a fine step, its details, and what it was made of."""
    book = codebook.books[-1]
    steps = torch.full((len(components),), 16)
    labels = label(codebook, book, components, SHAPE, steps)
    return draw(codebook, book, components, SHAPE, labels, steps, torch.zeros_like(steps))


def test_what_is_worth_coding_is_coded_in_buckets_of_half_an_octave(codebook, sketched):
    plan = sketched[0].layout
    relative = codebook.books[-1].textures.log_variance[sketched[0].labels] + 16
    assert torch.equal(plan.relative, relative)
    assert torch.equal(plan.is_coded, relative[:, : plan.coded] >= WORTH_CODING)
    assert not (relative[:, plan.coded :] >= WORTH_CODING).any()
    expected = (relative[:, : plan.coded][plan.is_coded] - WORTH_CODING).div(4, rounding_mode="floor").clamp(0, 25)
    assert torch.equal(plan.buckets[plan.is_coded], expected)


def test_importance_makes_steps_of_a_block_finer(codebook, sketched):
    labels = sketched[0].labels
    steps, boost = torch.full((len(labels),), 16), torch.zeros(len(labels), dtype=torch.int64)
    boost[5] = 16
    plain, important = (layout(codebook.books[-1].textures, labels, steps, one) for one in (None, boost))
    assert torch.equal(important.relative[5], plain.relative[5] + 16)
    assert torch.equal(important.relative[6], plain.relative[6])
    assert float(step_sizes(steps + boost)[5] / step_sizes(steps)[5]) == 0.5


def test_drawing_and_details_together_are_the_photograph(codebook, components, sketched):
    drawing, details = sketched
    blocks = synthesise(codebook, drawing, details)
    kept = drawing.book.textures.analyse(components, drawing.labels)
    again = drawing.book.textures.analyse(codebook.common.components(blocks), drawing.labels)
    # exact but for transforms in half precision
    assert float((again - kept).square().sum() / kept.square().sum()) < 1e-5


def test_sender_and_receiver_close_one_loop(codebook, sketched):
    drawing, _ = sketched
    there = redraw(
        codebook,
        drawing.book,
        SHAPE,
        drawing.labels,
        drawing.log_step,
        drawing.boost,
        drawing.levels.clone(),
        drawing.found,
    )
    assert torch.equal(there.log_variances, drawing.log_variances)
    np.testing.assert_allclose(there.known, drawing.known, atol=1e-5)
    nothing = torch.zeros(drawing.log_variances.shape)
    here, elsewhere = (synthesise(codebook, one, nothing) for one in (drawing, there))
    np.testing.assert_allclose(here, elsewhere, atol=1e-5)


def test_small_differences_of_another_machine_die_out(codebook, sketched):
    """Noise of 1e-5 on the receiver's predictors and transforms stays as small as it is, to the last wave."""
    from dataclasses import replace

    drawing, _ = sketched
    random = torch.Generator().manual_seed(0)
    textures = drawing.book.textures
    other = replace(
        textures,
        predictor=textures.predictor + 1e-5 * torch.randn(textures.predictor.shape, generator=random),
        transform=textures.transform + 1e-5 * torch.randn(textures.transform.shape, generator=random),
    )
    step = step_sizes(drawing.log_step)
    arguments = (codebook.tables, grid(*SHAPE), drawing.labels, drawing.layout, step)
    mine = follow(textures, *arguments, levels=drawing.levels).known
    theirs = follow(other, *arguments, levels=drawing.levels).known
    off = (mine - theirs).abs().amax(1)
    waves = grid(*SHAPE).waves
    middle = len(waves) // 2
    before, after = (float(torch.cat([off[wave] for wave in some]).max()) for some in (waves[:middle], waves[middle:]))
    assert 0 < before < 1e-2
    assert after < 2 * before


def test_a_wrong_level_is_forgotten(codebook, sketched):
    """A prediction shrinks: what one block has wrong is small some blocks further."""
    drawing, _ = sketched
    arguments = (codebook.tables, grid(*SHAPE), drawing.labels, drawing.layout, step_sizes(drawing.log_step))
    levels = drawing.levels.clone()
    levels[0, 0] += 4
    textures = drawing.book.textures
    off = (
        (follow(textures, *arguments, levels=drawing.levels).known - follow(textures, *arguments, levels=levels).known)
        .abs()
        .amax(1)
    )
    waves = grid(*SHAPE).waves
    assert float(off[waves[-1]].max()) < 0.2 * float(off[waves[1]].max())


def test_levels_are_the_nearest_of_what_prediction_leaves(components, sketched):
    drawing, details = sketched
    textures, plan = drawing.book.textures, drawing.layout
    own = textures.analyse(components, drawing.labels) - textures.predictions(drawing.known, drawing.labels)
    steps = own[:, : plan.coded] / step_sizes(drawing.log_step)
    expected = torch.where(steps.abs() < 0.6, 0.0, steps.round()) * plan.is_coded
    # but where both round-off and half a step meet
    assert float((expected.long() != drawing.levels).float().mean()) < 1e-3
    assert float(details[:, : plan.coded].abs().max() / step_sizes(drawing.log_step).max()) < 20


def test_what_has_gone_by_is_compared_with_what_was_expected(codebook, sketched):
    """Activities from their definition, one block at a time."""
    drawing, _ = sketched
    plan, (_, rows, columns) = drawing.layout, SHAPE
    expected = (codebook.tables.expected[plan.buckets] * plan.is_coded).reshape(rows, columns, -1).numpy()
    size = (UNIT * drawing.levels.abs() * plan.is_coded).reshape(rows, columns, -1).numpy()
    seen, awaited = np.zeros((rows, columns), int), np.zeros((rows, columns), int)
    for component in range(6):
        for row, column in [(0, 0), (3, 4), (rows - 1, columns - 1)]:

            def around(plane, row=row, column=column):
                beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
                clamped = [(min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)) for r, c in beside]
                return 4 * plane[row, column] + sum(plane[place] for place in clamped) + UNIT

            ratio = 64 * around(seen) // around(awaited)
            said = sum(ratio >= threshold for threshold in (20, 32, 44, 56, 72, 96, 140))
            found = drawing.found.activities.reshape(rows, columns, -1)[row, column, component]
            assert int(found) == said
        seen += size[:, :, component] - (seen >> 3)
        awaited += expected[:, :, component] - (awaited >> 3)


def test_contexts_of_two_images_are_those_of_each(codebook, sketched):
    drawing, _ = sketched
    plan = drawing.layout
    both = type(plan)(torch.cat([plan.relative, plan.relative]), plan.coded)
    found = contexts(codebook.tables, both, (2, *SHAPE[1:]), torch.cat([drawing.levels, drawing.levels.flip(0)]))
    blocks = len(drawing.levels)
    assert torch.equal(found.activities[:blocks], drawing.found.activities)
    assert torch.equal(found.last[:blocks], drawing.found.last)


def test_activity_has_classes_from_less_to_more(codebook, sketched):
    plan = sketched[0].layout
    quiet, loud = Activity(codebook.tables, plan, SHAPE), Activity(codebook.tables, plan, SHAPE)
    for component in range(8):
        quiet.see(component, torch.zeros(len(plan.relative), dtype=torch.int64))
        loud.see(component, torch.full((len(plan.relative),), LARGEST))
    assert int(quiet.classes().max()) <= 1
    assert int(loud.classes().min()) == ACTIVITIES - 1


def test_expected_strengths_of_details_are_those_measured(codebook):
    """On a photograph that the codebook was not fitted on, within 2 dB over all, by thirds within 4 dB."""
    image = to_float(dead_leaves(192, 192, 501))[None]
    components = codebook.common.components(to_blocks(image, 16).flatten(0, 2))
    book, shape = codebook.books[-1], (1, 12, 12)
    steps = torch.full((len(components),), 16)
    labels = label(codebook, book, components, shape, steps)
    drawing, details = draw(codebook, book, components, shape, labels, steps, torch.zeros_like(steps))
    expected, energy = torch.exp2(drawing.log_variances / 8), details.square()
    assert abs(10 * math.log10(float(energy.mean() / expected.mean()))) < 2
    order = expected.flatten().argsort()
    for part in order.tensor_split(3):
        assert abs(10 * math.log10(float(energy.flatten()[part].mean() / expected.flatten()[part].mean()))) < 4


def test_values_of_levels_are_signed_and_shrunk(codebook):
    buckets = torch.full((5,), 6)
    values = codebook.tables.values(torch.tensor([-3, -1, 0, 1, 3]), buckets)
    torch.testing.assert_close(values, -values.flip(0))
    assert values[2] == 0
    assert 0.5 < float(values[3]) <= 1.1
