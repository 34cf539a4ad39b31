"""What the receiver of the hybrid code delivers: captions and label maps, weights by label, what is left when lost."""

import subprocess
import sys
import warnings

import pytest
import torch
from toys import ToyCaptioner, ToySegmenter

import semcomm.receiver.hybrid as receiving
from semcomm import AWGNChannel, CaptionFeature, RayleighChannel, SegmentationFeature
from semcomm.contracts import Received, Semantics
from semcomm.experiments.measure import evaluate
from semcomm.files.pictures import load_image
from semcomm.link.transport import Payload
from semcomm.nested_builders import build_hybrid_code, build_linear_code
from semcomm.quality.image import psnr

SIDE = 192
USES = 4608
"""k/n = 1/24."""


@pytest.fixture(scope="module")
def face(hopper_path):
    return load_image(hopper_path)[None, :, 30 : 30 + SIDE, 150 : 150 + SIDE].contiguous()


@pytest.fixture(scope="module")
def system():
    caption, segmentation = CaptionFeature(ToyCaptioner()), SegmentationFeature(ToySegmenter())
    return build_hybrid_code(caption=caption, segmentation=segmentation, device="cpu")


@pytest.fixture(scope="module")
def semantics():
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
    labels[:, 48:144, 48:144] = 2
    return Semantics(torch.tensor([[1, 3, 4, 0, 0]]), labels)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_caption_and_label_map_arrive_and_the_channel_uses_add_up(system, face, semantics):
    sent = system.transmit(face, 10.0, semantics=semantics, channel_uses=USES, generator=seeded())
    assert sent.received_captions == sent.captions == ["dark bright light"]
    assert torch.equal(sent.received_labels, semantics.labels)  # its edges lie on the cells'
    assert sent.lost.tolist() == [False]
    uses = {name: int(value) for name, value in sent.channel_uses.items()}
    assert list(uses) == ["header", "caption", "labels", "textures", "sketch", "details", "overhead"]
    assert sum(uses.values()) == USES == sent.symbols_per_image
    assert min(uses["caption"], uses["labels"]) > 0
    assert uses["labels"] <= 0.06 * sum(uses[name] for name in ("caption", "labels", "textures", "sketch"))
    assert sent.measured_snr_db == pytest.approx(10, abs=0.3)


def test_the_extractors_run_where_nothing_is_given(system, face):
    sent = system.transmit(face, 10.0, channel_uses=USES, generator=seeded())
    assert sent.received_captions == sent.captions
    assert sent.labels.shape == (1, SIDE, SIDE)
    assert sent.received_labels.shape == (1, SIDE, SIDE)
    received = system(face.float() / 255, 10.0, channel_uses=USES, generator=seeded())
    assert psnr(received, face.float() / 255) == pytest.approx(float(sent.psnr_db), abs=0.1)


def test_meaning_costs_little(system, face, semantics):
    plain = build_hybrid_code(device="cpu")
    without = plain.transmit(face, 10.0, channel_uses=USES, generator=seeded())
    assert without.received_captions is None
    assert without.received_labels is None
    assert int(without.channel_uses["caption"]) == int(without.channel_uses["labels"]) == 0
    spoken = system.transmit(face, 10.0, semantics=semantics, channel_uses=USES, generator=seeded())
    assert spoken.psnr_db > without.psnr_db - 0.5


def test_importance_helps_inside_and_costs_outside(system, face, semantics):
    inside = (semantics.labels == 2).expand(3, -1, -1)[None].reshape(1, 3, SIDE, SIDE)
    errors = {}
    for weight in (1 / 32, 1.0, 4.0, 16.0):
        sent = system.transmit(
            face, 1.0, semantics=semantics, channel_uses=USES, importance={"water": weight}, generator=seeded()
        )
        assert torch.equal(sent.received_labels, semantics.labels)
        square = (sent.images.float() - face.float()).square()
        errors[weight] = float(square[inside].mean()), float(square[~inside].mean())
    within, without = zip(*errors.values(), strict=True)
    assert list(within) == sorted(within, reverse=True)
    assert list(without) == sorted(without)
    assert within[2] < 0.8 * within[1]


def test_a_dropped_label_map_is_said(system, face):
    noise = torch.randint(4, (1, SIDE, SIDE), generator=seeded())
    semantics = Semantics(torch.tensor([[1, 0, 0, 0, 0]]), noise)
    sent = system.transmit(face, 1.0, semantics=semantics, channel_uses=2000, generator=seeded())
    assert sent.lost.tolist() == [False]
    assert sent.received_captions == ["dark"]
    assert bool((sent.received_labels == receiving.NO_LABEL).all())
    assert int(sent.channel_uses["labels"]) == 0


def test_weights_that_cannot_be_told_are_said(system, face, semantics):
    with pytest.warns(UserWarning, match="importance has no effect: what it brings does not pay for itself in 1200"):
        sent = system.transmit(face, 1.0, semantics=semantics, channel_uses=1200, importance={"water": 4.0})
    assert sent.received_captions == [None]
    assert bool((sent.received_labels == receiving.NO_LABEL).all())


def test_below_the_safe_snr_it_is_lost_and_said(system, face, semantics):
    channel_uses, lost = USES, []
    for seed in range(4):
        sent = system.transmit(
            face, 4.0, told_snr_db=10.0, semantics=semantics, channel_uses=channel_uses, generator=seeded(seed)
        )
        lost.append(bool(sent.lost))
        assert sent.received_captions[0] in (None, "dark bright light")
        labels = sent.received_labels
        assert torch.equal(labels, semantics.labels) or bool((labels == receiving.NO_LABEL).all())
    assert all(lost)


def test_noise_alone_is_lost_and_gray(system):
    noise = torch.randn(3, USES, dtype=torch.complex64, generator=seeded())
    received = Received(noise, noise_variance=torch.tensor(1.0))
    delivered = system.receiver(received, (SIDE, SIDE), 0.0)
    assert delivered.lost.tolist() == [True] * 3
    assert delivered.captions == [None] * 3
    assert bool((delivered.images == receiving.GRAY).all())


def test_the_first_blocks_show_a_coarse_picture(system, hopper_path, monkeypatch):
    image = load_image(hopper_path)[None, :, :384, :512]
    labels = torch.zeros(1, 384, 512, dtype=torch.int64)
    labels[:, 64:, 128:384] = 1
    semantics = Semantics(torch.tensor([[2, 2, 4, 0, 0]]), labels)
    uses = image.numel() // 12
    symbols = system.encode(image.float() / 255, 10.0, semantics=semantics, channel_uses=uses)
    received = Received(symbols, noise_variance=torch.tensor(1e-3))
    true_receive, scores = receiving.transport.receive, []

    def only(arrive):
        def receive(*given, **named):
            (payload,) = true_receive(*given, **named)
            arrived = torch.arange(len(payload.blocks_ok)) < arrive
            bits = payload.bits.copy()
            bits[arrive * payload.block_payload :] = 1 - bits[arrive * payload.block_payload :]
            return [Payload(bits, arrived.numpy(), payload.block_payload)]

        return receive

    blocks = blocks_of(received)
    assert blocks >= 3
    for arrive in range(blocks + 1):
        monkeypatch.setattr(receiving.transport, "receive", only(arrive))
        delivered = system.receiver(received, (384, 512), 10.0)
        scores.append(float(psnr(delivered.images, image.float() / 255)))
        assert delivered.lost.tolist() == [arrive < blocks]
        assert delivered.captions == ([None] if arrive == 0 else ["dim dim light"])
        assert bool((delivered.labels == (receiving.NO_LABEL if arrive == 0 else labels)).all())
    assert all(after >= before - 0.2 for before, after in zip(scores, scores[1:], strict=False))
    assert scores[2] > scores[0] + 4  # the first block holds caption, label map and little more than the texture map


def blocks_of(received):
    """How many blocks a frame's payload has, by its header."""
    (found,) = receiving.header.receive([received.symbols[0]], noise_variance=[received.noise_variance])
    fields = receiving.Fields.from_bits(found.bits)
    return receiving.transport.plan(8 * fields.payload_bytes, fields.mode).blocks


def test_ends_that_speak_differently_say_so(system, face, semantics):
    symbols = system.encode(face.float() / 255, 10.0, semantics=semantics, channel_uses=USES)
    other = build_hybrid_code(caption=CaptionFeature(ToyCaptioner()), device="cpu")
    with pytest.raises(ValueError, match="received cannot be understood: the sender's words or class names"):
        other.decode(symbols, (SIDE, SIDE), 20.0, channel_uses=USES)


RECEIVE = """
import sys, torch
from safetensors.torch import load_file
from toys import ToyCaptioner, ToySegmenter
from semcomm import CaptionFeature, SegmentationFeature
from semcomm.contracts import Received
from semcomm.nested_builders import build_hybrid_code
torch.set_num_threads(1)
caption, segmentation = CaptionFeature(ToyCaptioner()), SegmentationFeature(ToySegmenter())
system = build_hybrid_code(caption=caption, segmentation=segmentation, device="cpu")
parts = load_file(sys.argv[1])["symbols"]
received = Received(torch.complex(parts[0], parts[1]), noise_variance=torch.tensor(0.1))
delivered = system.receiver(received, (192, 192), 10.0)
torch.save({"images": delivered.images, "captions": delivered.captions, "labels": delivered.labels}, sys.argv[2])
"""


def test_nothing_but_symbols_passes_from_sender_to_receiver(system, face, semantics, tmp_path):
    from safetensors.torch import save_file

    weights = {"importance": {"water": 4.0}, "semantics": semantics, "channel_uses": USES}
    symbols = system.encode(face.float() / 255, 10.0, **weights)
    arrived = AWGNChannel()(symbols, 10.0, generator=seeded())
    save_file({"symbols": torch.stack([arrived.real, arrived.imag]).contiguous()}, tmp_path / "symbols.safetensors")
    run = [sys.executable, "-c", RECEIVE, str(tmp_path / "symbols.safetensors"), str(tmp_path / "out.pt")]
    subprocess.run(run, check=True, cwd=tmp_path, env=_environment())
    told = torch.load(tmp_path / "out.pt", weights_only=True)
    assert told["captions"] == ["dark bright light"]
    assert torch.equal(told["labels"], semantics.labels)
    here = system.transmit(face, 10.0, generator=seeded(), **weights)
    assert (told["images"] - here.images.float() / 255).abs().max() <= 1 / 255


def _environment():
    import os
    from pathlib import Path

    tests = Path(__file__).parents[1]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"safe_snr_db": float("nan")}, "safe_snr_db must be an SNR in dB, at least -300, got nan"),
        ({"safe_snr_db": float("inf")}, "safe_snr_db must be finite, in dB, got inf"),
        ({"importance": {"cat": 4.0}}, "labels among sky, ground, water, wall; got 'cat'"),
        ({"importance": {"sky": -4.0}}, r"importance\['sky'\] must be a weight"),
        ({"levels": 1}, "levels must be an integer from 2 to 21, got 1"),
        ({"levels": 22}, "levels must be an integer from 2 to 21, got 22"),
        ({"channel_uses": 0}, "channel_uses must be an integer of at least 1, got 0"),
        ({"levels": 4, "channel_uses": 900}, "levels must be None where channel_uses says k, got 4 and 900"),
    ],
)
def test_bad_requests_are_refused_by_name(system, face, options, said):
    with pytest.raises(ValueError, match=said):
        system.transmit(face, 10.0, **options)


def test_evaluate_counts_what_arrives(system, face):
    common = {"channel_uses": USES, "told_snr_db": 10.0, "importance": {"sky": 4.0, "water": 2.0}}
    measured = evaluate(system, face, [0.0, 10.0], **common)
    lost, fine = measured.rows
    arrived = ("bits_arrived", "caption_arrived", "labels_arrived")
    assert [lost[name] for name in arrived] == [0, 0, 0]
    assert [fine[name] for name in arrived] == [1, 1, 1]
    assert min(fine["psnr_inside_db"], fine["psnr_outside_db"]) < fine["psnr_db"]
    assert fine["psnr_db"] < max(fine["psnr_inside_db"], fine["psnr_outside_db"])


def test_the_linear_code_has_nothing_to_lose(face):
    sent = build_linear_code(device="cpu").transmit(face, 5.0, channel_uses=USES)
    assert sent.lost is None
    assert set(sent.channel_uses) == {"header", "details", "overhead"}


def test_importance_needs_labels_and_eval_mode(face):
    for other in (build_linear_code(device="cpu"), build_hybrid_code(device="cpu")):
        with pytest.raises(ValueError, match="importance must be None without a segmentation level"):
            other.transmit(face, 10.0, importance={"sky": 2.0})
    training = build_hybrid_code(segmentation=SegmentationFeature(ToySegmenter()), device="cpu").train()
    with pytest.raises(ValueError, match="importance must be None while training"):
        training(face.float() / 255, 10.0, importance={"sky": 2.0})


@pytest.mark.parametrize(
    ("semantics", "said"),
    [
        (Semantics(labels=torch.zeros(1, 3, 3).long()), r"semantics.labels must have shape \(1, 192, 192\)"),
        (Semantics(labels=torch.full((1, SIDE, SIDE), 4)), r"semantics.labels must be in 0..3, got 4..4"),
        (Semantics(tokens=torch.zeros(2, 5, dtype=torch.int64)), "semantics.tokens must be .b, T. for 1 images"),
    ],
)
def test_semantics_that_do_not_fit_are_refused(system, face, semantics, said):
    with pytest.raises(ValueError, match=said):
        system.encode(face.float() / 255, 10.0, semantics=semantics, channel_uses=USES)


def test_a_safe_snr_above_the_one_told_is_allowed_but_said(system, face, semantics):
    with pytest.warns(UserWarning, match="safe_snr_db is 12, above the SNR told, 5 dB"):
        sent = system.transmit(face, 5.0, semantics=semantics, channel_uses=USES, safe_snr_db=12.0)
    assert sent.symbols_per_image == USES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        system.encode(face.float() / 255, 5.0, semantics=semantics, channel_uses=USES, safe_snr_db=5.0)
    with pytest.raises(ValueError, match="safe_snr_db must be finite"):
        build_hybrid_code(safe_snr_db=float("inf"), device="cpu")


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_fades_that_the_receiver_is_not_told_are_refused(face, mode):
    system = getattr(build_hybrid_code(channel=RayleighChannel(csi="none"), device="cpu"), mode)()
    with pytest.raises(ValueError, match="channel must tell its gains to a receiver of bits.*: RayleighChannel fades"):
        system(face.float() / 255, 10.0, channel_uses=USES)


def test_a_channel_of_another_length_is_refused(face):
    class Longer(torch.nn.Module):
        def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
            return torch.cat([x, x[:, :3]], dim=1)

    system = build_hybrid_code(channel=Longer(), device="cpu")
    with pytest.raises(ValueError, match=rf"channel Longer must return .*\(1, {USES}\), got \(1, {USES + 3}\)"):
        system.transmit(face, 10.0, channel_uses=USES)
