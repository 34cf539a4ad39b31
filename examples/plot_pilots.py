"""
How many pilots?
================

Few pilots make a poor estimate, many leave less of the channel for the image. What is best depends on the SNR.
"""

# %%
# The same system over OFDM whose fades last an image, with pilots from every second subcarrier to every
# thirty-second. What is left is the error of the equalised symbols; k/n counts the pilots.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import from_pretrained
from semcomm.channel import OFDMChannel, Pilots
from semcomm.experiments import demo_image

SPACINGS, DRAWS = (2, 4, 8, 16, 32), 4
photograph = demo_image(*sys.argv[1:2])[:, 56:248, 120:376]
images = photograph.expand(DRAWS, -1, -1, -1)
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
semantics = system.extract(images)


def quality(csi, snr_db):
    """Mean PSNR over draws of the channel, and k/n."""
    system.channel = OFDMChannel(csi=csi, coherence=16)
    sent = system.transmit(
        images, snr_db, semantics=semantics, generator=torch.Generator().manual_seed(1)
    )
    return sent.psnr_db.mean().item(), sent.bandwidth_ratio


results = {}
for snr_db in (0.0, 10.0):
    results["channel known", snr_db] = [quality("perfect", snr_db)] * len(SPACINGS)
    for estimator in ("ls", "lmmse"):
        results[estimator, snr_db] = [
            quality(Pilots(spacing, estimator), snr_db) for spacing in SPACINGS
        ]
for (estimator, snr_db), points in results.items():
    print(f"{estimator:14} {snr_db:4.0f} dB", *(f"{psnr_db:6.2f}" for psnr_db, _ in points))

# %%
# Straight lines between sparse pilots miss the spectrum's bends; LMMSE knows how alike neighbours are, and averages
# the noise of many.

figure, panels = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained", sharey=False)
for axes, snr_db in zip(panels, (0.0, 10.0), strict=True):
    for estimator, style in (("channel known", "--"), ("ls", "o-"), ("lmmse", "s-")):
        axes.plot(
            SPACINGS,
            [psnr_db for psnr_db, _ in results[estimator, snr_db]],
            style,
            label=estimator,
        )
    axes.set_xscale("log", base=2)
    axes.set(
        xticks=SPACINGS,
        xticklabels=SPACINGS,
        xlabel="one of so many subcarriers is a pilot",
        ylabel="PSNR (dB)",
    )
    axes.set_title(
        f"{snr_db:g} dB; k/n = "
        + ", ".join(f"{ratio:.3f}" for _, ratio in results["ls", snr_db]),
        fontsize=10,
    )
    axes.legend()
if plt.get_backend() == "agg":  # no screen
    plt.savefig("pilots.png")
plt.show()
