"""The header: what is written is read, down to the SNR it is said to be safe at."""

import pytest
import torch

from semcomm.baselines.swin_header import Header
from semcomm.contracts import Received


def kept(b, rate, channels=320, seed=0):
    scores = torch.rand(b, channels, generator=torch.Generator().manual_seed(seed))
    return scores.topk(rate, dim=1).indices.sort(dim=1).values


@pytest.mark.parametrize("rate", [2, 96, 320])
def test_what_is_written_is_read(rate):
    header, channels, gain = Header(320, gain=True), kept(3, rate), torch.tensor([0.01, 1.0, 37.5])
    symbols = header.write(gain, channels)
    assert symbols.shape == (3, header.symbols) == (3, 3 * (320 + 16 + 16))
    torch.testing.assert_close(symbols.abs(), torch.ones_like(symbols.real))
    side = header.read(Received(symbols), rate)
    assert torch.equal(side.kept, channels)
    assert not side.lost.any()
    torch.testing.assert_close(side.gain, gain, rtol=1e-4, atol=0)


def test_gains_beyond_the_range_are_the_nearest():
    header = Header(0, gain=True)
    side = header.read(Received(header.write(torch.tensor([1e-6, 1e6]), None)), None)
    assert side.kept is None
    torch.testing.assert_close(side.gain, torch.tensor([2.0**-8, 2.0**8]), rtol=1e-3, atol=0)


def test_nothing_to_say_costs_nothing():
    assert Header(0, gain=False).symbols == 0


def in_noise(header, b, snr_db, seed=0):
    generator = torch.Generator().manual_seed(seed)
    gain = torch.exp2(16 * torch.rand(b, generator=generator) - 8)
    channels = kept(b, 96) if header.channels else None
    symbols = header.write(gain, channels)
    noise = torch.randn(symbols.shape, dtype=symbols.dtype, generator=generator) * 10 ** (-snr_db / 20)
    variance = torch.tensor(10 ** (-snr_db / 10))
    return (
        gain,
        channels,
        header.read(Received(symbols + noise, noise_variance=variance), 96 if header.channels else None),
    )


@pytest.mark.parametrize("header", [Header(320, gain=True), Header(0, gain=True)])
def test_it_arrives_down_to_minus_two_db(header):
    gain, channels, side = in_noise(header, 1000, -2.0)
    assert side.lost.sum() <= 4  # 1 expected, more than 4 in one of 270 seeds
    arrived = ~side.lost
    torch.testing.assert_close(side.gain[arrived], gain[arrived], rtol=1e-4, atol=0)
    if channels is not None:
        assert torch.equal(side.kept[arrived], channels[arrived])


def test_a_header_that_is_lost_says_so_and_has_the_right_number_of_channels():
    _, _, side = in_noise(Header(320, gain=True), 50, -9.0)
    assert side.lost.all()
    assert side.kept.shape == (50, 96)
    assert all(len(set(row)) == 96 for row in side.kept.tolist())
    assert ((side.gain >= 2.0**-8) & (side.gain <= 2.0**8)).all()


def test_faded_symbols_are_read_with_their_fades():
    header, channels = Header(320, gain=False), kept(2, 64)
    symbols = header.write(torch.ones(2), channels)
    fades = torch.randn(symbols.shape, dtype=symbols.dtype, generator=torch.Generator().manual_seed(3))
    side = header.read(Received(symbols * fades, csi=fades, noise_variance=torch.full((2, 1), 0.01)), 64)
    assert torch.equal(side.kept, channels)
    assert header.read(Received(symbols * fades), 64).lost.all()
