"""Rician fading and pilots of flat fading, against closed forms."""

import math

import pytest
import torch
from toys import gaussian_symbols, seeded

from semcomm.channel import AWGNChannel, Pilots, RayleighChannel, RicianChannel, check_channel


@pytest.mark.parametrize("k_db", [-10.0, 0.0, 6.0])
def test_moments_are_those_of_rice(k_db):
    h = RicianChannel(k_factor_db=k_db)(gaussian_symbols(1, 2**18), 10.0, generator=seeded(3)).csi
    k, power = 10 ** (k_db / 10), h.abs().square()
    assert h.mean().real.item() == pytest.approx((k / (k + 1)) ** 0.5, abs=0.01)
    assert power.mean().item() == pytest.approx(1, abs=0.01)
    assert power.var().item() == pytest.approx((2 * k + 1) / (k + 1) ** 2, rel=0.03)


def test_its_limits_are_rayleigh_and_no_fading():
    x = gaussian_symbols(2, 64)
    rayleigh = RayleighChannel()(x, 10.0, generator=seeded(1)).symbols
    assert torch.allclose(RicianChannel(k_factor_db=-math.inf)(x, 10.0, generator=seeded(1)).symbols, rayleigh)
    direct = RicianChannel(k_factor_db=math.inf)(x, math.inf, generator=seeded(1))
    assert torch.allclose(direct.symbols, x)
    assert torch.allclose(direct.csi, torch.ones_like(x))
    assert AWGNChannel()(x, math.inf).equal(x)


@pytest.mark.parametrize("snr_db", [0.0, 8.0])
def test_bit_error_rate_of_qpsk_is_rayleighs(snr_db):
    """Proakis, Digital Communications, eq. 14.3-7: (1 - sqrt(g / (1 + g))) / 2, g the mean SNR per bit."""
    bits = torch.randint(2, (2, 2**18), generator=seeded(5))
    x = torch.complex(*(1.0 - 2 * bits).float()) * 2**-0.5
    received = RayleighChannel()(x[None], snr_db, generator=seeded(6))
    decided = torch.view_as_real(received.symbols * received.csi.conj())[0].T < 0
    g = 10 ** (snr_db / 10) / 2
    expected = (1 - math.sqrt(g / (1 + g))) / 2
    assert (decided != bits.bool()).float().mean().item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("estimator", "variance"), [("ls", 1.0), ("lmmse", 1.0), ("lmmse", 0.2)])
def test_the_error_of_an_estimate_is_the_closed_form(estimator, variance):
    """LS: sigma^2 over the pilots' power. LMMSE: v s / (v + s) for s that of LS."""
    pilots, snr_db = Pilots(4, estimator), 5.0
    k_db = 10 * math.log10(1 / variance - 1) if variance < 1 else -math.inf
    channel = RicianChannel(k_factor_db=k_db, coherence=8, csi=pilots)
    known = RicianChannel(k_factor_db=k_db, coherence=6)  # 8 channel uses, 2 of them pilots
    x = torch.zeros(1, 6 * 2**15, dtype=torch.complex64)
    estimate = channel(x, snr_db, generator=seeded(2))
    error = (estimate.csi - known(x, snr_db, generator=seeded(2)).csi).abs().square().mean().item()
    ls = 10 ** (-snr_db / 10) / 2
    expected = ls if estimator == "ls" else variance * ls / (variance + ls)
    assert error == pytest.approx(expected, rel=0.02)
    assert estimate.noise_variance.mean().item() == pytest.approx(10 ** (-snr_db / 10) + expected, rel=1e-4)


def test_pilots_are_counted():
    assert RayleighChannel(coherence=8, csi=Pilots(4)).channel_uses(12) == 16
    assert RayleighChannel(coherence=8, csi=Pilots(4)).channel_uses(13) == 19  # a third block needs its pilots, too
    assert RayleighChannel(coherence="image", csi=Pilots(4)).channel_uses(30) == 40
    assert RicianChannel(k_factor_db=3.0).channel_uses(30) == 30


@pytest.mark.parametrize(
    "channel",
    [
        RicianChannel(2.0, k_factor_db=3.0, coherence=4),
        RicianChannel(k_factor_db=3.0, coherence="image", csi=Pilots(8, "lmmse")),
        RayleighChannel(2.0, coherence=16, csi=Pilots(8)),
        RayleighChannel(coherence=2**40, csi=Pilots(8)),
        RayleighChannel(coherence=16, csi="none"),
    ],
    ids=str,
)
def test_the_contract_is_kept(channel):
    check_channel(channel, power=channel.power)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RicianChannel(k_factor_db=math.nan), "k_factor_db must be a number of dB, got nan"),
        (lambda: RicianChannel(k_factor_db="3"), "k_factor_db must be a number of dB, got '3'"),
        (lambda: RicianChannel(k_factor_db=3.0, coherence=0), "coherence must be .* got 0"),
        (lambda: RicianChannel(k_factor_db=3.0, csi="some"), 'csi must be "perfect", "none" or Pilots.*got \'some\''),
        (lambda: RayleighChannel(csi=Pilots(4)), "csi must be .* with coherence 'symbol'"),
        (lambda: Pilots(1), "spacing must be an integer of at least 2, got 1; there must not be more pilots than"),
        (lambda: Pilots(4, "mle"), 'estimator must be "ls" or "lmmse", got \'mle\''),
        (lambda: Pilots(4, "ls", "grid"), 'pattern must be "comb" or "block", got \'grid\''),
    ],
)
def test_bad_input_is_one_clear_error(make, said):
    with pytest.raises(ValueError, match=said):
        make()
