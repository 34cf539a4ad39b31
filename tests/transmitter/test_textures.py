"""Textures: transforms that invert, costs from their definition, quantisation."""

import math

import numpy as np
import torch

from semcomm.transmitter.textures import WORTH_CODING, quantise, variances


def some_blocks(codebook, count=40, seed=0):
    random = torch.Generator().manual_seed(seed)
    deviation = torch.exp2(codebook.common.log_variance / 16)
    components = torch.randn(count, len(deviation), generator=random) * deviation
    known = 0.3 * torch.randn(count, 4 * codebook.books[-1].textures.remembered + 1, generator=random)
    known[:, -1] = 1
    labels = torch.randint(codebook.books[-1].textures.classes, (count,), generator=random)
    return components, known, labels


def test_log_variances_are_eighths_of_an_octave():
    assert variances(torch.tensor([0, 8, -16])).tolist() == [1.0, 2.0, 0.25]


def test_rows_of_every_transform_are_orthonormal_in_spite_of_rounding(codebook):
    common = codebook.common.transform
    np.testing.assert_allclose(common @ common.T, np.eye(len(common)), atol=2e-3)
    for book in codebook.books:
        for transform in book.textures.transform:
            np.testing.assert_allclose(transform @ transform.T, np.eye(len(transform)), atol=6e-3)


def test_common_components_and_blocks_invert_one_another(codebook):
    components, _, _ = some_blocks(codebook)
    back = codebook.common.components(codebook.common.blocks(components))
    np.testing.assert_allclose(back, components, atol=2e-3)


def test_synthesis_inverts_analysis_and_prediction(codebook):
    """Errors within what the kept components span; the rest has no energy here."""
    textures = codebook.books[-1].textures
    random = torch.Generator().manual_seed(1)
    _, known, labels = some_blocks(codebook)
    residuals = torch.randn(len(labels), textures.transform.shape[1], generator=random)
    components = textures.synthesise(residuals, known, labels)
    found = textures.analyse(components, labels) - textures.predictions(known, labels)
    # exact but for transforms that are rounded, whose rows are orthonormal to some thousandths
    np.testing.assert_allclose(found, residuals, atol=2e-2)


def test_synthesis_inverts_analysis_to_float_precision_where_transforms_are_exact():
    from tiny_codebook import gaussian_codebook

    textures = gaussian_codebook(list(range(0, -64, -1))).books[0].textures
    residuals = torch.randn(30, 64, generator=torch.Generator().manual_seed(0))
    known, labels = torch.ones(30, 17), torch.zeros(30, dtype=torch.int64)
    found = textures.analyse(textures.synthesise(residuals, known, labels), labels)
    np.testing.assert_allclose(found, residuals, atol=1e-4)


def test_blocks_of_every_class_get_their_own_transform(codebook):
    """Against one block at a time."""
    textures = codebook.books[-1].textures
    components, known, labels = some_blocks(codebook)
    own, predicted = textures.analyse(components, labels), textures.predictions(known, labels)
    for block, j in enumerate(labels.tolist()):
        np.testing.assert_allclose(own[block], textures.transform[j] @ components[block], atol=1e-4)
        common = textures.predictor[j] @ known[block]
        np.testing.assert_allclose(predicted[block], textures.transform[j][:, : len(common)] @ common, atol=1e-4)


def test_coding_costs_are_those_of_their_definition(codebook):
    textures = codebook.books[-1].textures
    components, known, _ = some_blocks(codebook, 5)
    costs = textures.coding_costs(components, known, 2e-3)
    for block in range(5):
        for j in range(textures.classes):
            rest = components[block].double().clone()
            rest[: textures.predicted] -= textures.predictor[j].double() @ known[block].double()
            z = textures.transform[j].double() @ rest
            variance = (2.0 ** (textures.log_variance[j].double() / 8)).clamp_min(2e-3)
            outside = float(rest.square().sum() - z.square().sum())
            cost = float((z.square() / variance + variance.log()).sum()) + max(outside, 0) / 2e-3
            cost -= 2 * float(textures.log_prior[j])
            assert math.isclose(float(costs[block, j]), cost, rel_tol=2e-3, abs_tol=0.5)


def test_a_block_is_cheapest_in_the_class_it_was_drawn_from(codebook):
    textures = codebook.books[-1].textures
    random = torch.Generator().manual_seed(3)
    labels = torch.arange(textures.classes).repeat_interleave(60)
    deviation = variances(textures.log_variance)[labels].sqrt()
    known = torch.zeros(len(labels), 4 * textures.remembered + 1)
    known[:, -1] = 1
    drawn = textures.synthesise(torch.randn(deviation.shape, generator=random) * deviation, known, labels)
    assert float((textures.coding_costs(drawn, known).argmin(1) == labels).float().mean()) > 0.8


def test_small_values_become_zero_and_others_are_rounded():
    values = torch.tensor([0.59, -0.59, 0.61, -0.61, 1.4, -1.6])
    assert quantise(values).tolist() == [0, 0, 1, -1, 1, -2]


def test_a_rough_sketch_holds_what_is_worth_coding_in_whole_steps(codebook):
    components, _, _ = some_blocks(codebook)
    log_step = torch.full((len(components), 1), 10)
    rough = codebook.common.rough(components, log_step, 20)
    steps = rough * 2 ** (10 / 16)
    np.testing.assert_allclose(steps, steps.round(), atol=1e-4)
    weak = codebook.common.log_variance[:20] + 10 < WORTH_CODING
    assert not rough[:, weak].any()
    assert rough.any()
