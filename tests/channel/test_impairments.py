"""Impulsive noise, phase noise and chains, against their moments."""

import math

import pytest
import torch
from toys import gaussian_symbols, seeded

from semcomm.channel import (
    AWGNChannel,
    ChannelChain,
    ImpulsiveChannel,
    OFDMChannel,
    PhaseNoiseChannel,
    Pilots,
    RayleighChannel,
    check_channel,
)


def test_impulsive_noise_has_the_moments_of_its_mixture():
    p, r = 0.1, 10**1.5
    channel = ImpulsiveChannel(probability=p, excess_db=15.0)
    power = channel(torch.zeros(1, 2**19, dtype=torch.complex64), 0.0, generator=seeded(1)).symbols.abs().square()
    assert power.mean().item() == pytest.approx(1, rel=0.02)
    fourth = 2 * (1 - p + p * r**2) / (1 - p + p * r) ** 2
    assert power.square().mean().item() == pytest.approx(fourth, rel=0.06)


def test_phase_noise_decorrelates_as_a_wiener_process():
    beta = 2e-3
    y = PhaseNoiseChannel(linewidth=beta)(torch.ones(4000, 201, dtype=torch.complex64), math.inf, generator=seeded(1))
    assert torch.allclose(y.symbols.abs(), torch.ones(()))
    for lag in (1, 50, 200):
        correlation = (y.symbols[:, lag] * y.symbols[:, 0].conj()).mean().real.item()
        assert correlation == pytest.approx(math.exp(-math.pi * beta * lag), abs=0.04), lag


def test_a_chain_has_one_noise_all_gains_and_all_channel_uses():
    x = gaussian_symbols(2, 560)
    chain = ChannelChain([PhaseNoiseChannel(csi="perfect"), OFDMChannel()])
    received = chain(x, 20.0, generator=seeded(1))
    left = (received.symbols - received.csi * x).abs().square().mean().item()
    assert left == pytest.approx(0.01, rel=0.1)
    assert received.noise_variance.item() == pytest.approx(0.01)
    assert ChannelChain([RayleighChannel(coherence=8, csi=Pilots(4)), OFDMChannel()]).channel_uses(480) == 800
    assert ChannelChain([AWGNChannel()])(x, math.inf).symbols.equal(x)


@pytest.mark.parametrize(
    "channel",
    [
        ImpulsiveChannel(2.0),
        PhaseNoiseChannel(2.0),
        PhaseNoiseChannel(csi="perfect"),
        ChannelChain([PhaseNoiseChannel(csi="perfect"), RayleighChannel(), ImpulsiveChannel()]),
        ChannelChain([PhaseNoiseChannel(csi="perfect"), OFDMChannel(csi=Pilots(4, "lmmse"))]),
    ],
    ids=str,
)
def test_the_contract_is_kept(channel):
    check_channel(channel, power=channel.power)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: ImpulsiveChannel(probability=1.1), ValueError, "probability must be a number from 0 to 1, got 1.1"),
        (lambda: ImpulsiveChannel(excess_db=-1.0), ValueError, "excess_db must be a number from 0 to 60 dB, got -1.0"),
        (lambda: PhaseNoiseChannel(linewidth=-1.0), ValueError, "linewidth must be a number from 0 to 1, got -1.0"),
        (lambda: PhaseNoiseChannel(csi=Pilots(4)), ValueError, 'csi must be "perfect" or "none", got Pilots'),
        (lambda: PhaseNoiseChannel(linewidth="1"), ValueError, "linewidth must be a number from 0 to 1, got '1'"),
        (lambda: ChannelChain([]), ValueError, "channels must hold at least one nn.Module, got none"),
        (lambda: ChannelChain(AWGNChannel()), TypeError, "channels must be a list of nn.Modules, got AWGNChannel"),
        (lambda: ChannelChain([AWGNChannel]), TypeError, "channels must be nn.Modules, made already"),
        (lambda: ChannelChain([AWGNChannel(), AWGNChannel(2.0)]), ValueError, r"same power, got \[1.0, 2.0\]"),
    ],
)
def test_bad_input_is_one_clear_error(make, error, said):
    with pytest.raises(error, match=said):
        make()
