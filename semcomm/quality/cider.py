"""CIDEr-D: how much captions agree with what people wrote, weighted by how telling each run of words is."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from semcomm.data.captions import tokenize

LONGEST = 4
"""Words in the longest runs counted."""

LENGTH_SPREAD = 6.0
"""Standard deviation, in words, of the Gaussian that punishes another length than the reference's."""

Vector = Mapping[tuple[str, ...], float]


def cider_d(written: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    r"""Score captions by CIDEr-D (Vedantam et al., CVPR 2015, equations 2 to 5 and section 7).

    Per caption c with references s_1..s_m, in lower case without punctuation:

    $\frac{10}{4 m} \sum_{n=1}^{4} \sum_j e^{-(l(c) - l(s_j))^2 / 72}
    \frac{\min(g_n(c), g_n(s_j)) \cdot g_n(s_j)}{\|g_n(c)\| \|g_n(s_j)\|}$

    where l counts words, and g_n holds each run of n words' count times log(images / images with a reference that has
    it). The images given are the corpus: scores of different sets do not compare. Runs, weights and lengths are those
    of pycocoevalcap, whose tokenizer differs in rare words only (it parts "man's").

    Args:
        written: one caption per image.
        references: what people wrote about each image, one sentence or more.

    Returns:
        one score per image, 0 to 10; the set's score is the mean.

    Raises:
        ValueError: if the numbers of images differ, or an image has no reference.

    Example:
        >>> people = [["a dog runs on grass"], ["two men row a boat"]]
        >>> [round(score, 3) for score in cider_d(["a dog runs on grass", "a dog runs on grass"], people)]
        [10.0, 0.0]
    """
    if len(written) != len(references):
        raise ValueError(f"written must have one caption for each of {len(references)} images, got {len(written)}")
    if not all(references):
        raise ValueError(f"references must have a sentence for each image, image {_first_empty(references)} has none")
    counted = [[_runs(one) for one in several] for several in references]
    images_with = Counter(run for several in counted for run in {run for one in several for run in one})
    weights = {run: math.log(len(references)) - math.log(count) for run, count in images_with.items()}
    unseen = math.log(len(references))
    scores = []
    for caption, several in zip(written, counted, strict=True):
        own = _runs(caption)
        scores.append(sum(_similarity(own, other, weights, unseen) for other in several) / len(several))
    return scores


def _similarity(own: Counter, other: Counter, weights: Vector, unseen: float) -> float:
    length = _words(own) - _words(other)
    penalty = math.exp(-(length**2) / (2 * LENGTH_SPREAD**2))
    total = 0.0
    for n in range(1, LONGEST + 1):
        one = {run: count * weights.get(run, unseen) for run, count in own.items() if len(run) == n}
        two = {run: count * weights.get(run, unseen) for run, count in other.items() if len(run) == n}
        norms = math.hypot(*one.values()) * math.hypot(*two.values())
        shared = sum(min(value, two[run]) * two[run] for run, value in one.items() if run in two)
        total += shared / norms if norms > 0 else 0.0
    return 10 * penalty * total / LONGEST


def _runs(caption: str) -> Counter:
    """Count a caption's runs of one to four words."""
    words = tokenize(caption)
    return Counter(
        tuple(words[place : place + n]) for n in range(1, LONGEST + 1) for place in range(len(words) - n + 1)
    )


def _words(runs: Counter) -> int:
    return sum(count for run, count in runs.items() if len(run) == 1)


def _first_empty(references: Sequence[Sequence[str]]) -> int:
    return next(number for number, several in enumerate(references) if not several)
