"""Constellations against closed forms of their bit error rates, and log-likelihoods against sums over all points."""

import math

import pytest
import torch
from scipy import integrate, special

from semcomm.link.sionna_blocks import generators_kept
from semcomm.link.transport import equalise
from semcomm.link.waveform import amplitudes, scrambling, spread, to_logits, to_symbols

ORDERS = (2, 4, 6, 8, 10)
UNEVEN = {2: (1,), 4: (5, 2), 6: (8, 5, 2, 1), 8: (9, 8, 6, 4, 3, 2, 1, 1)}


def even(order):
    """As often as one another."""
    return (1,) * (1 << order // 2 - 1)


def points(order, counts):
    """All labels of a symbol, bits of a label as they are sent, and their points without flips."""
    labels = torch.arange(1 << order)
    bits = (labels[:, None] >> torch.arange(order - 1, -1, -1) & 1).float()
    flips = torch.stack([scrambling(2)] * len(bits))
    coded = bits.clone()
    coded[:, -2:] = (bits[:, -2:] - flips).abs()
    return bits, to_symbols(coded, counts)[:, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_constellations_are_sionnas_with_gray_labels(order):
    """The points of 3GPP TS 38.211, Section 5.1, by a second library; and one bit tells neighbours apart."""
    bits, symbols = points(order, even(order))
    with generators_kept():
        from sionna.phy.mapping import Constellation

        expected = Constellation("qam", order, precision="single", device="cpu").points
    distances = (symbols[:, None] - expected).abs()
    assert distances.min(0).values.max() < 1e-5
    assert distances.min(1).values.max() < 1e-5
    between = (symbols[:, None] - symbols).abs()
    side = between[between > 1e-4].min()
    for one, other in torch.nonzero((between - side).abs() < 1e-4).tolist():
        assert (bits[one] != bits[other]).sum() == 1


@pytest.mark.parametrize("order", [4, 6, 8])
def test_uneven_amplitudes_have_unit_power(order):
    places = torch.tensor(UNEVEN[order], dtype=torch.float64)
    assert (places @ amplitudes(UNEVEN[order]).double().square() / places.sum()).item() == pytest.approx(1, abs=1e-6)
    ratios = amplitudes(UNEVEN[order]) / amplitudes(UNEVEN[order])[0]
    torch.testing.assert_close(ratios, 2.0 * torch.arange(len(places)) + 1)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("shaped", [False, True])
def test_logits_are_sums_over_all_points(order, shaped):
    """Each point as likely as its amplitudes are."""
    counts = UNEVEN[order] if shaped else even(order)
    generator = torch.Generator().manual_seed(order)
    labels, constellation = points(order, counts)
    received = torch.randn(50, dtype=torch.complex64, generator=generator)
    variance = torch.rand(50, generator=generator) + 0.05
    smallest = constellation.real.abs().min()
    places = ((torch.view_as_real(constellation).abs() / smallest - 1) / 2).round().long()
    prior = torch.tensor(counts).float()[places].log().sum(1)
    exponents = prior - (received[:, None] - constellation).abs().square() / variance[:, None]
    flips = torch.ones(order).index_put((torch.tensor([order - 2, order - 1]),), 1 - 2 * scrambling(2))
    measured = to_logits(received[:, None], variance[:, None], counts) * flips
    for place in range(order):
        ones = labels[:, place] == 1
        expected = exponents[:, ones].logsumexp(1) - exponents[:, ~ones].logsumexp(1)
        torch.testing.assert_close(measured[:, place], expected, atol=2e-4, rtol=1e-4)


def bit_error_rate(order, snr):
    """Exact for Gray labels of a square constellation (Cho, Yoon, IEEE Trans. Commun. 2002)."""
    side = 2 ** (order // 2)
    total = 0.0
    for place in range(1, order // 2 + 1):
        for step in range(int((1 - 2.0**-place) * side)):
            sign = (-1) ** math.floor(step * 2 ** (place - 1) / side)
            weight = 2 ** (place - 1) - math.floor(step * 2 ** (place - 1) / side + 0.5)
            total += sign * weight * special.erfc((2 * step + 1) * math.sqrt(3 * snr / (2 * (side**2 - 1)))) / side
    return total / (order // 2)


@pytest.mark.parametrize(("order", "snr_db"), [(2, 4.0), (4, 10.0), (6, 15.0), (8, 21.0)])
@pytest.mark.parametrize("fading", [False, True])
def test_bit_error_rates(order, snr_db, fading):
    generator = torch.Generator().manual_seed(order)
    coded = torch.randint(0, 2, (1, 240_000), generator=generator).float()
    x = to_symbols(coded, even(order))[0]
    snr = 10 ** (snr_db / 10)
    h = torch.randn(x.shape, dtype=torch.complex64, generator=generator) if fading else torch.ones_like(x)
    y = h * x + torch.randn(x.shape, dtype=torch.complex64, generator=generator) / snr**0.5
    equalised, variance = equalise(y, 1 / snr, h, len(y))
    errors = ((to_logits(equalised[None], variance[None], even(order)) > 0) != (coded > 0)).float().mean().item()
    expected = bit_error_rate(order, snr)
    if fading:
        expected, _ = integrate.quad(lambda gain: math.exp(-gain) * bit_error_rate(order, gain * snr), 0, 30, limit=200)
    # errors of one symbol's bits are dependent, and a factor of 2 on the variance covers that
    deviation = (2 * expected / coded.numel()) ** 0.5
    assert abs(errors - expected) < 4 * deviation


def test_equalising_is_unbiased_and_tells_the_noise():
    generator = torch.Generator().manual_seed(0)
    x = torch.full((200_000,), 1 + 0j, dtype=torch.complex64)
    h = torch.polar(torch.tensor(0.5), torch.tensor(1.0)).expand(x.shape)
    y = h * x + 0.3 * torch.randn(x.shape, dtype=torch.complex64, generator=generator)
    equalised, variance = equalise(y, 0.09, h, len(x))
    error = equalised - x
    assert abs(error.mean().item()) < 5 * (0.36 / len(x)) ** 0.5
    assert variance[0].item() == pytest.approx(0.36)
    assert error.abs().square().mean().item() == pytest.approx(0.36, rel=0.02)


def test_a_fade_of_zero_tells_nothing():
    h = torch.zeros(4, dtype=torch.complex64)
    equalised, variance = equalise(torch.ones(4, dtype=torch.complex64), 0.1, h, 4)
    assert to_logits(equalised[None], variance[None], (1, 1)).abs().max().item() < 1e-5
    # what is known beforehand is all that is left
    priors = to_logits(equalised[None], variance[None], (5, 2))[0, :8]
    torch.testing.assert_close(priors, torch.full((8,), math.log(2 / 5)))


@pytest.mark.parametrize("uses", [0, 1, 2, 3, 10, 618, 1000, 4096, 49152])
def test_spread_is_a_permutation_that_parts_neighbours(uses):
    order = spread(uses)
    assert torch.equal(order.sort().values, torch.arange(uses))
    if uses > 600:
        gaps = (order[1:] - order[:-1]).abs()
        assert torch.minimum(gaps, uses - gaps).min() > uses / 3


def test_scrambling_is_fixed_and_looks_random():
    flips = scrambling(100_000)
    assert abs(flips.mean().item() - 0.5) < 4 * 0.5 / 100_000**0.5
    for lag in (1, 2, 3, 8, 64):
        agree = (flips[lag:] == flips[:-lag]).float().mean().item()
        assert abs(agree - 0.5) < 4 * 0.5 / 100_000**0.5
    # SplitMix64 of the counter, by Python's integers
    mask = (1 << 64) - 1
    for index in range(50):
        x = (index + 1) * 0x9E3779B97F4A7C15 & mask
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        assert flips[index] == (x ^ x >> 31) >> 63
    assert abs((flips == scrambling(100_000, 384)).float().mean().item() - 0.5) < 4 * 0.5 / 100_000**0.5
