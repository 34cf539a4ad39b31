import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from toys import adapted, seeded

from semcomm import EncoderModule
from semcomm.transmitter.encoder import TextEncoder


def by_hand(encoder, features):
    """The module's output from its weights alone: convolution, norm, PReLU; no PReLU at the end."""
    stages = encoder.stages.stages
    for place, stage in enumerate(stages):
        last = place == len(stages) - 1
        weight = stage.convolution.weight
        features = F.conv2d(
            features, weight, stage.convolution.bias, stride=1 if last else 2, padding=weight.shape[-1] // 2
        )
        if isinstance(stage.norm, nn.BatchNorm2d):
            mean, variance = stage.norm.running_mean[:, None, None], stage.norm.running_var[:, None, None]
            scale, shift = stage.norm.weight[:, None, None], stage.norm.bias[:, None, None]
            features = (features - mean) / (variance + 1e-5).sqrt() * scale + shift
        if not last:
            features = torch.where(features > 0, features, features * stage.activation.weight[:, None, None])
    return features


@pytest.mark.parametrize("downsampling", [2, 4, 8, 16])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_encoder_is_its_layers(downsampling, norm):
    encoder = EncoderModule(3, 2, downsampling=downsampling, kernel_size=3, width=4, norm=norm)
    features = torch.rand(2, 3, 2 * downsampling, 3 * downsampling, generator=seeded())
    if norm == "batch":
        encoder(features)  # running statistics that are not the initial ones
    encoder.eval()
    encoded = encoder(features)
    torch.testing.assert_close(encoded, by_hand(encoder, features), rtol=1e-4, atol=1e-5)
    assert encoded.shape == (2, 4, 2, 3)
    assert len(encoder.stages.stages) == np.log2(downsampling) + 1


@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([2, 4, 8]), st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_sizes_for_any_arguments(inputs, channels, downsampling, kernel_size, rows):
    encoder = EncoderModule(inputs, channels, downsampling=downsampling, kernel_size=kernel_size, width=2)
    encoded = encoder(torch.rand(1, inputs, rows * downsampling, 2 * downsampling))
    assert encoded.shape == (1, 2 * channels, rows, 2)
    assert (encoder.complex_channels, encoder.downsampling) == (channels, downsampling)


def test_each_position_sees_its_own_neighbourhood_only():
    encoder = EncoderModule(3, 1, downsampling=4, kernel_size=3, width=4, norm="none")
    images = torch.rand(1, 3, 64, 64, generator=seeded())
    touched = images.clone()
    touched[..., 30:34, 30:34] += 1
    changed = (encoder(images) != encoder(touched)).any(1)[0]
    rows = changed.any(1).nonzero().flatten()
    assert changed[7:9, 7:9].all()
    assert rows.min() >= 5
    assert rows.max() <= 10


def test_snr_matters_where_it_is_adaptive_and_nowhere_else():
    images = torch.rand(2, 3, 8, 8, generator=seeded())
    plain = EncoderModule(3, 1, downsampling=4, kernel_size=3, width=4).eval()
    assert torch.equal(plain(images, 0.0), plain(images, 20.0))
    adaptive = adapted(EncoderModule(3, 1, downsampling=4, kernel_size=3, width=4, snr_adaptive=True)).eval()
    low, high = adaptive(images, 0.0), adaptive(images, 20.0)
    assert not torch.allclose(low, high)
    torch.testing.assert_close(adaptive(images, torch.tensor([0.0, 20.0])), torch.stack([low[0], high[1]]))
    with pytest.raises(ValueError, match="snr_db is None"):
        adaptive(images)


def test_the_shortcut_is_a_linear_map_of_blocks():
    encoder = EncoderModule(3, 2, downsampling=4, kernel_size=3, width=4, norm="none", shortcut=True)
    images = torch.rand(2, 3, 8, 12, generator=seeded())
    blocks = images.unflatten(3, (3, 4)).unflatten(2, (2, 4))
    linear = torch.einsum("bcipjq,ocpq->boij", blocks, encoder.shortcut.weight)
    linear = linear + encoder.shortcut.bias[:, None, None]
    torch.testing.assert_close(encoder(images), by_hand(encoder, images) + linear, rtol=1e-4, atol=1e-5)


def test_the_shortcut_adapts_to_the_snr_too():
    encoder = adapted(
        EncoderModule(3, 1, downsampling=4, kernel_size=3, width=4, snr_adaptive=True, shortcut=True)
    ).eval()
    for weight in encoder.stages.parameters():
        nn.init.zeros_(weight)
    images = torch.rand(1, 3, 8, 8, generator=seeded())
    assert not torch.allclose(encoder(images, 0.0), encoder(images, 20.0))


GOOD = {"in_channels": 3, "complex_channels": 2, "downsampling": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"in_channels": 0}, "in_channels must be an integer from 1 to 65536, got 0"),
        ({"complex_channels": 0}, "complex_channels must be an integer from 1 to 65536, got 0"),
        ({"width": -1}, "width must be an integer from 1 to 65536, got -1"),
        ({"downsampling": 6}, "downsampling must be a power of two, at least 2, got 6"),
        ({"kernel_size": 4}, "kernel_size must be odd and positive, got 4"),
        ({"norm": "group"}, "norm must be .* got 'group'"),
    ],
)
def test_bad_arguments_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        EncoderModule(**(GOOD | bad))


# The caption's path


@pytest.mark.parametrize("rank", [None, 5])
def test_text_encoder_is_a_linear_map_of_the_plane(rank):
    encoder = TextEncoder((8, 12), downsampling=4, rank=rank)
    plane = torch.randn(2, 96, generator=seeded())
    if rank is None:
        matrix, bias = encoder.connect.weight, encoder.connect.bias
    else:
        thin, wide = encoder.connect
        matrix, bias = wide.weight @ thin.weight, wide.bias
        assert thin.weight.shape == (5, 96)
    expected = (plane @ matrix.T + bias).reshape(2, 2, 2, 3)
    torch.testing.assert_close(encoder(plane, (2, 3)), expected, rtol=1e-4, atol=1e-5)


def test_the_papers_dense_layer_has_as_many_weights_as_the_paper_needs_and_a_factorised_one_few():
    count = lambda encoder: sum(weight.numel() for weight in encoder.parameters())  # noqa: E731
    assert count(TextEncoder((64, 64), downsampling=8, rank=None)) == 64 * 64 * 2 * 8 * 8 + 2 * 8 * 8
    assert count(TextEncoder((64, 64), downsampling=8, rank=64)) == 64 * (64 * 64 + 2 * 8 * 8) + 2 * 8 * 8


def test_another_size_is_resized_bilinearly():
    encoder = TextEncoder((8, 8), downsampling=4, rank=None)
    nn.init.zeros_(encoder.connect.weight)
    encoder.connect.bias.data = torch.tensor([0.0, 1.0, 0.0, 1.0, 5.0, 5.0, 7.0, 7.0])
    resized = encoder(torch.zeros(1, 64), (2, 4))[0]
    # half-pixel centres: columns at -1/4 (clamped), 1/4, 3/4, 5/4 (clamped)
    torch.testing.assert_close(resized[0], torch.tensor([[0.0, 0.25, 0.75, 1.0]] * 2))
    torch.testing.assert_close(resized[1], torch.tensor([[5.0] * 4, [7.0] * 4]))


@pytest.mark.parametrize("rank", [0, -1, 2.5])
def test_rank_must_be_positive(rank):
    with pytest.raises(ValueError, match="text_rank must be an integer from 1 to 65536, got"):
        TextEncoder((8, 8), downsampling=4, rank=rank)
