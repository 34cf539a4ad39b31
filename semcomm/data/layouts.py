"""Which pictures of a folder are photographs, where data sets keep their annotations beside them."""

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from semcomm.data.folders import Photographs, list_folder

COCO_SPLIT = re.compile(r"(train|val|test|unlabeled)20\d\d")
"""Names of the folders of MSCOCO's splits."""

LABEL_MAP = re.compile(r"(.+)_(seg|parts_\d+)\.png")
"""ADE20K, full release: `X_seg.png` and `X_parts_1.png` beside the photograph `X.jpg`."""

INSTANCE = re.compile(r"instance_\d+_(.+)\.png")
"""ADE20K, full release: `X/instance_000_X.png` beside the photograph `X.jpg`."""


def find_photographs(folder: str | Path, *, leave_out: Collection[Path] = ()) -> Photographs:
    """Find the photographs in any folder tree, sorted by path, without the annotations of the data sets known here.

    These pictures are left out: those in a folder `annotations` beside MSCOCO's splits or ADE20K's `images`; those in
    `SPLITannot` beside `SPLIT` (CamVid); label maps, parts and instance masks beside ADE20K's photographs.

    The root of MSCOCO, ADE20K or CamVid with more than one split in it is refused, so that nobody trains on what they
    validate on by accident: give one split's folder, such as `coco/train2017`. So is a folder with nothing but such a
    root in it.

    Args:
        folder: any folder tree.
        leave_out: photographs to do without, such as damaged ones.

    Returns:
        the photographs, and how many other files the folder holds.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no photograph, or several splits of a data set.
    """
    folder = Path(folder)
    listed, skipped = list_folder(folder)
    splits = _splits(_unwrapped(folder))
    if len(splits) > 1:
        named = ", ".join(str(split) for split in splits)
        raise ValueError(f"folder {folder} holds several splits of a data set; name one of {named}")
    known = set(listed)

    @cache
    def holds_annotations(inner: Path) -> bool:
        return inner != folder and (_is_annotation_folder(inner) or holds_annotations(inner.parent))

    photographs = [path for path in listed if not _is_annotation(path, known) and not holds_annotations(path.parent)]
    left_out = set(leave_out)
    kept = [path for path in photographs if path not in left_out]
    if not kept:
        what = "photographs to leave out" if photographs else "pictures with annotations"
        raise ValueError(f"no photographs in folder {folder}, only {len(listed)} {what}")
    return Photographs(kept, folder, skipped=skipped, annotations=len(listed) - len(photographs))


def _unwrapped(folder: Path) -> Path:
    """Go into a folder that is all that a folder holds."""
    while True:
        held = [inner for inner in folder.iterdir() if not inner.name.startswith(".")]
        if len(held) != 1 or not held[0].is_dir() or COCO_SPLIT.fullmatch(held[0].name):
            return folder
        folder = held[0]


def _splits(root: Path) -> list[Path]:
    coco = [inner for inner in sorted(root.iterdir()) if inner.is_dir() and COCO_SPLIT.fullmatch(inner.name)]
    camvid = [root / split for split in ("train", "val", "test") if (root / f"{split}annot").is_dir()]
    homes = [root / "images" / "ADE", root / "images", *([root] if root.name in ("images", "ADE") else [])]
    ade20k = [images / split for images in homes for split in ("training", "validation")]
    return [split for split in (*coco, *camvid, *ade20k) if split.is_dir()]


def _is_annotation(path: Path, known: set[Path]) -> bool:
    if match := LABEL_MAP.fullmatch(path.name):
        return path.with_name(f"{match[1]}.jpg") in known
    match = INSTANCE.fullmatch(path.name)
    return match is not None and path.parent.name == match[1] and path.parent.with_name(f"{match[1]}.jpg") in known


def _is_annotation_folder(folder: Path) -> bool:
    if folder.name == "annotations":
        beside = [inner.name for inner in folder.parent.iterdir() if inner.is_dir()]
        return "images" in beside or any(COCO_SPLIT.fullmatch(name) for name in beside)
    return folder.name.endswith("annot") and folder.with_name(folder.name.removesuffix("annot")).is_dir()
