import copy

import numpy as np
import pytest
import torch
from torch import nn

from semcomm.extractors import spnet
from semcomm.extractors.ade20k_classes import ADE20K_CLASSES, ADE20K_PALETTE
from semcomm.extractors.inference import normalize
from semcomm.extractors.spnet import build_spnet, load_spnet
from semcomm.extractors.strip_pooling import MixedPooling, StripGate
from semcomm.transmitter.segmentation import SegmentationFeature


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = build_spnet(50)
    with torch.no_grad():
        # Random weights label everything alike; spread the scores so that labels vary with the image.
        network.head.score_layer[-1].weight.normal_(std=2.0)
        network.head.score_layer[-1].bias.zero_()
    return network.eval()


@pytest.fixture
def images():
    return torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", [50, 101])
def test_names_and_shapes_are_the_published_ones(depth, read_shapes):
    with torch.device("meta"):
        state = build_spnet(depth).state_dict()
    published = read_shapes(f"spnet{depth}_ade20k")
    wanted = {name: shape for name, shape in published.items() if not name.startswith("auxlayer.")}
    assert {name: list(value.shape) for name, value in state.items()} == wanted
    assert len(wanted) < len(published)


@pytest.mark.parametrize("depth", [50, pytest.param(101, marks=pytest.mark.slow)])
def test_outputs_are_the_published_networks(depth, tmp_path, read_shapes, read_reference, fill_by_rule):
    state = fill_by_rule(read_shapes(f"spnet{depth}_ade20k"))
    path = tmp_path / "published.pth"
    torch.save({"epoch": 120, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    network = load_spnet(path)
    path.unlink()  # 200 MB
    assert not network.training
    x = torch.from_numpy(np.random.default_rng(0).random((1, 3, 97, 129)).astype(np.float32))
    with torch.no_grad():
        logits = network(x)[0].numpy()
    reference = read_reference("spnet")
    np.testing.assert_allclose(logits[:, ::8, ::8], reference[f"spnet{depth}_logits_stride8"], rtol=0, atol=1e-4)
    assert (logits.argmax(0) == reference[f"spnet{depth}_argmax"]).mean() >= 0.9999


def test_it_is_a_segmenter_with_ade20ks_classes(network, images):
    SegmentationFeature(network)
    assert network.class_names == ADE20K_CLASSES
    torch.testing.assert_close(network.palette * 255, torch.tensor(ADE20K_PALETTE, dtype=torch.float32))
    assert not any("palette" in name for name in network.state_dict())
    labels = network.segment(images)
    assert labels.dtype == torch.int64
    assert labels.shape == (2, 40, 56)
    assert len(labels.unique()) > 1
    with torch.no_grad():
        assert torch.equal(labels, network(normalize(images)).argmax(dim=1))


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_tell_nearly_the_same(network, images, precision):
    told = network.segment(images[:1])
    same = copy.deepcopy(network).to(precision).segment(images[:1]) == told
    assert same.float().mean() > 0.9


def test_half_precision_images_are_converted(network, images):
    half = images[:1].half()
    assert torch.equal(network.segment(half), network.segment(half.float()))


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 33), (1, 90)])
def test_any_size(network, size):
    assert network.segment(torch.rand(1, 3, *size)).shape == (1, *size)


def test_images_do_not_depend_on_each_other_even_in_train_mode(network, images):
    alone = torch.cat([network.segment(image[None]) for image in images])
    network.train()
    network.head.eval()
    try:
        before = {name: value.clone() for name, value in network.state_dict().items()}
        together = network.segment(images)
        assert network.training
        assert not network.head.training
        assert network.pretrained.bn1.training
        assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    finally:
        network.eval()
    assert torch.equal(together, alone)


def test_strip_gate_adds_row_and_column_means():
    gate = StripGate(1).eval()
    with torch.no_grad():
        gate.conv1.weight.copy_(torch.tensor([0.0, 1.0, 0.0]).view(1, 1, 3, 1))
        gate.conv2.weight.copy_(torch.tensor([0.0, 1.0, 0.0]).view(1, 1, 1, 3))
        gate.conv3.weight.fill_(1.0)
        gate.conv3.bias.zero_()
        features = torch.randn(1, 1, 4, 6)
        out = gate(features)[0, 0]
    rows, columns = features[0, 0].mean(1), features[0, 0].mean(0)
    for i in range(4):
        for j in range(6):
            expected = torch.sigmoid(torch.relu((rows[i] + columns[j]) / (1 + 1e-5) ** 0.5))
            torch.testing.assert_close(out[i, j], expected)


def test_mixed_pooling_sees_whole_rows_and_columns():
    torch.manual_seed(0)
    module = MixedPooling(64).eval()
    features = torch.randn(1, 64, 50, 60, requires_grad=True)
    module(features)[0, :, 5, 5].sum().backward()
    reached = features.grad[0].abs().sum(0) > 0
    assert reached[5].all()
    assert reached[:, 5].all()
    assert not reached[40, 50]


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("spnet") / "spnet50.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in network.state_dict().items()}}, path)
    yield path
    path.unlink()  # 200 MB


def test_a_checkpoint_loads_back(checkpoint, network, images):
    loaded = load_spnet(checkpoint)
    assert not any(module.training for module in loaded.modules())
    assert torch.equal(loaded.segment(images), network.segment(images))


@pytest.mark.slow
def test_depth_is_read_from_the_checkpoint(monkeypatch):
    deep = build_spnet(101).state_dict()
    monkeypatch.setattr(spnet, "read_state_dict", lambda _: deep)
    loaded = load_spnet("spnet101.pth")
    assert len(loaded.pretrained.layer3) == 23
    torch.testing.assert_close(loaded.state_dict(), deep)


def test_another_class_count_is_told(checkpoint):
    with pytest.raises(ValueError, match=r"spnet50\.pth' has 150 classes, class_names has 2"):
        load_spnet(checkpoint, class_names=["sky", "road"], palette=[(0, 0, 0), (1, 1, 1)])


def test_another_network_is_told_by_name(tmp_path):
    path = tmp_path / "linear.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(
        ValueError, match=r"linear\.pth' does not fit SPNet: missing \d+: pretrained.*unexpected 2: weight, bias"
    ):
        load_spnet(path)


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="depth is 34, required: 50 or 101"):
        build_spnet(34)
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match="palette has 150 colours, required: one for each of the 1"),
    ):
        build_spnet(50, class_names=["sky"])


def test_raw_images_are_checked(network):
    with pytest.raises(ValueError, match=r"images has shape \(3, 8, 8\)"):
        network.segment(torch.zeros(3, 8, 8))
    with pytest.raises(TypeError, match=r"images is torch\.uint8"):
        network.segment(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
