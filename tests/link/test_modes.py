"""The rate table: complete, monotone, within the gaps to capacity that 5G's codes are known for, and true."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from semcomm.link.fading import GRID_DB, faded_snr_db, information
from semcomm.link.frame import WIDTHS
from semcomm.link.measure_rates import MEASURED, TARGET, Waterfall, lost_blocks, measure, table
from semcomm.link.modes import MODES, check_mode, rate_table, required_snr_db


def capacity_snr_db(efficiency):
    return 10 * math.log10(2**efficiency - 1)


def test_modes_fit_eight_bits_and_rise_by_small_steps():
    assert len(MODES) <= 2 ** WIDTHS["mode"]
    needed = np.array([required_snr_db(index, 8448) for index in range(len(MODES))])
    assert needed[0] < -12
    assert needed[-1] > 22
    for bits_per_symbol in (2, 4, 6, 8, 10):
        own = [index for index, mode in enumerate(MODES) if mode.bits_per_symbol == bits_per_symbol]
        efficiencies = [MODES[index].efficiency for index in own]
        assert efficiencies == sorted(efficiencies)
        steps = np.diff(needed[own])
        assert steps.min() > 0
        assert steps.max() < (0.5 if bits_per_symbol == 2 else 0.35)
    higher = [index for index, mode in enumerate(MODES) if MODES[index - 1].bits_per_symbol < mode.bits_per_symbol]
    assert all(needed[index] < needed[index - 1] for index in higher)  # constellations overlap


def test_every_mode_is_measured_at_every_block_length():
    rows = {(row["bits_per_symbol"], row["rate"], row["information"]) for row in rate_table()["rows"]}
    for mode in MEASURED:
        for length in (mode.shortest_block, 384, 1280, mode.largest_block):
            assert length < mode.shortest_block or (mode.bits_per_symbol, mode.rate, length) in rows


def test_modes_between_two_that_are_measured_need_what_lies_between():
    between = [index for index, mode in enumerate(MODES) if mode not in MEASURED]
    assert len(between) == len(MEASURED) - 6  # none between constellations, nor between base graphs
    for index in between:
        for length in (500, 1280, 3840):
            low, here, high = (required_snr_db(place, length) for place in (index - 1, index, index + 1))
            assert low < here < high


@pytest.mark.parametrize("index", range(len(MODES)))
def test_long_blocks_are_near_capacity(index):
    """At the loss of one photograph of four blocks in 1,000: 2 dB for QPSK's low rates, 1.45 dB up to 256-QAM."""
    gap = required_snr_db(index, MODES[index].largest_block) - capacity_snr_db(MODES[index].efficiency)
    assert 0.5 < gap < {2: 2, 4: 1.3, 6: 1.3, 8: 1.45, 10: 1.75}[MODES[index].bits_per_symbol]


@pytest.mark.parametrize("index", [5, 20, 30, 50, 90, 140, 180, 240])
def test_short_blocks_and_fading_need_more(index):
    lengths = [30, 40, 60, 96, 200, 384, 1000, 1280, 3000, 3840]
    for fading in ("none", "fast"):
        needed = [required_snr_db(index, length, fading=fading) for length in lengths]
        assert needed == sorted(needed, reverse=True)
    for length in lengths:
        assert required_snr_db(index, length, fading="fast") > required_snr_db(index, length)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "length"),
    [(4, 1280), (15, 3840), (70, 8448), (90, 1280), (110, 4500), (140, 5000), (185, 384), (240, 6000)],
)
def test_the_table_is_true(index, length):
    """At the safe SNR fewer than 5 of 3,000 blocks are lost (0.75 are expected), and 1.5 dB below it many are."""
    assert MODES[index].shortest_block <= length <= MODES[index].largest_block
    generator = torch.Generator().manual_seed(12)
    needed = required_snr_db(index, length)
    assert sum(lost_blocks(MODES[index], length, needed, 100, generator) for _ in range(30)) < 5
    assert lost_blocks(MODES[index], length, needed - 1.5, 100, generator) > 5


def test_waterfalls_are_fitted_and_extended():
    """Drawn from a known curve, its middle and width come back."""
    generator = np.random.default_rng(0)
    snrs = np.arange(0.0, 2.0, 0.15)
    shares = [0.5 * math.erfc((snr - 1) / 0.2 / 2**0.5) for snr in snrs]
    waterfall = Waterfall(
        dict.fromkeys(snrs.tolist(), 2000),
        {snr: int(generator.binomial(2000, share)) for snr, share in zip(snrs.tolist(), shares, strict=True)},
    )
    middle, width = waterfall.fit()
    assert middle == pytest.approx(1.0, abs=0.02)
    assert width == pytest.approx(0.2, rel=0.1)
    assert waterfall.fit(0.2)[0] == pytest.approx(1.0, abs=0.02)
    assert 1 - (1 - TARGET) ** 4 == pytest.approx(1e-3)


def test_measuring_again_gives_the_same():
    mode = MODES[20]
    assert measure(mode, 96, 8, 0) == measure(mode, 96, 8, 0)
    assert measure(mode, 96, 8, 0) != measure(mode, 96, 8, 1)
    waterfall = measure(mode, 96, 40, 0)
    assert max(waterfall.lost.values()) >= 8
    assert min(waterfall.lost.values()) <= 1
    assert table((mode,), (), 1, 0) == []


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8, 10])
def test_mutual_information_is_between_nothing_and_all_bits_and_below_capacity(bits_per_symbol):
    measured = information((1,) * (1 << bits_per_symbol // 2 - 1))
    assert measured[-1] == pytest.approx(bits_per_symbol, abs=1e-6)
    assert (np.diff(measured) >= 0).all()
    assert (measured <= np.log2(1 + 10 ** (GRID_DB / 10)) + 1e-6).all()


def test_mutual_information_of_qpsk_by_integration():
    """Two independent binary channels: 1 - E[log2(1 + exp(-L))], L Gaussian with mean 2 snr and variance 4 snr."""
    for snr_db in (-5.0, 0.0, 6.0):
        mean = 2 * 10 ** (snr_db / 10)

        def lost(llr, mean=mean):
            density = math.exp(-((llr - mean) ** 2) / (4 * mean)) / math.sqrt(4 * math.pi * mean)
            return density * math.log2(1 + math.exp(-llr))

        expected = 2 * (1 - integrate.quad(lost, -40, 60)[0])
        assert np.interp(snr_db, GRID_DB, information((1,))) == pytest.approx(expected, abs=1e-3)


def test_fading_costs_nothing_at_low_snr_and_much_near_all_bits():
    assert faded_snr_db(-20.0, (1,)) == pytest.approx(-20.0, abs=0.1)
    costs = [faded_snr_db(snr_db, (1, 1)) - snr_db for snr_db in (-10, 0, 5, 10)]
    assert costs == sorted(costs)
    assert costs[-1] > 3


@pytest.mark.parametrize("mode", [-1, len(MODES)])
def test_bad_mode(mode):
    with pytest.raises(ValueError, match=f"mode must be an index from 0 to {len(MODES) - 1}, got {mode}"):
        check_mode(mode)
