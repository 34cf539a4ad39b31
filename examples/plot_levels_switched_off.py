"""
Levels switched off
===================

What each semantic level carries, seen by its absence: the receiver gets zeros instead of it.
"""

# %%
# ``encode``, the channel and ``decode`` are separate steps, so there is room for surgery between them. Levels lie one
# behind the other in k: the caption's complex channel first, then three for each other level.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import from_pretrained
from semcomm.experiments import demo_image
from semcomm.quality import psnr

SNR_DB = 10.0
photograph = demo_image(*sys.argv[1:2])[None] / 255
size = photograph.shape[2:]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
with torch.inference_mode():
    x = system.encode(photograph, SNR_DB)
    y = system.channel(x, SNR_DB, generator=torch.Generator().manual_seed(0))

names = ("caption", "segments", "image + segments", "details, 3 x 3", "details, 5 x 5")
channels = torch.tensor([1, 3, 3, 3, 3])
level = torch.arange(5).repeat_interleave(
    channels * (x.shape[1] // channels.sum())
)  # of every symbol

# %%
# Six images arrive with one level silenced or none, and five more with a single level left. The receiver was never
# trained for that: what it paints without a level shows what it draws from that level, and not how well a system would
# do that never had it. The ablations of :doc:`/semantic-levels` are trained, and answer that question.


def receive(keep):
    """Decode with only some of the symbols, zeros for the rest."""
    with torch.inference_mode():
        return system.decode(torch.where(keep, y, 0), tuple(size), SNR_DB)


complete = receive(torch.ones_like(level, dtype=torch.bool))
without = [receive(level != silent) for silent in range(5)]
alone = [receive(level == single) for single in range(5)]
print(f"{'all levels':18} {psnr(complete, photograph).item():5.1f} dB")
for name, *images in zip(names, without, alone, strict=True):
    scores = [psnr(image, photograph).item() for image in images]
    print(f"{name:18} {scores[0]:5.1f} dB without it, {scores[1]:5.1f} dB with it alone")

# %%
# A level whose absence costs little is one that the others can do without. The images of single levels say what a level
# is about: colour, light, edges.

titles = [
    "received, all levels",
    *(f"without {name}" for name in names),
    "sent",
    *(f"only {name}" for name in names),
]
figure, axes = plt.subplots(2, 6, figsize=(14, 6.1), layout="constrained")
for place, name, picture in zip(
    axes.flat, titles, [complete, *without, photograph, *alone], strict=True
):
    score = "" if picture is photograph else f"\n{psnr(picture, photograph).item():.1f} dB"
    place.imshow(picture[0].movedim(0, -1))
    place.set_title(name + score, fontsize=10.5)
    place.axis("off")
figure.suptitle(f"Five levels, one photograph, {SNR_DB:g} dB", fontsize=15, weight="bold")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("levels_switched_off.png")
plt.show()
