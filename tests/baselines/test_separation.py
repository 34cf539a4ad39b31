"""Capacity by closed form, budgets spent to the bit, failures as declared."""

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features
from scipy import integrate, special
from toys import seeded

from semcomm import RayleighChannel, SeparationBaseline, build_mlsc_image
from semcomm.baselines.codecs import CODECS, encode_all
from semcomm.baselines.separation import awgn_capacity, rayleigh_capacity

CODEC_NAMES = ["jpeg", "jpeg2000", "webp", "avif"]


# Capacity


@given(st.floats(-30, 60))
def test_awgn_capacity_inverts_to_its_snr(snr_db):
    assert 10 * math.log10(2 ** awgn_capacity(snr_db) - 1) == pytest.approx(snr_db, abs=1e-6)


@pytest.mark.parametrize(("snr_db", "bits"), [(0.0, 1.0), (10 * math.log10(3), 2.0), (10 * math.log10(255), 8.0)])
def test_awgn_capacity_by_hand(snr_db, bits):
    assert awgn_capacity(snr_db) == pytest.approx(bits)


@given(st.floats(-20, 40))
def test_rayleigh_capacity_is_the_exponential_integral(snr_db):
    inverse = 10 ** (-snr_db / 10)
    # e^x E1(x) / ln 2; scipy's exp1 underflows where x is large, its scaled form expn does not
    expected = math.exp(inverse) * special.exp1(inverse) / math.log(2) if inverse < 500 else None
    assert rayleigh_capacity(snr_db) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 10.0, 25.0])
def test_rayleigh_capacity_is_the_mean_over_the_fades(snr_db):
    mean, _ = integrate.quad(lambda gain: math.exp(-gain) * math.log2(1 + gain * 10 ** (snr_db / 10)), 0, 60)
    assert rayleigh_capacity(snr_db) == pytest.approx(mean, rel=1e-3)
    assert rayleigh_capacity(snr_db) < awgn_capacity(snr_db)


@given(st.integers(1, 600), st.integers(1, 600), st.floats(0.001, 1), st.floats(-20, 30))
def test_bits_are_what_k_uses_carry(height, width, ratio, snr_db):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=ratio)
    k = scheme.symbols_per_image(height, width)
    assert k <= ratio * 3 * height * width + 1e-3
    assert k > ratio * 3 * height * width - 1
    assert scheme.bandwidth_ratio(height, width) == k / (3 * height * width)
    bits = scheme.bits_per_image(height, width, snr_db)
    assert bits == math.floor(k * math.log2(1 + 10 ** (snr_db / 10)))


def test_a_ratio_of_a_system_gives_exactly_its_k():
    for l, t, height, width in ((5, 8, 600, 512), (4, 8, 481, 321), (3, 4, 17, 23)):  # noqa: E741
        k = (3 * l + 1) * math.ceil(height / t) * math.ceil(width / t)
        scheme = SeparationBaseline("jpeg", bandwidth_ratio=k / (3 * height * width))
        assert scheme.symbols_per_image(height, width) == k


# The scheme


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("headers", [True, False])
def test_every_codec_spends_its_budget_and_no_more(photograph, codec, headers):
    photograph = photograph[:, :48, :40]
    files = encode_all(photograph, codec)
    spent = [8 * (len(file) if headers else 1 + len(CODECS[codec].payload(file))) for file in files]
    scheme = SeparationBaseline(codec, bandwidth_ratio=1 / 3, headers=headers)
    quality = []
    for snr_db in (7.0, 13.0, 25.0):
        sent = scheme.transmit(photograph[None], snr_db)
        budget = math.floor(photograph.numel() // 3 * math.log2(1 + 10 ** (snr_db / 10)))
        chosen = next(place for place, bits in enumerate(spent) if bits <= budget)
        expected = np.array(Image.open(io.BytesIO(files[chosen])).convert("RGB"))
        assert not sent.failed.item()
        np.testing.assert_array_equal(sent.images[0].permute(1, 2, 0).numpy(), expected)
        quality.append(sent.psnr_db.item())
    assert quality == sorted(quality)
    assert quality[-1] > 30


def test_the_least_budget_that_works_and_one_bit_less(photograph):
    """At 0 dB a channel use carries one bit, so that k is the budget."""
    image = photograph[:, :40, :40]
    least = 8 * min(map(len, encode_all(image, "jpeg")))
    works, fails = (SeparationBaseline("jpeg", bandwidth_ratio=k / 4800) for k in (least, least - 1))
    assert (works.bits_per_image(40, 40, 0.0), fails.bits_per_image(40, 40, 0.0)) == (least, least - 1)
    assert works.transmit(image[None], 0.0).failed.tolist() == [False]
    assert fails.transmit(image[None], 0.0).failed.tolist() == [True]
    assert fails.transmit(torch.stack([image, torch.zeros_like(image)]), 0.0).failed.tolist() == [True, False]


def test_without_headers_less_is_needed(photograph):
    image = photograph[None, :, :40, :40]
    counted, spared = (SeparationBaseline("jpeg", bandwidth_ratio=1 / 3, headers=headers) for headers in (True, False))
    assert counted.transmit(image, 3.0).failed.item()
    assert not spared.transmit(image, 3.0).failed.item()
    assert spared.transmit(image, 12.0).psnr_db > counted.transmit(image, 12.0).psnr_db


def test_transmission_accounts_for_itself(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 6)
    images = torch.stack([photograph, photograph.flip(1)])
    sent = scheme.transmit(images, 10.0)
    k = images[0].numel() // 6
    assert (sent.symbols_per_image, sent.bandwidth_ratio) == (k, k / images[0].numel())
    assert sent.symbols is sent.received_symbols is sent.power is sent.captions is None
    error = (sent.images.double() - images.double()).square().mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(sent.psnr_db.numpy(), 20 * np.log10(255 / np.sqrt(error)), rtol=1e-4)
    as_floats = scheme.transmit(images.float() / 255, 10.0)
    assert torch.equal(as_floats.images, sent.images)


def test_every_image_gets_its_own_snr(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 6)
    images = photograph[None].repeat(2, 1, 1, 1)
    together = scheme.transmit(images, torch.tensor([8.0, 20.0]))
    for image, snr_db in enumerate((8.0, 20.0)):
        assert torch.equal(together.images[image], scheme.transmit(images[:1], snr_db).images[0])
    assert together.psnr_db[1] > together.psnr_db[0] + 1


def test_rayleigh_carries_less(photograph):
    schemes = [SeparationBaseline("jpeg", bandwidth_ratio=1 / 6, channel=channel) for channel in ("awgn", "rayleigh")]
    plain, faded = (scheme.bits_per_image(96, 80, 10.0) for scheme in schemes)
    k = 96 * 80 * 3 // 6
    assert plain == math.floor(k * math.log2(11))
    assert faded == math.floor(k * math.exp(0.1) * special.exp1(0.1) / math.log(2))
    assert schemes[0].transmit(photograph[None], 10.0).psnr_db > schemes[1].transmit(photograph[None], 10.0).psnr_db


def test_a_failure_delivers_random_pixels_of_the_generator(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 48)
    images = photograph[None, :, :32, :32]
    first = scheme.transmit(images, -5.0, generator=seeded(1))
    assert first.failed.tolist() == [True]
    assert torch.equal(first.images, scheme.transmit(images, -5.0, generator=seeded(1)).images)
    assert not torch.equal(first.images, scheme.transmit(images, -5.0, generator=seeded(2)).images)
    values = first.images.double()
    # uniform on 0..255: mean 127.5, standard deviation 73.9; five of the mean's
    assert abs(values.mean().item() - 127.5) < 5 * 73.9 / math.sqrt(values.numel())
    assert abs(values.std().item() - 73.9) < 3
    before = torch.get_rng_state()
    scheme.transmit(images, -5.0, generator=seeded(1))
    assert torch.equal(before, torch.get_rng_state())


def test_a_failure_delivers_gray_if_asked(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 48, delivered="gray")
    sent = scheme.transmit(photograph[None, :, :32, :32], -5.0)
    assert sent.failed.item()
    assert (sent.images == 128).all()


def test_silent_channels_and_perfect_ones(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 6)
    assert scheme.transmit(photograph[None], -200.0).failed.item()
    best = scheme.transmit(photograph[None], 200.0)
    assert not best.failed.item()
    with pytest.raises(ValueError, match="snr_db must be a number from -300 to 300 dB, got inf"):
        scheme.transmit(photograph[None], math.inf)
    with pytest.raises(ValueError, match="snr_db must be a number from -300 to 300 dB, got inf"):
        scheme.bits_per_image(16, 16, math.inf)


def test_it_spends_exactly_what_another_scheme_spends():
    system = build_mlsc_image(l=2, t=8, caption=None, segmentation=None, width=2, device="cpu")
    scheme = SeparationBaseline("jpeg", symbols_per_image=system.symbols_per_image)
    assert (
        scheme.symbols_per_image(17, 30)
        == 3 * 4 * 7
        == scheme.transmit(torch.rand(1, 3, 17, 30), 10.0).symbols_per_image
    )
    assert scheme.bandwidth_ratio(17, 30) == system.bandwidth_ratio(17, 30)
    assert scheme.bits_per_image(17, 30, 10.0) == math.floor(84 * math.log2(11))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"codec": "gif"}, "codec must be one of jpeg, jpeg2000, webp, avif, got 'gif'"),
        ({"bandwidth_ratio": 0}, "bandwidth_ratio must be positive, got 0"),
        ({"bandwidth_ratio": -0.1}, "bandwidth_ratio must be positive, got -0.1"),
        ({"bandwidth_ratio": math.nan}, "bandwidth_ratio must be positive, got nan"),
        ({"bandwidth_ratio": math.inf}, "bandwidth_ratio must be positive, got inf"),
        ({"bandwidth_ratio": None}, "give one of bandwidth_ratio and symbols_per_image, got None and None"),
        ({"symbols_per_image": max}, "give one of bandwidth_ratio and symbols_per_image, got 0.083.* and .*max"),
        ({"channel": "fso"}, "channel must be one of awgn, rayleigh, or with code=\"ldpc\" a channel, got 'fso'"),
        ({"code": "ldpc", "channel": RayleighChannel(4.0)}, r"channel\.power must be 1, .*, got 4\.0"),
        ({"delivered": "black"}, """delivered must be "random" or "gray", got 'black'"""),
    ],
)
def test_bad_arguments_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        SeparationBaseline(**({"codec": "jpeg", "bandwidth_ratio": 1 / 12} | bad))


def test_a_number_is_no_function_of_the_size():
    with pytest.raises(TypeError, match="symbols_per_image must be a function of height and width.*got 1000"):
        SeparationBaseline("jpeg", symbols_per_image=1000)


def test_a_codec_that_pillow_lacks_is_said_so(monkeypatch):
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    with pytest.raises(ValueError, match="codec 'avif' is missing in this Pillow; install a Pillow wheel"):
        SeparationBaseline("avif", bandwidth_ratio=1 / 12)
    SeparationBaseline("jpeg", bandwidth_ratio=1 / 12)


@pytest.mark.parametrize(
    ("images", "snr_db", "error", "message"),
    [
        (torch.zeros(3, 8, 8), 10.0, ValueError, r"images must have shape \(b, 3, h, w\)"),
        (torch.full((1, 3, 8, 8), 2.0), 10.0, ValueError, r"finite values in \[0, 1\]"),
        (torch.zeros(1, 3, 8, 8), math.nan, ValueError, "snr_db must be an SNR in dB"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(2), ValueError, r"shape \(1,\), got shape \(2,\)"),
        ("photo.jpg", 10.0, TypeError, "images must be a float32 tensor.*got str"),
    ],
)
def test_bad_input_is_refused(images, snr_db, error, message):
    with pytest.raises(error, match=message):
        SeparationBaseline("jpeg", bandwidth_ratio=1 / 12).transmit(images, snr_db)


def test_jpeg_2000_beats_jpeg_on_a_photograph(photograph):
    """It does wherever its colours are decorrelated; coded as plain RGB it loses to JPEG."""
    image = photograph[None]
    scores = {
        codec: SeparationBaseline(codec, bandwidth_ratio=1 / 6).transmit(image, 10.0).psnr_db.item()
        for codec in ("jpeg", "jpeg2000")
    }
    assert scores["jpeg2000"] > scores["jpeg"]
