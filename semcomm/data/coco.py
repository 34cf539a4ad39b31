"""MSCOCO as it is unpacked, releases 2014 and 2017: photographs, captions and object masks of a split.

    ROOT/train2017/000000000009.jpg                     ROOT/train2014/COCO_train2014_000000000009.jpg
    ROOT/annotations/captions_train2017.json            ROOT/annotations/captions_train2014.json
    ROOT/annotations/instances_train2017.json           ROOT/annotations/instances_train2014.json

A folder with a part of the photographs will do: those that are listed but not there are left out.
"""

import math
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from semcomm.data.annotation_files import number_field, read_document, records, text_field, whole_field
from semcomm.data.captions import CaptionedImage
from semcomm.data.folders import list_images
from semcomm.data.layouts import COCO_SPLIT

MOST_PIXELS = 100_000_000
"""No photograph of MSCOCO is nearly as large; a damaged annotation file should not fill the memory."""


class CocoObject(NamedTuple):
    """One outlined object."""

    number: int
    """Its place in the file's list of annotations."""
    category: str
    area: float
    """In pixels, as the file says."""
    crowd: bool
    """Whether it is a group too dense to tell its members apart."""
    segmentation: Any
    """Polygons or run lengths as in the file; `draw_mask` checks them."""


class OutlinedImage(NamedTuple):
    """A photograph and the objects outlined in it."""

    path: Path
    height: int
    width: int
    objects: tuple[CocoObject, ...]
    listing: Path
    """The annotation file."""


def list_coco_images(root: str | Path, split: str) -> list[Path]:
    """List the photographs of a split, sorted by name.

    Args:
        root: the folder that holds the splits' folders.
        split: such as "train2017" or "val2014".

    Raises:
        FileNotFoundError: if the split's folder is missing.
        ValueError: if `split` is no split's name, or its folder holds no photographs.
    """
    return list_images(_images(root, split))


def read_coco_captions(root: str | Path, split: str) -> list[CaptionedImage]:
    """Read the captions of a split; photographs without a caption are left out.

    Args:
        root: the folder that holds the splits' folders and `annotations`.
        split: such as "train2017" or "val2014".

    Returns:
        one entry per photograph, sorted by file name.

    Raises:
        FileNotFoundError: if a folder or the annotation file is missing.
        ValueError: if `split` is no split's name, the file is malformed, or none of its photographs is there.
    """
    folder, listing = _images(root, split), _listing(root, "captions", split)
    document = read_document(listing)
    listed = {number: record["file_name"] for number, record in _listed_images(document, listing).items()}
    captions: dict[str, list[str]] = {}
    for place, annotation, number in _annotations(document, listing, listed):
        captions.setdefault(listed[number], []).append(text_field(annotation, "caption", place))
    found = [CaptionedImage(folder / name, tuple(captions[name])) for name in _there(folder, captions)]
    if not found:
        raise ValueError(f"images folder {folder} must hold images captioned in {listing.name}, it holds none")
    return found


def read_coco_objects(root: str | Path, split: str) -> list[OutlinedImage]:
    """Read the outlined objects of a split.

    Args:
        root: the folder that holds the splits' folders and `annotations`.
        split: such as "train2017" or "val2014".

    Returns:
        one entry per photograph, sorted by file name; some have no objects.

    Raises:
        FileNotFoundError: if a folder or the annotation file is missing.
        ValueError: if `split` is no split's name, the file is malformed, or none of its photographs is there.
    """
    folder, listing = _images(root, split), _listing(root, "instances", split)
    document = read_document(listing)
    listed = _listed_images(document, listing)
    categories = {}
    for place, record in _named(document, "categories", listing):
        categories[whole_field(record, "id", place)] = text_field(record, "name", place)
    objects: dict[int, list[CocoObject]] = {}
    for order, (place, annotation, number) in enumerate(_annotations(document, listing, listed)):
        category = whole_field(annotation, "category_id", place)
        if category not in categories:
            raise ValueError(f"{place} has category_id {category}, which is not among the file's categories")
        objects.setdefault(number, []).append(
            CocoObject(
                number=order,
                category=categories[category],
                area=number_field(annotation, "area", place),
                crowd=bool(annotation.get("iscrowd")),
                segmentation=annotation.get("segmentation"),
            )
        )
    by_name = {record["file_name"]: number for number, record in listed.items()}
    found = []
    for name in _there(folder, by_name):
        number = by_name[name]
        place = f"{listing}: image {number}"
        height, width = (whole_field(listed[number], side, place) for side in ("height", "width"))
        if not 0 < height * width <= MOST_PIXELS:
            raise ValueError(f"{place} must have 1 to {MOST_PIXELS:,} pixels, got {height} x {width}")
        found.append(OutlinedImage(folder / name, height, width, tuple(objects.get(number, ())), listing))
    if not found:
        raise ValueError(f"images folder {folder} must hold images annotated in {listing.name}, it holds none")
    return found


def draw_labels(image: OutlinedImage, label: Callable[[str], int], *, background: int) -> np.ndarray:
    """Draw all objects of a photograph into one label map, the largest first, so that small ones stay on top.

    Args:
        image: from `read_coco_objects`.
        label: gives a category's label, 0 to 255.
        background: label of pixels outside all objects.

    Shape:
        uint8 `(h, w)`.

    Raises:
        ValueError: if an outline is malformed.
        ImportError: if pycocotools is not installed.
    """
    labels = np.full((image.height, image.width), background, dtype=np.uint8)
    for one in sorted(image.objects, key=lambda one: -one.area):
        labels[draw_mask(image, one)] = label(one.category)
    return labels


def draw_mask(image: OutlinedImage, one: CocoObject) -> np.ndarray:
    """Draw the mask of one object; a polygon of fewer than three points covers nothing.

    Args:
        image: from `read_coco_objects`.
        one: one of its objects.

    Shape:
        bool `(h, w)`.

    Raises:
        ValueError: if the outline is malformed.
        ImportError: if pycocotools is not installed.
    """
    tools = mask_tools()
    place, outline = f"{image.listing}: annotation {one.number}", one.segmentation
    if isinstance(outline, dict):
        return _from_runs(outline, image, place)
    polygons = _checked_polygons(outline, image, place)
    if not polygons:
        return np.zeros((image.height, image.width), dtype=bool)
    with warnings.catch_warnings():
        # pycocotools 2.0.11 hands NumPy 2 an array in the old way.
        warnings.simplefilter("ignore", DeprecationWarning)
        return tools.decode(tools.merge(tools.frPyObjects(polygons, image.height, image.width))).astype(bool)


def mask_tools() -> Any:
    """Import what draws polygons as MSCOCO's own tools do.

    Raises:
        ImportError: if pycocotools is not installed.
    """
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ImportError("COCO masks need pycocotools: pip install 'semcomm[train]'") from error
    return mask


def _images(root: str | Path, split: str) -> Path:
    if not COCO_SPLIT.fullmatch(split):
        raise ValueError(f"split must be one of MSCOCO's, such as train2017 or val2014, got {split!r}")
    folder = Path(root) / split
    if not folder.is_dir():
        raise FileNotFoundError(f"MSCOCO root {root} must hold the folder {split}, it does not")
    return folder


def _listing(root: str | Path, what: str, split: str) -> Path:
    return Path(root) / "annotations" / f"{what}_{split}.json"


def _named(document: dict[str, Any], name: str, listing: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Walk over a list of the document, with what to call each record in errors."""
    singular = {"images": "entry of images", "annotations": "annotation", "categories": "category"}[name]
    for number, record in enumerate(records(document, name, listing)):
        yield f"{listing}: {singular} {number}", record


def _listed_images(document: dict[str, Any], listing: Path) -> dict[int, dict[str, Any]]:
    listed = {}
    for place, record in _named(document, "images", listing):
        name = text_field(record, "file_name", place)
        if "\0" in name or len(name.encode(errors="replace")) > 255:
            raise ValueError(f"{place} must have the name of a file, got {name[:60]!r}")
        listed[whole_field(record, "id", place)] = record
    return listed


def _annotations(
    document: dict[str, Any], listing: Path, listed: dict[int, Any]
) -> Iterable[tuple[str, dict[str, Any], int]]:
    for place, annotation in _named(document, "annotations", listing):
        number = whole_field(annotation, "image_id", place)
        if number not in listed:
            raise ValueError(f"{place} has image_id {number}, which is not among the file's images")
        yield place, annotation, number


def _there(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in sorted(names) if (folder / name).is_file()]


def _checked_polygons(outline: Any, image: OutlinedImage, place: str) -> list[list[float]]:
    # pycocotools checks nothing, and far points would cost it memory without end
    far = 2 * max(image.height, image.width)
    well_formed = isinstance(outline, list) and all(
        isinstance(polygon, list)
        and len(polygon) % 2 == 0
        and all(isinstance(value, int | float) and math.isfinite(value) and abs(value) <= far for value in polygon)
        for polygon in outline
    )
    if not well_formed:
        raise ValueError(f"{place} must have polygons [[x, y, ...], ...] about the image, or run lengths")
    return [polygon for polygon in outline if len(polygon) >= 6]


def _from_runs(outline: dict[str, Any], image: OutlinedImage, place: str) -> np.ndarray:
    """Draw run lengths, which go down the columns, background first; pycocotools would trust broken ones."""
    counts = outline.get("counts")
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    runs: list[int] = counts if isinstance(counts, list) else []
    whole = all(isinstance(run, int) and run >= 0 for run in runs) and sum(runs) == image.height * image.width
    if not whole or outline.get("size") != [image.height, image.width]:
        raise ValueError(f"{place} must have run lengths of all {image.height} x {image.width} pixels, they are broken")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(image.width, image.height).T


def _uncompressed(text: str) -> list[int] | None:
    """Decode COCO's compressed run lengths: 5 bits a character, lowest first, each but two as a difference."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            return None
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts if shift == 0 else None
