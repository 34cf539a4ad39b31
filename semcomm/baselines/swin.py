"""The networks of SwinJSCC and WITT: windowed attention from an image to few features, and back.

Symbols used in shapes: `b` images, `h x w` pixels, `t` the downsampling factor, `rows x columns = h/t x w/t` features
of `c` real channels.
"""

from dataclasses import dataclass
from typing import final

from einops import rearrange
from torch import Tensor, nn

from semcomm.baselines.rate_masks import Ties, kept_channels
from semcomm.channel.snr import SNR
from semcomm.networks.modulation import SpatialModulation
from semcomm.networks.stages import check_told
from semcomm.networks.windows import PatchMerging, PatchSplitting, WindowStage


@dataclass(frozen=True)
class Shape:
    """How large the encoder is, from the image inwards; the decoder mirrors it.

    Args:
        widths: channels of every stage; each stage halves the plane.
        depths: blocks of every stage.
        heads: heads of every stage.
        window: height and width of a window in tokens.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int

    @property
    def downsampling(self) -> int:
        """The downsampling factor t."""
        return 2 ** len(self.widths)


@final
class SwinEncoder(nn.Module):
    """Images to features.

    Args:
        shape: widths, depths, heads and window.
        channels: real channels c of a head after the last stage; None for none: c is the last width.
        snr_adaptive: whether gates scale the features for the SNR.
        rate_adaptive: whether gates scale them for the rate, and say which channels are kept.
        ties: how `kept_channels` treats channels that tie.

    Shape:
        images `(b, 3, h, w)`, h and w multiples of t, to features `(b, rows, columns, c)`.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        channels: int | None,
        snr_adaptive: bool = False,
        rate_adaptive: bool = False,
        ties: Ties = "first",
    ):
        super().__init__()
        self.ties: Ties = ties
        self.embed = nn.Conv2d(3, shape.widths[0], kernel_size=2, stride=2)
        self.stages = nn.Sequential()
        for index, (width, depth, heads) in enumerate(zip(shape.widths, shape.depths, shape.heads, strict=True)):
            merge = PatchMerging(shape.widths[index - 1], width) if index else None
            self.stages.append(WindowStage(width, depth=depth, heads=heads, window=shape.window, resize=merge))
        last = shape.widths[-1]
        self.norm = nn.LayerNorm(last)
        self.snr_modulation = SpatialModulation(last) if snr_adaptive else None
        self.rate_modulation = SpatialModulation(last) if rate_adaptive else None
        self.head = None if channels is None else nn.Linear(last, channels)
        _initialise(self)

    def forward(self, images: Tensor, snr_db: SNR | None, rate: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode images.

        Args:
            images: `(b, 3, h, w)`.
            snr_db: SNR in dB; read where gates scale for it.
            rate: channels to keep; read where gates scale for it.

        Returns:
            Features `(b, rows, columns, c)`, and the channels kept, int64 `(b, rate)`; None where all are.
        """
        embedded = rearrange(self.embed(images), "b d r c -> b r c d")
        features = self.norm(self.stages(embedded))
        if self.snr_modulation is not None:
            features = features * self.snr_modulation(features, check_told(snr_db))
        if self.rate_modulation is None or rate is None:
            return features if self.head is None else self.head(features), None
        gates = self.rate_modulation(features, float(rate))
        kept = kept_channels(gates.sum(dim=(1, 2)), rate, ties=self.ties)
        return features * gates, kept


@final
class SwinDecoder(nn.Module):
    """Features to images.

    Args:
        shape: widths, depths, heads and window of the encoder.
        channels: real channels c of a head before the first stage; None for none.
        snr_adaptive: whether gates scale the features for the SNR.

    Shape:
        features `(b, rows, columns, c)` to images `(b, 3, t rows, t columns)`, not clamped.
    """

    def __init__(self, shape: Shape, *, channels: int | None, snr_adaptive: bool = False):
        super().__init__()
        widths, depths, heads = shape.widths[::-1], shape.depths[::-1], shape.heads[::-1]
        self.head = None if channels is None else nn.Linear(channels, widths[0])
        self.snr_modulation = SpatialModulation(widths[0]) if snr_adaptive else None
        self.stages = nn.Sequential()
        for width, next_width, depth, count in zip(widths, (*widths[1:], 3), depths, heads, strict=True):
            split = PatchSplitting(width, next_width)
            stage = WindowStage(width, depth=depth, heads=count, window=shape.window, resize=split, when="after")
            self.stages.append(stage)
        _initialise(self)

    def forward(self, features: Tensor, snr_db: SNR | None) -> Tensor:
        """Decode features; `snr_db`, the SNR in dB, is read where gates scale for it."""
        if self.head is not None:
            features = self.head(features)
        if self.snr_modulation is not None:
            features = features * self.snr_modulation(features, check_told(snr_db))
        return rearrange(self.stages(features), "b h w d -> b d h w")


def _initialise(network: nn.Module) -> None:
    """Let dense layers start as those of the published systems do, and gates as torch lets them."""
    for name, part in network.named_modules():
        if isinstance(part, nn.Linear) and "modulation" not in name:
            nn.init.trunc_normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
