"""Bursts through a simulated front end: what arrives, how well it is known, and what it costs."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomm.radio import burst_uses, read_burst, write_burst
from semcomm.radio.front_end import front_end
from semcomm.radio.pulses import ROLL_OFF, SAMPLES, SPAN, match, pulse, shape
from semcomm.radio.synchronise import find_preamble


def symbols(k, seed=0):
    x = torch.randn(k, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    return x / x.abs().square().mean().sqrt()


def through(k, snr_db, *, seed=0, **radio):
    """Symbols sent, and the burst that was read."""
    sent = symbols(k, seed)
    heard = front_end(write_burst(sent), snr_db, generator=torch.Generator().manual_seed(seed + 1), **radio)
    return sent, read_burst(heard, k)


def snr_db(sent, burst):
    return float(-10 * (burst.symbols[0] - sent).abs().square().mean().log10())


def test_the_pulse_is_a_root_raised_cosine():
    """Flat below (1 - roll-off) / 2, 3 dB down at half the symbol rate, silent above (1 + roll-off) / 2."""
    spectrum = np.abs(np.fft.fft(pulse(), 1 << 14)) / SAMPLES**0.5
    at = lambda cycles: spectrum[round(cycles / SAMPLES * (1 << 14))]  # noqa: E731
    assert at(0.0) == pytest.approx(1, abs=0.01)
    assert at((1 - ROLL_OFF) / 2 - 0.05) == pytest.approx(1, abs=0.02)
    assert at(0.5) == pytest.approx(0.5**0.5, abs=0.01)
    assert at((1 + ROLL_OFF) / 2 + 0.05) < 0.02


def test_a_matched_filter_gives_the_symbols_back():
    sent = symbols(300).numpy()
    samples = shape(sent)
    assert len(samples) == SAMPLES * (300 + 2 * SPAN)
    taken = match(samples)[SAMPLES * SPAN :: SAMPLES][:300]
    assert abs(taken - sent).max() < 0.02


def test_what_a_burst_costs_is_what_it_occupies():
    for k in (1, 30, 31, 32, 1000):
        samples = write_burst(symbols(k))
        assert len(samples) == SAMPLES * burst_uses(k)
        assert burst_uses(k) == 256 + k + math.ceil(k / 31) + 1 + 20
        assert max(abs(samples.real).max(), abs(samples.imag).max()) == pytest.approx(1)


@settings(max_examples=12)
@given(
    carrier_offset=st.floats(-0.01, 0.01),
    phase=st.floats(-4, 4),
    delay=st.floats(0, 50),
    gain=st.sampled_from([1e-3, 1.0, 300.0]),
    bits=st.sampled_from([None, 8]),
    seed=st.integers(0, 1000),
)
def test_start_carrier_phase_and_gain_are_found_wherever_they_are(carrier_offset, phase, delay, gain, bits, seed):
    radio = {"carrier_offset": carrier_offset, "phase": phase, "delay": delay, "gain": gain, "bits": bits}
    sent, burst = through(8000, 10.0, seed=seed, silence=200, **radio)
    assert burst.carrier_offset == pytest.approx(carrier_offset, abs=1e-4)
    assert burst.start == pytest.approx(200 + SAMPLES * SPAN + delay, abs=0.3)
    assert snr_db(sent, burst) > 10 - 0.6  # of 2,000 symbols one burst in 150 fell below it by chance
    assert burst.snr_db == pytest.approx(snr_db(sent, burst), abs=1.3)


def test_at_10_db_little_is_lost_on_average():
    """Over many bursts: less than 0.1 dB, and the noise is known to within 0.4."""
    pairs = [through(4000, 10.0, seed=seed, carrier_offset=0.008, delay=seed / 7, bits=8) for seed in range(10)]
    real = np.mean([snr_db(*pair) for pair in pairs])
    assert real > 10 - 0.1
    assert np.mean([burst.snr_db for _, burst in pairs]) == pytest.approx(real, abs=0.4)


@pytest.mark.parametrize("paths", [(1, 0, 0.1j, 0, 0, 0.15), (0.3, 0, 0, 0.1j, 1, 0.4, 0, 0, 0, 0, 0, -0.3)])
def test_paths_are_undone(paths):
    """Without noise what is left of the echoes is small; untouched they would leave less than 20 dB."""
    sent, burst = through(3000, 40.0, paths=paths, carrier_offset=-0.004, delay=3.3)
    assert snr_db(sent, burst) > 26
    echoes = sum(abs(path) ** 2 for path in paths) / max(abs(path) for path in paths) ** 2 - 1
    assert -10 * math.log10(echoes) < 20


def test_a_phase_that_wanders_is_followed():
    """A random walk of 2 rad over the burst: averaged over all pilots it leaves less than 3 dB."""
    sent = symbols(6000)
    samples = write_burst(sent)
    steps = np.random.default_rng(0).normal(size=len(samples)) * 2 / len(samples) ** 0.5
    heard = front_end(samples * np.exp(1j * np.cumsum(steps)), 20.0, generator=torch.Generator().manual_seed(1))
    burst = read_burst(heard, 6000)
    assert snr_db(sent, burst) > 16
    assert snr_db(sent, burst) - 5 < burst.snr_db < snr_db(sent, burst)  # said to be worse than it is, not better


def test_noise_is_known_at_any_snr():
    for asked in (0.0, 20.0, 30.0):
        sent, burst = through(4000, asked, carrier_offset=0.01, delay=1.7)
        assert snr_db(sent, burst) == pytest.approx(asked, abs=0.8)
        assert burst.snr_db == pytest.approx(snr_db(sent, burst), abs=0.7)


def test_a_short_burst_is_read_too():
    for k in (1, 40):
        sent, burst = through(k, 25.0, carrier_offset=0.01, delay=0.5)
        assert burst.symbols.shape == (1, k)
        assert snr_db(sent, burst) > 18


def test_what_is_found_does_not_depend_on_what_lies_far_before():
    sent = symbols(1000)
    quiet = dict(generator=torch.Generator().manual_seed(1), silence=0)
    near, far = (front_end(write_burst(sent), 60.0, **(quiet | {"silence": n})) for n in (0, 70_000))
    one, other = read_burst(near, 1000), read_burst(far, 1000)
    assert other.start - one.start == pytest.approx(70_000, abs=0.05)
    assert (one.symbols - other.symbols).abs().max() < 0.05


def test_noise_alone_is_no_burst():
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=(2, 50_000))
        with pytest.raises(ValueError, match="samples hold no burst: nothing in them looks like its preamble"):
            read_burst(noise[0] + 1j * noise[1], 1000)
    with pytest.raises(ValueError, match="samples hold no burst"):
        read_burst(np.zeros(5000, dtype=np.complex64), 1000)


def test_bad_samples_are_named():
    whole = write_burst(symbols(1000))
    with pytest.raises(ValueError, match="samples end before the burst does: it begins at sample 40"):
        read_burst(whole[:3000], 1000)
    with pytest.raises(ValueError, match=r"samples must be \(n,\), at least 1024, got shape \(100,\)"):
        read_burst(whole[:100], 1000)
    with pytest.raises(ValueError, match="samples must be finite"):
        read_burst(np.where(np.arange(len(whole)) == 9, np.nan, whole), 1000)


def test_the_front_end_makes_the_noise_that_it_says():
    samples = write_burst(symbols(4000))
    clean = front_end(samples, 200.0, silence=100)
    noisy = front_end(samples, 10.0, silence=100, generator=torch.Generator().manual_seed(0))
    energy = (abs(samples) ** 2).sum() / (len(samples) / SAMPLES - 2 * SPAN)
    assert 10 * math.log10(energy / (abs(noisy - clean) ** 2).mean()) == pytest.approx(10, abs=0.1)
    coarse = front_end(samples, 200.0, bits=8, silence=100)
    assert np.array_equal(coarse, np.round(coarse))
    assert max(abs(coarse.real).max(), abs(coarse.imag).max()) == 127


def test_a_search_in_blocks_finds_what_one_block_finds(monkeypatch):
    heard = front_end(write_burst(symbols(500)), 10.0, silence=3000, generator=torch.Generator().manual_seed(2))
    from semcomm.radio.burst import PREAMBLE, _known

    known = _known(PREAMBLE, 7)
    whole = find_preamble(heard, known)
    monkeypatch.setattr("semcomm.radio.synchronise.BLOCK", 1000)
    parts = find_preamble(heard, known)
    assert (parts.start, parts.carrier_offset) == pytest.approx((whole.start, whole.carrier_offset), abs=1e-6)
