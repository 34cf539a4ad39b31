"""The count of transmissions whose bits all arrive: what it compares, and its interval."""

import sys
from pathlib import Path

import pytest
import torch
from tiny_codebook import dead_leaves
from toys import ToyCaptioner, ToySegmenter, seeded

from semcomm import CaptionFeature, SegmentationFeature, build_hybrid_code

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import bit_exact


@pytest.fixture(scope="module")
def system(codebook):
    caption, segmentation = CaptionFeature(ToyCaptioner()), SegmentationFeature(ToySegmenter())
    return build_hybrid_code(codebook=codebook, caption=caption, segmentation=segmentation, device="cpu")


def watched_transmission(system, snr_db):
    with bit_exact.watched() as (coded, decoded):
        sent = system.transmit(
            dead_leaves(128, 144, 3)[None], snr_db, told_snr_db=12.0, channel_uses=4000, generator=seeded()
        )
    return sent, coded, decoded


def test_what_arrives_whole_is_alike_and_one_changed_level_is_not(system):
    sent, coded, decoded = watched_transmission(system, 12.0)
    assert sent.lost.tolist() == [False]
    assert bit_exact.alike(coded, decoded)
    decoded["sketch"][0][5, 0] += 1
    assert not bit_exact.alike(coded, decoded)


def test_a_lost_transmission_is_counted_as_such(system, monkeypatch):
    draws = iter([0.5] * 20)
    monkeypatch.setattr(bit_exact, "between", lambda low, high, random: low + (high - low) * next(draws))  # noqa: ARG005
    transmit = system.transmit
    monkeypatch.setattr(system, "transmit", lambda *given, **options: transmit(*given, told_snr_db=20.0, **options))
    what, found = bit_exact.send(system, dead_leaves(160, 160, 4), seeded())
    assert found is False
    assert what.endswith("7.5 dB")


def test_a_transmission_without_bits_does_not_count(system, monkeypatch):
    draws = iter([0.0] * 6 + [0.5] * 9)
    monkeypatch.setattr(bit_exact, "between", lambda low, high, random: low + (high - low) * next(draws))  # noqa: ARG005
    _, found = bit_exact.send(system, dead_leaves(160, 160, 4), torch.Generator().manual_seed(0))
    assert found is None


def test_wilsons_interval():
    assert bit_exact.interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-3)
    assert bit_exact.interval(995, 1000) == pytest.approx((0.9883, 0.9979), abs=1e-3)
