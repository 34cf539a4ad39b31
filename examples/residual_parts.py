"""An encoder and a decoder of residual blocks, and the function that builds a system of them."""

from torch import nn

from semcomm import AWGNChannel, SemanticSystem, saveable
from semcomm.images import pad_to_multiple
from semcomm.symbols import (
    features_to_symbols,
    plane_size,
    symbols_per_image,
    symbols_to_features,
)

T = 8  # features are at 1/8 of the image's size


class Residual(nn.Module):
    """Two convolutions beside a direct path."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, features):
        """Add what the convolutions make of features (b, width, h/8, w/8) to them."""
        return features + self.body(features)


class ResidualTransmitter(nn.Module):
    """Hops 1 and 2: images to symbols."""

    downsampling = T

    def __init__(self, width, channels):
        super().__init__()
        self.channels = channels
        blocks = [Residual(width), Residual(width)]
        self.network = nn.Sequential(
            nn.PixelUnshuffle(T),
            nn.Conv2d(3 * T * T, width, 1),
            *blocks,
            nn.Conv2d(width, 2 * channels, 1),
        )

    def symbols_per_image(self, height, width):
        """Say how many symbols an image takes, padding included."""
        return symbols_per_image(height, width, complex_channels=self.channels, downsampling=T)

    def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
        """Encode images (b, 3, h, w) into complex symbols (b, k)."""
        return features_to_symbols(self.network(pad_to_multiple(images, T)))


class ResidualReceiver(nn.Module):
    """Hops 5 and 6: what arrived to images."""

    def __init__(self, width, channels):
        super().__init__()
        blocks = [Residual(width), Residual(width)]
        self.network = nn.Sequential(
            nn.Conv2d(2 * channels, width, 1),
            *blocks,
            nn.Conv2d(width, 3 * T * T, 1),
            nn.PixelShuffle(T),
            nn.Sigmoid(),
        )

    def forward(self, received, size, snr_db=None):  # noqa: ARG002
        """Decode symbols into images (b, 3, h, w); what was padded is cut off."""
        height, width = size
        features = symbols_to_features(received.symbols, *plane_size(height, width, T))
        return self.network(features)[:, :, :height, :width]


@saveable
def build_residual(width: int = 64, channels: int = 16) -> SemanticSystem:
    """Assemble a system that sends 16 complex symbols for 8 x 8 pixels: k/n = 1/12."""
    return SemanticSystem(
        ResidualTransmitter(width, channels), AWGNChannel(), ResidualReceiver(width, channels)
    )
