"""Large photographs: strips that hold every row and every channel use once, sent one by one and put together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_codebook import dead_leaves
from toys import ToyCaptioner, ToySegmenter, seeded

from semcomm import AWGNChannel, CaptionFeature, SegmentationFeature, build_hybrid_code, build_linear_code
from semcomm.contracts import Received, Semantics
from semcomm.images import to_float
from semcomm.receiver.hybrid import GRAY, NO_LABEL
from semcomm.transmitter import frames, search
from semcomm.transmitter import strips as module
from semcomm.transmitter.strips import LARGEST_FRAME, SMALLEST_FRAME, put_together, strips

HEIGHT, WIDTH, USES = 150, 80, 6000


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 4_000_000))
def test_every_row_and_every_channel_use_is_in_one_strip(height, width, channel_uses):
    cut = strips(height, width, channel_uses, 16)
    assert cut[0].rows.start == cut[0].uses.start == 0
    assert (cut[-1].rows.stop, cut[-1].uses.stop) == (height, channel_uses)
    for one, following in zip(cut, cut[1:], strict=False):
        assert one.rows.stop == following.rows.start
        assert one.rows.stop % 16 == 0
        assert one.uses.stop == following.uses.start
    assert all(strip.rows.start < strip.rows.stop for strip in cut)
    if len(cut) > 1:
        assert min(strip.channel_uses for strip in cut) >= SMALLEST_FRAME // 2
        rows = -(-height // 16)
        assert max(strip.channel_uses for strip in cut) <= LARGEST_FRAME + channel_uses // rows + 1


@pytest.fixture
def small_strips(monkeypatch):
    """Strips of 48, 48 and 54 rows where it is 150 x 80 pixels."""
    monkeypatch.setattr(module, "STRIP_PIXELS", 50 * 80)


@pytest.fixture(scope="module")
def system(codebook):
    caption, segmentation = CaptionFeature(ToyCaptioner()), SegmentationFeature(ToySegmenter())
    return build_hybrid_code(codebook=codebook, caption=caption, segmentation=segmentation, device="cpu")


@pytest.fixture(scope="module")
def image():
    return to_float(dead_leaves(HEIGHT, WIDTH, 7))[None]


@pytest.fixture(scope="module")
def semantics():
    labels = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.int64)
    labels[:, 32:112, 16:64] = 2
    return Semantics(torch.tensor([[1, 3, 4, 0, 0]]), labels)


@pytest.mark.usefixtures("small_strips")
def test_what_strips_say_comes_together(system, image, semantics):
    sent = system.transmit(image, 12.0, semantics=semantics, channel_uses=USES, generator=seeded())
    assert sent.lost.tolist() == [False]
    assert sent.received_captions == sent.captions
    assert torch.equal(sent.received_labels, semantics.labels)
    assert sum(int(uses) for uses in sent.channel_uses.values()) == USES == sent.symbols_per_image
    cut = strips(HEIGHT, WIDTH, USES, 16)
    assert [strip.rows.stop for strip in cut] == [48, 96, 150]
    assert float(sent.psnr_db) > 24


@pytest.mark.usefixtures("small_strips")
def test_one_strip_lost_leaves_the_others(system, image, semantics):
    with torch.no_grad():
        symbols = system.encode(image, 12.0, semantics=semantics, channel_uses=USES)
    arrived = AWGNChannel()(symbols, 12.0, generator=seeded())
    middle = strips(HEIGHT, WIDTH, USES, 16)[1]
    arrived[:, middle.uses] = torch.randn(middle.channel_uses, dtype=torch.complex64, generator=seeded())
    received = system.receiver(Received(arrived, noise_variance=torch.tensor(10**-1.2)), (HEIGHT, WIDTH), 12.0)
    assert received.lost.tolist() == [True]
    assert bool((received.images[:, :, middle.rows] == GRAY).all())
    assert bool((received.labels[:, middle.rows] == NO_LABEL).all())
    assert received.captions == ["dark bright light"]
    for rows in (slice(0, middle.rows.start), slice(middle.rows.stop, HEIGHT)):
        assert torch.equal(received.labels[:, rows], semantics.labels[:, rows])
        assert float((received.images[:, :, rows] - image[:, :, rows]).square().mean()) < 0.01


@pytest.mark.parametrize("build", [build_hybrid_code, build_linear_code])
def test_strips_are_photographs_of_their_own(small_strips, monkeypatch, codebook, image, build):  # noqa: ARG001
    system = build(codebook=codebook, device="cpu")
    with torch.no_grad():
        symbols = system.encode(image, 12.0, channel_uses=USES)
        cut = strips(HEIGHT, WIDTH, USES, 16)
        monkeypatch.undo()
        apart = [system.encode(image[:, :, strip.rows], 12.0, channel_uses=strip.channel_uses) for strip in cut]
    torch.testing.assert_close(symbols, torch.cat(apart, dim=1), atol=0.05, rtol=0)


def test_a_payload_that_no_header_can_tell_is_made_smaller(monkeypatch, codebook, image):
    hybrid = build_hybrid_code(codebook=codebook, device="cpu")
    whole = hybrid.transmit(image, 15.0, channel_uses=USES, generator=seeded())
    for used_in in (search, frames):
        monkeypatch.setattr(used_in, "LARGEST_PAYLOAD_BITS", 2000)
    short = hybrid.transmit(image, 15.0, channel_uses=USES, generator=seeded())
    assert short.lost.tolist() == [False]
    assert 0 < int(short.channel_uses["sketch"]) < 0.6 * int(whole.channel_uses["sketch"])
    assert float(short.psnr_db) < float(whole.psnr_db)


def test_nothing_put_together_is_nothing():
    assert put_together(strips(32, 16, 100, 16), [None], 0, (32, 16)) is None
