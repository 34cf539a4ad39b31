"""Training frames of a whole batch, against the frames of single photographs."""

import numpy as np
import pytest
import torch
from tiny_codebook import dead_leaves
from toys import seeded

from semcomm.images import to_float
from semcomm.networks.facts import expected_errors
from semcomm.transmitter.blocks import to_blocks
from semcomm.transmitter.drawing import draw, label
from semcomm.transmitter.linear import allocate, expected_error
from semcomm.transmitter.payload import _beside, level_costs, map_costs
from semcomm.transmitter.sketch import ACTIVITIES, contexts, smooth_contexts
from semcomm.transmitter.textures import _by_class, _chosen_of_all
from semcomm.transmitter.training_frames import choose, share, squared_errors

IMAGES, SIDE, K = 4, 5, 400
SHAPE = (IMAGES, SIDE, SIDE)
TOLD_DB = torch.tensor([-6.0, 2.0, 9.0, 21.0])
USES = torch.tensor([0, 130, 77, 395])


@pytest.fixture(scope="module")
def components(codebook):
    size = SIDE * codebook.block
    images = torch.stack([to_float(dead_leaves(size, size, number)) for number in range(IMAGES)])
    return codebook.common.components(to_blocks(images, codebook.block).flatten(0, 2))


def drawn(codebook, components, book, log_step=10, **options):
    steps = torch.full((len(components),), log_step)
    labels = label(codebook, book, components, SHAPE, steps)
    return draw(codebook, book, components, SHAPE, labels, steps, torch.zeros_like(steps), **options)


def rows(values, image):
    return values[image * SIDE**2 : (image + 1) * SIDE**2]


def test_powers_order_and_places_are_those_of_each_photograph(codebook, components):
    drawing, _ = drawn(codebook, components, codebook.books[-1])
    shares = share(drawing, K, USES, TOLD_DB)
    for image, (uses, snr_db) in enumerate(zip(USES.tolist(), TOLD_DB.tolist(), strict=True)):
        alone = allocate(rows(drawing.log_variances, image).flatten(), K - uses, 10 ** (-snr_db / 10))
        sent = shares.power[image] > 0
        count = len(alone.order)
        assert sent.sum() == count > 0
        assert bool(sent[:count].all())
        assert torch.equal(shares.order[image, :count], alone.order)
        torch.testing.assert_close(shares.power[image, :count], alone.power.float())
        torch.testing.assert_close(shares.variance[image, :count], alone.variance.float())
        numbers = torch.arange(1.0, count + 1)
        symbols = torch.zeros(K, dtype=torch.complex64)
        torch.view_as_real(symbols).flatten()[shares.places[image, :count]] = numbers
        assert torch.equal(symbols[uses:], alone.place(numbers))


def test_errors_expected_are_those_of_each_photograph(codebook, components):
    drawing, details = drawn(codebook, components, codebook.books[-1])
    found = squared_errors(drawing, details, K - USES, 10 ** (-TOLD_DB.double() / 10))
    for image, (uses, snr_db) in enumerate(zip(USES.tolist(), TOLD_DB.tolist(), strict=True)):
        own = rows(drawing.log_variances, image), rows(details, image)
        assert float(found[image]) == pytest.approx(expected_error(*own, K - uses, 10 ** (-snr_db / 10)), rel=1e-6)


def test_bits_are_those_that_the_range_coder_counts(codebook, components):
    book = codebook.books[-1]
    drawing, _ = drawn(codebook, components, book, 40)
    assert int(drawing.levels.abs().max()) > 15  # some levels are escapes
    plan, levels = drawing.layout, drawing.levels
    contexts = (plan.buckets * ACTIVITIES + drawing.found.activities).numpy()
    expected = (codebook.tables.levels.cost(levels.numpy(), contexts) * plan.is_coded.numpy()).sum(1)
    np.testing.assert_allclose(level_costs(codebook, plan, levels, drawing.found), expected, rtol=1e-12)
    maps = drawing.labels.reshape(SHAPE)
    beside = _beside(maps, book.textures.classes).numpy()
    expected = [book.map_tables.cost(one, other).sum() for one, other in zip(maps.numpy(), beside, strict=True)]
    np.testing.assert_allclose(map_costs(book, maps), expected, rtol=1e-12)


def test_contexts_without_rounding_are_hardly_others(codebook, components):
    exact, _ = drawn(codebook, components, codebook.books[-1], 24, find=contexts)
    smooth, _ = drawn(codebook, components, codebook.books[-1], 24, find=smooth_contexts)
    assert torch.equal(exact.levels, smooth.levels)
    for one, other in ((exact.found.activities, smooth.found.activities), (exact.found.last, smooth.found.last)):
        assert (one != other).float().mean() < 0.1
        assert (one - other).abs().max() <= 1
    smoothly, exactly = (level_costs(codebook, one.layout, one.levels, one.found).sum() for one in (smooth, exact))
    assert abs(float(smoothly / exactly) - 1) < 0.01


def test_all_classes_at_once_are_the_classes_one_by_one(codebook, components):
    textures = codebook.books[-1].textures
    assert textures.classes > 1
    labels = torch.arange(len(components)) % textures.classes
    one_by_one = _by_class(components, textures.transform.mT, labels)
    torch.testing.assert_close(_chosen_of_all(components, textures.transform.mT, labels), one_by_one)
    known = torch.randn(len(components), textures.predictor.shape[2], generator=seeded()) / 10
    costs = textures.coding_costs(components, known)
    torch.testing.assert_close(
        textures._all_coding_costs(components, known, textures.floor), costs, rtol=1e-4, atol=0.1
    )


def test_details_arrive_without_noise_and_have_unit_power(codebook, components):
    drawing, details = drawn(codebook, components, codebook.books[-1])
    shares = share(drawing, K, USES, TOLD_DB)
    symbols, gains = shares.send(details, K, seeded())
    assert symbols.shape == (IMAGES, K)
    torch.testing.assert_close(symbols.abs().square().mean(1), torch.ones(IMAGES), rtol=1e-5, atol=0)
    for image, uses in enumerate(USES.tolist()):
        torch.testing.assert_close(symbols[image, :uses].abs(), torch.ones(uses))
    found = shares.estimate(symbols, torch.full((IMAGES, K), 1e-9), gains, details.shape).reshape(IMAGES, -1)
    sent = torch.zeros_like(found).scatter(1, shares.order, (shares.power > 0).float())
    torch.testing.assert_close(found, sent * details.reshape(IMAGES, -1), rtol=1e-3, atol=1e-4)


def test_estimates_are_those_of_a_photograph(codebook, components):
    drawing, details = drawn(codebook, components, codebook.books[-1])
    shares = share(drawing, K, USES, TOLD_DB)
    symbols, gains = shares.send(details, K, seeded())
    noise = 0.1 + torch.rand(IMAGES, K, generator=seeded())
    found = shares.estimate(symbols, noise, gains, details.shape)
    alone = allocate(rows(drawing.log_variances, 1).flatten(), K - int(USES[1]), 10 ** (-float(TOLD_DB[1]) / 10))
    arrived, met = (alone.pick(one[1, int(USES[1]) :]).double() for one in (symbols, noise))
    expected = alone.spread(alone.estimate(arrived, met, gains[1]), (SIDE**2, details.shape[1]))
    torch.testing.assert_close(rows(found, 1), expected, rtol=1e-4, atol=1e-6)


def test_each_component_meets_the_noise_of_its_symbol(codebook, components):
    drawing, _ = drawn(codebook, components, codebook.books[-1])
    shares = share(drawing, K, torch.zeros_like(USES), TOLD_DB)
    noise = torch.rand(IMAGES, K, generator=seeded())
    met = shares.noise(noise)
    alone = allocate(rows(drawing.log_variances, 2).flatten(), K, 10 ** (-float(TOLD_DB[2]) / 10))
    count = len(alone.order)
    assert torch.equal(met[2, :count], alone.pick(noise[2])[:count])
    errors = expected_errors(drawing, shares, met)
    own = alone.variance * met[2, :count] / 2 / (alone.power + met[2, :count] / 2)
    torch.testing.assert_close(rows(errors, 2).flatten()[alone.order], own.float())


def test_senders_choose_what_fits_their_symbols(codebook, components):
    for seed in range(4):
        drawing, details, uses = choose(codebook, components, SHAPE, K, TOLD_DB, seeded(seed))
        assert details.shape == drawing.log_variances.shape
        assert bool((K - uses >= K // 8).all())
        steps = drawing.log_step.reshape(IMAGES, -1)
        assert bool((steps == steps[:, :1]).all())
