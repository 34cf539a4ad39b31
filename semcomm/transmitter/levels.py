"""Hops 1 and 2 of 6 for MLSC-image: semantic levels beside details."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Semantics, Sent
from semcomm.images import pad_to_multiple
from semcomm.networks.gain import tell_gain
from semcomm.symbols import features_to_symbols, plane_size, symbols_per_image
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.encoder import EncoderModule, TextEncoder
from semcomm.transmitter.extraction import extract_semantics
from semcomm.transmitter.segmentation import SegmentationFeature


@final
class MultiLevelTransmitter(nn.Module):
    """Hops 1 and 2 of 6: images to symbols, level by level (arXiv 2202.04754, Section II-A and Fig. 2).

    c_1 from the caption, c_2 from the segmentation, c_3 from image and segmentation together, c_4.. from the image.

    Args:
        fused_encoder: f = [image, s], or the image alone without segmentation, to c_3.
        detail_encoders: the image to c_4, c_5, ...
        caption: the caption's plane, with `text_encoder`, or None.
        text_encoder: p to c_1.
        segmentation: the label map's colours, with `segmentation_encoder`, or None.
        segmentation_encoder: s to c_2.
        tell_gain: tell the receiver each image's gain, see `semcomm.networks.gain`.

    Shape:
        images `(b, 3, h, w)` to `Sent` of complex64 `(b, k)`, k = c ceil(h/t) ceil(w/t).
    """

    def __init__(
        self,
        fused_encoder: EncoderModule,
        detail_encoders: Sequence[EncoderModule],
        *,
        caption: CaptionFeature | None = None,
        text_encoder: TextEncoder | None = None,
        segmentation: SegmentationFeature | None = None,
        segmentation_encoder: EncoderModule | None = None,
        tell_gain: bool = False,
    ):
        super().__init__()
        self.tell_gain = tell_gain
        self.caption = caption
        self.text_encoder = text_encoder
        self.segmentation = segmentation
        self.segmentation_encoder = segmentation_encoder
        self.fused_encoder = fused_encoder
        self.detail_encoders = nn.ModuleList(detail_encoders)
        self.downsampling = fused_encoder.downsampling
        encoders = [text_encoder, segmentation_encoder, fused_encoder, *detail_encoders]
        self.complex_channels = sum(encoder.complex_channels for encoder in encoders if encoder is not None)

    def extract(self, images: Tensor, semantics: Semantics | None = None) -> Semantics:
        """Run the extractors on images `(b, 3, h, w)` for what `semantics` does not hold."""
        return extract_semantics(images, semantics, self.caption, self.segmentation)

    def symbols_per_image(self, height: int, width: int) -> int:
        """Symbols k of a `height x width` image, padding included."""
        return symbols_per_image(height, width, complex_channels=self.complex_channels, downsampling=self.downsampling)

    def forward(self, images: Tensor, snr_db: SNR | None = None, *, semantics: Semantics | None = None) -> Sent:
        """Encode images `(b, 3, h, w)` into symbols; each level's features follow one another."""
        semantics = self.extract(images, semantics)
        # convolutions are faster on channels that lie together, on a CPU most of all
        padded = pad_to_multiple(images, self.downsampling).contiguous(memory_format=torch.channels_last)
        levels: dict[str, Tensor] = {}
        size = plane_size(images.shape[2], images.shape[3], self.downsampling)
        if self.caption is not None and self.text_encoder is not None:
            plane = self.caption(images, semantics.tokens)
            levels["caption"] = self.text_encoder(plane, size)
        fused = padded
        if self.segmentation is not None and self.segmentation_encoder is not None:
            colors = pad_to_multiple(self.segmentation(images, semantics.labels), self.downsampling)
            levels["segmentation"] = self.segmentation_encoder(colors, snr_db)
            fused = torch.cat([padded, colors], dim=1)
        levels["detail 1"] = self.fused_encoder(fused, snr_db)
        for number, encoder in enumerate(self.detail_encoders, start=2):
            levels[f"detail {number}"] = encoder(padded, snr_db)
        features = torch.cat(list(levels.values()), dim=1)
        symbols = features_to_symbols(tell_gain(features) if self.tell_gain else features)
        uses = {name: features[0].numel() // 2 for name, features in levels.items()}
        return Sent(symbols, channel_uses=uses)
