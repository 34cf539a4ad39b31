"""CIDEr-D against pycocoevalcap's numbers and closed forms."""

import math

import pytest

from semcomm.quality.cider import cider_d

REFERENCES = [
    ["a black dog runs through the grass", "the dog runs fast", "a dog"],
    ["two boys play soccer on the grass", "the boys play with a ball"],
    ["a woman rides a horse on the beach", "a horse and a woman by the sea", "a woman on a brown horse"],
]
WRITTEN = ["a black dog runs on the grass", "two boys kick a ball a ball", "zebra"]
PUBLISHED = [2.8103221099640763, 1.3318099803562686, 0.0]
"""What pycocoevalcap 1.2's `CiderScorer(n=4, sigma=6.0)` gives for these, split at blanks."""


def test_scores_are_pycocoevalcaps():
    assert cider_d(WRITTEN, REFERENCES) == pytest.approx(PUBLISHED, abs=1e-9)


def test_the_very_words_score_ten_and_another_length_scores_less():
    """Alone with its reference a caption of n-grams seen in one of two images scores 10 exp(-difference^2 / 72)."""
    others = ["nothing shared here at all"]
    assert cider_d(["one two three four five"] * 2, [["One, two three four five."], others])[0] == pytest.approx(10)
    twice = cider_d(["one two"] * 2, [["one two one two one two"], others])[0]
    # Clipping leaves the weights of one occurrence; of the two kinds of pairs in the reference one is in the caption.
    one = (2 * 3) / (math.sqrt(2) * math.sqrt(18))
    two = 3 / (1 * math.sqrt(9 + 4))
    assert twice == pytest.approx(10 / 4 * (one + two) * math.exp(-16 / 72))


def test_words_in_every_image_weigh_nothing():
    assert cider_d(["a dog", "a dog"], [["a"], ["a cat"]]) == [0, 0]


def test_wrong_references_are_refused():
    with pytest.raises(ValueError, match="written must have one caption for each of 2 images, got 1"):
        cider_d(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="references must have a sentence for each image, image 1 has none"):
        cider_d(["a", "b"], [["a"], []])
