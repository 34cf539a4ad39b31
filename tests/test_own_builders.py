"""Systems of one's own builders: what is saved comes back, and a replaced part is never saved as the builder's."""

import json
import math
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from toys import PhaseFlip, caption_feature, rand_images, seeded, semantic_system, settle, small_system

from semcomm import AWGNChannel, PowerNormalize, SemanticSystem, build_deep_jscc, from_pretrained, saveable
from semcomm.baselines.deep_jscc import DeepJSCCReceiver, DeepJSCCTransmitter
from semcomm.receiver.equalizer import MMSEEqualizer, ZeroForcingEqualizer
from semcomm.transmitter.power import power_normalize


@saveable
def build_mine(channels: int = 2, *, power: float = 1.0, channel=None):
    """A system of one's own at another power."""
    parts = build_deep_jscc(complex_channels=channels, device="cpu")
    channel = channel or AWGNChannel(power)
    return SemanticSystem(parts.transmitter, channel, parts.receiver, constraint=PowerNormalize(power))


def build_plainly(channels, power):
    return build_mine.__wrapped__(channels, power=power)


def build_flipped(channels, power):
    return build_mine(channels, power=power, channel=PhaseFlip(power))


def build_wider(channels, power):
    return build_mine(channels + 1, power=power)


def same(one, other):
    images = rand_images(2, 18, 17)
    return torch.equal(one(images, 7.0, generator=seeded()), other(images, 7.0, generator=seeded()))


def test_a_system_of_ones_own_builder_comes_back(tmp_path):
    system = build_mine(3, power=2.0).eval()
    system.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["builder"].endswith("test_own_builders:build_mine")
    assert config["arguments"] == {"channels": 3, "power": 2.0}
    assert config["channel"] == {"type": "awgn", "power": 2.0}
    for builder in (build_mine, build_plainly):
        loaded = from_pretrained(tmp_path, builder=builder, device="cpu")
        assert same(loaded, system)
        assert not loaded.training
        assert loaded.config == system.config
        assert loaded.equalizer.power == 2
    loaded.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "config.json").read_bytes() == (tmp_path / "config.json").read_bytes()


def test_a_file_never_names_code_that_runs(tmp_path):
    build_mine().save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="saved by the builder '.*build_mine', which is not the package's: pass builder="
    ):
        from_pretrained(tmp_path, device="cpu")


def test_the_channel_of_ones_own_builder_stays_unless_another_was_saved(tmp_path):
    system = build_mine(channel=PhaseFlip())
    with pytest.warns(UserWarning, match="the channel, PhaseFlip, is not saved"):
        system.save_pretrained(tmp_path / "own")
    loaded = from_pretrained(tmp_path / "own", builder=build_flipped)
    assert type(loaded.channel) is PhaseFlip
    system.channel = AWGNChannel()
    system.save_pretrained(tmp_path / "awgn")
    loaded = from_pretrained(tmp_path / "awgn", builder=build_flipped)
    assert type(loaded.channel) is AWGNChannel


def test_weights_that_do_not_fit_the_builder_are_refused(tmp_path):
    build_mine(3).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="belongs to another configuration"):
        from_pretrained(tmp_path, builder=build_wider, device="cpu")
    with pytest.raises(ValueError, match="has arguments that <lambda> does not take"):
        from_pretrained(tmp_path, builder=lambda channels: build_mine(channels), device="cpu")
    with pytest.raises(TypeError, match="builder <lambda> must return a SemanticSystem, got Identity"):
        from_pretrained(tmp_path, builder=lambda channels, power: nn.Identity(), device="cpu")  # noqa: ARG005
    with pytest.raises(TypeError, match="builder must be a function that returns a SemanticSystem, got 'mine'"):
        from_pretrained(tmp_path, builder="mine", device="cpu")
    with pytest.raises(ValueError, match="builder must be None for a file of weights alone"):
        from_pretrained(tmp_path / "model.safetensors", builder=build_mine, device="cpu")


def test_arguments_that_no_file_holds_are_refused_at_once():
    @saveable
    def build(network):
        return SemanticSystem(network, AWGNChannel(), nn.Identity())

    with pytest.raises(TypeError, match="network cannot be saved: it must be a finite number, text, .* got Identity"):
        build(nn.Identity())
    for value in (math.inf, math.nan, np.float32(1), {"a": 1}, [math.inf]):
        with pytest.raises(TypeError, match=r"network cannot be saved: .* got "):
            build(value)


# Parts replaced


def replace_whole_transmitter(system):
    system.transmitter = DeepJSCCTransmitter(2)


def replace_whole_receiver(system):
    system.receiver = DeepJSCCReceiver(2)


def replace_constraint(system):
    class Loud(nn.Module):
        def forward(self, symbols):
            return power_normalize(symbols)

    system.constraint = Loud()


def replace_a_layer(system):
    layers = system.transmitter
    name, layer = next((name, one) for name, one in layers.named_modules() if isinstance(one, nn.Conv2d))
    parent = layers.get_submodule(name.rpartition(".")[0])
    setattr(
        parent, name.rpartition(".")[2], nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, padding=2)
    )


def parametrise(system):
    parametrizations.weight_norm(next(one for one in system.receiver.modules() if isinstance(one, nn.ConvTranspose2d)))


def replace_a_forward(system):
    system.receiver.forward = lambda received, size, snr_db=None: torch.zeros(len(received.symbols), 3, *size)  # noqa: ARG005


def replace_the_forward_of_a_layer(system):
    layer = next(one for one in system.receiver.modules() if isinstance(one, nn.ConvTranspose2d))
    layer.forward = lambda images: images


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (replace_whole_transmitter, "transmitter"),
        (replace_a_forward, "receiver"),
        (replace_the_forward_of_a_layer, "receiver.*"),
        (replace_whole_receiver, "receiver"),
        (replace_constraint, "constraint"),
        (replace_a_layer, "transmitter.*"),
        (parametrise, "receiver.*"),
    ],
)
def test_a_replaced_part_is_not_saved_as_the_builders(tmp_path, change, named):
    system = build_deep_jscc(complex_channels=2, device="cpu")
    change(system)
    with pytest.raises(ValueError, match=f"^{named} is no longer what build_deep_jscc made.*semcomm.saveable"):
        system.save_pretrained(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("part", ["constraint", "channel"])
def test_two_powers_are_not_saved(tmp_path, part):
    system = build_deep_jscc(complex_channels=2, device="cpu")
    getattr(system, part).power = 2.0
    with pytest.raises(ValueError, match=r"channel.power is .*, but the constraint's power is"):
        system.save_pretrained(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_the_power_of_a_constraint_is_the_builders(tmp_path):
    system = build_deep_jscc(complex_channels=2, device="cpu")
    system.constraint.power = system.channel.power = 2.0
    with pytest.raises(ValueError, match="constraint is no longer what build_deep_jscc made"):
        system.save_pretrained(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_a_replaced_extractor_is_not_saved_as_the_builders(tmp_path):
    system = semantic_system()
    system.transmitter.caption = caption_feature()
    with pytest.raises(ValueError, match=r"transmitter\.caption is no longer what"):
        system.save_pretrained(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_training_and_batch_normalisation_over_several_gpus_replace_nothing(tmp_path):
    system = settle(small_system())
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(system.transmitter)
    system.save_pretrained(tmp_path)
    assert same(from_pretrained(tmp_path, device="cpu"), settle(small_system()))


def test_a_configuration_is_the_builders(tmp_path):
    with pytest.raises(ValueError, match="config must be None, since it is the builder's, got {'l': 2}"):
        small_system().save_pretrained(tmp_path / "refused", config={"l": 2})


@pytest.mark.parametrize("equalizer", [ZeroForcingEqualizer, MMSEEqualizer])
def test_equalisers_come_back(tmp_path, equalizer):
    system = small_system()
    system.equalizer = equalizer()
    system.save_pretrained(tmp_path)
    assert type(from_pretrained(tmp_path, device="cpu").equalizer) is equalizer


def test_an_equaliser_of_ones_own_is_not_saved(tmp_path):
    system = small_system()
    system.equalizer = nn.Identity()
    with pytest.warns(UserWarning, match="the equalizer, Identity, is not saved: from_pretrained gives MMSE"):
        system.save_pretrained(tmp_path)
    assert type(from_pretrained(tmp_path, device="cpu").equalizer) is MMSEEqualizer


# The Hub


def test_keywords_of_the_hub_reach_it(tmp_path, monkeypatch):
    build_mine(3).save_pretrained(tmp_path)
    asked = []

    def download(_repository, file, **options):
        asked.append(options)
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    options = {"revision": "v1", "token": "t", "cache_dir": tmp_path, "local_files_only": True, "force_download": True}
    for load in (from_pretrained, SemanticSystem.from_pretrained):
        load("owner/name", builder=build_mine, device="cpu", **options)
    assert asked == [options] * 4


@pytest.mark.parametrize(
    "name", ["runs/mine.safetensors", "./runs", "~/runs", "runs/", "a/b/c", "runs\\mine", "runs/config.json", "mine"]
)
def test_what_looks_like_a_path_never_goes_to_the_network(name, monkeypatch):
    def download(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(FileNotFoundError, match="it is no folder"):
        from_pretrained(name, device="cpu")


def test_a_path_object_never_goes_to_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: pytest.fail("the network was asked"))
    with pytest.raises(FileNotFoundError, match="no trained system 'runs/mine': it is no folder"):
        from_pretrained(Path("runs/mine"), device="cpu")
