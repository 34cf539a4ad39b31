"""What transmitter, constraint, channel, equaliser and receiver return: whoever breaks the contract is named."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toys import gaussian_symbols, rand_images, seeded, small_system

from semcomm import AWGNChannel, PowerNormalize, RayleighChannel, SemanticSystem
from semcomm.contracts import Channel, Delivered, Received, Sent
from semcomm.receiver.equalizer import ZeroForcingEqualizer
from semcomm.symbols import features_to_symbols, symbols_to_features

SNR_DB, K = 10.0, 256


class Pixels(nn.Module):
    """Sends two colours of every pixel; `spoil` changes what it returns."""

    def __init__(self, spoil=lambda symbols: symbols, announced=lambda height, width: height * width):
        super().__init__()
        self.spoil, self.announced = spoil, announced

    def symbols_per_image(self, height, width):
        return self.announced(height, width)

    def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
        return self.spoil(features_to_symbols(images[:, :2] + 0.1))


class Paints(nn.Module):
    def __init__(self, spoil=lambda images: images):
        super().__init__()
        self.spoil = spoil

    def forward(self, received, size, snr_db=None):  # noqa: ARG002
        colours = symbols_to_features(received.symbols, *size).sigmoid()
        return self.spoil(torch.cat([colours, colours[:, :1]], dim=1))


class Spoils(nn.Module):
    """A constraint or an equaliser that changes what it is given."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def forward(self, given):
        return self.spoil(given)


class Sends(Channel):
    """A channel without noise that changes what it returns."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
        return self.spoil(x)


def system(transmitter=None, channel=None, receiver=None, **parts):
    return SemanticSystem(transmitter or Pixels(), channel or AWGNChannel(), receiver or Paints(), **parts).eval()


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda x: x.real, TypeError, "must be complex64 symbols .* got real"),
        (lambda x: x.to(torch.complex128), TypeError, "must be complex64, got torch.complex128"),
        (lambda x: (x,), TypeError, "must be a complex64 tensor, got tuple"),
        (lambda x: None, TypeError, "must be a complex64 tensor, got NoneType"),  # noqa: ARG005
        (lambda x: x[:, 1:], ValueError, r"(sent|symbols).*\b255\b"),
        (lambda x: x[:1], ValueError, r"symbols .*, got \(1, 256\)"),
        (lambda x: x[None], ValueError, r"must have shape \(b, k\), both positive"),
        (lambda x: x * torch.nan, ValueError, "(made|delivered) NaN or inf"),
    ],
)
@pytest.mark.parametrize("part", ["transmitter", "constraint", "channel", "equalizer"])
def test_the_part_that_returns_other_symbols_is_named(part, spoil, error, message):
    def spoilt(received):
        return replace(received, symbols=spoil(received.symbols))

    made = {"transmitter": Pixels(spoil), "constraint": Spoils(spoil), "channel": Sends(spoil)}
    broken = system(**{part: made.get(part, Spoils(spoilt))})
    with pytest.raises(error, match=f"{part} {type(getattr(broken, part)).__name__}.*{message}"):
        broken(rand_images(), SNR_DB)


def test_encode_refuses_nan():
    with pytest.raises(ValueError, match="transmitter Pixels made NaN or inf of finite images"):
        system(Pixels(lambda symbols: symbols * torch.nan)).encode(rand_images())


def test_an_equalizer_that_returns_a_tensor_is_named():
    with pytest.raises(TypeError, match="equalizer Spoils must return Received, got Tensor"):
        system(equalizer=Spoils(lambda received: received.symbols))(rand_images(), SNR_DB)


def test_a_division_by_a_fade_of_zero_is_the_equalizers():
    silent = Sends(lambda x: Received(x, torch.zeros_like(x)))
    with pytest.raises(ValueError, match="equalizer ZeroForcingEqualizer made NaN or inf of finite symbols"):
        system(channel=silent, equalizer=ZeroForcingEqualizer())(rand_images(), SNR_DB)


@pytest.mark.parametrize("announced", [256.0, -1, 0, "256", None, True])
@pytest.mark.parametrize("call", ["forward", "transmit", "symbols_per_image"])
def test_announced_symbols_are_an_integer(call, announced):
    broken = system(Pixels(announced=lambda height, width: announced))  # noqa: ARG005
    arguments = (16, 16) if call == "symbols_per_image" else (rand_images(), SNR_DB)
    with pytest.raises(
        ValueError, match="symbols_per_image of transmitter Pixels must be an integer of at least 1, got"
    ):
        getattr(broken, call)(*arguments)


def test_announced_symbols_may_be_numpys():
    assert system(Pixels(announced=lambda height, width: np.int64(height * width))).symbols_per_image(16, 16) == K


@pytest.mark.parametrize("uses", [256.5, -168, 0, "256", None])
@pytest.mark.parametrize("part", ["constraint", "channel"])
def test_channel_uses_are_an_integer(part, uses):
    counted = {"constraint": PowerNormalize(), "channel": AWGNChannel()}[part]
    counted.channel_uses = lambda k: uses  # noqa: ARG005
    with pytest.raises(ValueError, match=rf"channel_uses\(256\) of {type(counted).__name__} must be an integer"):
        system(**{part: counted}).symbols_per_image(16, 16)


def test_channel_uses_are_a_method():
    channel = AWGNChannel()
    channel.channel_uses = 7
    with pytest.raises(TypeError, match="channel_uses of AWGNChannel must be a method of k, got 7"):
        system(channel=channel).symbols_per_image(16, 16)


@pytest.mark.parametrize("factor", [4.0, "4", 0, -1, None, torch.nan])
def test_downsampling_is_an_integer(factor):
    transmitter = Pixels()
    transmitter.downsampling = factor
    with pytest.raises(ValueError, match="downsampling of transmitter Pixels must be an integer of at least 1, got"):
        system(transmitter)(rand_images(), SNR_DB)


@pytest.mark.parametrize(
    ("uses", "error", "message"),
    [
        ([K], TypeError, "must be a mapping of names to numbers, got list"),
        ({"a": 1.5}, ValueError, "channel_uses of 'a' must be an integer or int64 .2,., got 1.5"),
        ({"a": torch.ones(3)}, ValueError, r"channel_uses of 'a' must be .*, got torch.float32 \(3,\)"),
    ],
)
def test_channel_uses_by_part_are_integers(uses, error, message):
    broken = system(Pixels(lambda symbols: Sent(symbols, channel_uses=uses)))
    with pytest.raises(error, match=f"transmitter Pixels: .*{message}"):
        broken.transmit(rand_images(), SNR_DB)


def test_channel_uses_of_no_part_are_unknown():
    assert (
        system(Pixels(lambda symbols: Sent(symbols, channel_uses={}))).transmit(rand_images(), 1.0).channel_uses is None
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"captions": "a cat"}, "captions a list of 2, text or None each, got 'a cat'"),
        ({"captions": ["a cat"]}, r"captions a list of 2, text or None each, got \['a cat'\]"),
        ({"captions": [1, 2]}, "captions a list of 2, text or None each"),
        (
            {"labels": torch.zeros(2, 8, 8, dtype=torch.int64)},
            r"labels int64 \(2, 16, 16\), got torch.int64 \(2, 8, 8\)",
        ),
        ({"labels": torch.zeros(2, 16, 16)}, r"labels int64 \(2, 16, 16\), got torch.float32"),
        ({"lost": torch.zeros(7, dtype=torch.bool)}, r"lost bool \(2,\), got torch.bool \(7,\)"),
        ({"lost": [True, False]}, r"lost bool \(2,\), got list"),
    ],
)
def test_what_a_receiver_recovers_beside_images_has_its_form(more, message):
    broken = system(receiver=Paints(lambda images: Delivered(images, **more)))
    with pytest.raises(ValueError, match=f"receiver Paints must return (as )?{message}"):
        broken.transmit(rand_images(), SNR_DB)


@pytest.mark.parametrize(
    ("variance", "error", "message"),
    [
        (torch.tensor(1), TypeError, "noise_variance must be of real numbers, float32, got torch.int64"),
        (torch.ones(2, K, dtype=torch.complex64), TypeError, "noise_variance must be of .* got torch.complex64"),
        (torch.tensor(-0.5), ValueError, "noise_variance of what was received must be at least 0, got -0.5"),
    ],
)
@pytest.mark.parametrize("call", ["forward", "decode"])
def test_noise_variance_is_a_real_number_of_at_least_0(call, variance, error, message):
    def told(x):
        return Received(x, torch.ones_like(x), variance)

    arguments = {"forward": (rand_images(), SNR_DB), "decode": (told(gaussian_symbols(2, K)), (16, 16))}[call]
    broken = system(channel=Sends(told))
    with pytest.raises(error, match=message):
        getattr(broken, call)(*arguments)


def test_noise_variance_may_be_of_double_precision():
    """A decoder that is told the noise has weights of float32."""

    class Double(Channel):
        def forward(self, x, snr_db, *, generator=None):
            received = RayleighChannel()(x, snr_db, generator=generator)
            return replace(received, noise_variance=received.noise_variance.double())

    adaptive = small_system(csi_to_decoder=True).eval()
    images = []
    for channel in (RayleighChannel(), Double()):
        adaptive.channel = channel
        images.append(adaptive(rand_images(), SNR_DB, generator=seeded()))
    assert torch.equal(*images)
