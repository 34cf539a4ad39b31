"""Measured fading. Bounds are five standard deviations of the measurement, under fixed seeds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from toys import gaussian_symbols, seeded

from semcomm import RayleighChannel
from semcomm.channel import Pilots

DEVIATIONS = 5
coherences = st.one_of(st.sampled_from(["symbol", "image"]), st.integers(1, 40))


def fades(coherence, batch, symbols, seed=0):
    return RayleighChannel(coherence=coherence)(gaussian_symbols(batch, symbols, 99), 10.0, generator=seeded(seed)).csi


@pytest.mark.parametrize(("coherence", "batch", "symbols"), [("symbol", 1, 2**16), ("image", 2**14, 3), (4, 4, 2**15)])
def test_fades_are_circular_gaussian_of_unit_power(coherence, batch, symbols):
    h = fades(coherence, batch, symbols)
    step = {"symbol": 1, "image": symbols}.get(coherence, coherence)
    drawn = h[:, ::step].flatten()
    count = drawn.numel()
    assert abs(drawn.abs().square().mean().item() - 1) < DEVIATIONS / math.sqrt(count)
    assert abs(drawn.mean().item()) < DEVIATIONS / math.sqrt(count)
    assert abs(drawn.square().mean().item()) < DEVIATIONS * math.sqrt(2 / count)
    assert stats.kstest(drawn.abs().square().numpy(), stats.expon.cdf).pvalue > 1e-4
    assert stats.kstest(drawn.angle().numpy(), stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-4


def test_a_block_longer_than_an_image_is_one_fade_per_image():
    assert torch.equal(fades(2**62, 2, 8), fades("image", 2, 8))


@pytest.mark.parametrize(("coherence", "length"), [("symbol", 1), (1, 1), (2, 2), (5, 5), (16, 16)])
def test_autocorrelation_is_a_triangle_as_long_as_a_block(coherence, length):
    symbols = 2**16
    h = fades(coherence, 1, symbols)[0]
    for lag in range(2 * length + 2):
        correlation = (h[lag:] * h[: symbols - lag].conj()).mean().item()
        # pairs within one block have correlation 1; sums over whole blocks have symbols / length independent terms
        assert abs(correlation - max(0, 1 - lag / length)) < DEVIATIONS * math.sqrt(length / symbols), lag


@given(st.integers(1, 3), st.integers(1, 60), coherences)
def test_a_fade_lasts_exactly_one_block(batch, symbols, coherence):
    h = fades(coherence, batch, symbols).numpy()
    assert h.shape == (batch, symbols)
    length = {"symbol": 1, "image": symbols}.get(coherence, coherence)
    blocks = np.arange(symbols) // length
    changes = h[:, 1:] != h[:, :-1]
    np.testing.assert_array_equal(changes, np.broadcast_to(np.diff(blocks) > 0, changes.shape))
    assert len(np.unique(h[:, 0])) == batch


@given(st.floats(-10, 30), coherences)
def test_received_is_faded_signal_plus_noise_of_unfaded_power(snr_db, coherence):
    x = gaussian_symbols(2, 2**13, seed=1)
    received = RayleighChannel(4.0, coherence=coherence)(x, snr_db, generator=seeded(3))
    y, h = received.symbols, received.csi
    noise = (y - h * x) / math.sqrt(4.0 / 10 ** (snr_db / 10))
    assert abs(noise.abs().square().mean().item() - 1) < DEVIATIONS / math.sqrt(2**14) + 1e-2
    assert abs((noise * h.conj()).mean().item()) < DEVIATIONS / math.sqrt(2**14) * h.abs().square().mean().sqrt() + 1e-2


def test_without_csi_the_receiver_is_told_the_noise_only():
    x = gaussian_symbols(2, 50)
    known, unknown = (RayleighChannel(2.0, csi=csi)(x, 10.0, generator=seeded()) for csi in ("perfect", "none"))
    assert torch.equal(known.symbols, unknown.symbols)
    assert unknown.csi is None
    assert known.noise_variance.item() == unknown.noise_variance.item() == pytest.approx(0.2)


def test_every_image_gets_its_own_snr():
    x = gaussian_symbols(3, 200, seed=1)
    snrs = torch.tensor([0.0, 10.0, 25.0])
    channel = RayleighChannel(coherence=7)
    together = channel(x, snrs, generator=seeded(5))
    torch.testing.assert_close(together.noise_variance, torch.tensor([[1.0], [0.1], [10**-2.5]]))
    for image, snr_db in enumerate(snrs.tolist()):
        alone = channel(x, snr_db, generator=seeded(5))
        torch.testing.assert_close(together.symbols[image], alone.symbols[image], rtol=1e-4, atol=1e-5)


def test_seeds_reproduce_and_differ():
    x = gaussian_symbols(2, 50)
    channel = RayleighChannel(coherence=3)

    def send(seed):
        return channel(x, 5.0, generator=seeded(seed)).symbols

    before = torch.get_rng_state()
    assert torch.equal(send(1), send(1))
    assert not torch.equal(send(1), send(2))
    assert torch.equal(before, torch.get_rng_state())


def test_gradient_is_the_fades_conjugate():
    x = gaussian_symbols(2, 50).requires_grad_()
    received = RayleighChannel(coherence=5)(x, 3.0, generator=seeded())
    received.symbols.real.sum().backward()
    torch.testing.assert_close(x.grad, received.csi.conj())


@pytest.mark.parametrize("coherence", [0, -1, True, "block", 2.0, None, ""])
def test_unknown_coherence_is_refused(coherence):
    with pytest.raises(ValueError, match=r'coherence must be "symbol", "image" or a block length >= 1, got'):
        RayleighChannel(coherence=coherence)


def test_unknown_csi_is_refused():
    with pytest.raises(ValueError, match=r'csi must be "perfect", "none" or Pilots\(...\), got'):
        RayleighChannel(csi="pilots")


def test_repr_names_the_choices():
    assert repr(RayleighChannel(coherence=3)) == "RayleighChannel(power=1.0, coherence=3, csi='perfect')"


@pytest.mark.cuda
def test_a_gpu_gets_the_fades_of_a_cpu_generator():
    x = gaussian_symbols(2, 50)
    channel = RayleighChannel(coherence=3)
    for snr_db in (5.0, torch.tensor([5.0, 15.0])):
        on_gpu, on_cpu = channel(x.cuda(), snr_db, generator=seeded()), channel(x, snr_db, generator=seeded())
        for gpu, cpu in zip(vars(on_gpu).values(), vars(on_cpu).values(), strict=True):
            assert cpu is None or gpu.is_cuda
            assert cpu is None or torch.allclose(gpu.cpu(), cpu, rtol=1e-4, atol=1e-5)


def test_small_integers_of_numpy_do_not_overflow_in_channel_uses():
    channel = RayleighChannel(coherence=np.uint8(20), csi=Pilots(np.uint8(2)))
    assert channel.channel_uses(np.uint8(250)) == channel.channel_uses(250) == 500
