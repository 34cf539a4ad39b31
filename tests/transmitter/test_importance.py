"""Weights by label: what is refused, and how blocks get theirs."""

import math

import pytest
import torch

from semcomm.transmitter.importance import block_boosts, check_importance

NAMES = ("sky", "person", "dog")


def test_weights_become_eighths_of_an_octave():
    for weight in (1 / 1024, 0.3, 2.0, 4, 1000.0):
        ((place, boost),) = check_importance({"dog": weight}, NAMES)
        assert place == 2
        assert abs(boost / 8 - math.log2(weight)) <= 1 / 16 + 1e-9
    assert check_importance({"dog": 1.0, "sky": 1}, NAMES) == ()


@pytest.mark.parametrize(
    ("importance", "names", "error", "said"),
    [
        ({"cat": 2.0}, NAMES, ValueError, "labels among sky, person, dog; got 'cat'"),
        ({"dog": -1.0}, NAMES, ValueError, r"importance\['dog'\] must be a weight from 1/1024 to 1024, got -1.0"),
        ({"dog": 0.0}, NAMES, ValueError, "got 0.0"),
        ({"dog": math.nan}, NAMES, ValueError, "got nan"),
        ({"dog": math.inf}, NAMES, ValueError, "got inf"),
        ({"dog": "4"}, NAMES, TypeError, r"importance\['dog'\] must be a number, got '4'"),
        ({"dog": True}, NAMES, TypeError, "must be a number"),
        ({"dog": 2.0}, None, ValueError, "importance must be None without a segmentation level"),
        (["dog"], NAMES, TypeError, "must be weights by label"),
        ({str(n): 2.0 for n in range(16)}, tuple(map(str, range(16))), ValueError, "at most 15 weights"),
    ],
)
def test_bad_weights_are_refused_by_name(importance, names, error, said):
    with pytest.raises(error, match=said):
        check_importance(importance, names)


def test_blocks_take_the_weight_of_most_of_their_pixels():
    labels = torch.zeros(40, 48, dtype=torch.int64)
    labels[:16, :9] = 1  # 144 of 256 pixels
    labels[16:32, 16:23] = 1  # 112 of 256 pixels
    labels[32:, 32:] = 2  # a cut block, whole
    boosts = block_boosts(labels, ((1, 16), (2, -8)), 16, 3)
    assert boosts.reshape(3, 3).tolist() == [[16, 0, 0], [0, 0, 0], [0, 0, -8]]
