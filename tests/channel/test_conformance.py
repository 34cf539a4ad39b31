"""Every bad channel is caught by the clause that is about it, and by its message."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from toys import PhaseFlip

from semcomm import AWGNChannel, RayleighChannel, check_channel
from semcomm.receiver.equalizer import MMSEEqualizer, ZeroForcingEqualizer


def normal(x, generator):
    return torch.randn(x.shape, dtype=torch.complex64, generator=generator)


def sigma(snr_db):
    variance = 10 ** (-torch.as_tensor(snr_db) / 10)
    return variance.sqrt().reshape(-1, 1) if variance.ndim else variance.sqrt()


def channel_of(function):
    """A channel whose forward is `function(x, sigma, generator)`."""

    class Custom(nn.Module):
        def forward(self, x, snr_db, *, generator=None):
            return function(x, sigma(snr_db), generator)

    return Custom()


class MeanSNR(nn.Module):
    def forward(self, x, snr_db, *, generator=None):
        return x + sigma(torch.as_tensor(snr_db).mean()) * normal(x, generator)


class SNRByNumberOnly(nn.Module):
    def forward(self, x, snr_db, *, generator=None):
        return x + 10 ** (-float(snr_db) / 20) * normal(x, generator)


class NoSNR(nn.Module):
    def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
        return x + normal(x, generator)


class NoGenerator(nn.Module):
    def forward(self, x, snr_db):
        return x + sigma(snr_db) * normal(x, None)


class FixedNoise(nn.Module):
    def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
        return x + sigma(snr_db) * normal(x, torch.Generator().manual_seed(0))


class SeedsGlobally(nn.Module):
    def forward(self, x, snr_db, *, generator=None):
        torch.manual_seed(generator.initial_seed())
        return x + sigma(snr_db) * normal(x, None)


def batch_mean_power(x, s, g):
    return x + s * x.abs().square().mean().sqrt() * normal(x, g)


def own_power(x, s, g):
    power = x.abs().square().mean(1, keepdim=True)
    return x + s * torch.where(power > 0, power, 1.0).sqrt() * normal(x, g)


def overwrite(x, s, g):
    return x.detach().copy_(x.detach() + s * normal(x, g)) + 0 * x


class Clamped(nn.Module):
    def __init__(self, low, high):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x, snr_db, *, generator=None):
        return x + sigma(torch.as_tensor(snr_db).clamp(self.low, self.high)) * normal(x, generator)


class SeedsWithout(nn.Module):
    def forward(self, x, snr_db, *, generator=None):
        if generator is None:
            torch.manual_seed(0)
        return x + sigma(snr_db) * normal(x, generator)


def own_noise(x, s, generator):  # noqa: ARG001
    return x + s * normal(x, None)


def real_noise(x, s, g):
    return x + s * torch.randn(x.shape, generator=g)


BAD = {
    "noise on the real part only": (channel_of(real_noise), r"circular noise: .*real part must have half.*share of 1"),
    "3 dB too much": (channel_of(lambda x, s, g: x + 2**0.5 * s * normal(x, g)), r"noise power: .*\(\+3\.0\d dB\)"),
    "3 dB too little": (
        channel_of(lambda x, s, g: x + s / 2**0.5 * normal(x, g)),
        r"noise power: .*\(-(2\.9|3\.0)\d dB\)",
    ),
    "no noise": (channel_of(lambda x, s, g: x + 0 * s * normal(x, g)), r"noise power: .*measured none"),
    "noise with a mean": (channel_of(lambda x, s, g: x + s * (normal(x, g) + 0.1)), r"noise mean: it must be zero"),
    "noise by the batch's mean power": (
        channel_of(batch_mean_power),
        r"independence: image 0's y changes when the other images of the batch do",
    ),
    "ignores the SNR per image": (MeanSNR(), r"SNR per image: .*images do not get the SNR that is theirs"),
    "cannot take an SNR per image": (SNRByNumberOnly(), r"SNR per image: a tensor of shape \(b,\) raised"),
    "ignores the SNR": (NoSNR(), r"SNR: y is the same at 0 and at 30 dB"),
    "detaches the gradient": (
        channel_of(lambda x, s, g: x.detach() + s * normal(x, g)),
        r"gradient: y is detached from x",
    ),
    "has a gradient of NaN": (
        channel_of(lambda x, s, g: x + s * normal(x, g) + 0 * (x - x).abs().sqrt()),
        r"gradient: it holds NaN or inf",
    ),
    "has no gradient for an image": (
        channel_of(lambda x, s, g: torch.cat([x[:1].detach(), x[1:]]) + s * normal(x, g)),
        r"gradient: it is zero for a whole image",
    ),
    "changes dtype": (
        channel_of(lambda x, s, g: (x + s * normal(x, g)).to(torch.complex128)),
        r"dtype: y must be complex64 as x is, got torch.complex128",
    ),
    "returns real numbers": (
        channel_of(lambda x, s, g: (x + s * normal(x, g)).real),
        r"dtype: y must be complex64 as x is, got torch.float32",
    ),
    "changes shape": (
        channel_of(lambda x, s, g: (x + s * normal(x, g))[:, :-1]),
        r"shape: y must have the shape of x, \(3, 64\), got \(3, 63\)",
    ),
    "changes device": (
        channel_of(lambda x, s, g: (x + s * normal(x, g)).to("meta")),
        r"device: y must stay on cpu, got meta",
    ),
    "returns NaN": (channel_of(lambda x, s, g: (x + s * normal(x, g)) * math.nan), r"finite: y holds NaN or inf"),
    "returns no tensor": (
        channel_of(lambda x, s, g: (x, s, g)),
        r"type: forward must .*, got tuple",
    ),
    "has no generator": (NoGenerator(), r"signature: forward\(x, snr_db, \*, generator=None\) raised TypeError"),
    "ignores the generator": (
        channel_of(own_noise),
        r"generator: two calls with the same generator state differ, so generator is ignored",
    ),
    "the same noise for all images": (
        channel_of(lambda x, s, g: x + s * normal(x[:1], g)),
        r"noise per image: two images of a batch get correlated noise",
    ),
    "noise by each image's own power": (
        channel_of(own_power),
        r"additive noise: ten times the signal does not arrive ten times as strong",
    ),
    "leaks into the next image": (
        channel_of(lambda x, s, g: x + 0.3 * x.roll(1, 0) * (torch.arange(len(x)) > 1)[:, None] + s * normal(x, g)),
        r"independence: image 2's y changes",
    ),
    "clamps low SNRs": (Clamped(0.0, 99.0), r"noise power: an all-zero signal at -10 dB .*\(-9\.98 dB\)"),
    "clamps high SNRs": (Clamped(-99.0, 20.0), r"(noise power: an all-zero signal at 25 dB|images do not get the SNR)"),
    "has no gradient for real parts": (
        channel_of(lambda x, s, g: torch.complex(x.real.detach(), x.imag) + s * normal(x, g)),
        r"gradient: it is zero for all real or all imaginary parts",
    ),
    "overwrites x": (channel_of(overwrite), r"in place: x was overwritten"),
    "seeds the global generator without one": (
        SeedsWithout(),
        r"no generator: two calls give the same y",
    ),
    "has a seed of its own": (FixedNoise(), r"generator: two generators of different seeds give the same y"),
    "seeds the global generator": (SeedsGlobally(), r"generator: torch's global generator was seeded or drawn from"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_channel_fails_its_own_clause(fault):
    channel, message = BAD[fault]
    with pytest.raises(ValueError, match=rf"(?s)^\w+ violates the channel contract:\n- .*{message}"):
        check_channel(channel)


def test_messages_differ_from_fault_to_fault():
    first_lines = {}
    for fault, (channel, _) in BAD.items():
        with pytest.raises(ValueError, match="violates") as caught:
            check_channel(channel)
        first_lines.setdefault(str(caught.value), []).append(fault)
    assert all(len(faults) == 1 for faults in first_lines.values()), first_lines


@pytest.mark.parametrize(
    "channel",
    [
        AWGNChannel(),
        PhaseFlip(),
        *(RayleighChannel(coherence=c, csi=csi) for c in ("symbol", 3, "image") for csi in ("perfect", "none")),
    ],
    ids=repr,
)
def test_good_additive_channels_pass(channel):
    assert check_channel(channel) is None


def test_a_lazy_conjugate_passes():
    assert check_channel(channel_of(lambda x, s, g: (x.conj() + s * normal(x, g)).conj())) is None


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ValueError, match=f"device must be one that torch finds here.*{device}"):
        check_channel(AWGNChannel(), device=device)


@pytest.mark.parametrize("equalizer", [MMSEEqualizer(), ZeroForcingEqualizer()], ids=repr)
def test_equalised_channels_pass_without_the_noise_clause_only(equalizer):
    class Equalised(nn.Module):
        def forward(self, x, snr_db, *, generator=None):
            return equalizer(RayleighChannel()(x, snr_db, generator=generator)).symbols

    assert check_channel(Equalised(), additive_noise=False) is None
    with pytest.raises(ValueError, match="noise power: "):
        check_channel(Equalised())


def telling(tell):
    """A correct Rayleigh channel that tells the receiver `tell(Received)` instead."""

    class Telling(nn.Module):
        def forward(self, x, snr_db, *, generator=None):
            return tell(RayleighChannel()(x, snr_db, generator=generator))

    return Telling()


@pytest.mark.parametrize(
    ("tell", "message"),
    [
        (lambda r: replace(r, csi=r.csi.conj()), "csi: without noise, y must be csi times x, but .*% of y"),
        (
            lambda r: replace(r, csi=r.csi.abs()),
            r"csi: it must be like y, complex64 \(3, 64\) on cpu, got",
        ),
        (lambda r: replace(r, csi=r.csi[:, :1]), r"csi: it must be like y.* got torch.complex64 \(3, 1\)"),
        (lambda r: replace(r, csi=r.csi * math.nan), "csi: it holds NaN"),
        (
            lambda r: replace(r, noise_variance=2 * r.noise_variance),
            "noise_variance: at -10 dB 20 is told, but ",
        ),
        (lambda r: replace(r, noise_variance=-r.noise_variance), "noise_variance: it holds NaN or negative"),
        (lambda r: replace(r, noise_variance=0.1), r"noise_variance: it must be float32 .*got float"),
        (lambda r: replace(r, noise_variance=torch.ones(3)), r"noise_variance: .* got torch.float32 \(3,\)"),
        (
            lambda r: replace(r, noise_variance=torch.ones((), device="meta")),
            "noise_variance: .* on cpu, got meta",
        ),
        (lambda r: replace(r, symbols=r.symbols[:, 1:]), "shape: y must have the shape of x"),
        (lambda r: replace(r, side=1), "side: a channel must leave it None, got int"),
    ],
)
def test_what_a_channel_tells_must_be_true(tell, message):
    with pytest.raises(ValueError, match=rf"violates the channel contract:\n- {message}"):
        check_channel(telling(tell))


class Pilots(nn.Module):
    def __init__(self, uses):
        super().__init__()
        self.channel_uses = uses

    def forward(self, x, snr_db, *, generator=None):
        return AWGNChannel()(x, snr_db, generator=generator)


def test_overhead_is_counted_in_whole_symbols():
    assert check_channel(Pilots(lambda k: k + 16)) is None
    for uses in (lambda k: k - 1, lambda k: 1.5 * k, lambda k: None):  # noqa: ARG005
        with pytest.raises(ValueError, match=r"channel uses: channel_uses\(k\) must be an integer of at least k, got"):
            check_channel(Pilots(uses))
    with pytest.raises(ValueError, match="channel uses: .* raised ZeroDivisionError"):
        check_channel(Pilots(lambda k: k / 0))


@pytest.mark.parametrize("power", [0.5, 4.0])
def test_the_noise_refers_to_the_power_given(power):
    assert check_channel(AWGNChannel(power), power=power) is None
    with pytest.raises(ValueError, match="noise power: "):
        check_channel(AWGNChannel(1.0), power=power)


def test_every_violated_clause_is_listed():
    worst = channel_of(lambda x, s, g: batch_mean_power(x.detach(), s, None if g else g))
    with pytest.raises(ValueError, match="Custom violates") as caught:
        check_channel(worst)
    listed = str(caught.value).splitlines()[1:]
    assert {line.split(":")[0] for line in listed} >= {"- gradient", "- independence", "- generator", "- noise power"}


def test_an_error_inside_a_clause_is_reported_and_not_raised():
    class OneBatchSize(nn.Module):
        def forward(self, x, snr_db, *, generator=None):
            if len(x) != 3:
                raise RuntimeError("three images only")
            return x + sigma(snr_db) * normal(x, generator)

    with pytest.raises(ValueError, match="noise power: forward raised RuntimeError: three images only"):
        check_channel(OneBatchSize())


def test_bad_power_is_refused():
    with pytest.raises(ValueError, match="power must be a positive finite number, got 0"):
        check_channel(AWGNChannel(), power=0)


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    check_channel(AWGNChannel())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.cuda
@pytest.mark.parametrize("channel", [AWGNChannel(), RayleighChannel(coherence=4)], ids=repr)
def test_good_channels_pass_on_a_gpu(channel):
    assert check_channel(channel, device="cuda") is None


@pytest.mark.cuda
def test_a_channel_that_leaves_the_gpu_is_caught():
    class Leaves(nn.Module):
        def forward(self, x, snr_db, *, generator=None):
            return AWGNChannel()(x, snr_db, generator=generator).cpu()

    with pytest.raises(ValueError, match="device: y must stay on cuda"):
        check_channel(Leaves(), device="cuda")


def test_a_class_is_no_channel():
    with pytest.raises(TypeError, match="channel must be an nn.Module, made already, got <class"):
        check_channel(AWGNChannel)  # type: ignore[arg-type]
