"""Hops 5 and 6 of 6 for MLSC-image: every level decoded, all fused."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Received
from semcomm.networks.gain import undo_gain
from semcomm.receiver.decoder import DecoderModule
from semcomm.receiver.fusion import FeatureFusion
from semcomm.receiver.noise import NoiseCorrection
from semcomm.symbols import plane_size, symbols_to_features


@final
class MultiLevelReceiver(nn.Module):
    """Hops 5 and 6 of 6: received symbols to images (arXiv 2202.04754, Section II-C and Fig. 2).

    Args:
        decoders: one per level, in the order of the transmitter's.
        fusion: all levels' d_i to the image.
        downsampling: t.
        tell_gain: whether the transmitter tells each image's gain, see `semcomm.networks.gain`.
        csi_to_decoder: whether the decoders' features are corrected, given each symbol's noise, see `NoiseCorrection`.

    Shape:
        `Received` of complex64 `(b, k)` to images `(b, 3, h, w)` in [0, 1].
    """

    def __init__(
        self,
        decoders: Sequence[DecoderModule],
        fusion: FeatureFusion,
        *,
        downsampling: int,
        tell_gain: bool = False,
        csi_to_decoder: bool = False,
    ):
        super().__init__()
        self.tell_gain = tell_gain
        self.downsampling = downsampling
        self.decoders = nn.ModuleList(decoders)
        self.fusion = fusion
        self.level_channels = [2 * decoder.complex_channels for decoder in decoders]
        self.correction = NoiseCorrection(sum(self.level_channels) // 2) if csi_to_decoder else None

    def forward(self, received: Received, size: tuple[int, int], snr_db: SNR | None = None) -> Tensor:
        """Decode `Received` into images `(b, 3, *size)` in [0, 1]; what was padded is cut off."""
        height, width = size
        features = symbols_to_features(received.symbols, *plane_size(height, width, self.downsampling))
        features = features if self.correction is None else self.correction(features, received)
        features = undo_gain(features) if self.tell_gain else features
        features = features.contiguous(memory_format=torch.channels_last)  # as in the transmitter
        levels = features.split(self.level_channels, dim=1)
        decoded = [decoder(level, snr_db) for decoder, level in zip(self.decoders, levels, strict=True)]
        return self.fusion(torch.cat(decoded, dim=1), snr_db)[:, :, :height, :width]
