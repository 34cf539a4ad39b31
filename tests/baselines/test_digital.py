"""The real link: what arrives is what capacity allows, less a known gap; beyond the belief it is lost, and said."""

import math

import pytest
import torch
from torch import nn
from toys import seeded

from semcomm import AWGNChannel, RayleighChannel, SeparationBaseline
from semcomm.baselines.codecs import CODECS, best_file, charged, decompress, encode_all
from semcomm.baselines.digital import symbols_within
from semcomm.channel import ChannelChain, OFDMChannel, PhaseNoiseChannel, Pilots
from semcomm.contracts import Received


def scheme(codec="jpeg", ratio=1 / 4, **options):
    return SeparationBaseline(codec, bandwidth_ratio=ratio, code="ldpc", **options)


@pytest.fixture
def images(photograph):
    return torch.stack([photograph, photograph.flip(1)])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("headers", [True, False])
def test_files_arrive_bit_for_bit_at_the_snr_believed(images, codec, headers):
    link = scheme(codec, headers=headers, ratio=1 / 4)
    sent = link.transmit(images, torch.tensor([10.0, 17.0]), generator=seeded())
    assert sent.failed is not None
    assert not sent.failed.any()
    k = link.symbols_per_image(96, 80)
    assert sent.symbols_per_image == k
    assert sent.symbols is not None
    assert sent.received_symbols is not None
    assert sent.power is not None
    assert sent.measured_snr_db is not None
    assert sent.symbols.shape == sent.received_symbols.shape == (2, k)
    torch.testing.assert_close(sent.power, torch.ones(2))
    torch.testing.assert_close(sent.measured_snr_db, torch.tensor([10.0, 17.0]), atol=0.5, rtol=0)
    for image, received, snr_db in zip(images, sent.images, (10.0, 17.0), strict=True):
        file = best_file(image, codec, link.bits_per_image(96, 80, snr_db), headers=headers)
        assert file is not None
        assert torch.equal(received, decompress(file))


@pytest.mark.parametrize("snr_db", [-5.0, 1.0, 10.0, 20.0])
def test_budgets_are_capacity_less_a_known_gap(snr_db):
    """At most 2 dB at QPSK's SNRs and 3 dB above, for a payload of several blocks; and never above capacity."""
    for channel in ("awgn", "rayleigh"):
        ideal = SeparationBaseline("jpeg", bandwidth_ratio=1 / 12, channel=channel)
        real = scheme(ratio=1 / 12, channel=channel).bits_per_image(512, 768, snr_db)
        gap_db = 2.2 if snr_db < 5 else 3.2
        gap_db += 0 if channel == "awgn" else 1.5
        assert ideal.bits_per_image(512, 768, snr_db - gap_db) < real < ideal.bits_per_image(512, 768, snr_db)
        assert real % 8 == 0


def test_the_cliff_and_its_margin(images):
    """Told 10 dB: all arrives at 10 dB, nothing at 7 dB; with a margin of 3 dB all there, too, at a lower quality."""
    link, careful = scheme(), scheme(margin_db=3.0)

    def failed(which, snr_db):
        return which.transmit(images, snr_db, told_snr_db=10.0, generator=seeded()).failed.tolist()

    assert failed(link, 10.0) == [False, False]
    assert failed(link, 7.0) == [True, True]
    assert failed(careful, 7.0) == [False, False]
    assert failed(careful, 4.0) == [True, True]
    at_10 = link.transmit(images, 10.0, generator=seeded())
    assert torch.equal(link.transmit(images, 25.0, told_snr_db=10.0, generator=seeded()).images, at_10.images)
    assert (careful.transmit(images, 10.0, generator=seeded()).psnr_db < at_10.psnr_db).all()


def test_belief_at_capacity(images):
    """The ideal code has the same cliff: a rate above the capacity of the real SNR does not arrive."""
    ideal = SeparationBaseline("jpeg", bandwidth_ratio=1 / 4)
    for real, fails in ((9.9, True), (10.0, False), (15.0, False)):
        sent = ideal.transmit(images, real, told_snr_db=10.0)
        assert sent.failed.tolist() == [fails, fails]
    assert torch.equal(sent.images, ideal.transmit(images, 10.0).images)


def test_where_no_file_fits_known_symbols_are_sent(images):
    sent = scheme(ratio=1 / 48, delivered="gray").transmit(images, 0.0, generator=seeded())
    assert sent.failed.tolist() == [True, True]
    assert (sent.images == 128).all()
    torch.testing.assert_close(sent.power, torch.ones(2))
    assert scheme(ratio=1 / 48).bits_per_image(96, 80, -40.0) == 0


def test_an_image_does_not_depend_on_its_neighbours(images):
    together = scheme().transmit(images, torch.tensor([math.inf, 10.0]).clamp(max=100), generator=seeded())
    alone = scheme().transmit(images[1:], 10.0, generator=seeded())
    torch.testing.assert_close(together.symbols[1:], alone.symbols)


def test_over_a_channel_of_ones_own(images):
    class Noisier(nn.Module):
        """Twice the noise that is told."""

        def forward(self, x, snr_db, *, generator=None):
            return AWGNChannel()(x, snr_db - 3.0, generator=generator)

    assert scheme(channel=Noisier()).transmit(images, 10.0, generator=seeded()).failed.tolist() == [True, True]
    assert not scheme(channel=Noisier(), margin_db=3.5).transmit(images, 10.0, generator=seeded()).failed.any()


def test_a_channel_that_hides_its_noise(images):
    class Secretive(nn.Module):
        """Says nothing of its noise."""

        def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
            return Received(x)

    with pytest.raises(ValueError, match="channel must tell its noise_variance to a receiver of bits, Secretive does"):
        scheme(channel=Secretive()).transmit(images, 10.0)


class Streams(nn.Module):
    """Two symbols in a channel use, after six channel uses of pilots."""

    def channel_uses(self, k):
        return -(-k // 2) + 6

    def forward(self, x, snr_db, *, generator=None):
        return AWGNChannel()(x, snr_db, generator=generator)


OFDM = OFDMChannel(profile=[1.0], coherence="image", csi=Pilots(8, "lmmse"))


@pytest.mark.parametrize("channel", [OFDM, Streams(), AWGNChannel()], ids=["ofdm", "streams", "awgn"])
@pytest.mark.parametrize("uses", [1, 79, 80, 81, 1000, 1440])
def test_symbols_are_as_many_as_fit_with_pilots_and_prefixes(channel, uses):
    symbols = symbols_within(channel, uses)
    count = getattr(channel, "channel_uses", lambda k: k)
    assert symbols == 0 or count(symbols) <= uses
    assert count(symbols + 1) > uses


@pytest.mark.parametrize(("channel", "alone"), [(OFDM, "rayleigh"), (Streams(), "awgn")], ids=["ofdm", "streams"])
def test_what_a_channel_adds_is_part_of_k(images, channel, alone):
    """The same k as without it, so fewer bits where pilots take some, and more where two symbols share one."""
    link, plain = scheme(channel=channel), scheme(channel=alone)
    sent = link.transmit(images, 14.0, told_snr_db=5.0, generator=seeded())
    k = plain.symbols_per_image(96, 80)
    assert sent.symbols_per_image == link.symbols_per_image(96, 80) == k
    assert channel.channel_uses(sent.symbols.shape[1]) <= k < channel.channel_uses(sent.symbols.shape[1] + 60)
    share = sent.symbols.shape[1] / k
    bits, plain_bits = (one.bits_per_image(96, 80, 5.0) for one in (link, plain))
    assert bits / plain_bits == pytest.approx(share, rel=0.1)


def test_where_not_even_the_pilots_fit_nothing_arrives(images):
    sent = scheme(channel=OFDM, ratio=1 / 400, delivered="gray").transmit(images, 10.0, generator=seeded())
    assert sent.failed.tolist() == [True, True]
    assert (sent.images == 128).all()


def test_fast_rayleigh_fading(images):
    link = scheme(channel="rayleigh", ratio=1 / 4)
    assert not link.transmit(images, 10.0, generator=seeded()).failed.any()
    assert link.transmit(images, 6.0, told_snr_db=10.0, generator=seeded()).failed.all()


def test_what_is_charged(photograph):
    file = encode_all(photograph[:, :32, :32], "jpeg")[50]
    assert charged(file, "jpeg", headers=True) == file
    assert charged(file, "jpeg", headers=False)[1:] == CODECS["jpeg"].payload(file)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"code": "turbo"}, """code must be "capacity" or "ldpc", got 'turbo'"""),
        ({"channel": ["awgn"]}, "channel must be one of awgn, rayleigh"),
        ({"channel": "fso"}, """channel must be one of awgn, rayleigh, or with code="ldpc" a channel, got 'fso'"""),
        ({"margin_db": math.nan}, "margin_db must be a number from -300 to 300 dB, got nan"),
    ],
)
def test_bad_arguments(bad, message):
    with pytest.raises(ValueError, match=message):
        SeparationBaseline("jpeg", bandwidth_ratio=1 / 12, **bad)


@pytest.mark.parametrize("told", [math.nan, math.inf, 400.0])
@pytest.mark.parametrize("code", ["capacity", "ldpc"])
def test_a_belief_that_is_no_number(images, code, told):
    with pytest.raises(ValueError, match="told_snr_db must be .*-300.*, got (nan|inf|400)"):
        SeparationBaseline("jpeg", bandwidth_ratio=1 / 4, code=code).transmit(images, 10.0, told_snr_db=told)


@pytest.mark.parametrize("code", ["capacity", "ldpc"])
@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_a_belief_in_noise_where_there_is_none(images, code, channel):
    link = SeparationBaseline("jpeg", bandwidth_ratio=1 / 4, code=code, channel=channel)
    assert not link.transmit(images, math.inf, told_snr_db=10.0).failed.any()


def test_a_channel_object_gets_the_rates_of_its_fading():
    def bits(channel):
        return scheme(ratio=1 / 12, channel=channel).bits_per_image(64, 96, 10.0)

    assert bits(RayleighChannel()) == bits("rayleigh") < bits(AWGNChannel()) == bits("awgn")


@pytest.mark.parametrize(
    "channel",
    [RayleighChannel(csi="none"), OFDMChannel(csi="none"), ChannelChain([RayleighChannel(csi="none")])],
    ids=type,
)
def test_fades_that_the_receiver_is_not_told_are_refused(images, channel):
    match = rf"channel must tell its gains .*: {type(channel).__name__} fades .*give it csi=\"perfect\" or"
    with pytest.raises(ValueError, match=match):
        scheme(channel=channel).transmit(images, 10.0, generator=seeded())


def test_a_phase_that_drifts_untold_is_sent_over(images):
    sent = scheme(channel=PhaseNoiseChannel(linewidth=1e-12)).transmit(images, 10.0, generator=seeded())
    assert not sent.failed.any()
