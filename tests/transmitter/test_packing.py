"""Transforms as they are stored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semcomm.transmitter.packing import GROUP, STRONG, pack, rounded, unpack


@given(seed=st.integers(0, 2**16), slope=st.floats(-8, 0), groups=st.integers(0, 3))
def test_what_was_packed_before_is_packed_without_a_change(seed, slope, groups):
    columns = STRONG + GROUP * groups
    random = torch.Generator().manual_seed(seed)
    transform = torch.randn(2, 3, columns, generator=random) * torch.logspace(0, slope, columns)
    once = rounded(transform)
    assert torch.equal(rounded(once), once)


def test_weak_coefficients_are_off_by_a_254th_of_their_groups_peak_at_most():
    transform = torch.randn(4, 5, STRONG + 4 * GROUP, generator=torch.Generator().manual_seed(0))
    off = (rounded(transform) - transform).abs()
    peaks = transform[..., STRONG:].unflatten(-1, (4, GROUP)).abs().amax(-1, keepdim=True)
    assert (off[..., STRONG:].unflatten(-1, (4, GROUP)) <= peaks * (1 / 254 + 2**-10)).all()
    assert (off[..., :STRONG] <= transform[..., :STRONG].abs() * 2**-11).all()


def test_a_class_takes_61_percent_of_what_it_takes_in_half_precision():
    stored = sum(one.numel() * one.element_size() for one in pack(torch.rand(1, 256, 384)).values())
    assert stored / (256 * 384 * 2) == pytest.approx((2 * 64 + 320 + 2 * 10) / (2 * 384))


def test_nothing_weak_and_nothing_at_all():
    assert torch.equal(unpack(pack(torch.eye(40))), torch.eye(40))
    assert torch.equal(rounded(torch.zeros(2, STRONG + GROUP)), torch.zeros(2, STRONG + GROUP))
