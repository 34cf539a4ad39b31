"""SwinJSCC and WITT as systems, and their authors' files."""

import copy
import math
import pickle
import re

import pytest
import torch
from torch import nn

import semcomm.baselines
from semcomm import RayleighChannel, evaluate, from_pretrained
from semcomm.baselines import build_swin_jscc, build_witt, load_swin_jscc, load_witt
from semcomm.baselines.swin_header import Header
from semcomm.contracts import Received, Semantics

ADAPTIVE = {"size": "cifar", "rate_adaptive": True, "device": "cpu"}
FIXED = {"size": "cifar", "device": "cpu"}


def photographs(batch=2, height=24, width=36):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def fixed():
    torch.manual_seed(0)
    return build_swin_jscc(channels=12, **FIXED).eval()


@pytest.fixture(scope="module")
def adaptive():
    torch.manual_seed(0)
    return build_swin_jscc(channels=16, **ADAPTIVE).eval()


@pytest.mark.parametrize(("height", "width", "tokens"), [(24, 36, 54), (25, 33, 63), (4, 4, 1), (5, 10, 6)])
def test_any_size_is_sent_and_its_padding_counted(fixed, height, width, tokens):
    images = photographs(1, height, width)
    assert fixed.symbols_per_image(height, width) == tokens * 6
    symbols = fixed.encode(images, 10.0)
    assert symbols.shape == (1, tokens * 6)
    assert fixed.decode(symbols, (height, width), 10.0).shape == images.shape


def test_bandwidth_ratios_are_exact():
    for size, pairs in (("small", 768), ("cifar", 48)):
        system = build_witt(bandwidth_ratio=5 / pairs, size=size, device="meta")
        assert system.bandwidth_ratio(128, 256) == 5 / pairs
        assert system.config["arguments"]["channels"] == 10


@pytest.mark.parametrize("which", ["fixed", "adaptive"])
def test_symbols_have_unit_power_and_do_not_depend_on_neighbours(which, request):
    system, images = request.getfixturevalue(which), photographs(3)
    images[1] *= 0.1
    with torch.no_grad():
        symbols = system.encode(images, torch.tensor([1.0, 7.0, 13.0]))
        alone = torch.cat([system.encode(images[i : i + 1], snr) for i, snr in enumerate((1.0, 7.0, 13.0))])
    torch.testing.assert_close(symbols.abs().square().mean(dim=1), torch.ones(3), rtol=1e-4, atol=0)
    torch.testing.assert_close(symbols, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("rate", [2, 16, 64, 256])
def test_the_rate_is_chosen_at_run_time_and_its_header_counted(adaptive, rate):
    images = photographs()
    k = adaptive.symbols_per_image(24, 36, rate=rate)
    assert k == 54 * rate // 2 + 3 * (256 + 16)
    with torch.no_grad():
        symbols = adaptive.encode(images, 10.0, rate=rate)
        assert symbols.shape == (2, k)
        # without noise the receiver has the very features, zero where they were not kept
        features, kept = adaptive.transmitter.encoder(images, 10.0, rate)
        mask = torch.zeros(2, 256).scatter_(1, kept, 1.0)[:, None, None]
        masked = features * mask
        masked = masked / (masked.square().sum(dim=(1, 2, 3), keepdim=True) / (54 * rate / 2)).sqrt()
        expected = adaptive.receiver.decoder(masked, 10.0)[:, :, :24, :36].clamp(0, 1)
        torch.testing.assert_close(adaptive.decode(symbols, (24, 36), 10.0, rate=rate), expected, rtol=0, atol=1e-4)


def test_without_a_rate_it_is_the_one_of_the_builder(adaptive):
    assert adaptive.symbols_per_image(24, 36) == adaptive.symbols_per_image(24, 36, rate=16)
    sent = adaptive.transmitter(photographs(), 10.0)
    assert dict(sent.channel_uses) == {"features": 54 * 8, "header": 3 * 272}
    assert sent.side is None

    sent = copy.deepcopy(adaptive.transmitter).train()(photographs(), 10.0)
    assert sent.side.kept.shape == (2, 16)


def test_a_header_without_channels_is_no_part_of_a_rate_adaptive_system(adaptive):
    wrong = copy.deepcopy(adaptive.receiver)
    wrong.header = Header(0, gain=False)
    with pytest.raises(ValueError, match="header says of no channel whether it was kept"):
        wrong(Received(torch.zeros(1, 54 * 8, dtype=torch.complex64)), (24, 36), 10.0)


def test_rates_are_evaluated(adaptive):
    measured = {rate: evaluate(adaptive, photographs(), 10.0, rate=rate) for rate in (16, 64)}
    assert {rate: one.symbols for rate, one in measured.items()} == {16: [54 * 8 + 816] * 2, 64: [54 * 32 + 816] * 2}
    assert measured[64].settings == {"rate": 64}
    with torch.no_grad():
        alone = adaptive.transmit(photographs()[:1], 40.0, rate=64)
    ours = evaluate(adaptive, photographs()[:1], 40.0, rate=64).rows[0]["psnr_db"]
    assert ours == pytest.approx(alone.psnr_db.item(), abs=0.05)


def test_the_door_has_what_is_compared_with():
    assert sorted(semcomm.baselines.__all__) == [
        "SeparationBaseline",
        "build_swin_jscc",
        "build_witt",
        "load_swin_jscc",
        "load_witt",
    ]
    assert all(hasattr(semcomm.baselines, name) for name in semcomm.baselines.__all__)
    with pytest.raises(AttributeError, match="module 'semcomm.baselines' has no attribute 'build_wit'"):
        semcomm.baselines.build_wit  # noqa: B018


def test_a_lost_header_is_said(adaptive):
    transmission = adaptive.transmit(photographs(), torch.tensor([10.0, -15.0]))
    assert transmission.lost.tolist() == [False, True]


@pytest.mark.parametrize("rate", [0, 3, 258, 16.5, True, math.nan, math.inf, "16"])
def test_a_rate_that_cannot_be_is_refused(adaptive, rate):
    with pytest.raises(ValueError, match="rate must be an even number of channels from 2 to 256"):
        adaptive.transmitter(photographs(), 10.0, rate=rate)


def test_a_system_of_one_rate_has_no_rate(fixed):
    with pytest.raises(ValueError, match=r"rate must be None, got 16: SwinTransmitter has no rate="):
        fixed(photographs(), 10.0, rate=16)


def test_an_encoder_that_keeps_all_channels_is_no_part_of_a_rate_adaptive_system(fixed, adaptive):
    parts = adaptive.transmitter
    wrong = type(parts)(fixed.transmitter.encoder, rate=8, downsampling=4, pairing="halves", header=parts.header)
    with pytest.raises(ValueError, match="rate_adaptive=True"):
        wrong(photographs(), 10.0)


def test_an_snr_is_needed_to_adapt_to_it(fixed):
    with pytest.raises(ValueError, match="snr_db is None, but this system adapts to the SNR"):
        fixed.transmitter(photographs())


def test_semantics_are_refused(fixed):
    with pytest.raises(ValueError, match="semantics must be None"):
        fixed.transmitter(photographs(), 10.0, semantics=Semantics(tokens=torch.zeros(2, 3, dtype=torch.int64)))


def test_the_header_is_read_from_faded_symbols(adaptive, monkeypatch):
    """At 10 dB with a fade per symbol the decoder gets the channels that were kept, and zeros elsewhere."""
    images, given = photographs(), []
    monkeypatch.setattr(adaptive, "channel", RayleighChannel())
    hook = adaptive.receiver.decoder.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    with hook, torch.no_grad():
        adaptive(images, 10.0, generator=torch.Generator().manual_seed(0))
        _, kept = adaptive.transmitter.encoder(images, 10.0, 16)
    for features, channels in zip(given[0], kept, strict=True):
        assert features.flatten(0, 1).any(dim=0).nonzero().flatten().tolist() == channels.tolist()


@pytest.mark.parametrize("build", [FIXED, ADAPTIVE])
def test_every_weight_is_trained(build):
    torch.manual_seed(0)
    system, images = build_swin_jscc(channels=8, **build).train(), photographs()
    loss = (system(images, 10.0, generator=torch.Generator().manual_seed(0)) - images).square().mean()
    loss.backward()
    still = [name for name, weight in system.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


@pytest.mark.parametrize("options", [FIXED, {**ADAPTIVE, "pairing": "halves", "tell_gain": True, "ties": "bitonic"}])
def test_saved_and_loaded_it_is_the_same(options, tmp_path):
    torch.manual_seed(0)
    system, images = build_swin_jscc(channels=8, **options).eval(), photographs()
    system.save_pretrained(tmp_path)
    loaded = from_pretrained(tmp_path, device="cpu")
    assert loaded.config == system.config
    with torch.no_grad():
        assert torch.equal(loaded.encode(images, 10.0), system.encode(images, 10.0))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": 8, "size": "huge"}, "size must be one of small, base, large, cifar, got 'huge'"),
        ({"channels": 8, "pairing": "none"}, "pairing must be one of neighbours, halves, got 'none'"),
        ({"channels": 8, "ties": "last"}, "ties must be one of first, bitonic, got 'last'"),
        ({"channels": 7}, "channels must be even"),
        ({"channels": 0}, "channels must be an integer from 1"),
        ({}, "give one of bandwidth_ratio and channels, got None and None"),
        ({"channels": 8, "bandwidth_ratio": 0.1}, "give one of bandwidth_ratio and channels, got 0.1 and 8"),
        ({"bandwidth_ratio": 0.1}, "bandwidth_ratio must be a multiple of 1/768, got 0.1"),
        ({"channels": 512, "rate_adaptive": True}, "rate must be an even number of channels from 2 to 320, got 512"),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        build_swin_jscc(**wrong, device="meta")


PUBLISHED = (
    (r"^embed\.", "patch_embed.proj."),
    (r"^stages\.", "layers."),
    (r"\.attention\.bias_table$", ".attn.relative_position_bias_table"),
    (r"\.attention\.", ".attn."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.2\.", ".mlp.fc2."),
    (r"^head\.", "head_list."),
    (r"^gates(1?)\.last\.", r"sm_list\1.7."),
    (r"^gates(1?)\.layers\.", r"sm_list\1."),
    (r"^gates(1?)\.gates\.(\d)\.", r"bm_list\1.\2.fc."),
)


def published(system, *, gates=("gates", "gates1")):
    """A system's weights by the authors' names; `gates` are their names for those of rate and SNR."""
    state = {}
    for half, part in (("encoder", system.transmitter.encoder), ("decoder", system.receiver.decoder)):
        rate, snr = gates if half == "encoder" else ("gates", "gates")
        for name, value in part.state_dict().items():
            name = name.replace("rate_modulation", rate).replace("snr_modulation", snr)
            resize = ("downsample", "reduction") if half == "encoder" else ("upsample", "increment")
            name = name.replace("resize.norm", f"{resize[0]}.norm").replace("resize.linear", ".".join(resize))
            for ours, theirs in PUBLISHED:
                name = re.sub(ours, theirs, name)
            state[f"{half}.{name}"] = value.clone()
    return state


def train_gates(system):
    for name, weight in system.named_parameters():
        if "modulation.layers" in name:
            nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return system


def write(state, folder):
    path = folder / "published.model"
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("options", "gates"),
    [
        ({**FIXED, "snr_adaptive": True}, ("", "gates")),
        ({**ADAPTIVE, "snr_adaptive": True}, ("gates", "gates1")),
        ({**ADAPTIVE, "snr_adaptive": False}, ("gates", "")),
    ],
)
def test_a_published_file_is_the_system_that_it_was(options, gates, tmp_path):
    torch.manual_seed(0)
    system = train_gates(build_swin_jscc(channels=96, pairing="halves", tell_gain=True, ties="bitonic", **options))
    state = published(system.eval(), gates=gates)
    state["encoder.layers.0.blocks.1.attn_mask"] = torch.zeros(1, 4, 4)
    state["channel.h"] = state["distortion_loss.weight"] = torch.ones(1)
    loaded = load_swin_jscc(write(state, tmp_path), device="cpu")
    assert loaded.config == system.config
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded.encode(photographs(), 4.0), system.encode(photographs(), 4.0))
    loaded.save_pretrained(tmp_path / "saved")
    again = from_pretrained(tmp_path / "saved", device="cpu")
    assert again.state_dict().keys() == loaded.state_dict().keys()


def test_gates_that_were_never_trained_tell_that_nothing_adapts(tmp_path):
    torch.manual_seed(0)
    state = published(build_witt(channels=8, **FIXED), gates=("", "gates"))
    path = write(state, tmp_path)
    assert load_witt(path, device="cpu").config["arguments"]["snr_adaptive"] is False
    assert load_witt(path, snr_adaptive=True, device="cpu").receiver.decoder.snr_modulation is not None
    state["decoder.sm_list.3.weight"][7, 7] += 0.2
    assert load_swin_jscc(write(state, tmp_path), device="cpu").config["arguments"]["snr_adaptive"] is True


@pytest.fixture
def state():
    torch.manual_seed(0)
    return published(train_gates(build_swin_jscc(channels=8, **FIXED)), gates=("", "gates"))


def test_a_system_with_one_half_is_refused(state, tmp_path):
    half = {name: value for name, value in state.items() if name.startswith("encoder.")}
    with pytest.raises(ValueError, match=r"no name in it begins with 'decoder\.'"):
        load_swin_jscc(write(half, tmp_path))


def test_what_is_missing_is_named(state, tmp_path):
    del state["decoder.layers.1.blocks.0.mlp.fc1.weight"]
    with pytest.raises(ValueError, match=r"does not fit SwinDecoder: missing 1: stages\.1\.blocks\.0\.mlp\.0\.weight"):
        load_swin_jscc(write(state, tmp_path))


def test_wrong_shapes_are_named(state, tmp_path):
    state["encoder.layers.1.blocks.0.attn.qkv.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"wrong shape 1: stages\.1\.blocks\.0\.attention\.qkv\.bias \(3\) instead of"):
        load_swin_jscc(write(state, tmp_path))


def test_nan_is_named(state, tmp_path):
    state["encoder.norm.weight"][0] = torch.nan
    with pytest.raises(ValueError, match=r"holds NaN or inf in encoder\.norm\.weight"):
        load_swin_jscc(write(state, tmp_path))


def test_no_windows_no_system(tmp_path):
    path = write({"encoder.a": torch.ones(1), "decoder.b": torch.ones(1)}, tmp_path)
    with pytest.raises(ValueError, match="has no windowed attention"):
        load_swin_jscc(path)


def test_a_stage_without_norm_is_named(state, tmp_path):
    del state["encoder.layers.0.blocks.0.norm1.weight"]
    with pytest.raises(ValueError, match=r"lacks a one-dimensional stages\.0\.blocks\.0\.norm1\.weight"):
        load_swin_jscc(write(state, tmp_path))


def test_sizes_that_nobody_publishes_are_refused(state, tmp_path):
    for name in list(state):
        if ".blocks.3." in name:
            del state[name]
    with pytest.raises(ValueError, match=r"has a size of none of small, base, large, cifar"):
        load_swin_jscc(write(state, tmp_path))


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "bad.model"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match="is a pickle that holds more than tensors"):
        load_witt(path)


def test_no_file_no_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        load_witt(tmp_path / "nothing.model")


def test_the_authors_file_is_taken_as_it_is(state, tmp_path):
    path = write(state, tmp_path)
    system, images = from_pretrained(path, device="cpu"), photographs()
    with torch.no_grad():
        expected = load_swin_jscc(path, device="cpu").encode(images, 10.0)
        assert torch.equal(system.encode(images, 10.0), expected)
    with pytest.raises(ValueError, match="caption and segmentation must be None"):
        from_pretrained(path, caption=object(), device="cpu")


def test_another_file_is_refused_in_one_error(tmp_path):
    with pytest.raises(ValueError, match=r"is a file; .* none of theirs: .* no name in it begins with 'encoder\.'"):
        from_pretrained(write({"a": torch.ones(1)}, tmp_path))


def test_the_default_rate_is_given_when_a_file_is_loaded(tmp_path):
    torch.manual_seed(0)
    path = write(published(build_swin_jscc(channels=8, **ADAPTIVE)), tmp_path)
    assert load_swin_jscc(path, device="cpu").transmitter.rate == 96
    assert load_swin_jscc(path, rate=32, device="cpu").transmitter.rate == 32


def test_a_file_of_one_rate_has_no_other(state, tmp_path):
    with pytest.raises(ValueError, match="rate must be None for checkpoint .* it has one rate, 8 real channels"):
        load_swin_jscc(write(state, tmp_path), rate=32)


def test_variants_are_told_apart(tmp_path):
    torch.manual_seed(0)
    path = write(published(build_swin_jscc(channels=8, **ADAPTIVE)), tmp_path)
    with pytest.raises(ValueError, match="is a rate-adaptive SwinJSCC: load it with load_swin_jscc"):
        load_witt(path)
    with pytest.raises(ValueError, match="snr_adaptive must be True for checkpoint"):
        load_swin_jscc(path, snr_adaptive=False)
