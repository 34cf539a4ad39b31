import pytest
import torch
from torch.nn import functional as F
from toys import adapted, seeded

from semcomm import FeatureFusion


@pytest.mark.parametrize(("downsampling", "widths"), [(2, [4]), (4, [8]), (8, [16, 8]), (16, [16, 16, 8])])
@pytest.mark.parametrize("shortcut", [False, True])
def test_fusion_is_its_layers(downsampling, widths, shortcut):
    fusion = FeatureFusion(6, downsampling=downsampling, width=4, norm="none", shortcut=shortcut)
    features = torch.randn(2, 6, 2 * 2, 2 * 3, generator=seeded())
    expected = features
    *stages, paint = fusion.stages.stages
    for place, (stage, width) in enumerate(zip(stages, widths, strict=True)):
        stride = 2 if place else 1
        weight, bias = stage.convolution.weight, stage.convolution.bias
        if stride == 1:
            expected = F.conv2d(expected, weight, bias, padding=1)
        else:
            expected = F.conv_transpose2d(expected, weight, bias, stride=2, padding=1, output_padding=1)
        assert expected.shape[1] == width
        expected = torch.where(expected > 0, expected, expected * stage.activation.weight[:, None, None])
    expected = F.conv2d(expected, paint.convolution.weight, paint.convolution.bias, padding=1)
    expected = F.pixel_shuffle(expected, 1 if downsampling == 2 else 2)
    if shortcut:
        block = downsampling // 2
        weight, bias = fusion.shortcut.weight, fusion.shortcut.bias
        blocks = torch.einsum("bcij,copq->boipjq", features, weight).reshape(2, 3, 4 * block, 6 * block)
        expected = expected + blocks + bias[:, None, None]
    fused = fusion(features)
    torch.testing.assert_close(fused, 1 / (1 + torch.exp(-expected)), rtol=1e-4, atol=1e-5)
    assert fused.shape == (2, 3, 2 * downsampling, 3 * downsampling)


@pytest.mark.parametrize("scale", [0, 1, 1e6])
def test_images_are_in_range_whatever_arrives(scale):
    fusion = FeatureFusion(6, downsampling=4, width=4).eval()
    images = fusion(scale * torch.randn(1, 6, 4, 4, generator=seeded()))
    assert images.isfinite().all()
    assert images.min() >= 0
    assert images.max() <= 1


def test_snr_matters_where_it_is_adaptive():
    features = torch.randn(1, 6, 4, 4, generator=seeded())
    adaptive = adapted(FeatureFusion(6, downsampling=4, width=4, snr_adaptive=True)).eval()
    assert not torch.allclose(adaptive(features, 0.0), adaptive(features, 20.0))
    with pytest.raises(ValueError, match="snr_db is None"):
        adaptive(features)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"in_channels": 0}, "in_channels must be an integer from 1 to 65536, got 0"),
        ({"width": 0}, "width must be an integer from 1 to 65536, got 0"),
        ({"downsampling": 1}, "downsampling must be a power of two, at least 2, got 1"),
        ({"kernel_size": 2}, "kernel_size must be odd and positive, got 2"),
        ({"norm": None}, "norm must be .* got None"),
    ],
)
def test_bad_arguments_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        FeatureFusion(**({"in_channels": 6, "downsampling": 4} | bad))
