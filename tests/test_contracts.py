"""What a system hands its parts, and what it refuses of them."""

from dataclasses import fields, replace

import pytest
import torch
from torch import nn
from toys import gaussian_symbols, rand_images, seeded, semantic_system, small_system

from semcomm import AWGNChannel, PowerNormalize, RayleighChannel, SemanticSystem
from semcomm.contracts import RECEIVERS, TRANSMITTERS, Channel, Delivered, Received, Request, Sent
from semcomm.symbols import features_to_symbols, symbols_to_features

SNR_DB = 10.0


class Pixels(nn.Module):
    """Sends the first two colours of every pixel, `levels` of them; remembers what it is told."""

    def symbols_per_image(self, height, width, *, levels=None):
        return height * width * (levels or 1)

    def forward(self, images, snr_db=None, *, semantics=None, levels=None, importance=None):  # noqa: ARG002
        self.told = {"snr_db": snr_db, "levels": levels, "importance": importance}
        pixels = features_to_symbols(images[:, :2] + 0.1)
        return Sent(
            pixels.repeat(1, levels or 1), side="bits", channel_uses={"pixels": pixels.shape[1] * (levels or 1)}
        )


class Paints(nn.Module):
    """Paints the symbols; remembers what it is told."""

    def forward(self, received, size, snr_db=None, *, levels=None, told_snr_db=None):
        self.told = {"snr_db": snr_db, "levels": levels, "told_snr_db": told_snr_db}
        self.received = received
        colours = symbols_to_features(received.symbols[:, : size[0] * size[1]], *size).sigmoid()
        images = torch.cat([colours, colours[:, :1]], dim=1)
        count = len(images)
        labels = torch.zeros(count, *size, dtype=torch.int64)
        return Delivered(images, ["a cat"] * count, labels, torch.arange(count) == 1)


@pytest.fixture
def system():
    return SemanticSystem(Pixels(), AWGNChannel(), Paints()).eval()


# Options


def test_every_option_has_its_readers():
    assert {*TRANSMITTERS, *RECEIVERS} == {field.name for field in fields(Request)}


@pytest.mark.parametrize("call", ["forward", "transmit"])
def test_options_reach_the_parts_that_know_them(system, call):
    getattr(system, call)(rand_images(), SNR_DB, levels=2, told_snr_db=3.0, importance={"person": 4.0})
    assert system.transmitter.told == {"snr_db": 3.0, "levels": 2, "importance": {"person": 4.0}}
    assert system.receiver.told == {"snr_db": SNR_DB, "levels": 2, "told_snr_db": 3.0}


def test_levels_count(system):
    assert system.symbols_per_image(16, 16) == 256
    assert system.symbols_per_image(16, 16, levels=3) == 768
    assert system.bandwidth_ratio(16, 16, levels=3) == 1
    symbols = system.encode(rand_images(), SNR_DB, levels=3)
    assert symbols.shape == (2, 768)
    assert system.decode(symbols, (16, 16), levels=3).shape == (2, 3, 16, 16)
    with pytest.raises(ValueError, match="takes k = 256 symbols, got 768"):
        system.decode(symbols, (16, 16))


@pytest.mark.parametrize(
    ("option", "value"), [("rate", 1), ("channel_uses", 100), ("safe_snr_db", 1.0), ("levels", 2), ("importance", {})]
)
@pytest.mark.parametrize("call", ["forward", "transmit", "encode"])
def test_a_part_that_cannot_says_so(option, value, call):
    arguments = (rand_images(),) if call == "encode" else (rand_images(), SNR_DB)
    with pytest.raises(ValueError, match=f"{option} must be None, got .*: MultiLevelTransmitter has no {option}="):
        getattr(small_system(), call)(*arguments, **{option: value})


def test_symbols_per_image_of_a_part_that_cannot_says_so(system):
    with pytest.raises(ValueError, match="rate must be None, got 0.5: Pixels has no rate="):
        system.symbols_per_image(16, 16, rate=0.5)


def test_any_system_can_be_told_another_snr():
    system = small_system(snr_adaptive=True).eval()
    images = rand_images()
    sent = system.transmit(images, SNR_DB, told_snr_db=0.0, generator=seeded())
    assert torch.equal(sent.symbols, system.encode(images, 0.0))
    assert not torch.equal(sent.symbols, system.encode(images, SNR_DB))
    assert (sent.measured_snr_db - SNR_DB).abs().max() < 2


# Side, in training mode only


def test_side_is_handed_over_in_training_mode_only(system):
    system.train()(rand_images(), SNR_DB)
    assert system.receiver.received.side == "bits"
    system.eval()(rand_images(), SNR_DB)
    assert system.receiver.received.side is None
    system.train()
    sides = []
    system.receiver.register_forward_pre_hook(lambda part, given: sides.append((part.training, given[0].side)))
    system.transmit(rand_images(), SNR_DB)
    assert sides == [(False, None)]


def test_the_constraint_holds_in_training_mode_too(system):
    powers = []
    system.channel.register_forward_pre_hook(lambda _, given: powers.extend(given[0].abs().square().mean(1)))
    system.train()(rand_images(), SNR_DB)
    torch.testing.assert_close(torch.stack(powers), torch.ones(2))


# What a transmission says


def test_what_a_receiver_recovers_is_reported(system):
    sent = system.transmit(rand_images(), SNR_DB)
    assert sent.received_captions == ["a cat", "a cat"]
    assert sent.received_labels.shape == (2, 16, 16)
    assert sent.lost.tolist() == [False, True]
    assert sent.captions is sent.labels is None


def test_peak_to_average_power_ratio_is_measured(system):
    sent = system.transmit(rand_images(), SNR_DB)
    power = sent.symbols.abs().square().double()
    torch.testing.assert_close(
        sent.papr_db.double(), 10 * (power.amax(1) / power.mean(1)).log10(), rtol=1e-4, atol=1e-4
    )


class Piloted(Channel):
    """One pilot before every 16 symbols."""

    def channel_uses(self, k):
        return k + -(-k // 16)

    def forward(self, x, snr_db, *, generator=None):
        return AWGNChannel()(x, snr_db, generator=generator)


class Guarded(nn.Module):
    """A constraint that adds 10 symbols of guard."""

    def channel_uses(self, k):
        return k + 10

    def forward(self, symbols):
        return nn.functional.pad(PowerNormalize()(symbols), (0, 10))


def test_all_that_occupies_the_channel_is_counted(system):
    system.channel = Piloted()
    sent = system.transmit(rand_images(), SNR_DB)
    assert system.symbols_per_image(16, 16) == sent.symbols_per_image == 256 + 16
    assert sent.symbols.shape == (2, 256)
    assert sent.bandwidth_ratio == 272 / (3 * 256)
    assert {name: uses.tolist() for name, uses in sent.channel_uses.items()} == {
        "pixels": [256, 256],
        "overhead": [16, 16],
    }
    system.constraint = Guarded()
    assert system.encode(rand_images()).shape == (2, 266)
    assert system.symbols_per_image(16, 16) == system.transmit(rand_images(), SNR_DB).symbols_per_image == 266 + 17


def test_uses_by_level_sum_to_k():
    system = semantic_system(3)
    uses = system.transmit(rand_images(), SNR_DB).channel_uses
    assert {name: count.tolist() for name, count in uses.items()} == {
        "caption": [16, 16],
        "segmentation": [48, 48],
        "detail 1": [48, 48],
        "detail 2": [48, 48],
        "overhead": [0, 0],
    }
    assert sum(uses.values()).tolist() == [system.symbols_per_image(16, 16)] * 2


# Received


def test_a_tensor_is_wrapped_with_the_noise_of_its_snr(system):
    system(rand_images(), torch.tensor([0.0, 10.0]))
    received = system.receiver.received
    assert received.csi is None
    torch.testing.assert_close(received.noise_variance, torch.tensor([[1.0], [0.1]]))


def test_the_decoder_is_told_what_noise_is_left(system):
    system.channel = RayleighChannel()
    system(rand_images(), SNR_DB)
    received = system.receiver.received
    assert received.noise_variance.shape == received.symbols.shape
    assert (received.csi.imag.abs() < 1e-6).all()


def test_decode_takes_what_a_channel_delivers(system):
    symbols = system.encode(rand_images())
    arrived = RayleighChannel()(symbols, SNR_DB, generator=seeded())
    system.channel = RayleighChannel()
    assert torch.equal(system.decode(arrived, (16, 16), SNR_DB), system(rand_images(), SNR_DB, generator=seeded()))


@pytest.mark.parametrize("part", ["symbols", "csi", "noise_variance"])
def test_decode_refuses_nan(system, part):
    arrived = RayleighChannel()(gaussian_symbols(2, 256), SNR_DB)
    with pytest.raises(ValueError, match="received must be finite, got NaN or inf"):
        system.decode(replace(arrived, **{part: getattr(arrived, part) * torch.nan}), (16, 16), SNR_DB)


def test_decode_refuses_nan_in_a_tensor():
    with pytest.raises(ValueError, match="received must be finite, got NaN or inf"):
        small_system().decode(gaussian_symbols(2, 112) * torch.nan, (16, 16))


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"csi": torch.ones(2, 256)}, TypeError, "received.csi must be complex64.* got real"),
        (
            {"csi": gaussian_symbols(2, 255)},
            ValueError,
            r"received.csi must have .*\(2, 256\), got \(2, 255\)",
        ),
        ({"noise_variance": 0.1}, ValueError, "received.noise_variance must be a tensor .* got float"),
        ({"noise_variance": torch.ones(2)}, ValueError, r"received.noise_variance must be .* got \(2,\)"),
    ],
)
def test_received_of_another_form_is_refused(system, bad, error, message):
    with pytest.raises(error, match=message):
        system.decode(Received(gaussian_symbols(2, 256), **bad), (16, 16))


# What a receiver returns


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda images: images[:, :, 1:], ValueError, r"receiver Spoilt must return images \(2, 3, 16, 16\), got"),
        (
            lambda images: images.long(),
            TypeError,
            "receiver Spoilt must return images of real .* got torch.int64",
        ),
        (lambda images: None, TypeError, "receiver Spoilt must return images .* got NoneType"),  # noqa: ARG005
        (lambda images: images * torch.nan, ValueError, "receiver Spoilt made NaN or inf"),
    ],
)
@pytest.mark.parametrize("call", ["forward", "decode", "transmit"])
def test_a_receiver_that_returns_no_images_is_named(system, spoil, error, message, call):
    class Spoilt(nn.Module):
        def forward(self, received, size, snr_db=None):
            return spoil(Paints()(received, size, snr_db).images)

    system.receiver = Spoilt()
    arguments = (gaussian_symbols(2, 256), (16, 16)) if call == "decode" else (rand_images(), SNR_DB)
    with pytest.raises(error, match=message):
        getattr(system, call)(*arguments)


def test_a_transmitter_that_returns_no_symbols_is_named(system):
    class Real(Pixels):
        def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
            return images.flatten(1)

    system.transmitter = Real()
    with pytest.raises(TypeError, match="symbols of transmitter Real must be complex64"):
        system(rand_images(), SNR_DB)


def test_a_transmitter_without_symbols_per_image_is_refused():
    with pytest.raises(TypeError, match="transmitter must have a method symbols_per_image.* Identity has none"):
        SemanticSystem(nn.Identity(), AWGNChannel(), nn.Identity())


@pytest.mark.parametrize("side", [0, -3, 2.5, "16", True, None])
def test_sizes_are_whole_positive_pixels(system, side):
    with pytest.raises(ValueError, match="width must be an integer of at least 1, got"):
        system.symbols_per_image(16, side)


def test_integers_of_numpy_are_integers(system):
    import numpy as np

    assert system.symbols_per_image(np.int64(16), np.int32(8)) == 128
    assert system.decode(gaussian_symbols(1, 128), (np.int64(16), np.int64(8))).shape == (1, 3, 16, 8)
