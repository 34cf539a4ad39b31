"""A channel to train nested MLSC-image on: `semcomm train nested ... --channel sometimes_fading:SometimesFading`."""

from typing import final

import torch
from torch import Tensor

from semcomm.channel.flat_fading import send_flat
from semcomm.channel.snr import SNR
from semcomm.contracts import Channel, Received

SHARE = 0.2


@final
class SometimesFading(Channel):
    """AWGN for most images of a batch, fast Rayleigh fading with known gains for one in five, drawn anew each time.

    Networks are told the noise that every component meets, so one system can learn both.

    Shape:
        x complex64 `(b, k)` to `Received` with csi, 1 where nothing fades.
    """

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Send complex64 `(b, k)` at `snr_db`."""
        faded = send_flat(x, snr_db, self.power, "symbol", "perfect", generator)
        fades = torch.rand(len(x), 1, device=x.device, generator=generator) < SHARE
        assert faded.csi is not None
        csi = torch.where(fades, faded.csi, torch.ones_like(faded.csi))
        return Received(faded.symbols + (csi - faded.csi) * x, csi, faded.noise_variance)
