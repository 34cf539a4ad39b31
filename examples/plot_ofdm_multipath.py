"""
Multipath, and OFDM that takes it apart
=======================================

Echoes make a channel that is strong at some frequencies and weak at others. OFDM turns it into parallel flat channels.
"""

# %%
# Eight paths, one sample apart, each a little weaker than the one before. A receiver that knows the channel divides it
# out subcarrier by subcarrier; pilots on every eighth subcarrier must do in practice.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import from_pretrained
from semcomm.channel import AWGNChannel, OFDMChannel, Pilots, exponential_profile
from semcomm.experiments import demo_image

SNR_DB = 10.0
photograph = demo_image(*sys.argv[1:2])[None, :, 16:304, 100:388]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
semantics = system.extract(photograph)
profile = exponential_profile(8, decay=3.0)
channels = {
    "no fading": AWGNChannel(),
    "OFDM, channel known": OFDMChannel(profile=profile),
    "OFDM, least squares": OFDMChannel(profile=profile, csi=Pilots(8, "ls")),
    "OFDM, LMMSE": OFDMChannel(profile=profile, csi=Pilots(8, "lmmse")),
    "OFDM, channel unknown": OFDMChannel(profile=profile, csi="none"),
}
sent = {}
for name, channel in channels.items():
    system.channel = channel
    generator = torch.Generator().manual_seed(4)
    sent[name] = system.transmit(photograph, SNR_DB, semantics=semantics, generator=generator)
    k, ratio = sent[name].symbols_per_image, sent[name].bandwidth_ratio
    print(f"{name:22} k = {k:6,}  k/n = {ratio:.3f}  {sent[name].psnr_db.item():5.2f} dB")

# %%
# Above: how strong the subcarriers are, what the pilots say of it, and the same photograph's fades over one
# image. Below: what arrives.

x = torch.ones(1, 64 * 20, dtype=torch.complex64)
figure = plt.figure(figsize=(13, 6.8), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
spectrum, moving = above.subplots(1, 2)
for name in ("OFDM, channel known", "OFDM, least squares", "OFDM, LMMSE"):
    received = channels[name](x, SNR_DB, generator=torch.Generator().manual_seed(4))
    csi = received.csi[0, : 64 if "known" in name else 56]
    places = torch.arange(64) if "known" in name else torch.arange(64)[torch.arange(64) % 8 != 0]
    spectrum.plot(
        places, 20 * csi.abs().log10(), label=name.removeprefix("OFDM, "), linewidth=1.5
    )
spectrum.set(xlabel="subcarrier", ylabel="gain (dB)", title="one OFDM symbol's subcarriers")
spectrum.legend()
h = OFDMChannel(profile=profile, doppler=0.02)(
    x.expand(1, -1), SNR_DB, generator=torch.Generator().manual_seed(4)
).csi
shown = moving.imshow(
    20 * h.reshape(20, 64).abs().log10(), aspect="auto", vmin=-20, vmax=6, cmap="magma"
)
moving.set(
    xlabel="subcarrier", ylabel="OFDM symbol", title="gain under Doppler, f_D T = 0.02 (dB)"
)
above.colorbar(shown, ax=moving)
for axes, (name, transmission) in zip(below.subplots(1, 5), sent.items(), strict=True):
    axes.imshow(transmission.images[0].movedim(0, -1))
    axes.set_title(
        f"{name}\n{transmission.psnr_db.item():.1f} dB, k = {transmission.symbols_per_image:,}",
        fontsize=10,
    )
    axes.axis("off")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("ofdm_multipath.png")
plt.show()
