"""Layered decoding against exact probabilities where a code has no cycles, and against Sionna's decoder."""

import itertools

import numpy as np
import pytest
import torch

from semcomm.link.belief_propagation import LayeredDecoder
from semcomm.link.codewords import BlockCode


def exact_llrs(llrs, checks):
    """Log p(0) / p(1) of every bit given all, by summing over every codeword."""
    bits = np.array(list(itertools.product([0, 1], repeat=len(llrs))))
    codewords = bits[[all(word[check].sum() % 2 == 0 for check in checks) for word in bits]]
    weights = np.exp(-(codewords * llrs).sum(1))
    ones = (weights[:, None] * codewords).sum(0)
    return np.log((weights.sum() - ones) / ones)


@pytest.mark.parametrize("seed", range(5))
def test_exact_on_a_code_without_cycles(seed):
    checks = [[0, 1, 2], [2, 3, 4], [4, 5, 6, 7], [1, 8]]
    llrs = np.random.default_rng(seed).normal(0, 2, 9)
    decoder = LayeredDecoder(torch.tensor(llrs[None], dtype=torch.float32), [torch.tensor(c)[:, None] for c in checks])
    decoder.run(6)
    np.testing.assert_allclose(decoder.llrs[0].numpy(), exact_llrs(llrs, checks), atol=1e-3)


def test_a_bit_that_nothing_is_known_of_is_found():
    decoder = LayeredDecoder(torch.tensor([[0.0, 5.0, -4.0], [0.0, 5.0, 4.0]]), [torch.tensor([[0], [1], [2]])])
    decoder.run(1)
    assert (decoder.llrs[:, 0].sign() == torch.tensor([-1.0, 1.0])).all()
    # and nothing known of two of three leaves all as they are
    decoder = LayeredDecoder(torch.tensor([[0.0, 0.0, -4.0]]), [torch.tensor([[0], [1], [2]])])
    decoder.run(3)
    torch.testing.assert_close(decoder.llrs, torch.tensor([[0.0, 0.0, -4.0]]), atol=1e-4, rtol=0)


def test_keeping_some_codewords_changes_nothing_for_them():
    layers = BlockCode(100, 300).code("cpu").layers(20)
    llrs = torch.randn(4, 10 * 18 + 20 * 18, generator=torch.Generator().manual_seed(0)) * 2
    together = LayeredDecoder(llrs, layers)
    together.run(2)
    together.keep(torch.tensor([True, False, False, True]))
    together.run(2)
    for row, index in ((0, 0), (1, 3)):
        alone = LayeredDecoder(llrs[index : index + 1], layers)
        alone.run(4)
        torch.testing.assert_close(together.llrs[row], alone.llrs[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("information", "coded", "deviation"), [(576, 1152, 0.89), (1408, 1760, 0.6)])
def test_decides_as_sionnas_decoder(information, coded, deviation):
    """Flooding needs about twice the iterations; where both are done they agree on every codeword they find."""
    from sionna.phy.fec.ldpc import LDPCBPDecoder

    block = BlockCode(information, coded)
    code = block.code("cpu")
    generator = torch.Generator().manual_seed(1)
    codewords = code.encode(torch.randint(0, 2, (40, information), generator=generator).float())
    width = code.parity_start + block.rows * code.lifting
    llrs = 1 - 2 * codewords[:, :width] + deviation * torch.randn(40, width, generator=generator)
    llrs = 2 / deviation**2 * llrs
    llrs[:, : 2 * code.lifting] = 0
    decoder = LayeredDecoder(llrs.clamp(-20, 20), code.layers(block.rows))
    decoder.run(20)
    layered = decoder.llrs < 0
    matrix = code.parity_checks()[: block.rows * code.lifting, :width]
    flooding = LDPCBPDecoder(matrix, num_iter=40, precision="single", device="cpu")(-llrs) > 0
    sent = codewords[:, :width] > 0
    found, found_by_sionna = (layered == sent).all(1), (flooding == sent).all(1)
    assert 5 < found_by_sionna.sum() < 40
    assert (found == found_by_sionna).sum() >= 36
