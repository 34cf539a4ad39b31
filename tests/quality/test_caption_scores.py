"""Scores of captions: BLEU by hand, the controls, and the likelihood test."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.data.captions import CaptionedImage
from semcomm.extractors.lite_captioner import END, MARKERS, PADDING, UNKNOWN, build_lite_captioner
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.quality.captions import (
    bleu,
    caption_likelihood,
    caption_scores,
    caption_tokens,
    evaluate_captioner,
    read_photographs,
    sign_flip_test,
    write_captions,
)
from semcomm.quality.cider import cider_d

WORDS = (*MARKERS, "a", "dog", "runs", "boy")


@pytest.fixture(scope="module")
def captioner():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_lite_captioner(
            WORDS, channels=(4,) * 8, features=8, description=6, embedding=4, hidden=6, length=6, side=20
        ).eval()


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    made = []
    for number, captions in enumerate([("A dog runs .", "A dog ."), ("A boy .",), ("A boy runs .", "A boy .")]):
        path = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(path)
        made.append(CaptionedImage(path, captions))
    return made


def test_tokens_end_pad_cut_and_mark_unknown_words():
    tokens = caption_tokens(WORDS, ["A cat runs .", "a dog runs a dog"], length=5)
    assert tokens.tolist() == [[4, UNKNOWN, 6, END, PADDING], [4, 5, 6, 4, 5]]


def test_bleu_by_hand():
    """Papineni et al.: candidate of 4 words, 3 known words, 2 of 3 pairs; as long as the reference."""
    scores = bleu(["A dog runs away ."], [["a dog runs home"]])
    assert scores["bleu_1"] == pytest.approx(3 / 4)
    assert scores["bleu_2"] == pytest.approx(math.sqrt(3 / 4 * 2 / 3))
    assert bleu(["a dog runs off now"], [["x y", "A dog runs off , now ."]])["bleu_4"] == pytest.approx(1)


def test_captions_are_scored_by_bleu_and_cider_d():
    written, references = ["a dog runs home"], [["a dog runs home", "a boy"]]
    scores = caption_scores(written + ["a boy"], references * 2)
    assert scores == bleu(written + ["a boy"], references * 2) | {
        "cider_d": pytest.approx(sum(cider_d(written + ["a boy"], references * 2)) / 2)
    }


def test_sign_flip_test_against_all_sign_patterns():
    differences = torch.tensor([0.5, 1.0, -0.2, 0.7, 0.1, 0.9])
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6)
    exact = float(((signs * differences).mean(1) >= differences.mean() - 1e-9).double().mean())
    assert sign_flip_test(differences, generator=torch.Generator().manual_seed(0)) == pytest.approx(exact, abs=0.01)
    symmetric = torch.randn(200, generator=torch.Generator().manual_seed(1))
    assert sign_flip_test(symmetric - symmetric.mean(), generator=torch.Generator().manual_seed(0)) > 0.3


def test_likelihood_pairs_captions_with_the_image_shifted(captioner, samples):
    contexts, captions = read_photographs(captioner, [s.path for s in samples]), [s.captions for s in samples]
    shifted = caption_likelihood(captioner, contexts, captions, shift=1)
    for place, sample in enumerate(samples):
        image = to_float(load_image(samples[(place + 1) % 3].path)[None])
        tokens = caption_tokens(WORDS, sample.captions, length=20)
        expected = captioner.log_likelihood(image.expand(len(tokens), -1, -1, -1), tokens).detach().mean()
        assert float(shifted[place]) == pytest.approx(float(expected), abs=1e-5)
    assert not torch.equal(shifted, caption_likelihood(captioner, contexts, captions))


def test_evaluation_scores_the_captions_and_the_controls(captioner, samples):
    scores = evaluate_captioner(captioner, samples, samples)
    assert scores["most_frequent_caption"] == "a boy"
    references = [sample.captions for sample in samples]
    contexts = read_photographs(captioner, [sample.path for sample in samples])
    assert scores["most_frequent"] == caption_scores(["a boy"] * 3, references)
    written = write_captions(captioner, contexts)
    assert scores["captioner"] == caption_scores(written, references)
    assert scores["distinct"] == len(set(written))
    right, wrong = (caption_likelihood(captioner, contexts, references, shift=shift) for shift in (0, 1))
    assert scores["likelihood"]["margin"] == pytest.approx(float((right - wrong).mean()))
    assert scores["likelihood"]["right_image"] == pytest.approx(float(right.mean()))
    assert scores["likelihood"]["wrong_image"] == pytest.approx(float(wrong.mean()))
    assert scores == evaluate_captioner(captioner, samples, samples)
    with pytest.raises(ValueError, match="test must hold at least two images, got 1"):
        evaluate_captioner(captioner, samples[:1], samples)


def test_shuffled_captions_never_keep_their_image(captioner, samples, monkeypatch):
    own = ["a dog runs home", "two boys swim there", "my red car stopped"]
    monkeypatch.setattr("semcomm.quality.captions.write_captions", lambda *_: own)
    named = [CaptionedImage(sample.path, (caption,)) for sample, caption in zip(samples, own, strict=True)]
    scores = evaluate_captioner(captioner, named, named)
    assert scores["captioner"]["bleu_4"] == pytest.approx(1)
    assert scores["shuffled"]["bleu_1"] == 0
