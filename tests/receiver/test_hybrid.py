"""The hybrid code end to end: budgets, power, told and real SNR, what is lost, and what a receiver may know."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_codebook import dead_leaves
from toys import seeded

from semcomm import AWGNChannel, RayleighChannel, build_hybrid_code, build_linear_code
from semcomm.contracts import Received
from semcomm.quality.image import psnr
from semcomm.transmitter.blocks import to_blocks
from semcomm.transmitter.hybrid import HybridTransmitter
from semcomm.transmitter.search import Search

K = 2600
"""Channel uses of the photograph below: k/n = 1/16."""


@pytest.fixture(scope="module")
def linear(codebook):
    return build_linear_code(codebook=codebook, device="cpu")


@pytest.fixture(scope="module")
def sent(hybrid, image):
    """Symbols of the photograph for 10 dB told, digital part safe down to 4 dB."""
    with torch.no_grad():
        return hybrid.encode(image, 10.0, channel_uses=K, safe_snr_db=4.0)


def received_at(system, symbols, snr_db, *, seed=0, told_snr_db=10.0):
    arrived = AWGNChannel()(symbols, snr_db, generator=seeded(seed))
    with torch.no_grad():
        return system.decode(arrived, (96, 144), snr_db, channel_uses=K, told_snr_db=told_snr_db)


# What it costs


@settings(max_examples=8)
@given(
    height=st.integers(16, 70),
    width=st.integers(16, 70),
    k=st.one_of(st.integers(1, 70), st.integers(300, 2500), st.just(1280)),
    told=st.sampled_from([-5.0, 1.0, 10.0, 20.0]),
    real=st.sampled_from([-5.0, 10.0]),
)
def test_any_size_and_any_budget_cost_exactly_what_was_asked_for(hybrid, linear, height, width, k, told, real):
    image = dead_leaves(height, width, height * width)[None]
    for system in (hybrid, linear):
        one = system.transmit(image, real, channel_uses=k, told_snr_db=told, generator=seeded())
        assert one.symbols.shape == (1, k)
        assert one.symbols_per_image == k
        assert one.images.shape == image.shape
        assert sum(int(uses) for uses in one.channel_uses.values()) == k
        assert min(int(uses) for uses in one.channel_uses.values()) >= 0
        assert float(one.power) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("level", [2, 10, 21])
def test_a_level_has_its_channel_uses(hybrid, level):
    assert hybrid.symbols_per_image(100, 30, levels=level) == 7 * 2 * (3 * level + 1)


def test_a_transmitter_by_itself_takes_numpys_integers(hybrid):
    count = hybrid.transmitter.symbols_per_image
    assert count(100, 30, levels=np.int64(3)) == 7 * 2 * 10
    assert count(100, 30, channel_uses=np.int32(300)) == 300
    for bad in (0, True, 3.0):
        with pytest.raises(ValueError, match="channel_uses must be an integer of at least 1, got"):
            count(100, 30, channel_uses=bad)


def test_symbols_have_unit_power_before_the_constraint_and_in_every_part(hybrid, image):
    sent = hybrid.transmitter(image, 10.0, channel_uses=K)
    assert float(sent.symbols.abs().square().mean()) == pytest.approx(1, rel=0.02)
    head = int(sent.channel_uses["details"])
    for part in (sent.symbols[0, : K - head], sent.symbols[0, K - head :]):
        assert float(part.abs().square().mean()) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("content", ["black", "gray", "noise", "line"])
def test_pictures_that_are_no_photographs_are_sent_as_well(hybrid, linear, content):
    image = {
        "black": torch.zeros(1, 3, 64, 80),
        "gray": torch.full((1, 3, 64, 80), 0.5),
        "noise": torch.rand(1, 3, 64, 80, generator=seeded(1)),
        "line": torch.zeros(1, 3, 64, 80).index_fill(3, torch.tensor([40]), 1.0),
    }[content]
    for system in (hybrid, linear):
        for k in (1500, 6000):
            one = system.transmit(image, 15.0, channel_uses=k, generator=seeded())
            assert float(one.power) == pytest.approx(1, abs=1e-4)
            assert float(one.psnr_db) > {"black": 25, "gray": 30, "noise": 10, "line": 12}[content]


# What arrives


def test_it_beats_the_linear_code_which_beats_gray(hybrid, linear, image):
    scores = [
        float(system.transmit(image, 10.0, channel_uses=K, generator=seeded()).psnr_db) for system in (hybrid, linear)
    ]
    gray = float(psnr(torch.full_like(image, float(image.mean())), image))
    assert scores[0] > scores[1] + 0.5
    assert scores[1] > gray + 3


def test_more_channel_uses_and_higher_snrs_help(hybrid, image):
    def score(k, snr_db):
        return float(hybrid.transmit(image, snr_db, channel_uses=k, generator=seeded()).psnr_db)

    assert score(1300, 1.0) < score(2600, 1.0) < score(5200, 1.0)
    assert score(2600, -5.0) < score(2600, 1.0) < score(2600, 8.0)


@pytest.mark.parametrize("k", [12, 63, 200, 319, 320, 1279, 1280])
def test_the_linear_code_works_in_any_budget(linear, image, k):
    """And is never worse than gray, but for the gain that a tiny frame has no room to tell."""
    one = linear.transmit(image, 10.0, channel_uses=k, generator=seeded())
    gray = float(psnr(torch.full_like(image, 0.5), image))
    assert float(one.psnr_db) > gray - (1.0 if k < 320 else 0)
    assert one.lost is None


def test_above_the_safe_snr_more_snr_is_better_and_nothing_is_lost(hybrid, image, sent):
    scores = [float(psnr(received_at(hybrid, sent, snr_db), image)) for snr_db in (4.5, 6.0, 8.0, 10.0, 14.0, 20.0)]
    assert all(low < high for low, high in zip(scores, scores[1:], strict=False))


def test_below_the_safe_snr_it_is_lost_and_said_so(hybrid, image):
    one = hybrid.transmit(image, -3.0, channel_uses=K, told_snr_db=10.0, generator=seeded())
    assert one.lost.tolist() == [True]
    other = hybrid.transmit(image, 9.9, channel_uses=K, told_snr_db=10.0, safe_snr_db=4.0, generator=seeded())
    assert other.lost.tolist() == [False]


def test_safety_costs_quality(hybrid, image):
    bold, safe = (
        float(hybrid.transmit(image, 10.0, channel_uses=K, safe_snr_db=safe, generator=seeded()).psnr_db)
        for safe in (10.0, 1.0)
    )
    assert bold > safe


def test_the_linear_code_has_no_cliff(linear, image):
    scores = []
    for snr_db in (-10.0, -5.0, 0.0, 5.0, 10.0):
        one = linear.transmit(image, snr_db, channel_uses=K, told_snr_db=10.0, generator=seeded())
        assert one.lost is None
        scores.append(float(one.psnr_db))
    assert all(0 < high - low < 4 for low, high in zip(scores, scores[1:], strict=False))


def test_a_receiver_needs_nothing_but_symbols_size_k_and_noise_of_a_hybrid_frame(codebook, hybrid, sent):
    """Another object, which never met the sender, and a wrong guess of what the sender believes."""
    other = build_hybrid_code(codebook=codebook, device="cpu")
    mine, theirs, guessed = (
        received_at(system, sent, 8.0, told_snr_db=told)
        for system, told in ((hybrid, 10.0), (other, 10.0), (other, 3.0))
    )
    assert torch.equal(mine, theirs)
    assert torch.equal(mine, guessed)


def test_images_of_a_batch_are_sent_each_on_its_own(hybrid, image):
    both = torch.cat([image, image.flip(3)])
    together = hybrid.encode(both, torch.tensor([10.0, 3.0]), channel_uses=K)
    apart = [hybrid.encode(one[None], snr_db, channel_uses=K) for one, snr_db in zip(both, (10.0, 3.0), strict=True)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-4, rtol=0)


def test_one_lost_image_does_not_take_the_other_along(hybrid, image):
    both = torch.cat([image, image])
    one = hybrid.transmit(both, torch.tensor([10.0, -5.0]), channel_uses=K, told_snr_db=10.0, generator=seeded())
    assert one.lost.tolist() == [False, True]
    assert float(one.psnr_db[0]) > float(one.psnr_db[1]) + 3


def test_header_says_what_the_sender_believed_rounded_down(hybrid, image):
    """Told 10.3 dB is sent as 10 dB, and both ends allocate for that."""
    symbols = hybrid.encode(image, 10.3, channel_uses=K, safe_snr_db=4.0)
    exact = hybrid.encode(image, 10.0, channel_uses=K, safe_snr_db=4.0)
    torch.testing.assert_close(symbols, exact, atol=1e-5, rtol=0)


# Fading, damage


@pytest.mark.parametrize("coherence", ["symbol", 10])
def test_fading_that_the_receiver_knows(codebook, hybrid, image, coherence):
    """The sender knows of it, and takes codes that carry its bits on average."""
    system = build_hybrid_code(codebook=codebook, channel=RayleighChannel(coherence=coherence), device="cpu")
    sent = [system.transmit(image, 12.0, channel_uses=K, generator=seeded(seed)) for seed in range(3)]
    assert [one.lost.tolist() for one in sent] == [[False]] * 3
    assert int(sent[0].channel_uses["sketch"]) > 300
    clear = float(hybrid.transmit(image, 12.0, channel_uses=K, generator=seeded()).psnr_db)
    assert clear - 4.5 < min(float(one.psnr_db) for one in sent) <= max(float(one.psnr_db) for one in sent) < clear


class Fades(torch.nn.Module):
    """A channel of one's own that fades, and says so as it is told to."""

    def __init__(self, fading):
        super().__init__()
        self.fading = fading

    def forward(self, x, snr_db, *, generator=None):
        return RayleighChannel()(x, snr_db, generator=generator)


def test_a_channel_of_ones_own_says_that_it_fades(codebook, image):
    system = build_hybrid_code(codebook=codebook, channel=Fades("fast"), device="cpu")
    assert system.transmit(image, 12.0, channel_uses=K, generator=seeded()).lost.tolist() == [False]
    system.channel = Fades("none")
    assert system.transmit(image, 12.0, channel_uses=K, generator=seeded()).lost.tolist() == [True]
    system.channel = Fades("slow")
    with pytest.raises(ValueError, match='channel Fades: fading must be "none" or "fast", got \'slow\''):
        system.transmit(image, 12.0, channel_uses=K)


def test_the_linear_code_under_fading_that_the_receiver_knows(codebook, linear, image):
    system = build_linear_code(codebook=codebook, channel=RayleighChannel(), device="cpu")
    faded, clear = (
        float(one.transmit(image, 10.0, channel_uses=K, generator=seeded()).psnr_db) for one in (system, linear)
    )
    assert clear - 3.5 < faded < clear


def test_fades_of_nothing_are_survived(hybrid, sent, image):
    """Symbols whose fade is zero say nothing, and do no harm."""
    fades = torch.ones_like(sent)
    fades[:, ::25] = 0
    noise = 0.1**0.5 * torch.randn(sent.shape, dtype=torch.complex64, generator=seeded())
    arrived = Received(fades * sent + noise, fades, torch.tensor(0.1))
    shown = hybrid.decode(arrived, (96, 144), 10.0, channel_uses=K)
    assert float(psnr(shown, image)) > float(psnr(received_at(hybrid, sent, 10.0), image)) - 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_symbols_that_are_no_numbers_are_refused(hybrid, sent, value):
    damaged = sent.clone()
    damaged[0, 5] = complex(value, 0)
    with pytest.raises(ValueError, match="received must be finite"):
        hybrid.decode(damaged, (96, 144), 10.0, channel_uses=K)


def test_noise_in_place_of_a_frame_is_lost_not_shown_as_a_picture(hybrid):
    for seed in range(5):
        noise = torch.randn(1, K, dtype=torch.complex64, generator=seeded(seed))
        delivered = hybrid.receiver(Received(noise, None, torch.tensor(0.1)), (96, 144), 10.0)
        assert delivered.lost.tolist() == [True]
        assert float((delivered.images - 0.5).abs().max()) == 0


def test_a_frame_for_another_k_is_refused(hybrid, sent):
    with pytest.raises(ValueError, match="takes k = 2601 symbols, got 2600"):
        hybrid.decode(sent, (96, 144), 10.0, channel_uses=K + 1)


def test_what_the_receiver_must_know(hybrid, linear, sent):
    with pytest.raises(ValueError, match="noise_variance must be known to the hybrid code, got None"):
        hybrid.decode(sent, (96, 144), channel_uses=K)
    with pytest.raises(ValueError, match="snr_db must be the SNR that the sender believes, in dB, got None"):
        linear.decode(Received(sent, None, torch.tensor(0.1)), (96, 144), channel_uses=K)
    with pytest.raises(ValueError, match="snr_db must be the SNR that the sender believes, in dB, got None"):
        hybrid.encode(torch.rand(1, 3, 32, 32))


# The search


def test_the_search_tells_what_will_arrive(codebook, image):
    """Its expected error is within 1 dB of what is measured, over noises."""
    transmitter = HybridTransmitter(codebook)
    seen = {}

    class Watched(Search):
        def best(self):
            seen["choice"] = super().best()
            return seen["choice"]

    from semcomm.transmitter import hybrid as module

    original, module.Search = module.Search, Watched
    try:
        symbols = transmitter.eval()(image, 10.0, channel_uses=K).symbols
    finally:
        module.Search = original
    system = build_hybrid_code(codebook=codebook, device="cpu")
    errors = [float((received_at(system, symbols, 10.0, seed=seed) - image).square().sum()) for seed in range(3)]
    blocks = to_blocks(image, 16).flatten(0, 2) - codebook.common.mean
    never_sent = float(blocks.square().sum() - (blocks @ codebook.common.transform.T).square().sum())
    assert abs(10 * math.log10(sum(errors) / 3 / (seen["choice"].error + never_sent))) < 0.5
