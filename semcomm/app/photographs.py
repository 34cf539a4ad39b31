"""The page's photographs: three that installed packages bring, and the visitor's own."""

import hashlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semcomm.experiments.demo import demo_photograph
from semcomm.files.pictures import load_image

LONGEST = 512
"""Pixels of the longer side at most, so that sliding answers at once."""
SMALLEST = 32
"""Pixels of the shorter side at least, enough for every system and score."""


@final
@dataclass(frozen=True)
class Photograph:
    """A photograph as it is sent; two are equal if their pixels are.

    Args:
        digest: SHA-256 of the pixels and their shape.
        pixels: uint8 `(3, h, w)`.
        taken_from: height and width of the file.
    """

    digest: str
    pixels: Tensor = field(compare=False, repr=False)
    taken_from: tuple[int, int] = field(compare=False)


def samples() -> dict[str, Path]:
    """Photographs of installed packages by name: matplotlib's, and Gradio's where it is installed."""
    found = {"portrait": demo_photograph()}
    gradio = find_spec("gradio")
    if gradio is not None and gradio.origin is not None:
        media = Path(gradio.origin).parent / "media_assets" / "images"
        found |= {"cheetah": media / "cheetah.jpg", "tower": media / "tower.jpg"}
    return {name: path for name, path in found.items() if path.is_file()}


def open_photograph(path: str | Path) -> Photograph:
    """Read a photograph, reduced to `LONGEST` pixels on its longer side.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no picture, damaged, or too small to be sent.
    """
    pixels = load_image(path)
    height, width = pixels.shape[1:]
    factor = min(1.0, LONGEST / max(height, width))
    reduced = (max(1, round(height * factor)), max(1, round(width * factor)))
    if min(reduced) < SMALLEST:
        raise ValueError(
            f"a photograph must have at least {SMALLEST} pixels a side after it is reduced to {LONGEST} on the longer "
            f"one, got {reduced[0]} x {reduced[1]}; take a larger one or crop it"
        )
    if factor < 1:
        picture = Image.fromarray(np.asarray(pixels.permute(1, 2, 0)))
        smaller = np.array(picture.resize((reduced[1], reduced[0]), Image.Resampling.LANCZOS))
        pixels = torch.from_numpy(smaller).permute(2, 0, 1).contiguous()
    digest = hashlib.sha256(repr(reduced).encode() + pixels.numpy().tobytes()).hexdigest()
    return Photograph(digest, pixels, (height, width))
