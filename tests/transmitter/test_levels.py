"""Which level goes where, seen by recording what each encoder is given."""

import pytest
import torch
from torch import nn
from toys import caption_feature, rand_images, segmentation_feature, semantic_system, small_system

from semcomm.contracts import Semantics
from semcomm.symbols import symbols_to_features
from semcomm.transmitter.levels import MultiLevelTransmitter


class Recorder(nn.Module):
    """Stands in for an encoder: remembers its input, sends a constant."""

    def __init__(self, value, complex_channels, downsampling=4):
        super().__init__()
        self.value, self.complex_channels, self.downsampling = value, complex_channels, downsampling

    def forward(self, features, extra):
        self.seen, self.extra = features, extra
        rows, columns = (
            extra if isinstance(extra, tuple) else (side // self.downsampling for side in features.shape[2:])
        )
        return torch.full((features.shape[0], 2 * self.complex_channels, rows, columns), float(self.value))


@pytest.fixture
def parts():
    return {
        "text_encoder": Recorder(1, 1),
        "segmentation_encoder": Recorder(2, 3),
        "fused_encoder": Recorder(3, 3),
        "detail_encoders": [Recorder(4, 3), Recorder(5, 3)],
    }


def test_levels_are_fed_and_ordered_as_in_the_paper(parts):
    caption, segmentation = caption_feature(), segmentation_feature()
    transmitter = MultiLevelTransmitter(**parts, caption=caption, segmentation=segmentation)
    images = rand_images(2, 14, 17)
    sent = transmitter(images, 7.0)
    features = symbols_to_features(sent.symbols, 4, 5)
    assert transmitter.complex_channels == 1 + 3 * 4
    per_channel = features.amax((0, 2, 3))
    assert torch.equal(per_channel, features.amin((0, 2, 3)))
    assert per_channel.tolist() == [1] * 2 + [2] * 6 + [3] * 6 + [4] * 6 + [5] * 6
    assert features.shape[2:] == (4, 5)

    padded = nn.functional.pad(images, (0, 3, 0, 2), mode="replicate")
    colors = nn.functional.pad(segmentation(images), (0, 3, 0, 2), mode="replicate")
    assert torch.equal(parts["text_encoder"].seen, caption(images))
    assert parts["text_encoder"].extra == (4, 5)
    assert torch.equal(parts["segmentation_encoder"].seen, colors)
    assert torch.equal(parts["fused_encoder"].seen, torch.cat([padded, colors], dim=1))
    for encoder in parts["detail_encoders"]:
        assert torch.equal(encoder.seen, padded)
        assert encoder.extra == 7.0


def test_without_semantics_the_image_alone_is_fused(parts):
    transmitter = MultiLevelTransmitter(parts["fused_encoder"], parts["detail_encoders"])
    images = rand_images()
    features = symbols_to_features(transmitter(images).symbols, 4, 4)
    assert features.amax((0, 2, 3)).tolist() == [3] * 6 + [4] * 6 + [5] * 6
    assert torch.equal(parts["fused_encoder"].seen, images)
    assert transmitter.extract(images) == Semantics(None, None)


def test_precomputed_semantics_give_the_same_symbols_and_spare_the_extractors():
    system = semantic_system(l=3).eval()
    images = rand_images(3, 13, 18)
    extractors = system.transmitter.caption.captioner, system.transmitter.segmentation.segmenter
    semantics = system.transmitter.extract(images)
    direct = system.encode(images)
    calls = [extractor.calls for extractor in extractors]
    assert torch.equal(system.encode(images, semantics=semantics), direct)
    assert [extractor.calls for extractor in extractors] == calls
    half = Semantics(tokens=semantics.tokens)
    assert torch.equal(system.encode(images, semantics=half), direct)
    assert [extractor.calls for extractor in extractors] == [calls[0], calls[1] + 1]


def test_each_semantic_level_reaches_its_own_channels_only():
    system = semantic_system(l=3).eval()
    images = rand_images(1)
    known = system.transmitter.extract(images)

    def features_of(semantics):
        return symbols_to_features(system.transmitter(images, None, semantics=semantics).symbols, 4, 4)

    features = features_of(known)
    other_words = Semantics((known.tokens + 1).clamp(max=4) * (known.tokens > 0), known.labels)
    changed = (features_of(other_words) != features).any(0).flatten(1).any(1)
    assert changed.nonzero().flatten().tolist() == [0, 1]
    other_labels = Semantics(known.tokens, (known.labels + 1) % 4)
    changed = (features_of(other_labels) != features).any(0).flatten(1).any(1)
    assert changed.nonzero().flatten().tolist() == list(range(2, 14))


def test_extractors_are_frozen_under_train_and_every_other_weight_learns():
    system = semantic_system(l=3, snr_adaptive=True).train()
    frozen = system.transmitter.caption, system.transmitter.segmentation
    assert not any(module.training for feature in frozen for module in feature.children())
    images = rand_images(4, 18, 21)
    before = {name: value.clone() for feature in frozen for name, value in feature.state_dict().items()}
    torch.nn.functional.mse_loss(system(images, torch.tensor([0.0, 5.0, 10.0, 20.0])), images).backward()
    for name, weight in system.named_parameters():
        if name.startswith(("transmitter.caption.", "transmitter.segmentation.")):
            assert weight.grad is None, name
            assert not weight.requires_grad
        else:
            assert weight.grad is not None, name
            assert torch.isfinite(weight.grad).all(), name
            assert weight.grad.abs().sum() > 0 or ".norm" in name or "bias" in name, name
    after = {name: value for feature in frozen for name, value in feature.state_dict().items()}
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_semantics_of_other_images_are_refused():
    system = semantic_system()
    images = rand_images(2)
    with pytest.raises(ValueError, match=r"labels must have shape \(2, 16, 16\)"):
        system.encode(images, semantics=Semantics(labels=torch.zeros(2, 8, 8, dtype=torch.int64)))
    with pytest.raises(ValueError, match=r"tokens must be \(b, T\) for the 2 images"):
        system.encode(images, semantics=Semantics(tokens=torch.zeros(3, 5, dtype=torch.int64)))


def test_ablated_systems_send_as_many_symbols():
    whole = semantic_system(l=3)
    for ablated in (
        small_system(l=3),
        small_system(l=3, caption=caption_feature()),
        small_system(l=3, segmentation=segmentation_feature()),
    ):
        assert ablated.transmitter.complex_channels == whole.transmitter.complex_channels == 10
        assert ablated.encode(rand_images(1)).shape == whole.encode(rand_images(1)).shape == (1, 160)
