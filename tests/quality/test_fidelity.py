"""Against sets of pixels counted by hand, and torchmetrics' ROUGE."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.text.rouge import _rouge_n_score
from toys import caption_feature, rand_images, seeded, segmentation_feature

from semcomm import SegmentationFeature
from semcomm.experiments import demo_image
from semcomm.images import to_float
from semcomm.quality.fidelity import (
    SemanticFidelity,
    caption_agreement,
    label_agreement,
    label_iou,
    lite_fidelity,
)

LABELS = ["label_agreement", "label_iou"]
WORDS = st.lists(st.sampled_from(["a", "dog", "cat", "runs", "on", "grass"]), max_size=9)


@pytest.fixture
def fidelity():
    return SemanticFidelity(segmentation_feature(), caption_feature())


def maps(seed, classes=5):
    return torch.randint(0, classes, (3, 6, 7), generator=seeded(seed))


def iou_by_hand(one, other):
    """Sets of pixels, class by class."""
    scores = []
    for label in set(one.flat) | set(other.flat):
        here, there = set(np.flatnonzero(one == label)), set(np.flatnonzero(other == label))
        scores.append(len(here & there) / len(here | there))
    return np.mean(scores)


@given(st.integers(0, 100), st.integers(1, 9), st.integers(1, 9))
def test_label_scores_are_those_by_hand(seed, classes, others):
    one, other = maps(seed, classes), maps(seed + 1, others)
    pairs = list(zip(one.numpy(), other.numpy(), strict=True))
    np.testing.assert_allclose(label_agreement(one, other).numpy(), [np.mean(a == b) for a, b in pairs], rtol=1e-6)
    np.testing.assert_allclose(label_iou(one, other).numpy(), [iou_by_hand(a, b) for a, b in pairs], rtol=1e-6)


@given(st.integers(0, 100))
def test_label_scores_are_symmetric_and_one_for_equal_maps(seed):
    one, other = maps(seed), maps(seed + 1)
    for score in (label_agreement, label_iou):
        assert torch.equal(score(one, other), score(other, one))
        assert score(one, one).tolist() == [1.0, 1.0, 1.0]


@given(WORDS, WORDS)
def test_caption_agreement_is_rouge_1(one, other):
    if one or other:
        expected = float(_rouge_n_score(one, other, 1)["fmeasure"])
        assert caption_agreement([" ".join(one)], [" ".join(other)]).item() == pytest.approx(expected)
    assert caption_agreement([" ".join(one)], [" ".join(one)]).item() == 1.0


def test_words_are_compared_without_case_punctuation_or_order():
    received = ["A dog, running.", "dog a dog", "", "cat"]
    sent = ["running a dog", "a dog", "", ""]
    np.testing.assert_allclose(caption_agreement(received, sent).numpy(), [1, 4 / 5, 1, 0])


def test_identical_images_score_exactly_one(fidelity):
    images = rand_images(3)
    assert {name: score.tolist() for name, score in fidelity(images, images).items()} == dict.fromkeys(
        [*LABELS, "caption_agreement"], [1.0] * 3
    )


def test_lite_extractors_find_less_in_a_noisier_image():
    fidelity, sent = lite_fidelity(), to_float(demo_image()[None])
    noise = torch.randn(sent.shape, generator=seeded())
    assert all(score.tolist() == [1.0] for score in fidelity(sent, sent).values())
    slightly = fidelity((sent + 0.02 * noise).clamp(0, 1), sent)
    strongly = fidelity((sent + 0.5 * noise).clamp(0, 1), sent)
    assert all(slightly[name] > strongly[name] for name in LABELS)
    assert slightly["caption_agreement"] >= strongly["caption_agreement"]
    assert all(0 <= score.item() < 1 for name, score in strongly.items())


def test_scores_are_the_extractors_and_do_not_depend_on_the_batch(fidelity):
    received, sent = rand_images(3, seed=1), rand_images(3, seed=2) * 0.6
    scores = fidelity(received, sent)
    segment, describe = fidelity.segmentation.labels, fidelity.caption
    assert torch.equal(scores["label_agreement"], label_agreement(segment(received), segment(sent)))
    assert torch.equal(scores["label_iou"], label_iou(segment(received), segment(sent)))
    words = [describe.text(describe.tokens(images)) for images in (received, sent)]
    assert torch.equal(scores["caption_agreement"], caption_agreement(*words))
    for place in range(3):
        alone = fidelity(received[place : place + 1], sent[place : place + 1])
        assert all(torch.equal(alone[name], scores[name][place : place + 1]) for name in scores)


def test_extractors_run_in_eval_mode_without_gradients_and_one_image_at_a_time(fidelity):
    """Even if somebody put them into training mode, where the toys' norm and dropout would show."""
    received, sent = rand_images(2, seed=1).requires_grad_(), rand_images(2, seed=2)
    expected = fidelity(received.detach(), sent)
    fidelity.segmentation.segmenter.train()
    fidelity.caption.captioner.train()
    scores = fidelity(received, sent)
    assert all(torch.equal(scores[name], expected[name]) and not scores[name].requires_grad for name in expected)
    assert fidelity.segmentation.segmenter.training
    assert fidelity.caption.captioner.training


def test_labels_and_captions_of_the_images_sent_spare_the_extractors(fidelity):
    received, sent = rand_images(2, seed=1), rand_images(2, seed=2)
    labels = fidelity.segmentation.labels(sent)
    captions = fidelity.caption.text(fidelity.caption.tokens(sent))
    expected = fidelity(received, sent)
    calls = fidelity.segmentation.segmenter.calls, fidelity.caption.captioner.calls
    scores = fidelity(received, sent, labels=labels, captions=captions)
    assert all(torch.equal(scores[name], expected[name]) for name in expected)
    spent = fidelity.segmentation.segmenter.calls - calls[0], fidelity.caption.captioner.calls - calls[1]
    assert spent == (2, 2)  # one per image received


def test_one_extractor_is_enough():
    received, sent = rand_images(2, seed=1), rand_images(2, seed=2)
    assert list(SemanticFidelity(segmentation_feature(), None)(received, sent)) == LABELS
    assert list(SemanticFidelity(None, caption_feature())(received, sent)) == ["caption_agreement"]


def test_what_does_not_fit_is_refused(fidelity):
    images = rand_images(2)
    with pytest.raises(ValueError, match="segmentation or caption must be an extractor, got None for both"):
        SemanticFidelity(None, None)
    with pytest.raises(TypeError, match="segmentation must be a SegmentationFeature or None, got ToySegmenter"):
        SemanticFidelity(segmentation_feature().segmenter, None)
    with pytest.raises(TypeError, match="caption must be a CaptionFeature or None, got SegmentationFeature"):
        SemanticFidelity(None, segmentation_feature())
    with pytest.raises(ValueError, match=r"received must have the shape of sent, \(2, 3, 16, 16\), got \(1,"):
        fidelity(images[:1], images)
    with pytest.raises(ValueError, match=r"label maps must be \(b, h, w\).*\(2, 16, 16\) and \(1, 16, 16\)"):
        fidelity(images, images, labels=torch.zeros(1, 16, 16, dtype=torch.int64))
    with pytest.raises(ValueError, match="must be of the same images, got 2 received and 1 sent"):
        fidelity(images, images, captions=["dark"])
    with pytest.raises(ValueError, match=r"label maps must be"):
        label_iou(torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 2, dtype=torch.int64))


@pytest.mark.cuda
def test_extractors_follow_the_images_to_their_device(fidelity):
    images = rand_images(2)
    expected = fidelity(images, images)
    scores = fidelity(images.cuda(), images.cuda())
    assert all(score.is_cuda and torch.equal(score.cpu(), expected[name]) for name, score in scores.items())


def test_any_segmenter_will_do():
    class Halves(torch.nn.Module):
        class_names = ("dark", "light")
        palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])

        def segment(self, images):
            return (images.mean(1) > 0.5).long()

    sent = torch.cat([torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)], dim=3)
    received = sent.clone()
    received[..., 4:6] = 0  # a quarter of the pixels changes sides
    scores = SemanticFidelity(SegmentationFeature(Halves()), None)(received, sent)
    assert scores["label_agreement"].tolist() == [0.75]
    assert scores["label_iou"].item() == pytest.approx((16 / 24 + 8 / 16) / 2)
