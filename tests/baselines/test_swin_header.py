"""The header: what is written is read, and as reliably as a closed form says."""

import math

import pytest
import torch
from scipy.stats import norm

from semcomm.baselines.swin_header import REPEATS, Header


def kept(b, rate, channels=320, seed=0):
    scores = torch.rand(b, channels, generator=torch.Generator().manual_seed(seed))
    return scores.topk(rate, dim=1).indices.sort(dim=1).values


@pytest.mark.parametrize("rate", [2, 96, 320])
def test_what_is_written_is_read(rate):
    header, channels, gain = Header(320, gain=True), kept(3, rate), torch.tensor([0.01, 1.0, 37.5])
    symbols = header.write(gain, channels)
    assert symbols.shape == (3, header.symbols) == (3, REPEATS * 168)
    torch.testing.assert_close(symbols.abs(), torch.ones_like(symbols.real))
    read, places = header.read(symbols, torch.ones_like(symbols.real), rate)
    assert torch.equal(places, channels)
    torch.testing.assert_close(read, gain, rtol=1e-4, atol=0)


def test_gains_beyond_the_range_are_the_nearest():
    header = Header(0, gain=True)
    symbols = header.write(torch.tensor([1e-6, 1e6]), None)
    read, places = header.read(symbols, torch.ones_like(symbols.real), None)
    assert places is None
    torch.testing.assert_close(read, torch.tensor([2.0**-8, 2.0**8]), rtol=1e-3, atol=0)


def test_nothing_to_say_costs_nothing():
    assert Header(0, gain=False).symbols == 0
    assert Header(3, gain=False).symbols == 2 * REPEATS


@pytest.mark.parametrize("snr_db", [-10.0, -7.0])
def test_flags_are_read_as_reliably_as_repetition_makes_them(snr_db):
    """Of 16 copies in noise of variance 1/(2 SNR) per real part, a sign is wrong with probability Q(sqrt(16 SNR))."""
    header, b = Header(0, gain=True), 4000
    generator = torch.Generator().manual_seed(0)
    gain = torch.exp2(16 * torch.rand(b, generator=generator) - 8)
    symbols = header.write(gain, None)
    noise = torch.randn(symbols.shape, dtype=symbols.dtype, generator=generator) * 10 ** (-snr_db / 20)
    soft = (symbols + noise).reshape(b, REPEATS, -1).sum(dim=1)
    wrong = torch.view_as_real(soft).sign() != torch.view_as_real(symbols[:, : header.symbols // REPEATS]).sign()
    expected = norm.sf(math.sqrt(REPEATS * 10 ** (snr_db / 10)))
    assert abs(wrong.double().mean().item() - expected) < 4 * math.sqrt(expected / wrong.numel())
    read, _ = header.read(symbols + noise, torch.ones_like(noise.real), None)
    unharmed = ~wrong.flatten(1).any(dim=1)
    torch.testing.assert_close(read[unharmed], gain[unharmed], rtol=1e-4, atol=0)


def test_faded_copies_are_weighted():
    """With the fades' conjugates for weights, copies add coherently, however each is turned."""
    header, channels = Header(320, gain=False), kept(2, 64)
    symbols = header.write(torch.ones(2), channels)
    fades = torch.randn(symbols.shape, dtype=symbols.dtype, generator=torch.Generator().manual_seed(3))
    _, places = header.read(symbols * fades, fades.conj(), 64)
    assert torch.equal(places, channels)
    _, places = header.read(symbols * fades, torch.ones_like(fades), 64)
    assert not torch.equal(places, channels)
