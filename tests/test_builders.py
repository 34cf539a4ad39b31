import math

import pytest
import torch
from torch import nn
from toys import (
    ToyCaptioner,
    ToySegmenter,
    caption_feature,
    rand_images,
    segmentation_feature,
    semantic_system,
    small_system,
)

from semcomm import AWGNChannel, CaptionFeature, RayleighChannel, SegmentationFeature, build_deep_jscc, build_mlsc_image
from semcomm.extractors import lite
from semcomm.transmitter.encoder import TextEncoder

BARE = {"caption": None, "segmentation": None, "device": "cpu"}


def convolutions(module):
    return [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]


@pytest.mark.parametrize("level", [2, 3, 6])
def test_levels_are_those_of_the_paper(level):
    system = semantic_system(level, 8)
    transmitter, receiver = system.transmitter, system.receiver
    encoders = [transmitter.segmentation_encoder, transmitter.fused_encoder, *transmitter.detail_encoders]
    kernels = [3, 3] + [2 * i - 3 for i in range(3, level + 1)]
    for encoder, kernel, inputs in zip(encoders, kernels, [3, 6] + [3] * (level - 2), strict=True):
        assert {part.kernel_size for part in convolutions(encoder)} == {(kernel, kernel)}
        assert convolutions(encoder)[0].in_channels == inputs
        assert convolutions(encoder)[-1].out_channels == 2 * 3
    decoder_kernels = [3, 3, 3] + [2 * i - 5 for i in range(4, level + 2)]
    for decoder, kernel, channels in zip(receiver.decoders, decoder_kernels, [1] + [3] * level, strict=True):
        assert {part.kernel_size for part in convolutions(decoder)} == {(kernel, kernel)}
        assert convolutions(decoder)[0].in_channels == 2 * channels
        assert convolutions(decoder)[-1].out_channels == 3
    assert convolutions(receiver.fusion)[0].in_channels == 3 * (level + 1)
    assert transmitter.complex_channels == 3 * level + 1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (40, 16)])
@pytest.mark.parametrize("t", [2, 4, 8, 16])
def test_any_size_comes_back(t, height, width):
    system = semantic_system(2, t)
    images = rand_images(2, height, width)
    received = system(images, 10.0)
    assert received.shape == images.shape
    assert received.isfinite().all()


@pytest.mark.parametrize(
    "levels",
    [{}, {"caption": caption_feature}, {"segmentation": segmentation_feature}],
    ids=["none", "caption only", "segmentation only"],
)
@pytest.mark.parametrize("level", [2, 4])
def test_freed_channels_go_to_c3(level, levels):
    system = small_system(level, **{name: build() for name, build in levels.items()})
    freed = (0 if "caption" in levels else 1) + (0 if "segmentation" in levels else 3)
    transmitter, receiver = system.transmitter, system.receiver
    assert transmitter.complex_channels == 3 * level + 1
    assert transmitter.fused_encoder.complex_channels == 3 + freed
    assert convolutions(transmitter.fused_encoder)[0].in_channels == (6 if "segmentation" in levels else 3)
    assert sum(receiver.level_channels) == 2 * (3 * level + 1)
    assert sum(decoder.out_channels for decoder in receiver.decoders) == 3 * (level + 1)
    assert len(receiver.decoders) == level - 1 + len(levels)


def test_arguments_reach_their_places():
    channel = RayleighChannel(coherence=2)
    system = build_mlsc_image(
        3,
        4,
        image_size=(24, 32),
        channel=channel,
        caption=caption_feature((24, 32)),
        segmentation=segmentation_feature(),
        width=6,
        norm="none",
        text_rank=7,
        snr_adaptive=True,
        device="cpu",
    )
    assert system.channel is channel
    assert convolutions(system.transmitter.fused_encoder)[0].out_channels == 6
    coding = (system.receiver, system.transmitter.fused_encoder, system.transmitter.detail_encoders)
    assert not any(isinstance(part, nn.BatchNorm2d) for stage in coding for part in stage.modules())
    assert system.transmitter.text_encoder.connect[0].weight.shape == (7, 24 * 32)
    assert system.transmitter.text_encoder.plane_size == (6, 8)
    assert system.transmitter.fused_encoder.stages.stages[0].conditioning is not None


def test_defaults_are_the_papers():
    system = small_system(4, 8, norm="batch")
    assert isinstance(system.channel, AWGNChannel)
    assert system.channel.power == system.constraint.power == 1.0
    assert any(isinstance(part, nn.BatchNorm2d) for part in system.modules())
    dense = semantic_system(text_rank=None).transmitter.text_encoder
    assert isinstance(dense, TextEncoder)
    assert isinstance(dense.connect, nn.Linear)


def test_lite_levels_are_the_extractors_in_the_package(monkeypatch):
    monkeypatch.setattr(lite, "lite_captioner", ToyCaptioner)
    monkeypatch.setattr(lite, "lite_segmenter", ToySegmenter)
    system = build_mlsc_image(2, 4, image_size=(16, 20), width=4, device="cpu")
    assert isinstance(system.transmitter.caption, CaptionFeature)
    assert isinstance(system.transmitter.caption.captioner, ToyCaptioner)
    assert system.transmitter.caption.image_size == (16, 20)
    assert isinstance(system.transmitter.segmentation, SegmentationFeature)
    assert system.config["arguments"]["caption"] == system.config["arguments"]["segmentation"] == "lite"


def test_a_caption_feature_takes_the_systems_image_size():
    captioner = ToyCaptioner()
    system = small_system(caption=CaptionFeature(captioner, 24))
    assert system.transmitter.caption.captioner is captioner
    assert system.transmitter.caption.image_size == (16, 16)
    assert system(rand_images(), 10.0).shape == (2, 3, 16, 16)


def test_the_configuration_says_what_was_built():
    config = semantic_system(3, text_rank=5).config
    assert config["builder"] == "build_mlsc_image"
    assert config["arguments"] == {
        "l": 3,
        "t": 4,
        "image_size": [16, 16],
        "caption": "custom",
        "segmentation": "custom",
        "width": 4,
        "norm": "batch",
        "text_rank": 5,
        "snr_adaptive": False,
        "shortcut": False,
        "tell_gain": False,
        "csi_to_decoder": False,
    }


GOOD = {"l": 2, "t": 4, "image_size": 16, "width": 4} | BARE


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"l": 1}, ValueError, "l must be an integer from 2 to 16, got 1"),
        ({"l": 17}, ValueError, "l must be an integer from 2 to 16, got 17"),
        ({"l": 2.0}, ValueError, "l must be an integer from 2 to 16, got 2.0"),
        ({"l": True}, ValueError, "l must be an integer from 2 to 16, got True"),
        ({"l": "4"}, ValueError, "l must be an integer from 2 to 16, got '4'"),
        ({"t": 1}, ValueError, "t must be a power of two, at least 2, got 1"),
        ({"t": 6}, ValueError, "t must be a power of two, at least 2, got 6"),
        ({"t": 0}, ValueError, "t must be a power of two, at least 2, got 0"),
        ({"t": 8.0}, ValueError, "t must be a power of two, at least 2, got 8.0"),
        ({"image_size": 3}, ValueError, "image_size must be one or two integers, each at least t = 4, got 3"),
        ({"image_size": (16, 2)}, ValueError, r"image_size must be .* got \(16, 2\)"),
        ({"image_size": (16, 16, 3)}, ValueError, r"image_size must be .* got \(16, 16, 3\)"),
        ({"image_size": (16.0, 16)}, ValueError, r"image_size must be .* got \(16.0, 16\)"),
        ({"image_size": 16.5}, ValueError, "image_size must be one or two integers.*got 16.5"),
        ({"image_size": None}, ValueError, "image_size must be one or two integers.*got None"),
        ({"width": 10**30}, ValueError, "width must be an integer from 1 to 65536, got 10{30}$"),
        ({"width": 0}, ValueError, "width must be an integer from 1 to 65536, got 0"),
        ({"norm": "layer"}, ValueError, "norm must be .* got 'layer'"),
        (
            {"text_rank": 0, "caption": caption_feature()},
            ValueError,
            "text_rank must be an integer from 1 to 65536, got 0",
        ),
        ({"caption": "big"}, TypeError, "caption must be \"lite\", a CaptionFeature or None, got 'big'"),
        ({"caption": ToyCaptioner()}, TypeError, 'caption must be "lite", a CaptionFeature or None, got ToyCaptioner'),
        ({"segmentation": "big"}, TypeError, "segmentation must be \"lite\", a SegmentationFeature or None, got 'big'"),
        ({"channel": "awgn"}, TypeError, "channel must be an nn.Module, got str"),
        ({"channel": AWGNChannel(2.0)}, ValueError, "channel.power is 2.0, but the constraint's power is 1.0"),
        ({"device": "gpu"}, ValueError, "device must be a torch device such as 'cpu' or 'cuda', got 'gpu'"),
    ],
)
def test_bad_arguments_are_refused(bad, error, message):
    with pytest.raises(error, match=message):
        build_mlsc_image(**(GOOD | bad))


def test_missing_cuda_is_said_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device is 'cuda', but torch finds no CUDA here; use device='cpu'"):
        build_mlsc_image(**(GOOD | {"device": "cuda"}))
    assert build_mlsc_image(**(GOOD | {"device": None})).device.type == "cpu"


@pytest.mark.cuda
def test_cuda_is_the_default_where_there_is_one():
    assert build_mlsc_image(**(GOOD | {"device": None})).device.type == "cuda"
    assert build_mlsc_image(**GOOD).device.type == "cpu"
    assert build_deep_jscc(complex_channels=2).device.type == "cuda"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({}, "give one of bandwidth_ratio and complex_channels, got None and None"),
        ({"bandwidth_ratio": 1 / 12, "complex_channels": 4}, "give one of bandwidth_ratio and complex_channels"),
        ({"bandwidth_ratio": 0.1}, r"must be a multiple of 1/48 for Deep JSCC, got 0.1; the next larger one is 5/48"),
        ({"bandwidth_ratio": 0.001}, r"got 0.001; the next larger one is 1/48"),
        ({"bandwidth_ratio": 0.0}, "bandwidth_ratio must be positive, got 0.0"),
        ({"bandwidth_ratio": -0.5}, "bandwidth_ratio must be positive, got -0.5"),
        ({"bandwidth_ratio": math.nan}, "bandwidth_ratio must be positive, got nan"),
        ({"bandwidth_ratio": math.inf}, "bandwidth_ratio must be positive, got inf"),
        ({"complex_channels": 0}, "complex_channels must be an integer from 1 to 65536, got 0"),
        ({"complex_channels": 2.0}, "complex_channels must be an integer from 1 to 65536, got 2.0"),
        ({"complex_channels": 2, "device": "nowhere"}, "device must be a torch device"),
    ],
)
def test_bad_arguments_of_deep_jscc_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        build_deep_jscc(**({"device": "cpu"} | bad))


def test_a_bandwidth_ratio_is_a_number():
    with pytest.raises(TypeError, match="bandwidth_ratio must be a number such as 1 / 12, got str '1/12'"):
        build_deep_jscc(bandwidth_ratio="1/12", device="cpu")
