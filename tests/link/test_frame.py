"""What a frame tells about itself: fields that come back, and a gain that arrives by itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semcomm.link.frame import (
    LONGEST_MARK,
    Fields,
    gain_of,
    mark,
    mark_uses,
    quantise_gain,
    quantise_told,
    read_mark,
)
from semcomm.link.header import BITS


@given(
    book=st.integers(0, 7),
    log_step=st.integers(-40, 87),
    gain=st.integers(0, 255),
    payload_bytes=st.integers(0, 2**17 - 1),
    mode=st.integers(0, 63),
    told=st.integers(0, 127),
)
def test_fields_come_back_from_their_bits(book, log_step, gain, payload_bytes, mode, told):
    fields = Fields(book, log_step, gain, payload_bytes, mode, told)
    bits = fields.to_bits()
    assert bits.shape == (BITS,)
    assert Fields.from_bits(bits) == fields


def test_fields_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="value must be from 0 to"):
        Fields(0, 88, 0, 0, 0, 0).to_bits()


@given(gain=st.floats(0.17, 5.9))
def test_a_gain_is_rounded_to_an_eighth_of_a_decibel(gain):
    index, rounded = quantise_gain(gain)
    assert 1 <= index <= 255
    assert rounded == gain_of(index)
    assert abs(20 * np.log10(rounded / gain)) <= 1 / 16 + 1e-6


@pytest.mark.parametrize(("gain", "db"), [(0.0, -15.5), (1e9, 15.5)])
def test_gains_out_of_range_are_the_nearest(gain, db):
    assert 20 * np.log10(quantise_gain(gain)[1]) == pytest.approx(db)


@given(snr_db=st.floats(-20, 43))
def test_the_snr_told_is_rounded_down_to_half_decibels(snr_db):
    said = Fields(0, 0, 0, 0, 0, quantise_told(snr_db)).told_snr_db
    assert said - 1e-5 <= snr_db < said + 0.5 + 1e-5


@given(k=st.integers(0, 10_000))
def test_a_mark_takes_at_most_a_twentieth(k):
    uses = mark_uses(k)
    assert uses <= min(k / 20, LONGEST_MARK)
    assert uses == 0 or uses & (uses - 1) == 0
    assert (uses > 0) == (k >= 320)


@pytest.mark.parametrize("uses", [16, 32, 64, 128])
def test_a_mark_has_unit_power_and_comes_back_without_noise(uses):
    step = 255 / (4 * uses - 1)
    for index in range(1, 256, 3):
        symbols = mark(index, uses)
        assert symbols.shape == (uses,)
        torch.testing.assert_close(symbols.abs(), torch.ones(uses))
        found, is_there = read_mark(symbols, torch.ones(uses))
        assert is_there
        assert abs(found - index) <= max(step / 2, 0.5)


def test_a_mark_arrives_at_minus_five_db_and_is_not_seen_in_other_symbols():
    uses, random = LONGEST_MARK, torch.Generator().manual_seed(0)
    noise_variance = 10**0.5
    right = found_in_noise = 0
    for turn in range(200):
        noise = noise_variance**0.5 * torch.randn(uses, dtype=torch.complex64, generator=random)
        index = 1 + turn % 255
        found, is_there = read_mark(mark(index, uses) + noise, torch.full((uses,), 1 / noise_variance))
        right += is_there and abs(found - index) <= 1
        other = torch.randn(uses, dtype=torch.complex64, generator=random)
        found_in_noise += read_mark(other + noise, torch.full((uses,), 1 / noise_variance))[1]
    assert right >= 198
    assert found_in_noise <= 6


def test_a_faded_symbol_is_worth_less():
    """With half of the symbols lost in noise, those weighted rightly still tell."""
    uses, random = 64, torch.Generator().manual_seed(1)
    noise_variance = torch.cat([torch.full((32,), 0.1), torch.full((32,), 1000.0)])
    weighted = alike = 0
    for _ in range(50):
        noise = noise_variance.sqrt() * torch.randn(uses, dtype=torch.complex64, generator=random)
        symbols = mark(100, uses) + noise
        weighted += abs(read_mark(symbols, 1 / noise_variance)[0] - 100) <= 1
        alike += abs(read_mark(symbols, torch.ones(uses))[0] - 100) <= 1
    assert weighted == 50
    assert alike < 25
