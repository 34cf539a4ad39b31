"""
A system learns, in twenty seconds
==================================

Deep JSCC from random weights, in a training loop of ten lines. It learns from the margins of a photograph and is
judged by the middle, where the face is.
"""

# %%
# Parts of one photograph stand in for two folders of them: a flag at the left, a sky at the right, a uniform below.
# :doc:`/training` has the real thing.

import sys

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from semcomm import build_deep_jscc
from semcomm.experiments import demo_image

photograph = F.interpolate(
    demo_image(*sys.argv[1:2])[None] / 255, scale_factor=0.5, mode="bilinear", antialias=True
)
photograph = photograph.clamp(0, 1)
judged = photograph[:, :, 16:168, 76:194]
margins = photograph[0, :, :, :76], photograph[0, :, :, 194:], photograph[0, :, 168:, :]

# %%
# The loop. A system is an ``nn.Module``, the channel is part of the path, and gradients flow through it. Every crop
# gets an SNR of its own, from 0 to 20 dB.

STEPS, SNAPSHOTS, SNR_DB = 400, (0, 20, 60, 160, 400), 10.0
torch.manual_seed(0)
system = build_deep_jscc(bandwidth_ratio=1 / 12, device="cpu")
optimizer = torch.optim.Adam(system.parameters(), lr=2e-3)
generator = torch.Generator().manual_seed(0)
steps, scores, pictures = [], [], {}


def crop(margin):
    """Cut 48 x 48 pixels out of a margin, anywhere."""
    top, left = (
        int(torch.randint(side - 47, (), generator=generator)) for side in margin.shape[1:]
    )
    return margin[:, top : top + 48, left : left + 48]


def judge(step):
    """Send the part that is not learned from."""
    sent = system.transmit(judged, SNR_DB, generator=torch.Generator().manual_seed(1))
    steps.append(step)
    scores.append(sent.psnr_db.item())
    if step in SNAPSHOTS:
        pictures[step] = sent.images[0]


judge(0)
for step in range(1, STEPS + 1):
    crops = torch.stack([crop(margins[number % 3]) for number in range(9)])
    snr_db = 20 * torch.rand(9, generator=generator)
    loss = F.mse_loss(system(crops, snr_db, generator=generator), crops)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        judge(step)
print(f"{STEPS} steps of 9 crops: {scores[0]:.1f} dB, then {scores[-1]:.1f} dB")

# %%
# From grey to a face, though it has never seen one. Shapes come first and colours later; skin, which the margins lack,
# comes last.

figure = plt.figure(figsize=(13, 6.6), layout="constrained")
faces, curve = figure.subfigures(2, 1, height_ratios=[1, 1.25])
titles = ["sent", *(f"step {step}: {scores[steps.index(step)]:.1f} dB" for step in SNAPSHOTS)]
columns = faces.subplots(1, len(titles))
for axes, title, picture in zip(columns, titles, [judged[0], *pictures.values()], strict=True):
    axes.imshow(picture.movedim(0, -1))
    axes.set_title(title, fontsize=11)
    axes.axis("off")
axes = curve.subplots()
axes.plot(steps, scores, color="#0b6e99", linewidth=2.5)
axes.plot(
    SNAPSHOTS,
    [scores[steps.index(step)] for step in SNAPSHOTS],
    "o",
    color="#d1661f",
    markersize=9,
)
axes.set(xlabel="training step", ylabel=f"PSNR at {SNR_DB:g} dB (dB)", xlim=(-4, STEPS + 4))
axes.grid(alpha=0.25)
axes.spines[["top", "right"]].set_visible(False)
figure.suptitle(
    "Deep JSCC at k/n = 1/12, learned from a photograph's margins", fontsize=15, weight="bold"
)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("train_deep_jscc.png")
plt.show()
