"""`check_system` passes systems that keep the contract, and names each way to break it."""

import pytest
import torch
from torch import nn
from toys import small_system

from semcomm import AWGNChannel, PowerNormalize, SemanticSystem, Sent, build_hybrid_code, check_system
from semcomm.symbols import features_to_symbols, symbols_to_features


class Sends(nn.Module):
    """Sends two learned colours of every pixel."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 2, 1)

    def symbols_per_image(self, height, width):
        return height * width

    def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
        return features_to_symbols(self.mix(images) + 0.1)


class Paints(nn.Module):
    """Paints them."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(2, 3, 1)

    def forward(self, received, size, snr_db=None):  # noqa: ARG002
        return self.mix(symbols_to_features(received.symbols, *size)).sigmoid()


def good():
    return SemanticSystem(Sends(), AWGNChannel(), Paints())


@pytest.mark.parametrize("make", [good, small_system, lambda: small_system(3, snr_adaptive=True)])
@pytest.mark.parametrize("training", [False, True])
def test_systems_that_keep_the_contract_pass_and_stay_as_they_are(make, training):
    system = make().train(training)
    before = {name: value.clone() for name, value in system.state_dict().items()}
    state = torch.get_rng_state()
    check_system(system)
    assert torch.equal(state, torch.get_rng_state())
    assert system.training == training
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert all(weight.grad is None for weight in system.parameters())


def test_what_is_no_system_is_refused():
    with pytest.raises(TypeError, match="system must be a SemanticSystem, made already, got ABCMeta"):
        check_system(SemanticSystem)


def spoiled(part, change):
    """A good system, of which one part does something else with what it returns."""
    system = good()
    getattr(system, part).register_forward_hook(lambda _part, given, made: change(made, given[0]))
    return system


def overwriting(sent, images):
    images.mul_(0.5)
    return sent


def over_brightest(sent, images):
    return sent / images.amax((1, 2, 3))[:, None]


def random_gain(sent, _images):
    return sent + 0.3 * torch.randn_like(sent)


class Flickers(Paints):
    """Paints every second picture darker."""

    calls = 0

    def forward(self, received, size, snr_db=None):
        self.calls += 1
        return super().forward(received, size, snr_db) / (1 + self.calls % 2)


BROKEN = {
    "image of 16 x 16 pixels raised ValueError: transmitter Sends sent 255 symbols": lambda: spoiled(
        "transmitter", lambda x, _: x[:, 1:]
    ),
    r"form: images received must be in \[0, 1\], got ": lambda: spoiled("receiver", lambda y, _: 3 * y),
    "form: images were overwritten": lambda: spoiled("transmitter", overwriting),
    "power: every image's symbols must have mean power 1": lambda: spoiled("constraint", lambda x, _: 0.7 * x),
    "independence: .* an image's symbols change with its neighbours": lambda: spoiled(
        "transmitter", lambda x, _: x - x.mean(0)
    ),
    "independence: .* an image received changes with its neighbours": lambda: spoiled(
        "receiver", lambda y, _: (y - 0.2 * y.mean(0)).clamp(0, 1)
    ),
    "generator: two calls with the same generator differ": lambda: spoiled("transmitter", random_gain),
    "doors: encode, channel and decode make another image": lambda: SemanticSystem(Sends(), AWGNChannel(), Flickers()),
    "side: Sent.side must be None in eval mode": lambda: spoiled("transmitter", lambda x, _: Sent(x, side=1)),
    "black: black images cannot be sent; .*: transmitter .* made NaN": lambda: spoiled("transmitter", over_brightest),
    "gradient: no gradient comes to transmitter.mix.weight and 1 more": lambda: spoiled(
        "transmitter", lambda x, _: x.detach()
    ),
    "gradient: it holds NaN or inf for": lambda: spoiled(
        "receiver", lambda y, _: y + 0 * (y - y.detach()).abs().sum((1, 2, 3), keepdim=True).sqrt()
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_each_violation_is_named(message):
    with pytest.raises(ValueError, match=f"(?s)the system violates its contract:.*- .*{message}"):
        check_system(BROKEN[message]())


def test_snrs_of_others_are_noticed():
    def mixes_up(received, size, snr_db=None):
        snr = torch.as_tensor(snr_db).reshape(-1).mean()
        return torch.full((len(received.symbols), 3, *size), 0.01) * snr.clamp(0, 50)

    system = good()
    system.receiver.forward = mixes_up
    system.receiver.requires_grad_(False)
    system.transmitter.requires_grad_(False)
    with pytest.raises(ValueError, match="snr per image: with an SNR for every image, image 0 is not received as with"):
        check_system(system)


def test_global_randomness_is_noticed():
    def draws(x, snr_db, *, generator=None):
        torch.rand(1)
        return AWGNChannel()(x, snr_db, generator=generator)

    system = good()
    system.channel.forward = draws
    with pytest.raises(ValueError, match="generator: torch's global generator was seeded or drawn from"):
        check_system(system)


def test_another_power_is_another_power():
    system = SemanticSystem(Sends(), AWGNChannel(2.0), Paints(), constraint=PowerNormalize(2.0))
    check_system(system)


@pytest.mark.slow
def test_the_hybrid_code_keeps_the_contract():
    check_system(build_hybrid_code(device="cpu"))
