"""Residual networks on the hybrid code. They add what a closed form cannot know, and before training nothing."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALES = (4, 8, 16)
"""Pixels a position stands for, from the finest plane to the coarsest, which has one position a block."""


@final
class Conditioned(nn.Module):
    r"""A residual block of two 3 x 3 convolutions, scaled and shifted by the transmission's numbers.

    $f + W_2 * a((1 + \gamma) (W_1 * a(f)) + \beta)$, a = SiLU, with $\gamma$ and $\beta$ from the condition (Perez
    et al., "FiLM", 2018). The second convolution starts at zero.

    Args:
        channels: how many the plane has.
        condition: size of the condition's embedding.
    """

    def __init__(self, channels: int, condition: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(condition, 2 * channels)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, plane: Tensor, condition: Tensor) -> Tensor:
        """Transform `(b, channels, h, w)` under a condition `(b, condition)`."""
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = torch.addcmul(shift, self.first(F.silu(plane)), 1 + scale)
        return plane + self.second(F.silu(hidden))


@final
class ResidualNetwork(nn.Module):
    """A network on three planes, of h/4, h/8 and h/16, from pictures and facts about blocks to what they lack.

    Args:
        pictures: channels of the pictures that it sees, at full size.
        facts: channels of what it knows of every block.
        numbers: how many numbers describe the transmission.
        outputs: components per block to add, for a network that ends at h/16; None for a picture of three channels.
        widths: channels at h/4, h/8 and h/16.
        blocks: residual blocks there, on the way down.
        rising: residual blocks at h/8 and h/4 on the way up, for a picture.

    Shape:
        pictures `(b, pictures, h, w)`, facts `(b, facts, h/16, w/16)`, numbers `(b, numbers)`, to `(b, 3, h, w)` or
        `(b, outputs, h/16, w/16)`; zeros at first.
    """

    def __init__(
        self,
        *,
        pictures: int,
        facts: int,
        numbers: int,
        outputs: int | None = None,
        widths: Sequence[int] = (64, 128, 256),
        blocks: Sequence[int] = (1, 2, 3),
        rising: Sequence[int] = (2, 1),
        embedding: int = 64,
    ):
        super().__init__()
        fine, middle, coarse = widths
        self.embed = nn.Sequential(nn.Linear(numbers, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.enter = nn.Conv2d(16 * pictures, fine, 3, padding=1)
        self.know = nn.Conv2d(facts, coarse, 1)
        self.to_middle = nn.Conv2d(4 * fine, middle, 1)
        self.to_coarse = nn.Conv2d(4 * middle, coarse, 1)
        self.falling = nn.ModuleList(_blocks(*sizes, embedding) for sizes in zip(widths, blocks, strict=True))
        if outputs is None:
            self.from_coarse = nn.Conv2d(coarse, 4 * middle, 1)
            self.from_middle = nn.Conv2d(middle, 4 * fine, 1)
            self.rising = nn.ModuleList(
                _blocks(width, count, embedding) for width, count in zip((middle, fine), rising, strict=True)
            )
            self.leave = nn.Conv2d(fine, 48, 3, padding=1)
        else:
            self.leave = nn.Conv2d(coarse, outputs, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        self.makes_pictures = outputs is None

    def forward(self, pictures: Tensor, facts: Tensor, numbers: Tensor) -> Tensor:
        """Add up what the planes find."""
        condition = self.embed(numbers)
        entered = F.pixel_unshuffle(pictures, SCALES[0]).contiguous(memory_format=torch.channels_last)
        fine = _run(self.falling[0], self.enter(entered), condition)
        middle = _run(self.falling[1], self.to_middle(F.pixel_unshuffle(fine, 2)), condition)
        coarse = self.to_coarse(F.pixel_unshuffle(middle, 2)) + self.know(facts)
        coarse = _run(self.falling[2], coarse, condition)
        if not self.makes_pictures:
            return self.leave(F.silu(coarse))
        middle = _run(self.rising[0], middle + F.pixel_shuffle(self.from_coarse(coarse), 2), condition)
        fine = _run(self.rising[1], fine + F.pixel_shuffle(self.from_middle(middle), 2), condition)
        return F.pixel_shuffle(self.leave(F.silu(fine)), SCALES[0])


def run_at_home(network: nn.Module, pictures: Tensor, facts: Tensor, numbers: Tensor) -> Tensor:
    """Run a network like `ResidualNetwork` on the device of its weights; its output comes back to the pictures'."""
    device = next(network.parameters(), pictures).device
    return network(pictures.to(device), facts.to(device), numbers.to(device)).to(pictures.device)


def _blocks(channels: int, count: int, embedding: int) -> nn.ModuleList:
    return nn.ModuleList(Conditioned(channels, embedding) for _ in range(count))


def _run(blocks: nn.Module, plane: Tensor, condition: Tensor) -> Tensor:
    for block in blocks:  # type: ignore[attr-defined]
        plane = block(plane, condition)
    return plane
