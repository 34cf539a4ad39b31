"""
The digital cliff
=================

JPEG and AVIF over a real channel code. What if the sender is wrong about the SNR by 3 dB?
"""

# %%
# At capacity, and for real
# -------------------------
#
# ``code="capacity"`` is the ideal code: all bits below k C arrive. ``code="ldpc"`` sends the file: 5G LDPC, QPSK to
# shaped 1024-QAM, in exactly k channel uses. A table says which modulation and rate lose one photograph in 1,000 at
# an SNR. Both ends pick them by the SNR that they believe in.

import sys

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from semcomm import SeparationBaseline
from semcomm.experiments import demo_image
from semcomm.images import to_uint8

RATIO = 1 / 12
photograph = F.interpolate(
    demo_image(*sys.argv[1:2])[None] / 255, scale_factor=0.5, mode="bilinear", antialias=True
)
photograph = to_uint8(photograph)[:, :, 4:196, 42:234]
schemes = {
    (codec, code): SeparationBaseline(codec, bandwidth_ratio=RATIO, code=code, delivered="gray")
    for codec in ("jpeg", "avif")
    for code in ("capacity", "ldpc")
}
for (codec, code), scheme in schemes.items():
    print(f"{codec}, {code:8} at 10 dB: {scheme.bits_per_image(192, 192, 10.0) // 8:,} bytes")


# %%
# Send it
# -------
#
# The real SNR runs from 4 to 16 dB. The sender believes in the truth, in 3 dB more, in 3 dB less, or always in 10 dB.

snrs_db = [float(snr_db) for snr_db in range(4, 17)]


def psnrs(codec, code, believe):
    """PSNR at every real SNR, and whether the image was lost."""
    sent = [
        schemes[codec, code].transmit(
            photograph,
            snr_db,
            told_snr_db=believe(snr_db),
            generator=torch.Generator().manual_seed(0),
        )
        for snr_db in snrs_db
    ]
    return [one.psnr_db.item() for one in sent], [bool(one.failed.any()) for one in sent]


curves = {
    "at capacity": ("capacity", lambda real: real, "#888888", "--"),
    "5G LDPC, told the truth": ("ldpc", lambda real: real, "#0b6e99", "-"),
    "5G LDPC, told 3 dB too little": ("ldpc", lambda real: real - 3, "#3a9d5d", "-"),
    "5G LDPC, told 10 dB": ("ldpc", lambda real: 10.0 + 0 * real, "#e0a030", "-"),
    "5G LDPC, told 3 dB too much": ("ldpc", lambda real: real + 3, "#c8553d", "-"),
}
measured = {
    codec: {name: psnrs(codec, code, believe) for name, (code, believe, _, _) in curves.items()}
    for codec in ("jpeg", "avif")
}
for codec, by_name in measured.items():
    for name, (psnr_db, lost) in by_name.items():
        print(
            f"{codec:5} {name:30} {sum(lost):2} of {len(lost)} lost, "
            f"{psnr_db[snrs_db.index(10.0)]:.1f} dB at 10 dB"
        )

# %%
# Too little costs quality at every SNR: 3 dB are a bit per channel use. Too much costs everything, at every SNR: the
# rate is above what the channel carries, the blocks do not decode, and a lost image is gray. Told 10 dB once and for
# all, the image is as good as at 10 dB above that, and lost below: the cliff.

figure = plt.figure(figsize=(13, 7.4), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
panels = above.subplots(1, 2, sharey=True)
for axes, (codec, by_name) in zip(panels, measured.items(), strict=True):
    for name, (psnr_db, _) in by_name.items():
        _, _, color, style = curves[name]
        axes.plot(snrs_db, psnr_db, style, color=color, marker="o", markersize=4, label=name)
    axes.set(xlabel="real SNR (dB)", title=f"{codec.upper()}, k/n = 1/12")
    axes.grid(alpha=0.3)
panels[0].set_ylabel("PSNR (dB)")
panels[0].legend(loc="center right", bbox_to_anchor=(1.0, 0.36), fontsize=9)

pictures = below.subplots(1, 6)
for place, (codec, told_db) in zip(
    pictures,
    [(codec, told_db) for codec in ("jpeg", "avif") for told_db in (7.0, 10.0, 13.0)],
    strict=True,
):
    sent = schemes[codec, "ldpc"].transmit(
        photograph, 10.0, told_snr_db=told_db, generator=torch.Generator().manual_seed(0)
    )
    place.imshow(sent.images[0].movedim(0, -1))
    score = "lost" if sent.failed.any() else f"{sent.psnr_db.item():.1f} dB"
    place.set_title(f"{codec.upper()}, told {told_db:g} dB: {score}", fontsize=10)
    place.axis("off")
below.suptitle("Real SNR 10 dB")
figure.suptitle("The digital cliff", fontsize=15, weight="bold")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("digital_cliff.png")
plt.show()
