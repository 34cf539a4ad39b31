"""The same layers as one would write them first: eager, contiguous, batch normalisation by itself."""

import torch
from torch import nn
from torch.nn import functional as F

from semcomm.symbols import features_to_symbols, plane_size, symbols_to_features


def deep_jscc(complex_channels):
    """Encoder and decoder of Deep JSCC (Bourtsoulatze, Kurka, Gunduz 2019, Fig. 2) as `nn.Sequential`."""

    def down(inputs, outputs, stride):
        return nn.Conv2d(inputs, outputs, 5, stride, padding=2)

    def up(inputs, outputs, stride):
        return nn.ConvTranspose2d(inputs, outputs, 5, stride, padding=2, output_padding=stride - 1)

    c = 2 * complex_channels
    encoder = [down(3, 16, 2), down(16, 32, 2), down(32, 32, 1), down(32, 32, 1), down(32, c, 1)]
    decoder = [up(c, 32, 1), up(32, 32, 1), up(32, 32, 1), up(32, 16, 2), up(16, 3, 2)]
    return nn.Sequential(*with_prelu(encoder)), nn.Sequential(*with_prelu(decoder)[:-1], nn.Sigmoid())


def with_prelu(convolutions):
    """PReLU after every convolution."""
    return [layer for convolution in convolutions for layer in (convolution, nn.PReLU(convolution.out_channels))]


def send(features, power_normalize, snr_db, generator=None):
    """Hops 3 and 4."""
    symbols = power_normalize(features_to_symbols(features))
    noise = torch.randn(symbols.shape, dtype=symbols.dtype, generator=generator)
    received = symbols + 10 ** (-snr_db / 20) * noise
    return symbols_to_features(received, *features.shape[2:]).contiguous()


def mlsc_image(system, images, snr_db, semantics, generator=None):
    """MLSC-image's path with a system's own layers; sides are multiples of its downsampling factor."""
    sender, receiver = system.transmitter, system.receiver
    plane = plane_size(images.shape[2], images.shape[3], system.downsampling)
    colors = sender.segmentation(images, semantics.labels).contiguous()
    levels = [
        sender.text_encoder(sender.caption(images, semantics.tokens), plane),
        sender.segmentation_encoder(colors, snr_db),
        sender.fused_encoder(torch.cat([images, colors], dim=1), snr_db),
        *(encoder(images, snr_db) for encoder in sender.detail_encoders),
    ]
    features = send(torch.cat(levels, dim=1), system.constraint, snr_db, generator)
    parts = features.split(receiver.level_channels, dim=1)
    levels = [decoder(part.contiguous(), snr_db) for decoder, part in zip(receiver.decoders, parts, strict=True)]
    return receiver.fusion(torch.cat(levels, dim=1), snr_db)


def training_step(forward, optimizer, images):
    """Forward, mean squared error, backward, one step."""
    loss = F.mse_loss(forward(), images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
