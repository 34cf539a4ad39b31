"""Which channels are kept, against sorting in plain Python."""

import pytest
import torch

from semcomm.baselines.rate_masks import kept_channels


def network(values, size):
    """A bitonic sorting network, pair by pair: falling order, equal pairs change places, None sorts to the end."""
    slots = [(value, index) for index, value in enumerate(values)] + [None] * (size - len(values))
    length = 2
    while length <= size:
        stride = length // 2
        while stride:
            for thread in range(size // 2):
                upwards = bool(thread & (length // 2)) and length < size
                left = 2 * thread - thread % stride
                one, other = slots[left], slots[left + stride]
                ordered = other is None or (one is not None and one[0] > other[0])
                if ordered == upwards:
                    slots[left], slots[left + stride] = other, one
            stride //= 2
        length *= 2
    return [slot[1] for slot in slots if slot is not None]


@pytest.mark.parametrize(("count", "size"), [(20, 32), (100, 128), (320, 1024), (1500, 2048)])
def test_bitonic_is_the_network_of_old(count, size):
    generator = torch.Generator().manual_seed(count)
    scores = torch.randint(0, 5, (2, count), generator=generator) / 4  # ties everywhere
    for row, rate in zip(scores, (count // 3, count // 2), strict=True):
        order = network(row.tolist(), size)
        assert sorted(row.tolist(), reverse=True) == [row[index].item() for index in order]
        kept = kept_channels(row[None], rate, ties="bitonic")[0].tolist()
        assert kept == sorted(order[:rate])


@pytest.mark.parametrize("ties", ["first", "bitonic"])
def test_without_ties_the_highest_are_kept(ties):
    scores = torch.rand(3, 320, generator=torch.Generator().manual_seed(0))
    kept = kept_channels(scores, 64, ties=ties)
    for row, places in zip(scores.tolist(), kept.tolist(), strict=True):
        assert places == sorted(sorted(range(320), key=lambda index: -row[index])[:64])


def test_of_channels_that_tie_the_first_are_kept():
    scores = torch.zeros(1, 320)
    scores[0, 100:300] = 1.0
    assert kept_channels(scores, 96).tolist() == [list(range(100, 196))]
    assert kept_channels(scores, 96, ties="bitonic").tolist() != [list(range(100, 196))]


def test_images_do_not_touch_one_another():
    scores = torch.randint(0, 3, (4, 320), generator=torch.Generator().manual_seed(2)) / 2
    for ties in ("first", "bitonic"):
        alone = torch.cat([kept_channels(row[None], 50, ties=ties) for row in scores])
        assert torch.equal(kept_channels(scores, 50, ties=ties), alone)


def test_saturated_sums_tie_exactly():
    sums = torch.full((1, 1536, 320), 20.0).sigmoid().sum(dim=1)
    assert (sums == 1536).all()
