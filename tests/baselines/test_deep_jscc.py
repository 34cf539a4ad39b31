"""Deep JSCC as published: the layers of Fig. 2, and its place in the same harness."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from toys import gaussian_symbols, rand_images, seeded

from semcomm import build_deep_jscc
from semcomm.contracts import Received, Semantics
from semcomm.symbols import features_to_symbols


def build(channels=2, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_deep_jscc(complex_channels=channels, device="cpu", **arguments).eval()


def layers(module):
    return [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]


def test_layers_are_those_of_the_paper():
    system = build(4)
    encoder = [(one.in_channels, one.out_channels, one.kernel_size, one.stride) for one in layers(system.transmitter)]
    five = (5, 5)
    assert encoder == [
        (3, 16, five, (2, 2)),
        (16, 32, five, (2, 2)),
        (32, 32, five, (1, 1)),
        (32, 32, five, (1, 1)),
        (32, 8, five, (1, 1)),
    ]
    decoder = [(one.in_channels, one.out_channels, one.kernel_size, one.stride) for one in layers(system.receiver)]
    assert decoder == [
        (8, 32, five, (1, 1)),
        (32, 32, five, (1, 1)),
        (32, 32, five, (1, 1)),
        (32, 16, five, (2, 2)),
        (16, 3, five, (2, 2)),
    ]
    weights = sum(25 * inputs * outputs + outputs for inputs, outputs, *_ in encoder + decoder)
    slopes = 16 + 32 * 3 + 8 + 32 * 3 + 16
    assert sum(weight.numel() for weight in system.parameters()) == weights + slopes
    assert not any(isinstance(part, nn.BatchNorm2d) for part in system.modules())


def test_encoder_and_decoder_are_their_layers():
    system = build()
    images = rand_images(2, 12, 20)
    features = images
    for stage in system.transmitter.stages.stages:
        features = F.conv2d(
            features, stage.convolution.weight, stage.convolution.bias, stage.convolution.stride, padding=2
        )
        features = torch.where(features > 0, features, features * stage.activation.weight[:, None, None])
    symbols = features_to_symbols(features)
    torch.testing.assert_close(system.transmitter(images), symbols, rtol=1e-4, atol=1e-5)

    decoded = features
    stages = system.receiver.stages.stages
    for stage in stages:
        weight, bias = stage.convolution.weight, stage.convolution.bias
        if stage.convolution.stride == (1, 1):  # which is a convolution with the kernel turned
            weight = weight.flip(2, 3).transpose(0, 1)
            decoded = F.conv_transpose2d(decoded, weight, bias, 1, padding=2)
        else:
            decoded = F.conv_transpose2d(decoded, weight, bias, 2, padding=2, output_padding=1)
        if stage is not stages[-1]:
            decoded = torch.where(decoded > 0, decoded, decoded * stage.activation.weight[:, None, None])
    received = system.receiver(Received(symbols), (12, 20))
    torch.testing.assert_close(received, torch.sigmoid(decoded), rtol=1e-4, atol=1e-5)


@given(st.integers(1, 16), st.integers(1, 12), st.integers(1, 12))
def test_bandwidth_ratio_is_c_over_48(channels, rows, columns):
    system = build(channels)
    height, width = 4 * rows, 4 * columns
    assert system.encode(rand_images(1, height, width)).shape == (1, channels * rows * columns)
    assert system.bandwidth_ratio(height, width) == pytest.approx(channels / 48)


@pytest.mark.parametrize(("ratio", "channels"), [(1 / 48, 1), (1 / 12, 4), (1 / 6, 8), (13 / 48, 13)])
def test_built_by_its_bandwidth_ratio(ratio, channels):
    system = build_deep_jscc(bandwidth_ratio=ratio, device="cpu")
    assert system.transmitter.complex_channels == channels
    assert system.config["arguments"] == {"complex_channels": channels, "tell_gain": False, "csi_to_decoder": False}


@given(st.integers(1, 8), st.integers(4, 17), st.integers(4, 17))
def test_a_batch_is_its_images_one_by_one_at_any_size(batch, height, width):
    system = build()
    images = rand_images(batch, height, width)
    with torch.no_grad():
        symbols = system.encode(images)
        power = symbols.abs().square().double().mean(1)
        torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-4, atol=0)
        alone = torch.cat([system.encode(image[None]) for image in images])
        torch.testing.assert_close(symbols, alone, rtol=1e-4, atol=1e-5)
        received = symbols + 0.1 * gaussian_symbols(*symbols.shape)
        decoded = system.decode(received, (height, width))
        alone = torch.cat([system.decode(one[None], (height, width)) for one in received])
        torch.testing.assert_close(decoded, alone, rtol=1e-4, atol=1e-5)
    assert decoded.shape == images.shape


def test_it_learns_to_send_one_picture(photograph):
    system = build(8).train()
    images = photograph[None, :, 30:62, 20:52].float() / 255
    optimizer = torch.optim.Adam(system.parameters(), 3e-3)
    losses = []
    for step in range(40):
        loss = F.mse_loss(system(images, 10.0, generator=seeded(step)), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("semantics", [Semantics(labels=torch.zeros(1)), Semantics(tokens=torch.zeros(1))])
def test_semantics_are_refused(semantics):
    with pytest.raises(ValueError, match="semantics must be .*Deep JSCC has no semantic levels"):
        build().encode(rand_images(), semantics=semantics)


def test_empty_semantics_are_none():
    assert torch.equal(build().encode(rand_images(), semantics=Semantics()), build().encode(rand_images()))
