"""
Four codecs and their cliffs
============================

JPEG, JPEG 2000, WebP and AVIF, each with an ideal channel code at capacity, in the same channel uses.
"""

# %%
# A budget in bits
# ----------------
#
# k channel uses carry at most k C bits, C = log2(1 + SNR). :class:`~semcomm.SeparationBaseline` sends the best file
# that costs no more. Where even the least one costs more, nothing can be decoded, and random pixels stand in for the
# image.

import sys

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from semcomm import SeparationBaseline
from semcomm.baselines.codecs import encode_all
from semcomm.experiments import demo_image
from semcomm.images import to_uint8

photograph = F.interpolate(
    demo_image(*sys.argv[1:2])[None] / 255, scale_factor=0.5, mode="bilinear", antialias=True
)
photograph = to_uint8(photograph)[0, :, 4:196, 42:234]
schemes = {
    "JPEG": SeparationBaseline("jpeg", bandwidth_ratio=1 / 12),
    "JPEG 2000": SeparationBaseline("jpeg2000", bandwidth_ratio=1 / 12),
    "WebP": SeparationBaseline("webp", bandwidth_ratio=1 / 12),
    "AVIF": SeparationBaseline("avif", bandwidth_ratio=1 / 12),
}
for snr_db in (0.0, 10.0):
    print(f"{snr_db:4g} dB: {schemes['JPEG'].bits_per_image(192, 192, snr_db) // 8:,} bytes")

# %%
# Every quality is tried, because files do not always grow with it. The image is encoded once, and its files serve all
# SNRs and bandwidth ratios.

for name, scheme in schemes.items():
    sizes = [len(file) for file in encode_all(photograph, scheme.codec)]
    print(f"{name:10} {len(sizes):4} files, {min(sizes):5,} to {max(sizes):6,} bytes")

# %%
# Send it at every SNR. The random pixels of a failure are seeded.

snrs_db = [float(snr_db) for snr_db in range(-12, 17)]
sent = {
    name: [
        scheme.transmit(photograph[None], snr_db, generator=torch.Generator().manual_seed(0))
        for snr_db in snrs_db
    ]
    for name, scheme in schemes.items()
}
cliffs = {
    name: snrs_db[[bool(one.failed) for one in transmissions].index(False)]
    for name, transmissions in sent.items()
}
for name, snr_db in cliffs.items():
    print(f"{name:10} works from {snr_db:g} dB")

# %%
# The cliff
# ---------
#
# A curve of a separate scheme ends in a cliff. The shade is darker by a step for every codec that fails. JPEG 2000
# reaches farthest down, because its header is short and its files may be cut anywhere. AVIF is the best of the four
# wherever it works.

COLORS = {"JPEG": "#d1661f", "JPEG 2000": "#7a5195", "WebP": "#4c9a5b", "AVIF": "#0b6e99"}
SHOWN_DB = (-4.0, 4.0)
figure = plt.figure(figsize=(12, 10), layout="constrained")
curves, faces = figure.subfigures(2, 1, height_ratios=[1, 1.35])
for axes, metric, label in zip(
    curves.subplots(1, 2), ("psnr_db", "ssim"), ("PSNR (dB)", "SSIM"), strict=True
):
    for name, transmissions in sent.items():
        values = [getattr(one, metric).item() for one in transmissions]
        axes.plot(
            snrs_db, values, "o-", color=COLORS[name], label=name, linewidth=2, markersize=4
        )
        axes.axvspan(snrs_db[0], cliffs[name] - 1, color="black", alpha=0.06, linewidth=0)
    axes.set(xlabel="SNR (dB)", ylabel=label, xlim=(snrs_db[0], snrs_db[-1]))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.text(0.02, 0.95, "no file fits", transform=axes.transAxes, va="top", color="#6b6b6b")
axes.legend(frameon=False, loc="lower right")
curves.suptitle(
    "One photograph at k/n = 1/12, each codec at capacity", fontsize=15, weight="bold"
)

grid = faces.subplots(len(SHOWN_DB), len(schemes))
for row, snr_db in zip(grid, SHOWN_DB, strict=True):
    for axes, (name, transmissions) in zip(row, sent.items(), strict=True):
        one = transmissions[snrs_db.index(snr_db)]
        score = "fails" if one.failed else f"{one.psnr_db.item():.1f} dB"
        axes.imshow(one.images[0].permute(1, 2, 0))
        axes.set_title(f"{name} at {snr_db:g} dB: {score}", fontsize=10, color=COLORS[name])
        axes.axis("off")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("separation_baseline.png")
plt.show()
