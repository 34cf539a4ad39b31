"""Deep JSCC as published, in the same harness as MLSC-image."""

from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Received, Semantics
from semcomm.images import pad_to_multiple
from semcomm.networks.gain import tell_gain, undo_gain
from semcomm.networks.stages import Stage, Stages, convolution, transposed_convolution
from semcomm.receiver.noise import NoiseCorrection
from semcomm.symbols import features_to_symbols, plane_size, symbols_per_image, symbols_to_features

ENCODER = ((16, 2), (32, 2), (32, 1), (32, 1))
"""Output channels and stride of the encoder's convolutions but the last, which has 2c channels and stride 1."""
DECODER = ((32, 1), (32, 1), (32, 1), (16, 2))
"""The same numbers of the decoder's transposed convolutions; the last has 3 channels and stride 2."""
KERNEL_SIZE, DOWNSAMPLING = 5, 4


@final
class DeepJSCCTransmitter(nn.Module):
    """Hops 1 and 2 of 6: five 5 x 5 convolutions, PReLU (Bourtsoulatze, Kurka, Gunduz 2019, Fig. 2).

    Args:
        complex_channels: c, complex channels sent at a quarter of the image's size.
        tell_gain: tell the receiver each image's gain, see `semcomm.networks.gain`.

    Shape:
        images `(b, 3, h, w)` to symbols, complex64 `(b, k)`, k = c ceil(h/4) ceil(w/4).
    """

    def __init__(self, complex_channels: int, *, tell_gain: bool = False):
        super().__init__()
        self.tell_gain = tell_gain
        self.complex_channels = complex_channels
        self.downsampling = DOWNSAMPLING
        stages, channels = [], 3
        for next_channels, stride in (*ENCODER, (2 * complex_channels, 1)):
            step = convolution(channels, next_channels, KERNEL_SIZE, stride=stride)
            stages.append(Stage(step, norm="none", activation=nn.PReLU(next_channels)))
            channels = next_channels
        self.stages = Stages(stages)

    def symbols_per_image(self, height: int, width: int) -> int:
        """Symbols k of a `height x width` image, padding included."""
        return symbols_per_image(height, width, complex_channels=self.complex_channels, downsampling=DOWNSAMPLING)

    def forward(self, images: Tensor, snr_db: SNR | None = None, *, semantics: Semantics | None = None) -> Tensor:
        """Encode images `(b, 3, h, w)` into symbols `(b, k)`."""
        if semantics is not None and not (semantics.tokens is None and semantics.labels is None):
            raise ValueError("semantics must be None: Deep JSCC has no semantic levels")
        padded = pad_to_multiple(images, DOWNSAMPLING)
        features = self.stages(padded.contiguous(memory_format=torch.channels_last), snr_db)
        return features_to_symbols(tell_gain(features) if self.tell_gain else features)


@final
class DeepJSCCReceiver(nn.Module):
    """Hops 5 and 6 of 6: five 5 x 5 transposed convolutions, PReLU, sigmoid last (as `DeepJSCCTransmitter`).

    Args:
        complex_channels: c, complex channels received.
        tell_gain: whether the transmitter tells each image's gain.
        csi_to_decoder: whether features are corrected, given each symbol's noise, see `NoiseCorrection`.

    Shape:
        `Received` of complex64 `(b, k)` to images `(b, 3, h, w)` in [0, 1].
    """

    def __init__(self, complex_channels: int, *, tell_gain: bool = False, csi_to_decoder: bool = False):
        super().__init__()
        self.tell_gain = tell_gain
        self.correction = NoiseCorrection(complex_channels) if csi_to_decoder else None
        stages, channels = [], 2 * complex_channels
        for next_channels, stride in DECODER:
            step = transposed_convolution(channels, next_channels, KERNEL_SIZE, stride=stride)
            stages.append(Stage(step, norm="none", activation=nn.PReLU(next_channels)))
            channels = next_channels
        paint = transposed_convolution(channels, 3, KERNEL_SIZE, stride=2)
        self.stages = Stages([*stages, Stage(paint, norm="none", activation=nn.Sigmoid())])

    def forward(self, received: Received, size: tuple[int, int], snr_db: SNR | None = None) -> Tensor:
        """Decode `Received` into images `(b, 3, *size)`; what was padded is cut off."""
        features = symbols_to_features(received.symbols, *plane_size(*size, DOWNSAMPLING))
        features = features if self.correction is None else self.correction(features, received)
        features = undo_gain(features) if self.tell_gain else features
        painted = self.stages(features.contiguous(memory_format=torch.channels_last), snr_db)
        return painted[:, :, : size[0], : size[1]]
