"""A multipath OFDM channel as a user would write it: what it knows reaches the decoder, what it sends is counted."""

import math

import pytest
import torch
from torch.nn import functional as F
from toys import rand_images, seeded, small_system

from semcomm import AWGNChannel, Channel, PowerNormalize, Received, check_channel
from semcomm.channel.base import complex_normal
from semcomm.channel.snr import noise_variance_of

CARRIERS, PREFIX, TAPS = 64, 8, 6


class OFDMChannel(Channel):
    """One block of pilots, then data; cyclic prefixes; Rayleigh taps that last for an image; least-squares CSI."""

    def __init__(self):
        super().__init__()
        self.noise = AWGNChannel()
        signs = torch.randint(0, 2, (2, CARRIERS), generator=torch.Generator().manual_seed(7)) * 2.0 - 1
        self.register_buffer("pilots", torch.complex(signs[0], signs[1]) / math.sqrt(2))

    def channel_uses(self, k):
        return (math.ceil(k / CARRIERS) + 1) * (CARRIERS + PREFIX)

    def forward(self, x, snr_db, *, generator=None):
        images, k = x.shape
        data = F.pad(x, (0, -k % CARRIERS)).reshape(images, -1, CARRIERS)
        blocks = torch.cat([self.pilots.expand(images, 1, -1), data], dim=1)
        waves = torch.fft.ifft(blocks, norm="ortho")
        sent = torch.cat([waves[..., -PREFIX:], waves], dim=2).flatten(1)
        self.sent = sent.detach()
        taps = complex_normal((images, TAPS), x.device, generator) / math.sqrt(TAPS)
        faded = sum(taps[:, n : n + 1] * F.pad(sent, (n, 0))[:, : sent.shape[1]] for n in range(TAPS))
        arrived = self.noise(faded, snr_db, generator=generator).reshape(images, -1, PREFIX + CARRIERS)
        carriers = torch.fft.fft(arrived[..., PREFIX:], norm="ortho")
        estimate = carriers[:, :1] / self.pilots
        self.response = torch.fft.fft(F.pad(taps, (0, CARRIERS - TAPS)))
        csi = estimate.expand_as(data).flatten(1)[:, :k]
        # the estimate has a pilot's noise, and so has what is left of a symbol of as much power
        return Received(carriers[:, 1:].flatten(1)[:, :k], csi, 2 * noise_variance_of(x, snr_db, self.power))


def test_it_keeps_the_contract():
    check_channel(OFDMChannel())


def test_every_carrier_sees_its_own_fade_and_no_other():
    """Without noise y is the taps' Fourier transform times x, since the prefix is longer than the echoes."""
    channel, x = OFDMChannel(), PowerNormalize()(complex_normal((3, 200), torch.device("cpu"), seeded(5)))
    received = channel(x, math.inf, generator=seeded())
    blocks = math.ceil(200 / CARRIERS)
    expected = channel.response[:, None].expand(-1, blocks, -1).flatten(1)[:, :200]
    torch.testing.assert_close(received.symbols, expected * x, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(received.csi, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (37, 50)])
def test_pilots_and_prefixes_are_counted(size):
    system = small_system(channel=OFDMChannel()).eval()
    sent = system.transmit(rand_images(2, *size), 10.0, generator=seeded())
    assert sent.symbols_per_image == system.channel.sent.shape[1] == system.symbols_per_image(*size)
    assert sent.bandwidth_ratio == system.channel.sent.shape[1] / (3 * size[0] * size[1])
    assert sent.symbols_per_image > sent.symbols.shape[1]


def test_its_csi_reaches_the_decoder():
    system = small_system(channel=OFDMChannel()).eval()
    told = []
    system.receiver.register_forward_pre_hook(lambda _part, arguments: told.append(arguments[0]))
    images, snr_db = rand_images(), 15.0
    system(images, snr_db, generator=seeded())
    arrived = system.channel(system.encode(images, snr_db), snr_db, generator=seeded())
    variance = 2 * 10 ** (-snr_db / 10)  # of the symbol, and of its pilot
    gain = arrived.csi.abs().square()
    weights = arrived.csi.conj() / (gain + variance)  # MMSE, by hand
    torch.testing.assert_close(told[0].symbols, weights * arrived.symbols)
    torch.testing.assert_close(told[0].csi, weights * arrived.csi)
    torch.testing.assert_close(told[0].noise_variance, variance * weights.abs().square())
