"""
Quality over SNR, against JPEG at capacity
==========================================

One trained model for all SNRs, beside a real image codec with an ideal channel code, in the same channel uses.
"""

# %%
# :class:`~semcomm.SeparationBaseline` spends at most k C bits per image, C = log2(1 + SNR). That is the channel's
# capacity, which no real channel code reaches. It also knows the SNR before it compresses. No codec could be a stronger
# opponent, and yet it has a cliff: where even the smallest JPEG file is too large, nothing arrives.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import SeparationBaseline, from_pretrained
from semcomm.experiments import demo_image

photograph = demo_image(*sys.argv[1:2])[None]
height, width = photograph.shape[2:]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
jpeg = SeparationBaseline("jpeg", bandwidth_ratio=system.bandwidth_ratio(height, width))
print(
    f"{height} x {width} pixels, "
    f"k = {system.symbols_per_image(height, width):,} channel uses by MLSC-image"
)
print(
    f"{height} x {width} pixels, "
    f"k = {jpeg.symbols_per_image(height, width):,} channel uses by JPEG"
)

# %%
# Both are sent at every SNR. The noise is seeded, so the numbers are the same in every run. The captioner and the
# segmenter look at the photograph once.

snrs_db = [-8.0, -5.0, -3.0, 0.0, 4.0, 8.0, 12.0, 16.0]
semantics = system.extract(photograph)
sent = {"MLSC-image": [], "JPEG at capacity": []}
for snr_db in snrs_db:
    noise, pixels = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    sent["MLSC-image"].append(
        system.transmit(photograph, snr_db, semantics=semantics, generator=noise)
    )
    sent["JPEG at capacity"].append(jpeg.transmit(photograph, snr_db, generator=pixels))
print("SNR (dB)   " + "   ".join(sent))
for column, snr_db in enumerate(snrs_db):
    scores = [f"{one[column].psnr_db.item():6.2f} dB" for one in sent.values()]
    print(f"{snr_db:8g}   " + "   ".join(scores))

# %%
# The learned system degrades gracefully: one model, trained for a range of SNRs, and no cliff. Where JPEG has enough
# bits it is ahead on this smooth portrait; the channel code that takes it there does not exist.

COLORS = {"MLSC-image": "#0b6e99", "JPEG at capacity": "#d1661f"}
SHOWN_DB = (-8.0, -3.0, 4.0, 12.0)
figure = plt.figure(figsize=(12, 8.6), layout="constrained")
curves, faces = figure.subfigures(2, 1, height_ratios=[1, 1.2])
for axes, metric, label in zip(
    curves.subplots(1, 2), ("psnr_db", "ssim"), ("PSNR (dB)", "SSIM"), strict=True
):
    for name, transmissions in sent.items():
        values = [getattr(one, metric).item() for one in transmissions]
        axes.plot(
            snrs_db, values, "o-", color=COLORS[name], label=name, linewidth=2, markersize=5
        )
        failed = [one.failed is not None and bool(one.failed) for one in transmissions]
        lost = [
            (snr_db, value)
            for snr_db, value, fails in zip(snrs_db, values, failed, strict=True)
            if fails
        ]
        if lost:
            axes.plot(
                *zip(*lost, strict=True),
                "X",
                color="black",
                markersize=10,
                label="fails: no file fits",
            )
    axes.set(xlabel="SNR (dB)", ylabel=label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="lower right")
curves.suptitle(
    f"One photograph at k/n = {system.bandwidth_ratio(height, width):.4f}",
    fontsize=15,
    weight="bold",
)

grid = faces.subplots(2, len(SHOWN_DB))
for row, (name, transmissions) in zip(grid, sent.items(), strict=True):
    for axes, snr_db in zip(row, SHOWN_DB, strict=True):
        one = transmissions[snrs_db.index(snr_db)]
        axes.imshow(one.images[0, :, 60:300, 60:460].permute(1, 2, 0))
        axes.set_title(f"{name}, {snr_db:g} dB", fontsize=10, color=COLORS[name])
        axes.axis("off")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("snr_sweep.png")
plt.show()
