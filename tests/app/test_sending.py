"""The page's transmissions are those of `transmit` and of the separation baseline, in the same channel uses."""

import pytest
import torch
from toys import semantic_system

from semcomm import AWGNChannel, RayleighChannel, SeparationBaseline, build_hybrid_code
from semcomm.app import sending
from semcomm.app.answers import Question
from semcomm.app.cards import codec_cards, codecs_to_come, message, received_cards
from semcomm.app.photographs import Photograph
from semcomm.app.sending import CHANNELS, Sender


@pytest.fixture
def sender(monkeypatch, codebook):
    """One whose hybrid code is small, and whose other system sends a caption and a label map."""
    hybrid = build_hybrid_code(codebook=codebook, device="cpu")
    systems = {"toy": semantic_system(3, 4), "hybrid-code": hybrid}
    monkeypatch.setattr(sending, "from_pretrained", systems.__getitem__)
    return Sender()


@pytest.fixture
def question(photograph):
    return Question(Photograph("crop", photograph, (96, 80)), "toy", None, "AWGN", 6.0)


def noise():
    return torch.Generator().manual_seed(0)


def test_a_photograph_is_sent_as_by_the_command(sender, question, photograph):
    arrived = sender.send(question)
    expected = semantic_system(3, 4).eval().transmit(photograph[None], 6.0, generator=noise())
    assert torch.equal(arrived.sent.images, expected.images)
    assert arrived.sent.captions == expected.captions
    assert torch.equal(arrived.sent.symbols, expected.symbols)


def test_the_snr_told_is_told(sender, question, photograph):
    hybrid = Question(question.photograph, "hybrid-code", 6, "AWGN", 3.0, 9.0)
    arrived = sender.send(hybrid)
    system = sender.system("hybrid-code")
    told = system.transmit(photograph[None], 3.0, levels=6, told_snr_db=9.0, generator=noise())
    plain = system.transmit(photograph[None], 3.0, levels=6, generator=noise())
    assert torch.equal(arrived.sent.symbols, told.symbols)
    assert not torch.equal(arrived.sent.symbols, plain.symbols)
    assert arrived.sent.symbols_per_image == 6 * 5 * 19


def test_symbols_are_made_once_for_an_snr_told(sender, question, monkeypatch):
    system = sender.system("hybrid-code")
    drafts = []
    monkeypatch.setattr(system.transmitter, "_drafts", lambda *a: drafts.append(a) or _drafts(*a))
    _drafts = type(system.transmitter)._drafts.__get__(system.transmitter)
    asked = [("AWGN", 3.0, 9.0, 6), ("AWGN", 5.0, 9.0, 6), ("Rician", 5.0, 9.0, 6), ("AWGN", 5.0, 8.0, 6)]
    asked.append(("AWGN", 5.0, 8.0, 7))
    for channel, snr_db, told_snr_db, levels in asked:
        sender.send(Question(question.photograph, "hybrid-code", levels, channel, snr_db, told_snr_db))
    assert len(drafts) == 4  # over fading, bits need a stronger code


def test_only_some_systems_choose_levels(sender):
    assert sender.has_levels("hybrid-code")
    assert not sender.has_levels("toy")


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_is_one_of_the_command_line(sender, question, channel):
    sent = sender.send(Question(question.photograph, "toy", None, channel, 12.0)).sent
    kind = {"AWGN": AWGNChannel, "Rayleigh, one fade": RayleighChannel}.get(channel)
    assert kind is None or type(sender.system("toy").channel) is kind
    assert sent.images.shape == (1, 3, 96, 80)


def test_codecs_spend_the_same_channel_uses(sender, question, photograph):
    k = sender.send(question).sent.symbols_per_image
    sent = sender.send_codecs(question)
    assert list(sent) == ["JPEG at capacity", "JPEG over 5G LDPC", "AVIF at capacity", "AVIF over 5G LDPC"]
    assert {one.symbols_per_image for one in sent.values()} == {k}
    jpeg = SeparationBaseline("jpeg", symbols_per_image=lambda height, width: k, delivered="gray")  # noqa: ARG005
    assert torch.equal(sent["JPEG at capacity"].images, jpeg.transmit(photograph[None], 6.0).images)


def test_no_capacity_is_claimed_where_none_is_known(sender, question):
    sent = sender.send_codecs(Question(question.photograph, "toy", None, "Rician", 12.0))
    assert list(sent) == ["JPEG over 5G LDPC", "AVIF over 5G LDPC"]


def test_codecs_fall_off_the_cliff_that_the_sender_does_not_see(sender, question):
    sent = sender.send_codecs(Question(question.photograph, "toy", None, "AWGN", 0.0, 6.0))
    assert all(bool(one.failed[0]) for one in sent.values())


# What is shown of it


def test_the_cards_hold_pictures_scores_and_words(sender, question):
    arrived = sender.send(question)
    shown = received_cards(question, arrived)
    assert f"<dd>{arrived.sent.psnr_db.item():.2f} dB</dd>" in shown
    assert f"<dd>{arrived.sent.symbols_per_image:,}</dd>" in shown
    assert f"Caption sent: <q>{arrived.sent.captions[0]}</q>" in shown
    assert shown.count("<img ") == shown.count('src="data:image/png;base64,') == 4
    assert 'alt="The photograph received at 6 dB"' in shown
    assert "http" not in shown.replace("base64,", "")[:2000]
    codecs = codec_cards(question, sender.send_codecs(question))
    assert "JPEG over 5G LDPC" in codecs
    assert "coding" in codecs_to_come()


def test_what_is_lost_is_said(sender, photograph):
    hybrid = Question(Photograph("large", photograph.repeat(1, 3, 3), (288, 240)), "hybrid-code", 6, "AWGN", -4.0, 12.0)
    arrived = sender.send(hybrid)
    assert bool(arrived.sent.lost[0])
    shown = received_cards(hybrid, arrived)
    assert "its bits lost" in shown
    assert "<dt>sender is told</dt><dd>12 dB</dd>" in shown
    assert "nothing decodable" in codec_cards(hybrid, sender.send_codecs(hybrid))


def test_words_are_no_markup():
    assert "<b>" not in message("cannot read <b>.jpg")
