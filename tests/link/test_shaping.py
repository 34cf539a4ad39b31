"""Shaping against lists of all orders, Gaussians by their formula, and the power that any other ratio would take."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomm.link.shaping import STEPS, arrangements, composition, frequencies, to_amplitudes, to_bits


@pytest.mark.parametrize("amplitudes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("step", [100, 300, 900, 1024])
def test_frequencies_are_discrete_gaussians(amplitudes, step):
    """Maxwell-Boltzmann: exp(-nu a^2) for a = 1, 3, 5, ..., where the first two have the ratio told."""
    nu = -math.log(step / STEPS) / 8
    expected = np.exp(-nu * (2 * np.arange(amplitudes) + 1.0) ** 2)
    shares = frequencies(amplitudes, step)
    measured = [float(share / sum(shares)) for share in shares]
    np.testing.assert_allclose(measured, expected / expected.sum(), rtol=1e-9)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_arrangements_are_multinomial_coefficients(counts):
    expected = math.factorial(sum(counts))
    for count in counts:
        expected //= math.factorial(count)
    assert arrangements(counts) == expected


@pytest.mark.parametrize("counts", [(3, 2), (2, 2, 1, 1), (4, 0, 2), (5,), (1, 1, 1, 1)])
def test_amplitudes_are_the_orders_in_their_own_order(counts):
    elements = [index for index, count in enumerate(counts) for _ in range(count)]
    orders = sorted(set(itertools.permutations(elements)))
    assert len(orders) == arrangements(counts)
    width = len(orders).bit_length()
    for number, order in enumerate(orders):
        bits = np.array([number >> place & 1 for place in reversed(range(width))], dtype=np.uint8)
        assert to_amplitudes(bits, counts).tolist() == list(order)
        assert to_bits(np.array(order), counts, width).tolist() == bits.tolist()


@given(st.sampled_from([2, 4, 8, 16]), st.integers(20, 600), st.floats(0, 0.97), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_bits_come_back(amplitudes, length, share, seed):
    room = arrangements([length // amplitudes] * amplitudes)
    bits = int(share * (room.bit_length() - 1))
    counts = composition(amplitudes, length, bits)
    assert sum(counts) == length
    assert list(counts) == sorted(counts, reverse=True)
    sent = np.random.default_rng(seed).integers(0, 2, bits, dtype=np.uint8)
    placed = to_amplitudes(sent, counts)
    assert np.bincount(placed, minlength=amplitudes).tolist() == list(counts)
    np.testing.assert_array_equal(to_bits(placed, counts, bits), sent)


@pytest.mark.parametrize(("amplitudes", "length", "bits"), [(2, 300, 120), (4, 3000, 4000), (8, 500, 1200)])
def test_the_composition_has_the_least_power_and_nearly_the_entropys_bits(amplitudes, length, bits):
    """With smaller amplitudes there is no room, and a Gaussian's entropy at this power is hardly more than the bits."""
    counts = composition(amplitudes, length, bits)
    assert arrangements(counts) >= 2**bits
    # moving a few real numbers to a smaller amplitude takes the room
    for larger in range(1, amplitudes):
        for smaller in range(larger):
            moved = [*counts]
            moved[larger] -= 4 * amplitudes
            moved[smaller] += 4 * amplitudes
            assert min(moved) < 0 or arrangements(moved) < 2**bits
    shares = np.array([count / length for count in counts if count])
    entropy = -(shares * np.log2(shares)).sum()
    assert bits / length < entropy < bits / length + 2.5 * amplitudes * math.log2(length) / length


def test_what_is_no_order_tells_no_bits():
    counts = composition(4, 100, 120)
    placed = to_amplitudes(np.ones(120, dtype=np.uint8), counts)
    assert to_bits(placed, counts, 120) is not None
    placed[placed.argmin()] = 3
    assert to_bits(placed, counts, 120) is None
    last = np.sort(to_amplitudes(np.zeros(120, dtype=np.uint8), counts))[::-1]  # the last order of all
    assert to_bits(last.copy(), counts, 120) is None
    assert to_bits(last.copy(), counts, arrangements(counts).bit_length()) is not None


def test_bad_input():
    with pytest.raises(ValueError, match="bits must fit the order of 10 of 4 amplitudes, got 20"):
        composition(4, 10, 20)
