"""ADE20K as it is unpacked: photographs and label maps of a split, in the 150 classes of its benchmark.

The full release of 2021, each photograph with what was outlined in it:

    ROOT/images/ADE/training/urban/street/ADE_train_00016869.jpg, .json, _seg.png, _parts_1.png, ...
    ROOT/images/ADE/training/urban/street/ADE_train_00016869/instance_000_ADE_train_00016869.png, ...

The scene-parsing benchmark (ADEChallengeData2016), with labels 1 to 150 in PNG files and 0 for all else:

    ROOT/images/training/ADE_train_00000001.jpg
    ROOT/annotations/training/ADE_train_00000001.png

ROOT may also be the folder that `ADE20K_2021_17_01` or `ADEChallengeData2016` was unpacked into.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semcomm.data.annotation_files import read_document, records, text_field, whole_field
from semcomm.data.classes import IGNORED
from semcomm.data.layouts import find_photographs
from semcomm.extractors.ade20k_classes import ADE20K_CLASSES
from semcomm.files.pictures import load_values

SPLITS = ("training", "validation")
ROOTS = ("ADE20K_2021_17_01", "ADEChallengeData2016")

OTHER_NAMES = {"television receiver": "television", "double door": "door"}
"""First names in the full release that differ from the benchmark's class."""

TOLD_APART_BY = {
    "base": "pedestal",
    "case": "display case",
    "glass": "drinking glass",
    "hood": "exhaust hood",
    "pot": "flowerpot",
    "screen": "silver screen",
    "step": "stair",
    "tank": "storage tank",
}
"""First names that mean several things, and the synonym that the benchmark's class has: a pot to cook in is none."""


def list_ade20k_images(root: str | Path, split: str) -> list[Path]:
    """List the photographs of a split, sorted by path, without the annotations beside them.

    Args:
        root: the unpacked release, or the folder around it.
        split: "training" or "validation".

    Raises:
        FileNotFoundError: if the split's folder is missing.
        ValueError: if `split` is neither, or its folder holds no photographs.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    roots = [Path(root), *(Path(root) / name for name in ROOTS)]
    for folder in (one / images / split for one in roots for images in ("images/ADE", "images")):
        if folder.is_dir():
            return list(find_photographs(folder))
    raise FileNotFoundError(f"ADE20K root {root} must hold images/ADE/{split} or images/{split}, it holds neither")


def read_ade20k_labels(photograph: str | Path) -> Tensor:
    """Read the label map of one photograph, in the order of `ADE20K_CLASSES`; 255 is everything else.

    Of the full release, with its more than 3,000 classes, an object gets the benchmark's label if its first name is the
    class's (`OTHER_NAMES` and `TOLD_APART_BY` are the exceptions). The benchmark's own PNGs were made in another way,
    from a release of 2016, so the two need not agree in every pixel.

    Args:
        photograph: from `list_ade20k_images`.

    Shape:
        uint8 `(h, w)`.

    Raises:
        FileNotFoundError: if a file with the annotation is missing.
        ValueError: if one is damaged or malformed.
    """
    path = Path(photograph)
    segmentation = path.with_name(f"{path.stem}_seg.png")
    return _full_release(segmentation, path) if segmentation.is_file() else _benchmark(path)


def benchmark_label(name: str) -> int:
    """Give the benchmark's label of a class of the full release, or 255.

    Args:
        name: its names as the release joins them.

    Example:
        >>> benchmark_label("building, edifice"), benchmark_label("pot, flowerpot"), benchmark_label("pot")
        (1, 125, 255)
    """
    names = [one.strip().lower() for one in name.split(",")]
    first = OTHER_NAMES.get(names[0], names[0])
    if first not in ADE20K_CLASSES or TOLD_APART_BY.get(first, names[0]) not in names:
        return IGNORED
    return ADE20K_CLASSES.index(first)


def _full_release(segmentation: Path, photograph: Path) -> Tensor:
    colors = load_values(segmentation)
    if colors.ndim != 3 or colors.shape[2] != 3 or colors.dtype != np.uint8:
        raise ValueError(f"{segmentation} must have three channels of 8 bits, got {colors.dtype} {colors.shape}")
    # the release's own tools: class = 256 floor(R / 10) + G; B tells objects apart
    classes = colors[..., 0].astype(np.int64) // 10 * 256 + colors[..., 1]
    listing = photograph.with_suffix(".json")
    # names are ASCII, while some file names and comments are not UTF-8
    document = read_document(listing, encoding="latin-1")
    annotation = document.get("annotation")
    if not isinstance(annotation, dict):
        raise ValueError(f"annotation file {listing} must hold an object 'annotation', it does not")
    labels = np.full(26 * 256, IGNORED, dtype=np.uint8)
    for number, record in enumerate(records(annotation, "object", listing)):
        place = f"{listing}: object {number}"
        name, index = text_field(record, "name", place), whole_field(record, "name_ndx", place)
        if not 0 < index < len(labels):
            raise ValueError(f"{place} must have a name_ndx of 1 to {len(labels) - 1}, got {index}")
        labels[index] = benchmark_label(name)
    return torch.from_numpy(labels[classes])


def _benchmark(photograph: Path) -> Tensor:
    split = photograph.parent
    stored = split.parent.parent / "annotations" / split.name / f"{photograph.stem}.png"
    if not stored.is_file():
        raise FileNotFoundError(f"{photograph} must have {photograph.stem}_seg.png beside it, or {stored}")
    values = load_values(stored)
    if values.ndim != 2 or values.max() > len(ADE20K_CLASSES):
        raise ValueError(
            f"labels of {stored} must be one channel of 0 to {len(ADE20K_CLASSES)}, "
            f"got shape {values.shape} up to {values.max()}"
        )
    return torch.from_numpy(np.where(values == 0, IGNORED, values.astype(np.int64) - 1).astype(np.uint8))
