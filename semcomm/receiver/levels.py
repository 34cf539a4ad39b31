"""Hops 5 and 6 of 6 for MLSC-image: every level decoded, all fused."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.receiver.decoder import DecoderModule
from semcomm.receiver.fusion import FeatureFusion


@final
class MultiLevelReceiver(nn.Module):
    """Hops 5 and 6 of 6: received features to images (arXiv 2202.04754, Section II-C and Fig. 2).

    Args:
        decoders: one per level, in the order of the transmitter's.
        fusion: all levels' d_i to the image.

    Shape:
        features `(b, 2c, rows, columns)` to images `(b, 3, t rows, t columns)` in [0, 1].
    """

    def __init__(self, decoders: Sequence[DecoderModule], fusion: FeatureFusion):
        super().__init__()
        self.decoders = nn.ModuleList(decoders)
        self.fusion = fusion
        self.level_channels = [2 * decoder.complex_channels for decoder in decoders]

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Decode features `(b, 2c, rows, columns)` into images `(b, 3, t rows, t columns)`."""
        features = features.contiguous(memory_format=torch.channels_last)  # as in the transmitter
        received = features.split(self.level_channels, dim=1)
        levels = [decoder(level, snr_db) for decoder, level in zip(self.decoders, received, strict=True)]
        return self.fusion(torch.cat(levels, dim=1), snr_db)
