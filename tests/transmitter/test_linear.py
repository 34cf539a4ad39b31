"""The linear code: Lee and Petersen's closed form, derived here in another way, and measured."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_codebook import gaussian_codebook, gaussian_images

from semcomm import build_linear_code
from semcomm.transmitter.linear import allocate, error_of_sent, expected_error


def lee_petersen(variance, channel_uses, noise_variance):
    """Powers, by the definition: p = max(mu sqrt(lambda) - s, 0) for the 2 k strongest, mu by bisection."""
    s, order = noise_variance / 2, np.argsort(-variance, kind="stable")
    root = np.sqrt(variance[order][: 2 * channel_uses])
    low, high = 0.0, 1e12

    def total(mu):
        return np.maximum(mu * root - s, 0).sum()

    for _ in range(300):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < channel_uses else (low, middle)
    power = np.zeros(len(variance))
    power[order[: 2 * channel_uses]] = np.maximum(high * root - s, 0)
    return power


def least_error(variance, channel_uses, noise_variance):
    """The mean squared error of all components together."""
    power, s = lee_petersen(variance, channel_uses, noise_variance), noise_variance / 2
    return float((variance * s / (power + s)).sum())


def powers(allocation, components):
    everywhere = np.zeros(components)
    everywhere[allocation.order.numpy()] = allocation.power.numpy()
    return everywhere


@given(
    levels=st.lists(st.integers(-90, 40), min_size=1, max_size=60),
    channel_uses=st.integers(1, 40),
    snr_db=st.floats(-15, 30),
)
def test_powers_from_the_histogram_are_those_of_every_coefficient(levels, channel_uses, snr_db):
    """The last group that is sent, of equal variances, may be cut: the first of it in order are sent."""
    noise = 10 ** (-snr_db / 10)
    found = allocate(torch.tensor(levels), channel_uses, noise)
    expected = lee_petersen(2.0 ** (np.array(levels) / 8), channel_uses, noise)
    np.testing.assert_allclose(powers(found, len(levels)), expected, rtol=1e-6, atol=1e-9 * channel_uses)
    assert len(found.order) <= 2 * channel_uses
    assert math.isclose(float(found.power.sum()), channel_uses, rel_tol=1e-9)


def test_of_the_last_group_the_first_are_sent():
    found = allocate(torch.tensor([0, 8, 0, 0, 0]), 2, 1e-3)
    assert found.order.tolist() == [1, 0, 2, 3]


@given(channel_uses=st.integers(1, 50), count=st.integers(1, 100))
def test_what_is_placed_on_symbols_is_picked_from_them(channel_uses, count):
    count = min(count, 2 * channel_uses)
    found = allocate(torch.zeros(count, dtype=torch.int64), channel_uses, 0.1)
    values = torch.randn(count, generator=torch.Generator().manual_seed(0))
    symbols = found.place(values)
    assert symbols.shape == (channel_uses,)
    assert torch.equal(found.pick(symbols), values)
    noise = torch.arange(1.0, channel_uses + 1)
    both = found.pick(torch.complex(noise, noise))
    assert torch.equal(found.pick(noise), both)


def test_neighbours_in_order_lie_far_apart():
    found = allocate(torch.zeros(200, dtype=torch.int64), 100, 0.1)
    place = found.pick(torch.complex(torch.arange(100.0), torch.arange(100.0)))
    assert float((place[1:] - place[:-1]).abs().min()) > 20


def test_nothing_is_sent_without_channel_uses_or_components():
    assert len(allocate(torch.tensor([1, 2]), 0, 0.1).order) == 0
    assert allocate(torch.zeros(0, dtype=torch.int64), 5, 0.1).channel_uses == 5


SCRIPT = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
from semcomm.transmitter.linear import allocate
levels = torch.randint(-90, 40, (200_000,), generator=torch.Generator().manual_seed(0))
found = allocate(levels, 30_001, 0.1)
import hashlib
print(hashlib.sha256(b"".join(one.numpy().tobytes() for one in (found.order, found.power, found.variance))).hexdigest())
"""


def test_both_ends_allocate_alike_whatever_their_threads():
    said = {
        subprocess.run([sys.executable, "-c", SCRIPT, threads], capture_output=True, text=True, check=True).stdout
        for threads in ("1", "3")
    }
    assert len(said) == 1


@pytest.mark.cuda
def test_both_ends_allocate_alike_on_a_gpu():
    levels = torch.randint(-90, 40, (20_000,), generator=torch.Generator().manual_seed(0))
    here, there = allocate(levels, 3001, 0.1), allocate(levels.cuda(), 3001, 0.1)
    assert torch.equal(here.order, there.order)
    assert torch.equal(here.power, there.power)


SPECTRUM = [round(-16 - 70 * math.sqrt(index / 64)) for index in range(64)]


@pytest.mark.parametrize(("channel_uses", "snr_db"), [(400, 10.0), (2000, 1.0), (7000, 10.0), (7000, -5.0)])
def test_measured_psnr_on_a_gaussian_source_is_lee_and_petersens(channel_uses, snr_db):
    """A whole system, on blocks whose spectrum is known."""
    codebook = gaussian_codebook(SPECTRUM)
    system = build_linear_code(codebook=codebook, device="cpu")
    images = gaussian_images(codebook, 8, 15, 20)
    received = system(images, snr_db, channel_uses=channel_uses, generator=torch.Generator().manual_seed(2))
    left = channel_uses - system.transmit(images[:1], snr_db, channel_uses=channel_uses).channel_uses["header"].item()
    spread = np.tile(2.0 ** (np.array(SPECTRUM) / 8), 300)
    expected = least_error(spread, left, 10 ** (-snr_db / 10)) / (300 * 768)
    measured = float((received - images).square().mean())
    assert abs(10 * math.log10(measured / expected)) < 0.05


@given(seed=st.integers(0, 1000), channel_uses=st.integers(0, 90), snr_db=st.floats(-5, 20))
def test_the_expected_error_is_what_details_arrive_with(seed, channel_uses, snr_db):
    """Against the mean over many noises, sent and estimated with the gain that these details need."""
    random = torch.Generator().manual_seed(seed)
    levels = torch.randint(-40, 20, (6, 16), generator=random)
    details = torch.randn(6, 16, generator=random) * torch.exp2(levels / 16 + 0.3)
    noise = 10 ** (-snr_db / 10)
    said = expected_error(levels, details, channel_uses, noise)
    if channel_uses == 0:
        assert said == pytest.approx(float(details.square().sum()), rel=1e-5)
        return
    found = allocate(levels.flatten(), channel_uses, noise)
    sent = found.scaled(details)
    gain = math.sqrt(channel_uses / float(sent.square().sum()))
    arrived = gain * sent + math.sqrt(noise / 2) * torch.randn(400, len(sent), generator=random)
    estimates = found.estimate(arrived, torch.tensor(noise), gain)
    unsent = details.square().sum() - details.flatten()[found.order].square().sum()
    error = (estimates - details.flatten()[found.order]).square().sum(1)
    mean, spread = float(error.mean() + unsent), float(error.std()) / 20
    # groups that are cut are expected to be like their rest
    cut = 2 * channel_uses < levels.numel()
    assert abs(said - mean) < 5 * spread + (0.25 if cut else 0.02) * mean


def test_reordering_of_estimates_puts_them_back():
    found = allocate(torch.tensor([0, 8, 16, -8]), 1, 1e-3)
    back = found.spread(torch.tensor([5.0, 6.0]), (2, 2))
    assert back.tolist() == [[0.0, 6.0], [5.0, 0.0]]


def test_error_of_what_is_sent():
    """Sixteen equal components on eight channel uses get half the power of one each; eight weaker ones are not sent."""
    variance, noise = 2.0**-2, 0.2
    log_variances = torch.tensor([-16] * 16 + [-8 * 40] * 8)
    expected = variance * (noise / 2) / (0.5 + noise / 2)
    assert error_of_sent(log_variances, 8, noise) == pytest.approx(expected, rel=1e-6)
    assert error_of_sent(log_variances, 0, noise) is None
