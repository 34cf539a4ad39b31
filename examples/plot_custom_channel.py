"""
A channel of your own
=====================

A channel is one method. Here is one with impulsive noise, checked by measurement, and put into a trained system.
"""

# %%
# Ten lines
# ---------
#
# Interference often comes in impulses: most symbols see little of it, a few see a lot. In this channel one symbol in
# five takes four fifths of the noise power. The mean noise power is still :math:`\sigma^2`, so that the SNR means what
# it means everywhere else in the library.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import AWGNChannel, Channel, RayleighChannel, check_channel, from_pretrained
from semcomm.channel.snr import noise_variance
from semcomm.experiments import demo_image


class ImpulsiveChannel(Channel):
    """One symbol in five gets noise of twice the amplitude, all others of half."""

    def forward(self, x, snr_db, *, generator=None):
        """Send complex64 symbols (b, k)."""
        where = x.device if generator is None else generator.device
        noise = torch.randn(x.shape, dtype=x.dtype, device=where, generator=generator).to(
            x.device
        )
        hit = torch.rand(x.shape, device=where, generator=generator).to(x.device) < 0.2
        sigma = torch.as_tensor(noise_variance(snr_db, self.power), device=x.device).sqrt()
        return x + sigma.reshape(-1, 1) * noise * torch.where(hit, 2.0, 0.5)


# %%
# Does it keep the contract?
# --------------------------
#
# :func:`~semcomm.check_channel` sends test signals through it and measures: shape, gradient, one SNR per image,
# independence across the batch, reproducibility, and the noise. It says nothing if all is well.

check_channel(ImpulsiveChannel())

# %%
# The commonest mistake of the field is real noise on complex symbols: all of the noise lands in the real part, and
# none in the imaginary part. The shapes are right, training works, and every curve is wrong.


class WrongChannel(Channel):
    """Adds real noise to complex symbols."""

    def forward(self, x, snr_db, *, generator=None):
        """Send complex64 symbols (b, k)."""
        where = x.device if generator is None else generator.device
        noise = torch.randn(x.shape, device=where, generator=generator).to(x.device)
        sigma = torch.as_tensor(noise_variance(snr_db, self.power), device=x.device).sqrt()
        return x + sigma.reshape(-1, 1) * noise


try:
    check_channel(WrongChannel())
except ValueError as error:
    print(error)

# %%
# Into the system
# ---------------
#
# The channel of a trained system can be replaced at any time. The photograph goes through four channels at the same
# mean SNR, in the same number of channel uses. The model was trained on the first of them only.

SNR_DB = 1.0
photograph = demo_image(*sys.argv[1:2])[None]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
channels = {
    "AWGN": AWGNChannel(),
    "impulsive noise": ImpulsiveChannel(),
    "Rayleigh, MMSE": RayleighChannel(),
    "wrong: real noise": WrongChannel(),
}
semantics = system.extract(photograph)  # once, and not once per channel
sent = {}
for name, channel in channels.items():
    system.channel = channel
    sent[name] = system.transmit(
        photograph, SNR_DB, semantics=semantics, generator=torch.Generator().manual_seed(0)
    )

# %%
# Below each photograph lie the errors of its symbols, y - x, in the complex plane. AWGN is a round cloud. Impulsive
# noise has a narrow core and a wide skirt. Fading makes errors that depend on the symbols. Real noise
# is a line, and yet its photograph looks as good as the first one: only a measurement finds the mistake.

figure, axes = plt.subplots(
    2, len(sent), figsize=(13, 8), height_ratios=[1.18, 1], layout="constrained"
)
for (name, transmission), image_axes, noise_axes in zip(
    sent.items(), axes[0], axes[1], strict=True
):
    image_axes.imshow(transmission.images[0].permute(1, 2, 0))
    image_axes.set_title(
        f"{name}\n{transmission.psnr_db.item():.1f} dB, SSIM {transmission.ssim.item():.3f}"
    )
    image_axes.axis("off")
    errors = (transmission.received_symbols - transmission.symbols)[0]
    noise_axes.hist2d(
        errors.real.numpy(),
        errors.imag.numpy(),
        bins=120,
        range=[[-2.6, 2.6]] * 2,
        norm="log",
        cmap="magma",
    )
    noise_axes.set(aspect="equal", xlabel="real part of y - x", facecolor="black")
axes[1, 0].set_ylabel("imaginary part of y - x")
figure.suptitle(
    f"One photograph, four channels, SNR {SNR_DB:g} dB",
    fontsize=15,
    weight="bold",
)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("custom_channel.png")
plt.show()
