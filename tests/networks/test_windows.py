"""Windowed attention against the published formulation, and against attention over all tokens."""

import pytest
import torch
from plain_windows import block as plainly
from torch import nn

from semcomm.networks import windows
from semcomm.networks.windows import PatchMerging, PatchSplitting, WindowBlock, WindowStage, segments


def built(shifted, channels=12, heads=3, window=4):
    torch.manual_seed(0)
    block = WindowBlock(channels, heads=heads, window=window, shifted=shifted)
    nn.init.normal_(block.attention.bias_table, std=1.0)
    nn.init.normal_(block.attention.qkv.weight, std=0.5)
    return block.eval()


def tokens(rows, columns, batch=2, channels=12):
    return torch.randn(batch, rows, columns, channels, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(4, 4), (4, 12), (16, 8)])
def test_whole_windows_are_as_published(shifted, size):
    block, x = built(shifted), tokens(*size)
    torch.testing.assert_close(block(x), plainly(block, x), rtol=0, atol=1e-5)


def over_all_tokens(block, x):
    """Attention of every token to all: those of another window, or across an edge of the image, are left out."""
    attention, window = block.attention, block.window
    rows, columns, d = x.shape[1:]
    heads = attention.heads
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    # a shifted grid of windows begins half a window before the image, so that edges get smaller windows
    cells = (places + (window - block.shift if block.shift else 0)) // window
    together = (cells[:, None] == cells).all(dim=-1)
    apart = places[:, None] - places
    index = (apart.clamp(1 - window, window - 1) + window - 1) @ torch.tensor([2 * window - 1, 1])
    normed = block.norm1(x).flatten(1, 2)
    query, key, value = attention.qkv(normed).unflatten(-1, (3, heads, d // heads)).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-2, -1) / (d // heads) ** 0.5 + attention.bias_table[index].permute(2, 0, 1)
    mixed = scores.masked_fill(~together, -torch.inf).softmax(dim=-1) @ value
    y = x + attention.proj(mixed.transpose(1, 2).flatten(2)).unflatten(1, (rows, columns))
    return y + block.mlp(block.norm2(y))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 9), (5, 4), (6, 7), (9, 2), (13, 10)])
def test_any_number_of_tokens(shifted, size):
    block, x = built(shifted), tokens(*size)
    torch.testing.assert_close(block(x), over_all_tokens(block, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("band", [1, 16, 64, 10_000])
def test_bands_change_nothing(shifted, band, monkeypatch):
    block, x = built(shifted), tokens(22, 14)
    whole = block(x)
    monkeypatch.setattr(windows, "BAND_TOKENS", band)
    with torch.no_grad():
        torch.testing.assert_close(block(x), whole, rtol=0, atol=1e-5)


def test_masks_are_made_once_per_size_and_leave_no_trace_in_training():
    block, x = built(shifted=True), tokens(8, 8)
    segments.cache_clear()
    windows._apart.cache_clear()
    with torch.inference_mode():
        block(x)
    made = windows._apart.cache_info().misses
    loss = block(x).square().mean()  # what inference mode cached must be good for gradients
    loss.backward()
    assert block.attention.bias_table.grad.abs().sum() > 0
    block(tokens(16, 16))
    assert windows._apart.cache_info().misses == made == 3
    assert segments.cache_info().misses == 2


def test_every_second_block_of_a_stage_is_shifted():
    stage = WindowStage(12, depth=3, heads=3, window=4)
    assert [block.shift for block in stage.blocks] == [0, 2, 0]


def test_a_windows_tokens_stay_in_it_until_it_is_shifted():
    x = tokens(8, 8, batch=1).requires_grad_()
    for shifted, reach in [(False, 16), (True, 16)]:
        block = built(shifted)
        (gradient,) = torch.autograd.grad(block(x)[0, 3, 3].sum(), x)
        touched = gradient.abs().sum(dim=-1)[0] > 0
        assert touched.sum() == reach
        assert touched[:4, :4].all() == (not shifted)
        assert touched[2:6, 2:6].all() == shifted


def test_merging_takes_four_neighbours_column_by_column():
    merge = PatchMerging(1, 4)
    with torch.no_grad():
        merge.linear.weight.copy_(torch.eye(4))
    four = torch.tensor([[1.0, 2.0], [4.0, 8.0]]).reshape(1, 2, 2, 1)
    values = torch.tensor([1.0, 4.0, 2.0, 8.0])
    expected = (values - values.mean()) / values.std(unbiased=False)
    torch.testing.assert_close(merge(four).flatten(), expected, atol=1e-4, rtol=0)


def test_splitting_is_a_pixel_shuffle():
    split, x = PatchSplitting(6, 5), tokens(3, 4, channels=6)
    expected = nn.PixelShuffle(2)(split.linear(split.norm(x)).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert torch.equal(split(x), expected)
