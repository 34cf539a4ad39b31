"""The whole path: what is sent, what it costs, and what comes back."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch._inductor.config
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from toys import (
    PhaseFlip,
    caption_feature,
    gaussian_symbols,
    rand_images,
    seeded,
    segmentation_feature,
    semantic_system,
    settle,
    small_system,
)

from semcomm import AWGNChannel, EncoderModule, PowerNormalize, RayleighChannel, SemanticSystem
from semcomm.contracts import Received
from semcomm.symbols import features_to_symbols

SNR_DB = 10.0


# Channel uses and power


@given(st.integers(2, 5), st.sampled_from([2, 4, 8, 16]), st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_k_and_the_ratio_are_the_formula_and_what_is_really_sent(level, t, extra_rows, extra_columns, semantic):
    height, width = t + extra_rows, t + extra_columns
    features = {"caption": caption_feature(), "segmentation": segmentation_feature()} if semantic else {}
    system = small_system(level, t, width=2, **features).eval()
    symbols = system.encode(rand_images(2, height, width))
    k = (3 * level + 1) * math.ceil(height / t) * math.ceil(width / t)
    assert symbols.dtype == torch.complex64
    assert symbols.shape == (2, k)
    assert system.symbols_per_image(height, width) == k
    assert system.bandwidth_ratio(height, width) == pytest.approx(k / (3 * height * width))
    images = system.decode(symbols, (height, width))
    assert images.shape == (2, 3, height, width)
    assert images.min() >= 0
    assert images.max() <= 1


@given(st.integers(1, 8), st.floats(0.05, 20), st.floats(0, 1))
def test_every_image_is_sent_with_the_power(batch, power, brightness):
    system = small_system().eval()
    system = SemanticSystem(
        system.transmitter, AWGNChannel(power), system.receiver, constraint=PowerNormalize(power)
    ).eval()
    symbols = system.encode(rand_images(batch) * brightness)
    measured = np.square(np.abs(symbols.detach().numpy().astype(np.complex128))).mean(1)
    np.testing.assert_allclose(measured, power, rtol=1e-4)


class Scaled(nn.Module):
    """A transmitter that sends the image's first two channels, one of them very quiet, one silent."""

    def symbols_per_image(self, height, width):
        return height * width

    def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
        return features_to_symbols(images[:, :2] * torch.tensor([1.0, 1e-30, 0.0])[:, None, None, None])


def test_quiet_and_silent_images_go_through():
    system = SemanticSystem(Scaled(), AWGNChannel(), nn.Identity())
    images = rand_images(1).expand(3, -1, -1, -1)
    symbols = system.encode(images)
    torch.testing.assert_close(symbols[1], symbols[0], rtol=1e-4, atol=1e-5)
    assert torch.equal(symbols[2], torch.zeros_like(symbols[2]))
    assert symbols.isfinite().all()


# One image and many


@given(st.integers(1, 8), st.sampled_from(["batch", "none"]), st.booleans(), st.booleans())
def test_a_batch_is_its_images_one_by_one(batch, norm, adaptive, semantic):
    features = {"caption": caption_feature(), "segmentation": segmentation_feature()} if semantic else {}
    system = settle(small_system(3, norm=norm, snr_adaptive=adaptive, **features))
    images = rand_images(batch, 18, 21)
    snrs = torch.linspace(0, 20, batch)
    with torch.no_grad():
        together = system.encode(images, snrs)
        alone = torch.cat([system.encode(images[i : i + 1], float(snrs[i])) for i in range(batch)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        received = together + 0.1 * gaussian_symbols(*together.shape)
        decoded = system.decode(received, (18, 21), snrs)
        one_by_one = [system.decode(received[i : i + 1], (18, 21), float(snrs[i])) for i in range(batch)]
        torch.testing.assert_close(decoded, torch.cat(one_by_one), rtol=1e-4, atol=1e-5)


def test_forward_is_encode_channel_decode():
    system = small_system(3, snr_adaptive=True).eval()
    images = rand_images(2, 17, 20)
    received = system(images, SNR_DB, generator=seeded(1))
    symbols = system.encode(images, SNR_DB)
    noisy = AWGNChannel()(symbols, SNR_DB, generator=seeded(1))
    assert torch.equal(received, system.decode(noisy, (17, 20), SNR_DB))
    assert not torch.equal(received, system.decode(symbols, (17, 20), SNR_DB))


def test_what_was_padded_is_cut_off_below_and_on_the_right():
    system = small_system(2, 4).eval()
    symbols = system.encode(rand_images(2, 17, 22))
    whole = system.receiver(Received(symbols), (20, 24))
    assert whole.shape == (2, 3, 20, 24)
    assert torch.equal(system.decode(symbols, (17, 22)), whole[:, :, :17, :22])


def test_encode_is_the_transmitter_paired_and_normalised():
    system = small_system().eval()
    images = rand_images()
    assert torch.equal(system.encode(images), PowerNormalize()(system.transmitter(images).symbols))
    encoders = [system.transmitter.fused_encoder, *system.transmitter.detail_encoders]
    features = torch.cat([encoder(images) for encoder in encoders], dim=1)
    torch.testing.assert_close(system.transmitter(images).symbols, features_to_symbols(features))


def test_seeds_reproduce_and_differ():
    system = small_system().eval()
    images = rand_images()
    before = torch.get_rng_state()
    first = system(images, SNR_DB, generator=seeded(1))
    assert torch.equal(system(images, SNR_DB, generator=seeded(1)), first)
    assert not torch.equal(system(images, SNR_DB, generator=seeded(2)), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_infinite_snr_delivers_the_symbols():
    system = small_system().eval()
    images = rand_images()
    assert torch.equal(system(images, math.inf), system.decode(system.encode(images), (16, 16)))


# The channel's socket


def test_a_swapped_channel_takes_effect_at_once():
    system = small_system().eval()
    images = rand_images()
    symbols = system.encode(images)
    system.channel = PhaseFlip()
    flipped = AWGNChannel()(-symbols, SNR_DB, generator=seeded())
    assert torch.equal(system(images, SNR_DB, generator=seeded()), system.decode(flipped, (16, 16)))
    system.channel = RayleighChannel(coherence="image")
    faded = RayleighChannel(coherence="image")(symbols, SNR_DB, generator=seeded())
    assert torch.equal(system(images, SNR_DB, generator=seeded()), system.decode(faded, (16, 16)))


def test_what_is_no_channel_is_refused_and_the_old_one_stays():
    system = small_system()
    channel = system.channel
    with pytest.raises(TypeError, match="channel must be an nn.Module, got function"):
        system.channel = lambda x, snr_db: x  # noqa: ARG005
    with pytest.raises(TypeError, match="got NoneType"):
        system.channel = None
    assert system.channel is channel


def test_a_channel_of_another_power_is_refused():
    system = small_system()
    with pytest.raises(ValueError, match=r"channel.power is 3.0, but the constraint's power is 1.0"):
        system.channel = AWGNChannel(3.0)
    with pytest.raises(ValueError, match=r"channel.power is 3.0, but the constraint's power is 1.0"):
        small_system(channel=AWGNChannel(3.0))
    with pytest.raises(ValueError, match=r"channel.power is 1.0, but the constraint's power is 2.0"):
        system.constraint = PowerNormalize(2.0)
    system.channel = nn.Identity()  # a module without a power of its own is taken at its word
    system.constraint = PowerNormalize(2.0)


@pytest.mark.parametrize("part", ["constraint", "channel"])
@pytest.mark.parametrize("call", ["forward", "transmit"])
def test_a_power_that_is_changed_later_is_refused(part, call):
    system = small_system()
    getattr(system, part).power = 2.0
    with pytest.raises(ValueError, match=r"channel.power is .*, but the constraint's power is .*, so the SNR would be"):
        getattr(system, call)(rand_images(), SNR_DB)


class Spoils(nn.Module):
    """A channel that breaks the contract after the symbols have left."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
        return self.spoil(x)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda x: x.real, TypeError, r"received must be complex64 symbols \(b, k\), got real"),
        (lambda x: x.to(torch.complex128), TypeError, "received must be complex64, got torch.complex128"),
        (lambda x: x[:, :-1], ValueError, r"channel Spoils must return as many symbols .*\(2, 112\), got \(2, 111\)"),
        (lambda x: x[0], ValueError, r"received must have shape \(b, k\)"),
        (lambda x: (x, x), TypeError, "received must be a complex64 tensor, got tuple"),
    ],
)
def test_a_channel_that_returns_something_else_is_named(spoil, error, message):
    system = small_system(channel=Spoils(spoil))
    with pytest.raises(error, match=message):
        system(rand_images(), SNR_DB)


# Precision, compilation, devices


@pytest.mark.parametrize("adaptive", [False, True])
def test_under_bf16_autocast_symbols_stay_complex64(adaptive):
    system = semantic_system(3, snr_adaptive=adaptive).eval()
    images = rand_images()
    exact = system.encode(images, SNR_DB)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        symbols = system.encode(images, SNR_DB)
        received = system(images, SNR_DB, generator=seeded())
        weight = system.receiver.fusion.stages.stages[0].convolution
        assert weight(torch.zeros(1, weight.in_channels, 4, 4)).dtype == torch.bfloat16
        received.float().mean().backward()
    assert symbols.dtype == torch.complex64
    power = symbols.abs().square().mean(1)
    torch.testing.assert_close(power, torch.ones(2), rtol=1e-4, atol=0)
    # bfloat16 has 8 bits: errors of a few times 2^-8 of the power are expected, and no more
    assert (symbols - exact).abs().square().mean() < (8 * 2**-8) ** 2
    assert received.isfinite().all()


def test_compiled_without_a_graph_break_it_is_the_same():
    system = settle(semantic_system(3, snr_adaptive=True))
    semantics = system.transmitter.extract(rand_images(2, 18, 20))
    system.channel = Spoils(lambda x: x * 1j)  # noise under a generator cannot be traced

    def send(images, snr_db):
        return system(images, snr_db, semantics=semantics)

    compiled = torch.compile(send, backend="eager", fullgraph=True)
    images, snrs = rand_images(2, 18, 20), torch.tensor([3.0, 12.0])
    torch.testing.assert_close(compiled(images, snrs), send(images, snrs), rtol=1e-4, atol=1e-5)


def compiled_and_plain(function, *inputs):
    """What the default backend's code and the function itself make of the same input."""
    try:
        with warnings.catch_warnings(), torch._inductor.config.patch(compile_threads=1):
            warnings.simplefilter("ignore")  # the compiler warns of complex numbers
            return torch.compile(function)(*inputs), function(*inputs)
    except Exception as error:
        if "compiler" in str(error).lower() or "cpp" in type(error).__name__.lower():
            pytest.skip(f"no working C++ compiler for torch.compile: {type(error).__name__}")
        raise


def test_compiled_with_the_default_backend_modules_are_the_same():
    encoder = EncoderModule(3, 1, downsampling=2, kernel_size=1, width=2, norm="none").eval()

    def send(images):
        return PowerNormalize()(features_to_symbols(encoder(images)))

    with torch.no_grad():
        compiled, plain = compiled_and_plain(send, rand_images(2, 4, 4))
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_compiled_with_the_default_backend_the_system_is_the_same():
    system = small_system(2, 4).eval()
    with torch.no_grad():
        compiled, plain = compiled_and_plain(system, rand_images(2, 9, 8), math.inf)
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.cuda
def test_on_a_gpu_it_is_the_same():
    system = settle(semantic_system(3, snr_adaptive=True))
    images, snrs = rand_images(2, 18, 20), torch.tensor([3.0, 12.0])
    expected = system(images, snrs, generator=seeded())
    system.cuda()
    assert system.device.type == "cuda"
    received = system(images.cuda(), snrs, generator=seeded())
    assert received.is_cuda
    torch.testing.assert_close(received.cpu(), expected, rtol=1e-2, atol=1e-2)
    sent = system.transmit((images * 255).to(torch.uint8), SNR_DB)
    assert sent.images.is_cuda
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert system.encode(images.cuda(), SNR_DB).dtype == torch.complex64
