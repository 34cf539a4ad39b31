"""Draw what the lite extractors see: photographs, label maps and captions, and print all captions.

    python docs/draw_extractors.py PHOTOS [PHOTOS ...] --count 10 2 --out docs/images/extractors.png

Of each folder, sorted by name, photographs at equal distances are taken, beginning with the first: nobody chose them.
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from semcomm.data.folders import list_images
from semcomm.extractors.lite import lite_captioner, lite_segmenter
from semcomm.files.atomic import write_whole
from semcomm.files.pictures import load_image
from semcomm.images import to_float

COLUMNS = 3
CELL = 256, 320
"""Height and width that each picture is drawn in."""


def main():
    """Look at the photographs, print the captions and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="folders of photographs")
    parser.add_argument("--count", nargs="+", type=int, required=True, help="how many of each folder")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write, PNG")
    given = parser.parse_args()
    if len(given.count) != len(given.photos):
        parser.error("--count must have a number for each folder")
    paths = [path for folder, count in zip(given.photos, given.count, strict=True) for path in choose(folder, count)]
    captioner, segmenter = lite_captioner(), lite_segmenter()
    figure = Figure(figsize=(4.6 * COLUMNS, 2.45 * -(-len(paths) // COLUMNS)), layout="constrained")
    axes = figure.subplots(-(-len(paths) // COLUMNS), COLUMNS, squeeze=False).flatten()
    seen: set[int] = set()
    for axis, path in zip(axes, paths, strict=False):
        photo = to_float(load_image(path)[None])
        labels = segmenter.segment(photo)[0]
        caption = captioner.text(captioner.generate(photo))[0]
        seen |= set(labels.unique().tolist())
        print(f"{path.parent.name}/{path.name}: {caption}")
        axis.imshow(side_by_side(photo[0], segmenter.palette[labels].movedim(2, 0)))
        axis.set_xlabel("\n".join(textwrap.wrap(caption, 52)), fontsize=11)
        axis.set_xticks([])
        axis.set_yticks([])
    for axis in axes[len(paths) :]:
        axis.axis("off")
    patches = [
        Patch(facecolor=segmenter.palette[label].tolist(), edgecolor="gray", label=segmenter.class_names[label])
        for label in sorted(seen)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=8, fontsize=11, frameon=False)
    with write_whole(given.out) as temporary:
        figure.savefig(temporary, dpi=75, format="png")
    print(f"wrote {given.out}")


def choose(folder, count):
    """Take photographs at equal distances from a folder."""
    paths = list_images(folder)
    return [paths[place * len(paths) // count] for place in range(count)]


def side_by_side(photo, colours):
    """Put a photograph beside its label map, both fitted into a cell: `(3, h, w)` twice to `(h, w, 3)`."""
    height, width = CELL
    scale = min(height / photo.shape[1], width / photo.shape[2])
    size = (round(photo.shape[1] * scale), round(photo.shape[2] * scale))
    canvas = torch.ones(3, height, 2 * width + 8)
    top, left = (height - size[0]) // 2, width - size[1]
    resized = torch.nn.functional.interpolate(photo[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    canvas[:, top : top + size[0], left : left + size[1]] = resized
    painted = torch.nn.functional.interpolate(colours[None], size, mode="nearest-exact")[0]
    canvas[:, top : top + size[0], width + 8 : width + 8 + size[1]] = painted
    return np.asarray(canvas.permute(1, 2, 0))


if __name__ == "__main__":
    main()
