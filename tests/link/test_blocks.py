"""Blocks of every constellation: the code has room for what is shaped, power is exact, and payloads come back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomm.link.blocks import CHECK, CODE_RATES, SHORTEST, Block, longest, receive_blocks, send_blocks
from semcomm.link.fading import GRID_DB, information

SHAPED = tuple(CODE_RATES)


def payloads(block, count=3, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (count, block.payload), dtype=np.uint8)


@pytest.mark.parametrize("bits_per_symbol", SHAPED)
def test_codes_have_room_for_labels_at_every_length(bits_per_symbol):
    """Base graph 1; what is never sent, all labels and the check are information bits; the rate is 0.92 at most."""
    for uses in range(SHORTEST[bits_per_symbol], longest(bits_per_symbol) + 1):
        block = Block(uses, uses, bits_per_symbol)
        code = block.code
        assert code.graph == "bg1"
        assert code.information <= 8448
        assert code.coded == bits_per_symbol * uses
        assert code.information / code.coded <= 0.92
        assert 2 * code.lifting + block.labels + CHECK <= code.information
    least = SHORTEST[bits_per_symbol]
    for wrong in (least - 1, uses + 1):
        with pytest.raises(ValueError, match=f"channel_uses must be from {least} to {uses}, got {wrong}"):
            assert Block(100, wrong, bits_per_symbol).code


@given(st.sampled_from(SHAPED), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_payloads_come_back_without_noise(bits_per_symbol, length, share, seed):
    uses = int(SHORTEST[bits_per_symbol] + length * (longest(bits_per_symbol) - SHORTEST[bits_per_symbol]))
    most = bits_per_symbol * CODE_RATES[bits_per_symbol] / 1024 * uses * 0.9
    block = Block(1 + int(share * (most - 40)), uses, bits_per_symbol)
    sent = payloads(block, seed=seed)
    symbols = send_blocks(sent, block, "cpu")
    assert symbols.shape == (3, uses)
    torch.testing.assert_close(symbols.abs().square().mean(1), torch.ones(3), atol=1e-5, rtol=0)
    received, arrived = receive_blocks(symbols, torch.full(symbols.shape, 1e-3), block)
    assert arrived.all()
    np.testing.assert_array_equal(received, sent)


@pytest.mark.parametrize("bits_per_symbol", SHAPED)
def test_amplitudes_occur_as_often_as_said_and_signs_are_even(bits_per_symbol):
    uses = longest(bits_per_symbol)
    block = Block(int(uses * (bits_per_symbol / 2 + 0.2)), uses, bits_per_symbol)
    parts = torch.view_as_real(send_blocks(payloads(block, 8), block, "cpu")).reshape(8, -1)
    smallest = parts.abs().min()
    places = ((parts.abs() / smallest - 1) / 2).round().long()
    torch.testing.assert_close(parts.abs(), (2 * places + 1) * smallest)
    for row in places:
        assert torch.bincount(row, minlength=len(block.counts)).tolist() == list(block.counts)
    assert block.counts[0] > 1.5 * block.counts[-1]
    assert abs((parts > 0).float().mean().item() - 0.5) < 4 * 0.5 / parts.numel() ** 0.5


@pytest.mark.parametrize("bits_per_symbol", SHAPED)
@pytest.mark.parametrize("value", [0, 1])
def test_constant_payloads_have_amplitudes_in_any_order(bits_per_symbol, value):
    """Else amplitudes of one kind would stand side by side, where a burst meets them all."""
    uses = longest(bits_per_symbol)
    block = Block(int(uses * bits_per_symbol / 2), uses, bits_per_symbol)
    (symbols,) = send_blocks(np.full((1, block.payload), value, dtype=np.uint8), block, "cpu")
    amplitudes = symbols.real.abs()
    quarters = torch.stack([part.mean() for part in amplitudes.chunk(4)])
    assert (quarters / amplitudes.mean() - 1).abs().max() < 5 * amplitudes.std() / amplitudes.mean() / (uses / 4) ** 0.5


@pytest.mark.parametrize("bits_per_symbol", SHAPED)
def test_a_payload_that_says_little_is_filled_up(bits_per_symbol):
    block = Block(10, SHORTEST[bits_per_symbol], bits_per_symbol)
    assert block.shaped == 0
    assert block.counts[0] == 2 * block.channel_uses
    received, arrived = receive_blocks(
        send_blocks(payloads(block), block, "cpu"), torch.full((3, block.channel_uses), 0.1), block
    )
    assert arrived.all()
    np.testing.assert_array_equal(received, payloads(block))


def test_noise_is_no_payload():
    block = Block(3000, 1500, 6)
    noise = torch.randn(20, 1500, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    _, arrived = receive_blocks(noise, torch.full(noise.shape, 0.1), block)
    assert not arrived.any()


def test_shaped_blocks_arrive_where_even_amplitudes_carry_too_little():
    """3 bits a use in 64-QAM, where even amplitudes carry 3.06 at most, by mutual information: too few for any code."""
    snr_db = 9.6
    generator, uses = torch.Generator().manual_seed(0), longest(6)
    shaped = Block(3 * uses - CHECK, uses, 6)
    sent = payloads(shaped, 16)
    symbols = send_blocks(sent, shaped, "cpu")
    variance = 10 ** (-snr_db / 10)
    noisy = symbols + variance**0.5 * torch.randn(symbols.shape, dtype=torch.complex64, generator=generator)
    received, arrived = receive_blocks(noisy, torch.full(noisy.shape, variance), shaped)
    assert arrived.all()
    np.testing.assert_array_equal(received, sent)
    assert np.interp(snr_db, GRID_DB, information((1, 1, 1, 1))) < 1.02 * 3
