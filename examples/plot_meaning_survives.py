"""
What survives: meaning under noise
==================================

The small captioner and segmenter look at what arrives. Do they still see what they saw in the photograph sent?
"""

# %%
# Pixels are one measure of a reception, and meaning is another: the same frozen extractors look at both images, and
# what they find is compared. Their own mistakes, of which there are many, count neither for nor against, because what
# they see in the photograph sent stands in for the truth. :class:`~semcomm.quality.fidelity.SemanticFidelity` does
# this for tables.

import sys
import textwrap

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from semcomm import SeparationBaseline, from_pretrained
from semcomm.experiments import demo_image
from semcomm.quality.fidelity import caption_agreement, label_agreement, lite_fidelity

photograph = F.interpolate(
    demo_image(*sys.argv[1:2])[None] / 255, scale_factor=0.5, mode="bilinear", antialias=True
)
photograph = photograph.clamp(0, 1)
fidelity = lite_fidelity()
truth = fidelity.look(photograph)
print("sent:", truth["captions"][0])

# %%
# The learned system, and JPEG at capacity in as many channel uses, from a channel with sixteen times more noise than
# signal to one with little noise.

snrs_db = [-12.0, -8.0, -4.0, 0.0, 5.0, 15.0]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
jpeg = SeparationBaseline("jpeg", bandwidth_ratio=system.bandwidth_ratio(*photograph.shape[2:]))
semantics = system.extract(photograph)
sent = {"MLSC-image": [], "JPEG at capacity": []}
for snr_db in snrs_db:
    noise, pixels = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    sent["MLSC-image"].append(
        system.transmit(photograph, snr_db, semantics=semantics, generator=noise)
    )
    sent["JPEG at capacity"].append(jpeg.transmit(photograph, snr_db, generator=pixels))

seen = {
    name: [fidelity.look(one.images / 255) for one in transmissions]
    for name, transmissions in sent.items()
}
labels = {
    name: [label_agreement(look["labels"], truth["labels"]).item() for look in seen[name]]
    for name in seen
}
words = {
    name: [caption_agreement(look["captions"], truth["captions"]).item() for look in seen[name]]
    for name in seen
}
for name, looks in seen.items():
    for snr_db, look, pixels, sentence in zip(
        snrs_db, looks, labels[name], words[name], strict=True
    ):
        print(
            f"{name:16} {snr_db:4g} dB: labels {pixels:4.0%}, words {sentence:4.0%}  "
            f"{look['captions'][0]}"
        )

# %%
# For each scheme a row of what arrived, and below it what the segmenter sees in it and what the captioner says of it.
# Of a file that cannot be decoded nothing is left, pixels or meaning. Label maps come apart gradually with the learned
# system's pictures. Sentences do not: this captioner wavers between two for the same photograph, so that words in
# common are worth printing over many images only.

COLORS = {"MLSC-image": "#0b6e99", "JPEG at capacity": "#d1661f"}
figure = plt.figure(figsize=(14, 13), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[4.4, 1])
grid = above.subplots(4, len(snrs_db) + 1)
for row, (name, transmissions) in enumerate(sent.items()):
    pictures, maps = grid[2 * row], grid[2 * row + 1]
    pictures[0].imshow(photograph[0].movedim(0, -1))
    pictures[0].set_title(f"{name}, sent", color=COLORS[name], fontsize=10, weight="bold")
    maps[0].imshow(fidelity.segmentation.colors(truth["labels"])[0].movedim(0, -1))
    maps[0].set_title(textwrap.fill(truth["captions"][0], 21), fontsize=9, style="italic")
    for column, (snr_db, one, look) in enumerate(
        zip(snrs_db, transmissions, seen[name], strict=True), start=1
    ):
        pictures[column].imshow(one.images[0].movedim(0, -1))
        pictures[column].set_title(f"{snr_db:g} dB", color=COLORS[name], fontsize=11)
        maps[column].imshow(fidelity.segmentation.colors(look["labels"])[0].movedim(0, -1))
        maps[column].set_title(textwrap.fill(look["captions"][0], 21), fontsize=9, style="italic")
for axes in grid.flat:
    axes.axis("off")
axes = below.subplots()
for name, values in labels.items():
    axes.plot(snrs_db, values, "o-", color=COLORS[name], label=name, linewidth=2.5)
axes.set(xlabel="SNR (dB)", ylabel="pixels with the same label", ylim=(0, 1.03))
axes.yaxis.set_major_formatter("{x:.0%}")
axes.grid(alpha=0.25)
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="lower right")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("meaning_survives.png")
plt.show()
