"""
Bring your own extractor
========================

A captioner and a segmenter made of nothing but colours go into the sockets of MLSC-image, and a plain training loop
follows.
"""

# %%
# Two sockets
# -----------
#
# A segmenter is any ``nn.Module`` with ``segment``, ``class_names`` and ``palette``. This one gives every pixel the
# nearest of seven named colours.

import sys

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import hsv_to_rgb
from torch import nn
from torch.nn import functional as F

from semcomm import CaptionFeature, SegmentationFeature, Semantics, build_mlsc_image
from semcomm.experiments import demo_image
from semcomm.symbols import symbols_to_features

COLORS = {
    "black": (0.05, 0.05, 0.08),
    "grey": (0.45, 0.45, 0.45),
    "white": (0.92, 0.90, 0.88),
    "blue": (0.30, 0.45, 0.70),
    "red": (0.65, 0.15, 0.20),
    "skin": (0.80, 0.60, 0.50),
    "gold": (0.80, 0.55, 0.20),
}


class ColorSegmenter(nn.Module):
    """Labels every pixel with the nearest colour."""

    def __init__(self):
        super().__init__()
        self.class_names = tuple(COLORS)
        self.register_buffer("palette", torch.tensor(list(COLORS.values())), persistent=False)

    def segment(self, images):
        """Images (b, 3, h, w) to label maps (b, h, w)."""
        smooth = F.avg_pool2d(images, 7, stride=1, padding=3, count_include_pad=False)
        return torch.cdist(smooth.movedim(1, -1), self.palette).argmin(-1)


# %%
# A captioner is any ``nn.Module`` with ``generate``, ``embed`` and ``text``. This one names the three colours that
# cover most of the image. Captions have a fixed length T; here all are three words long, so there is no padding.


class ColorCaptioner(nn.Module):
    """Names an image's three main colours."""

    def __init__(self, segmenter):
        super().__init__()
        self.segmenter = segmenter
        self.embedding = nn.Embedding(len(COLORS), 16)

    def generate(self, images):
        """Images (b, 3, h, w) to tokens (b, T)."""
        covered = F.one_hot(self.segmenter.segment(images), len(COLORS)).float().mean((1, 2))
        return covered.topk(3).indices

    def embed(self, tokens):
        """Tokens (b, T) to word embeddings (b, T, E)."""
        return self.embedding(tokens)

    def text(self, tokens):
        """Tokens (b, T) to b strings."""
        return [", ".join(tuple(COLORS)[token] for token in row) for row in tokens.tolist()]


# %%
# The sockets check what they are given, freeze it, and keep it in eval mode.

torch.manual_seed(0)
segmenter = ColorSegmenter()
system = build_mlsc_image(
    l=4,
    t=8,
    image_size=64,
    caption=CaptionFeature(ColorCaptioner(segmenter), image_size=64),
    segmentation=SegmentationFeature(segmenter),
    width=16,
    norm="none",
    device="cpu",
)
print(
    f"k/n = {system.bandwidth_ratio(64, 64):.4f}, "
    f"{sum(w.numel() for w in system.parameters()):,} weights"
)

# %%
# A training loop of your own
# ---------------------------
#
# A system is an ``nn.Module``, so any loop will do. The label map of the whole photograph is made once and cropped with
# it; ``Semantics`` carries it past the segmenter. The one thing to learn here is this photograph.

photograph = demo_image(*sys.argv[1:2])
photograph = F.interpolate(
    photograph[None] / 255, scale_factor=0.5, mode="bilinear", antialias=True
).clamp(0, 1)[0]
labels = segmenter.segment(photograph[None])[0]
generator = torch.Generator().manual_seed(0)
optimizer = torch.optim.Adam((w for w in system.parameters() if w.requires_grad), lr=3e-3)
corners = torch.rand(110, 8, 2, generator=generator) * torch.tensor(
    [photograph.shape[1] - 64, photograph.shape[2] - 64]
)

for step_corners in corners.long().tolist():
    crops = torch.stack([photograph[:, y : y + 64, x : x + 64] for y, x in step_corners])
    maps = torch.stack([labels[y : y + 64, x : x + 64] for y, x in step_corners])
    received = system(crops, 10.0, semantics=Semantics(labels=maps), generator=generator)
    loss = F.mse_loss(received, crops)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"last step: {-10 * loss.log10().item():.1f} dB")

# %%
# What travels
# ------------
#
# ``transmit`` returns everything: the caption and the label map that were sent, every symbol, and the photograph that
# arrives.

sent = system.transmit(photograph[None], 10.0, generator=torch.Generator().manual_seed(1))
print("caption:", sent.captions[0])
print(
    f"k = {sent.symbols_per_image:,}, "
    f"PSNR {sent.psnr_db.item():.2f} dB, SSIM {sent.ssim.item():.3f}"
)

# %%
# The symbols are complex numbers in planes of h/t x w/t, one plane per complex channel: one for the caption, three for
# each of the other levels. Brightness is the magnitude of a symbol, hue its phase.

rows, columns = -(-photograph.shape[1] // 8), -(-photograph.shape[2] // 8)
planes = symbols_to_features(sent.symbols, rows, columns)[0].unflatten(0, (-1, 2))
planes = torch.complex(planes[:, 0], planes[:, 1]).numpy()
hue, brightness = np.angle(planes) / (2 * np.pi) % 1, np.clip(np.abs(planes) / 2.2, 0, 1) ** 0.7
painted = hsv_to_rgb(np.stack([hue, np.full_like(hue, 0.75), brightness], axis=-1))

figure = plt.figure(figsize=(13, 7.2), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=[0.85, 1.1, 1.15])
for axes, picture, title in zip(
    left.subplots(2, 1),
    (photograph, system.transmitter.segmentation.colors(sent.labels)[0]),
    ("sent", f"segments, and a caption: “{sent.captions[0]}”"),
    strict=True,
):
    axes.imshow(picture.movedim(0, -1))
    axes.set_title(title, fontsize=11)
    axes.axis("off")
names = [
    "c₁ caption",
    *["c₂ segments"] * 3,
    *["c₃ image + segments"] * 3,
    *["c₄ details"] * 3,
    *["c₅ details"] * 3,
]
grid = middle.subplots(5, 3)
for axes in grid.flat:
    axes.axis("off")
places = [(0, 1)] + [(row, column) for row in range(1, 5) for column in range(3)]
for place, plane, name in zip(places, painted, names, strict=True):
    grid[place].imshow(plane)
    if place[1] == 1:
        grid[place].set_title(name, fontsize=9, pad=2)
axes = right.subplots()
axes.imshow(sent.images[0].movedim(0, -1))
axes.set_title(
    f"received at 10 dB\nPSNR {sent.psnr_db.item():.1f} dB, SSIM {sent.ssim.item():.3f}",
    fontsize=11,
)
axes.axis("off")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("bring_your_own_extractor.png")
plt.show()
