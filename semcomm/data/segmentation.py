"""Photographs with a label per pixel in VOC's classes: pairs of folders, CamVid's folders, COCO's object masks."""

from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from semcomm.data.classes import CAMVID_LABELS, CAMVID_TO_VOC, IGNORED, VOC_CLASSES, voc_label
from semcomm.data.coco import draw_labels, mask_tools, read_coco_objects
from semcomm.extractors.lite_trunk import resize_to_area
from semcomm.files.pictures import load_image, load_values
from semcomm.images import to_float, to_uint8

LabelledImage = tuple[Tensor, Tensor]
"""An image, uint8 `(3, h, w)`, and its labels, uint8 `(h, w)`."""


@final
class LabelledFolder(Dataset[LabelledImage]):
    """A folder of photographs and one of label maps in VOC's classes: a PNG of the same name for each photograph.

    Args:
        photographs: holds PNG or JPEG files.
        labels: holds a PNG of labels, 0 to 20 or `IGNORED`, for each.

    Raises:
        ValueError: if a folder is missing or empty, a photograph has no labels, or a label is unknown.
    """

    def __init__(self, photographs: str | Path, labels: str | Path) -> None:
        self.images, self.labels = _pairs(Path(photographs), Path(labels))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one photograph and its labels."""
        labels = _read_labels(self.labels[index], len(VOC_CLASSES))
        image = load_image(self.images[index])
        if labels.shape != image.shape[1:]:
            raise ValueError(
                f"labels {self.labels[index]} must have the {image.shape[1]} x {image.shape[2]} pixels of "
                f"{self.images[index].name}, they have {labels.shape[0]} x {labels.shape[1]}"
            )
        return image, torch.from_numpy(labels)


@final
class CamVid(Dataset[LabelledImage]):
    """CamVid in the layout of SegNet's release: `SPLIT/*.png` or `*.jpg` beside `SPLITannot/*.png`.

    Args:
        folder: holds the splits' folders.
        split: "train", "val" or "test".

    Raises:
        ValueError: if a folder is missing or empty, an image has no labels, or a label is unknown.
    """

    def __init__(self, folder: str | Path, split: str) -> None:
        self.images, self.labels = _pairs(Path(folder) / split, Path(folder) / f"{split}annot")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one image and its labels, in VOC's classes."""
        labels = _read_labels(self.labels[index], CAMVID_LABELS)
        table = np.full(256, IGNORED, dtype=np.uint8)
        table[: len(CAMVID_TO_VOC)] = CAMVID_TO_VOC
        return load_image(self.images[index]), torch.from_numpy(table[labels])


@final
class CocoObjects(Dataset[LabelledImage]):
    """COCO's object masks, drawn largest first so that small objects stay on top.

    Pixels outside every object of VOC's classes are background. Only annotated images are taken. Needs pycocotools.

    Args:
        root: the folder that holds the splits' folders and `annotations`.
        split: such as "val2017".
        max_area: shrink larger images to about so many pixels; None keeps them as they are.

    Raises:
        FileNotFoundError: if a folder or the annotation file is missing.
        ValueError: if the annotation file is malformed, or none of the annotated images is in the folder.
        ImportError: if pycocotools is not installed.
    """

    def __init__(self, root: str | Path, split: str, *, max_area: int | None = None) -> None:
        mask_tools()
        self.outlined = [image for image in read_coco_objects(root, split) if image.objects]
        if not self.outlined:
            raise ValueError(f"split {split} of {root} must hold images with outlined objects, none has any")
        self.max_area = max_area

    @property
    def images(self) -> list[Path]:
        """The image files, in order."""
        return [image.path for image in self.outlined]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.outlined)

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one image and draw its masks."""
        outlined = self.outlined[index]
        image = load_image(outlined.path)
        labels = torch.from_numpy(draw_labels(outlined, voc_label, background=0))
        if labels.shape != image.shape[1:]:
            raise ValueError(
                f"{outlined.listing} lists {outlined.path.name} as {outlined.height} x {outlined.width} pixels, "
                f"the file has {image.shape[1]} x {image.shape[2]}"
            )
        if self.max_area is not None:
            image = _shrink(image, self.max_area)
        if labels.shape != image.shape[1:]:
            labels = F.interpolate(labels[None, None].float(), image.shape[1:], mode="nearest-exact")[0, 0].byte()
        return image, labels


def _shrink(image: Tensor, max_area: int) -> Tensor:
    height, width = image.shape[1:]
    if height * width <= max_area:
        return image
    return to_uint8(resize_to_area(to_float(image[None]), max_area))[0]


def _pairs(photographs: Path, labels: Path) -> tuple[list[Path], list[Path]]:
    images = sorted(p for p in photographs.glob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg"})
    if not images:
        raise ValueError(f"folder {str(photographs)!r} must hold photographs, found none")
    maps = [labels / f"{path.stem}.png" for path in images]
    missing = [path.name for path in maps if not path.is_file()]
    if missing:
        raise ValueError(f"folder {str(labels)!r} must hold one PNG per image, {missing[0]} is missing")
    return images, maps


def _read_labels(path: Path, count: int) -> np.ndarray:
    labels = load_values(path)
    known = labels[labels != IGNORED]
    if labels.ndim != 2 or (known.size and known.max() >= count):
        raise ValueError(
            f"labels {path} must be one channel of 0 to {count - 1}, or {IGNORED} for unsure, "
            f"got shape {labels.shape} up to {known.max(initial=0)}"
        )
    return labels.astype(np.uint8)
