"""
What an image means
===================

The small captioner and segmenter that the package brings read a photograph: a sentence and a map of labels.
"""

# %%
# Both are ordinary frozen ``nn.Module`` objects. They take images of any size, float32 in [0, 1].

import sys

import matplotlib.pyplot as plt
import numpy as np

from semcomm import CaptionFeature, SegmentationFeature
from semcomm.experiments import demo_image
from semcomm.extractors.lite import lite_captioner, lite_segmenter

photograph = demo_image(*sys.argv[1:2])[None] / 255
caption = CaptionFeature(lite_captioner(), image_size=256)
segmentation = SegmentationFeature(lite_segmenter())

# %%
# The caption, in tokens and in words. Both networks are small and saw little: expect a plausible sentence rather than a
# true one, and street scenes to fare better than portraits.

tokens = caption.tokens(photograph)
text = caption.text(tokens)[0]
print(tokens[0].tolist())
print(text)

# %%
# The label map, and how much of the photograph each class covers.

labels = segmentation.labels(photograph)
shares = (
    np.bincount(labels.flatten().numpy(), minlength=len(segmentation.class_names))
    / labels.numel()
)
found = [label for label in np.argsort(-shares) if shares[label] >= 0.01]
for label in found:
    print(f"{segmentation.class_names[label]:12} {shares[label]:.0%}")

# %%
# What the encoders see
# ---------------------
#
# s is the label map in its palette's colours, three channels at the size of the image. p is the caption: one row per
# word, one column per element of its embedding, enlarged to 256 x 256 for the fully connected layer.

colors = segmentation(photograph, labels)[0].movedim(0, -1)
plane = caption(photograph, tokens).reshape(256, 256)

figure, axes = plt.subplots(1, 4, figsize=(14, 4.9), layout="constrained")
image = photograph[0].movedim(0, -1)
for ax, picture, title in zip(
    axes,
    (image, colors, 0.45 * image + 0.55 * colors, None),
    ("photograph", "s: segmentation", "both", "p: the caption's word embeddings"),
    strict=True,
):
    if picture is not None:
        ax.imshow(picture)
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
limit = plane.abs().max().item()
axes[3].imshow(plane, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect=600 / 512)
axes[3].set_ylabel("words")
axes[3].set_xlabel("embedding")
patches = [
    plt.Rectangle((0, 0), 1, 1, color=segmentation.palette[label].tolist()) for label in found
]
names = [f"{segmentation.class_names[label]} {shares[label]:.0%}" for label in found]
figure.legend(patches, names, loc="outside lower center", ncols=min(len(found), 8), frameon=False)
figure.suptitle(f"“{text}”", fontsize=15, style="italic")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("semantic_levels.png")
plt.show()
