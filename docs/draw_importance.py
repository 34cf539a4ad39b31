"""Draw a portrait with and without weights on a label: `python docs/draw_importance.py [PHOTOGRAPH ...]`.

Without a photograph it is the demo's with her head alone labelled, and the picture is the one in `docs/hybrid-code.md`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from semcomm.experiments.demo import demo_photograph
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.nested_builders import build_hybrid_code
from semcomm.quality.meaning import psnr_by_importance

HERE = Path(__file__).parent
RATIO, SNR_DB = 48, 1.0
HEAD = slice(16, 304), slice(144, 384)
"""Rows and columns of the demo's photograph."""


def main() -> None:
    """Send every photograph without weights and with each, and draw what arrives."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photographs", type=Path, nargs="*", help="portraits; the demo's without any")
    arguments.add_argument("--label", default="person", help="the class that matters")
    arguments.add_argument("--weights", type=float, nargs="+", default=[4.0], help="how much more its errors count")
    arguments.add_argument("--out", type=Path, default=HERE / "images" / "importance.png", help="the figure to write")
    given = arguments.parse_args()
    photographs = given.photographs or [demo_photograph()]
    only = None if given.photographs else HEAD

    torch.set_num_threads(1)
    system = build_hybrid_code(caption="lite", segmentation="lite", device="cpu")
    weights = [1.0, *given.weights]
    size = (3.2 * (len(weights) + 2), 3.6 * len(photographs))
    figure, axes = plt.subplots(len(photographs), len(weights) + 2, figsize=size, squeeze=False, layout="tight")
    for row, path in zip(axes, photographs, strict=True):
        draw_row(row, load_image(path)[None], system, given.label, weights, only)
    figure.savefig(given.out, dpi=110)
    print(f"wrote {given.out}")


def draw_row(axes, image: torch.Tensor, system, label: str, weights: list[float], only=None) -> None:  # noqa: ANN001
    """Draw the photograph, what arrives of it with each weight, and the label map received; labels `only` there."""
    semantics = system.extract(image)
    if only is not None:
        labels = torch.zeros_like(semantics.labels)
        labels[:, *only] = semantics.labels[:, *only]
        semantics = replace(semantics, labels=labels)
    show(axes[0], image[0], "sent")
    sent = None
    for ax, weight in zip(axes[1:], weights, strict=False):
        importance = {label: weight}
        sent = system.transmit(
            image,
            SNR_DB,
            semantics=semantics,
            channel_uses=image.numel() // RATIO,
            importance=importance,
            generator=torch.Generator().manual_seed(0),
        )
        scores = psnr_by_importance(
            to_float(sent.images), to_float(image), semantics.labels, importance, system.segmentation.class_names
        )
        inside, outside = float(scores["psnr_inside_db"]), float(scores["psnr_outside_db"])
        show(ax, sent.images[0], f"{label}: {weight:g}\ninside {inside:.1f} dB, outside {outside:.1f} dB")
        print(f"{label} {weight:g}: inside {inside:.2f} dB, outside {outside:.2f} dB, {float(sent.psnr_db):.2f} dB")
    assert sent is not None
    colours = system.segmentation.colors(sent.received_labels.clamp_min(0))
    show(axes[-1], (255 * colours[0]).byte(), "\n".join(sent.received_captions[0].split(", ")))


def show(ax, image: torch.Tensor, title: str) -> None:  # noqa: ANN001
    """Show one image."""
    ax.imshow(image.permute(1, 2, 0))
    ax.set_title(title, fontsize=9, wrap=True)
    ax.axis("off")


if __name__ == "__main__":
    main()
