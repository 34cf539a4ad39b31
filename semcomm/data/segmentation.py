"""Photographs with a label per pixel: CamVid's folders and COCO's object masks, in the merged classes."""

from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from semcomm.data.classes import CAMVID_CLASSES, IGNORED, NOT_A_THING, merged_label
from semcomm.data.coco import draw_labels, mask_tools, read_coco_objects
from semcomm.extractors.lite_trunk import resize_to_area
from semcomm.files.pictures import load_image, load_values
from semcomm.images import to_float, to_uint8

LabelledImage = tuple[Tensor, Tensor]
"""An image, uint8 `(3, h, w)`, and its labels, uint8 `(h, w)`."""


def load_small(path: str | Path, max_area: int) -> Tensor:
    """Read a picture file, shrunk to about `max_area` pixels where it is larger.

    Args:
        path: a file that Pillow reads.
        max_area: greatest height times width; the aspect ratio is kept.

    Shape:
        uint8 `(3, h, w)`, RGB.
    """
    return _shrink(load_image(path), max_area)


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
        images = Path(folder) / split
        labels = Path(folder) / f"{split}annot"
        self.images = sorted(p for p in images.glob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg"})
        if not self.images:
            raise ValueError(f"folder {str(folder)!r} must hold images in {split}/, found none")
        self.labels = [labels / f"{path.stem}.png" for path in self.images]
        missing = [path.name for path in self.labels if not path.is_file()]
        if missing:
            raise ValueError(f"folder {str(labels)!r} must hold one PNG per image, {missing[0]} is missing")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one image and its labels; void becomes `IGNORED`."""
        labels = load_values(self.labels[index])
        if labels.ndim != 2 or labels.max() > CAMVID_CLASSES:
            raise ValueError(
                f"labels of {self.labels[index].name} must be one channel of 0 to {CAMVID_CLASSES} (void), "
                f"got shape {labels.shape} up to {labels.max()}"
            )
        labels = np.where(labels == CAMVID_CLASSES, IGNORED, labels).astype(np.uint8)
        return load_image(self.images[index]), torch.from_numpy(labels)


@final
class CocoObjects(Dataset[LabelledImage]):
    """COCO's object masks, drawn largest first so that small objects stay on top.

    Pixels outside every object are labelled `NOT_A_THING`. Only annotated images are taken. Needs pycocotools.

    Args:
        root: the folder that holds the splits' folders and `annotations`.
        split: such as "val2017".
        max_area: shrink larger images to about so many pixels.

    Raises:
        FileNotFoundError: if a folder or the annotation file is missing.
        ValueError: if the annotation file is malformed, or none of the annotated images is in the folder.
        ImportError: if pycocotools is not installed.
    """

    def __init__(self, root: str | Path, split: str, *, max_area: int = 480 * 360) -> None:
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
        labels = torch.from_numpy(draw_labels(outlined, merged_label, background=NOT_A_THING))
        if labels.shape != image.shape[1:]:
            raise ValueError(
                f"{outlined.listing} lists {outlined.path.name} as {outlined.height} x {outlined.width} pixels, "
                f"the file has {image.shape[1]} x {image.shape[2]}"
            )
        image = _shrink(image, self.max_area)
        if labels.shape != image.shape[1:]:
            labels = F.interpolate(labels[None, None].float(), image.shape[1:], mode="nearest-exact")[0, 0].byte()
        return image, labels


def _shrink(image: Tensor, max_area: int) -> Tensor:
    height, width = image.shape[1:]
    if height * width <= max_area:
        return image
    return to_uint8(resize_to_area(to_float(image[None]), max_area))[0]
