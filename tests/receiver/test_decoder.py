import numpy as np
import pytest
import torch
from torch.nn import functional as F
from toys import adapted, seeded

from semcomm import DecoderModule


def mirror_by_hand(decoder, features, width):
    """A convolution, a PReLU and a transposed convolution, from the weights alone."""
    widen, enlarge = decoder.stages.stages
    half = widen.convolution.weight.shape[-1] // 2
    inner = F.conv2d(features, widen.convolution.weight, widen.convolution.bias, padding=half)
    assert inner.shape[1] == width
    inner = torch.where(inner > 0, inner, inner * widen.activation.weight[:, None, None])
    weight, bias = enlarge.convolution.weight, enlarge.convolution.bias
    return F.conv_transpose2d(inner, weight, bias, stride=2, padding=half, output_padding=1)


@pytest.mark.parametrize(("downsampling", "width"), [(2, 4), (4, 8), (8, 16), (16, 16)])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_decoder_is_its_layers(downsampling, width, kernel_size):
    decoder = DecoderModule(3, downsampling=downsampling, kernel_size=kernel_size, width=4, norm="none")
    features = torch.randn(2, 6, 3, 4, generator=seeded())
    decoded = decoder(features)
    torch.testing.assert_close(decoded, mirror_by_hand(decoder, features, width), rtol=1e-4, atol=1e-5)
    assert decoded.shape == (2, 3, 6, 8)


def test_the_shortcut_is_a_linear_map_of_positions():
    decoder = DecoderModule(3, downsampling=4, kernel_size=3, width=4, norm="none", shortcut=True)
    features = torch.randn(2, 6, 3, 4, generator=seeded())
    linear = torch.einsum("bcij,copq->boipjq", features, decoder.shortcut.weight).reshape(2, 3, 6, 8)
    expected = mirror_by_hand(decoder, features, 8) + linear + decoder.shortcut.bias[:, None, None]
    torch.testing.assert_close(decoder(features), expected, rtol=1e-4, atol=1e-5)


def test_the_shortcut_adapts_to_the_snr_too():
    decoder = adapted(DecoderModule(1, downsampling=4, kernel_size=3, width=4, snr_adaptive=True, shortcut=True)).eval()
    for weight in decoder.stages.parameters():
        torch.nn.init.zeros_(weight)
    features = torch.randn(1, 2, 4, 4, generator=seeded())
    assert not torch.allclose(decoder(features, 0.0), decoder(features, 20.0))


def test_batch_norm_follows_every_convolution():
    decoder = DecoderModule(1, 3, downsampling=4, kernel_size=3, width=4)
    decoded = decoder.train()(torch.randn(8, 2, 5, 5, generator=seeded()))
    np.testing.assert_allclose(decoded.mean((0, 2, 3)).detach().numpy(), 0, atol=1e-5)
    np.testing.assert_allclose(decoded.var((0, 2, 3), correction=0).detach().numpy(), 1, atol=1e-2)


def test_snr_matters_where_it_is_adaptive():
    features = torch.randn(1, 2, 4, 4, generator=seeded())
    adaptive = adapted(DecoderModule(1, downsampling=4, kernel_size=3, width=4, snr_adaptive=True)).eval()
    assert not torch.allclose(adaptive(features, 0.0), adaptive(features, 20.0))
    with pytest.raises(ValueError, match="snr_db is None"):
        adaptive(features)
    plain = DecoderModule(1, downsampling=4, kernel_size=3, width=4).eval()
    assert torch.equal(plain(features), plain(features, 20.0))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"complex_channels": 0}, "complex_channels must be an integer from 1 to 65536, got 0"),
        ({"out_channels": 0}, "out_channels must be an integer from 1 to 65536, got 0"),
        ({"width": 0}, "width must be an integer from 1 to 65536, got 0"),
        ({"downsampling": 5}, "downsampling must be a power of two, at least 2, got 5"),
        ({"kernel_size": 2}, "kernel_size must be odd and positive, got 2"),
        ({"norm": "layer"}, "norm must be .* got 'layer'"),
    ],
)
def test_bad_arguments_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        DecoderModule(**({"complex_channels": 1, "downsampling": 4, "kernel_size": 3} | bad))
