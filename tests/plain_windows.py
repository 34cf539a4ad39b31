"""Windowed attention as it was published: rolled windows, a mask over all of them, an explicit softmax."""

from functools import cache

import torch
from einops import rearrange

from semcomm.networks.windows import WindowBlock


def block(part, tokens):
    """What a `WindowBlock` does to `(b, rows, columns, d)`, rows and columns multiples of the window."""
    window, shift, attention = part.window, part.shift, part.attention
    rows, columns, d = tokens.shape[1:]
    rolled = torch.roll(part.norm1(tokens), (-shift, -shift), dims=(1, 2))
    windows = rearrange(rolled, "b (r y) (c x) d -> (b r c) (y x) d", y=window, x=window)
    heads = attention.heads
    query, key, value = rearrange(attention.qkv(windows), "w n (three h e) -> three w h n e", three=3, h=heads)
    scores = query * (d // heads) ** -0.5 @ key.transpose(-2, -1)
    scores = scores + attention.bias_table[relative(window)].permute(2, 0, 1)
    if shift:
        mask = regions(rows, columns, window, shift)
        scores = scores.unflatten(0, (-1, len(mask))) + mask[:, None]
        scores = scores.flatten(0, 1)
    mixed = rearrange(scores.softmax(dim=-1) @ value, "w h n e -> w n (h e)")
    mixed = rearrange(
        attention.proj(mixed),
        "(b r c) (y x) d -> b (r y) (c x) d",
        y=window,
        x=window,
        r=rows // window,
        c=columns // window,
    )
    tokens = tokens + torch.roll(mixed, (shift, shift), dims=(1, 2))
    return tokens + part.mlp(part.norm2(tokens))


@cache
def regions(rows, columns, window, shift):
    """-100 between tokens of a rolled window that come from different edges of the image, `(windows, n, n)`."""
    labels = torch.zeros(rows, columns)
    labels[-window:-shift] += 1
    labels[-shift:] += 2
    labels[:, -window:-shift] += 3
    labels[:, -shift:] += 6
    labels = rearrange(labels, "(r y) (c x) -> (r c) (y x)", y=window, x=window)
    return torch.where(labels[:, :, None] == labels[:, None], 0.0, -100.0)


@cache
def relative(window):
    """Row of the table of biases for every pair of tokens of a window."""
    places = [(y, x) for y in range(window) for x in range(window)]
    side = 2 * window - 1
    return torch.tensor([[(y - v + window - 1) * side + x - u + window - 1 for v, u in places] for y, x in places])


def everywhere(monkeypatch):
    """Let every `WindowBlock` do it this way."""
    monkeypatch.setattr(WindowBlock, "forward", block)
