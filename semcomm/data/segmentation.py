"""Photographs with a label per pixel: CamVid's folders and COCO's object masks, in the merged classes."""

import json
import warnings
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from semcomm.data.classes import CAMVID_CLASSES, IGNORED, NOT_A_THING, merged_label
from semcomm.extractors.lite_trunk import resize_to_area
from semcomm.images import load_image, to_float, to_uint8

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
    image = load_image(path)
    height, width = image.shape[1:]
    if height * width <= max_area:
        return image
    return to_uint8(resize_to_area(to_float(image[None]), max_area))[0]


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
        with Image.open(self.labels[index]) as opened:
            labels = np.array(opened)
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
        images: folder of the JPEG files, such as `val2017`.
        instances: COCO's instances JSON file.
        max_area: shrink larger images to about so many pixels.

    Raises:
        ValueError: if none of the annotated images is in the folder.
        ImportError: if pycocotools is not installed.
    """

    def __init__(self, images: str | Path, instances: str | Path, *, max_area: int = 480 * 360) -> None:
        _mask_tools()
        document = json.loads(Path(instances).read_text())
        self.merged = {int(c["id"]): merged_label(c["name"]) for c in document["categories"]}
        self.annotations: dict[int, list[dict]] = {}
        for annotation in document["annotations"]:
            self.annotations.setdefault(int(annotation["image_id"]), []).append(annotation)
        records = [i for i in document["images"] if int(i["id"]) in self.annotations]
        self.records = sorted(
            (i for i in records if (Path(images) / i["file_name"]).is_file()), key=lambda i: i["file_name"]
        )
        if not self.records:
            raise ValueError(f"images folder {str(images)!r} must hold images annotated in {Path(instances).name}")
        self.folder = Path(images)
        self.max_area = max_area

    @property
    def images(self) -> list[Path]:
        """The image files, in order."""
        return [self.folder / record["file_name"] for record in self.records]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.records)

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one image and draw its masks."""
        record = self.records[index]
        labels = np.full((record["height"], record["width"]), NOT_A_THING, dtype=np.uint8)
        for annotation in sorted(self.annotations[int(record["id"])], key=lambda a: -float(a["area"])):
            labels[_mask(annotation, record["height"], record["width"])] = self.merged[int(annotation["category_id"])]
        image = load_small(self.folder / record["file_name"], self.max_area)
        drawn = torch.from_numpy(labels)
        if drawn.shape != image.shape[1:]:
            drawn = F.interpolate(drawn[None, None].float(), image.shape[1:], mode="nearest-exact")[0, 0].byte()
        return image, drawn


def _mask_tools() -> Any:
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ImportError("COCO masks need pycocotools: pip install 'semcomm[train]'") from error
    return mask


def _mask(annotation: dict, height: int, width: int) -> np.ndarray:
    tools = _mask_tools()
    outline = annotation["segmentation"]
    if isinstance(outline, list):
        encoded = tools.merge(tools.frPyObjects(outline, height, width))
    elif isinstance(outline["counts"], list):
        encoded = tools.frPyObjects(outline, height, width)
    else:
        encoded = outline
    with warnings.catch_warnings():
        # pycocotools 2.0.11 hands NumPy 2 an array in the old way.
        warnings.simplefilter("ignore", DeprecationWarning)
        return tools.decode(encoded).astype(bool)
