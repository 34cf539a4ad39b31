"""The moving average of weights against its closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from semcomm.training.average import MovingAverage


def constant(value):
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_it_is_the_recursion_and_in_the_end_geometric():
    layer, values = constant(0.0), np.random.default_rng(0).normal(size=200)
    average = MovingAverage(layer, rate=0.1)
    expected = 0.0
    for step, value in enumerate(values):
        nn.init.constant_(layer.weight, value)
        average.update(step)
        expected += max(0.1, 9 / (10 + step)) * (value - expected)
        assert average.average["weight"].item() == pytest.approx(expected, abs=1e-6)
    average.exchange()
    assert layer.weight.item() == pytest.approx(expected, abs=1e-6)
    # from step 80 on the rate is 0.1: weights 0.1 * 0.9^n of the newest
    geometric = sum(0.1 * 0.9**age * value for age, value in enumerate(values[::-1][:120]))
    assert layer.weight.item() == pytest.approx(geometric, abs=1e-4)


def test_constant_weights_are_their_own_average():
    layer = constant(0.37)
    average = MovingAverage(layer, rate=0.001)
    for step in range(50):
        average.update(step)
    assert average.average["weight"].item() == layer.weight.item()


def test_exchanging_twice_changes_nothing_and_once_keeps_parameters_and_layout():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    weights = list(network.parameters())
    average = MovingAverage(network, rate=0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for weight in weights:
            weight.add_(1)
        network(torch.rand(2, 3, 8, 8))
    average.update(10_000)
    moved = {name: value.clone() for name, value in network.state_dict().items()}
    average.exchange()
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (before[name] + moved[name]) / 2)
    assert all(one is other for one, other in zip(network.parameters(), weights, strict=True))
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    average.exchange()
    assert all(torch.equal(value, moved[name]) for name, value in network.state_dict().items())


def test_frozen_weights_are_not_averaged():
    network = nn.Sequential(constant(1.0).requires_grad_(False), constant(2.0))
    assert list(MovingAverage(network, rate=0.1).average) == ["1.weight"]
