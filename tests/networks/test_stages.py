import math

import numpy as np
import pytest
import torch
from torch import nn
from toys import adapted, seeded

from semcomm.networks.stages import (
    SNRConditioning,
    Stage,
    Stages,
    check_downsampling,
    check_positive,
    convolution,
    stage_widths,
    transposed_convolution,
)


def test_widths_double_twice_and_no_further():
    assert [stage_widths(5, t) for t in (2, 4, 8, 16, 32)] == [
        [5],
        [5, 10],
        [5, 10, 20],
        [5, 10, 20, 20],
        [5, 10, 20, 20, 20],
    ]


@pytest.mark.parametrize("downsampling", [0, 1, 3, 6, 12, -2, 2.0, "8", None])
def test_downsampling_must_be_a_power_of_two(downsampling):
    with pytest.raises(ValueError, match=r"t must be a power of two, at least 2, got"):
        check_downsampling(downsampling, "t")
    with pytest.raises(ValueError, match="downsampling must be a power of two"):
        stage_widths(4, downsampling)


@pytest.mark.parametrize("value", [0, -3, 1.0, True, "2", None])
def test_counts_must_be_positive_integers(value):
    with pytest.raises(ValueError, match="width must be an integer from 1 to 65536, got"):
        check_positive(value, "width")


@pytest.mark.parametrize("build", [convolution, transposed_convolution])
@pytest.mark.parametrize("kernel_size", [0, 2, 4, -1, 3.0])
def test_kernels_must_be_odd(build, kernel_size):
    with pytest.raises(ValueError, match="kernel_size must be odd and positive, got"):
        build(3, 4, kernel_size, stride=2)


@pytest.mark.parametrize("kernel_size", [1, np.int64(3), 5, 9])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_divide_and_multiply_sizes_by_their_stride(kernel_size, stride):
    features = torch.rand(1, 2, 12, 8)
    assert convolution(2, 3, kernel_size, stride=stride)(features).shape == (1, 3, 12 // stride, 8 // stride)
    assert transposed_convolution(2, 3, kernel_size, stride=stride)(features).shape == (1, 3, 12 * stride, 8 * stride)


def test_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="""norm must be "batch" or "none", got 'layer'"""):
        Stage(nn.Conv2d(1, 1, 1), norm="layer")


def test_conditioning_is_its_equation():
    conditioning = adapted(SNRConditioning(6))
    features, snrs = torch.randn(2, 6, 4, 5, generator=seeded()), torch.tensor([0.0, 20.0])
    first, second = conditioning.condition[0], conditioning.condition[2]
    hidden = torch.tanh((snrs[:, None] / 10 - 1) @ first.weight.T + first.bias)
    scale, shift = (hidden @ second.weight.T + second.bias)[:, :, None, None].split(6, dim=1)
    torch.testing.assert_close(conditioning(features, snrs), (1 + scale) * features + shift)
    torch.testing.assert_close(conditioning(features, 20.0)[1], conditioning(features, snrs)[1])


def test_conditioning_begins_as_the_identity():
    features = torch.randn(2, 6, 4, 5, generator=seeded())
    assert torch.equal(SNRConditioning(6)(features, torch.tensor([0.0, 20.0])), features)


def test_conditioning_stays_bounded_far_from_the_trained_snrs():
    conditioning, features = adapted(SNRConditioning(6)), torch.ones(3, 6, 1, 1)
    conditioned = conditioning(features, torch.tensor([1e6, 1e9, math.inf]))
    torch.testing.assert_close(conditioned[0], conditioned[1])
    torch.testing.assert_close(conditioned[1], conditioned[2])


def test_conditioning_needs_an_snr():
    with pytest.raises(ValueError, match=r"snr_db is None, but this system adapts to the SNR \(snr_adaptive=True\)"):
        SNRConditioning(4)(torch.zeros(1, 4, 2, 2), None)


def test_stages_run_in_order_norm_before_activation():
    stage = Stage(nn.Conv2d(1, 1, 1), norm="batch", activation=nn.PReLU(1))
    nn.init.constant_(stage.convolution.weight, 2.0)
    nn.init.constant_(stage.convolution.bias, 1.0)
    stage.norm.running_mean.fill_(3.0)
    stage.norm.running_var.fill_(4.0 - stage.norm.eps)
    stages = Stages([stage, Stage(nn.Conv2d(1, 1, 1), norm="none")]).eval()
    last = stages.stages[1].convolution
    x = torch.tensor([[[[-1.0, 5.0]]]])
    # (2x + 1 - 3) / 2 = x - 1, then a slope of 1/4 below zero
    expected = torch.tensor([-0.5, 4.0]) * last.weight.item() + last.bias.item()
    torch.testing.assert_close(stages(x, None).flatten(), expected)


def test_snrs_beyond_those_that_systems_tell_apart_count_as_the_nearest():
    conditioning = SNRConditioning(3)
    torch.nn.init.normal_(conditioning.condition[2].weight)
    features = torch.randn(2, 3, 4, 4)
    told = {snr_db: conditioning(features, snr_db) for snr_db in (-300.0, -5.0, -4.0, 19.0, 20.0, 40.0, math.inf)}
    assert torch.equal(told[-300.0], told[-5.0])
    assert torch.equal(told[20.0], told[40.0])
    assert torch.equal(told[20.0], told[math.inf])
    assert not torch.equal(told[-5.0], told[-4.0])
    assert not torch.equal(told[19.0], told[20.0])
