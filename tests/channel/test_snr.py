import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semcomm.channel.snr import check_snr, noise_variance, snr_column


@given(st.floats(-50, 100), st.floats(0.01, 100))
def test_noise_variance_inverts_the_definition_of_snr(snr_db, power):
    assert math.isclose(10 * math.log10(power / noise_variance(snr_db, power)), snr_db, abs_tol=1e-9)
    several = noise_variance(torch.tensor([snr_db, snr_db + 10], dtype=torch.float64), power)
    assert math.isclose(several[0] / several[1], 10, rel_tol=1e-9)


def test_no_noise_at_infinite_snr():
    assert noise_variance(math.inf, 1.0) == 0
    assert check_snr(math.inf, 1) == math.inf


@pytest.mark.parametrize("snr_db", [10, 10.0, torch.tensor(10), torch.tensor(10.0, dtype=torch.float64)])
def test_numbers_of_every_kind_mean_the_same(snr_db):
    assert float(check_snr(snr_db, 3)) == 10.0
    assert snr_column(check_snr(snr_db, 3), torch.zeros(3, 2)).tolist() == [[10.0]] * 3


def test_one_snr_per_image_becomes_a_column():
    assert snr_column(check_snr(torch.tensor([1, 2, 3]), 3), torch.zeros(3, 2)).tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("snr_db", "error", "message"),
    [
        ("10", TypeError, r"snr_db must be a number or a tensor, got str '10'"),
        (None, TypeError, r"snr_db must be a number or a tensor, got NoneType"),
        (True, TypeError, r"got bool True"),
        (10 + 1j, TypeError, r"got complex"),
        ([1.0, 2.0, 3.0], TypeError, r"got list"),
        (torch.tensor([True, False, True]), TypeError, r"snr_db must be real, got a tensor of torch.bool"),
        (torch.zeros(3, dtype=torch.complex64), TypeError, r"snr_db must be real"),
        (math.nan, ValueError, r"snr_db must be an SNR in dB, at least -300, got nan"),
        (-math.inf, ValueError, r"at least -300, got -inf"),
        (torch.tensor([1.0, math.nan, 3.0]), ValueError, r"snr_db must hold SNRs in dB, at least -300, got"),
        (torch.tensor(-math.inf), ValueError, r"at least -300, got -inf"),
        (torch.zeros(2), ValueError, r"one SNR per image, shape \(3,\), got shape \(2,\)"),
        (torch.zeros(3, 1), ValueError, r"shape \(3,\), got shape \(3, 1\)"),
        (torch.zeros(1), ValueError, r"shape \(3,\), got shape \(1,\)"),
    ],
)
def test_bad_snrs_are_refused(snr_db, error, message):
    with pytest.raises(error, match=message):
        check_snr(snr_db, 3)


@pytest.mark.parametrize("snr_db", [-1e6, -5000, torch.tensor([-1e6])])
def test_an_snr_whose_noise_no_float_can_hold_is_refused(snr_db):
    with pytest.raises(ValueError, match="snr_db must .* at least -300"):
        check_snr(snr_db, 1)
