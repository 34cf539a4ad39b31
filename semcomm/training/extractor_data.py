"""What the lite extractors learn from: folders in known layouts, read into memory, with a manifest of their files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from semcomm.data.captions import CaptionedImage, read_flickr8k, split_by_name
from semcomm.data.classes import CLASS_NAMES
from semcomm.data.coco import read_coco_captions
from semcomm.data.segmentation import CamVid, CocoObjects

TEST_CAPTIONS = 100
"""Flickr8k images held out to judge a captioner; never trained or tuned on."""

VALIDATION_CAPTIONS = 80
"""Flickr8k images held out to tune a captioner and to stop its training."""


class LabelledSources(NamedTuple):
    """Labelled images for training, tuning and judging a segmenter."""

    train: dict[str, CamVid | CocoObjects]
    """Training images by layout: "camvid" and "coco"."""
    validation: CamVid
    test: CamVid | None
    things: CocoObjects | None
    """COCO's validation images, judged on at the end."""
    manifest: list[dict]


class CaptionSources(NamedTuple):
    """Captioned images for training, tuning and judging a captioner."""

    train: list[CaptionedImage]
    validation: list[CaptionedImage]
    test: list[CaptionedImage]
    manifest: list[dict]


def find_labelled(folders: Sequence[str | Path]) -> LabelledSources:
    """Read every folder of labelled images, each in CamVid's layout or COCO's.

    Args:
        folders: CamVid's (`train/`, `trainannot/`, `val/`, ...) and COCO's (`train2017/`, `annotations/`, ...).

    Raises:
        ValueError: if a folder has neither layout, or none is CamVid's.
    """
    train: dict[str, CamVid | CocoObjects] = {}
    validation, test, things, manifest = None, None, None, []
    for folder in map(Path, folders):
        if (folder / "trainannot").is_dir():
            street = CamVid(folder, "train")
            validation = CamVid(folder, "val")
            if (folder / "testannot").is_dir():
                test = CamVid(folder, "test")
            train["camvid"] = street
            manifest.append(describe_files(folder, "camvid", len(street), [*street.images, *street.labels]))
        elif (folder / "annotations" / "instances_train2017.json").is_file():
            annotations = folder / "annotations"
            masks = CocoObjects(folder, "train2017")
            if (annotations / "instances_val2017.json").is_file():
                things = CocoObjects(folder, "val2017")
            train["coco"] = masks
            files = [*masks.images, annotations / "instances_train2017.json"]
            manifest.append(describe_files(folder, "coco", len(masks), files))
        else:
            raise ValueError(
                f"data folder {str(folder)!r} must hold trainannot/ (CamVid) or annotations/instances_train2017.json "
                f"(COCO), it holds neither"
            )
    if validation is None:
        raise ValueError(f"data must name a folder in CamVid's layout, got {[str(f) for f in folders]}")
    return LabelledSources(train, validation, test, things, manifest)


def find_captions(folders: Sequence[str | Path]) -> CaptionSources:
    """List every folder of captioned images, each in Flickr8k's layout or COCO's.

    Flickr8k's images are split by `split_by_name`; COCO's training images are trained on.

    Args:
        folders: Flickr8k's (`captions.txt`, `images/`) and COCO's (`train2017/`, `annotations/`).

    Raises:
        ValueError: if a folder has neither layout, or none is Flickr8k's.
    """
    train: list[CaptionedImage] = []
    validation: list[CaptionedImage] = []
    test: list[CaptionedImage] = []
    manifest = []
    for folder in map(Path, folders):
        if (folder / "captions.txt").is_file():
            samples = read_flickr8k(folder)
            # Small collections (tests, trials) keep the proportions.
            share = min(1.0, len(samples) / 1000)
            found, tuning, judging = split_by_name(
                samples,
                test=max(1, round(TEST_CAPTIONS * share)),
                validation=max(1, round(VALIDATION_CAPTIONS * share)),
            )
            validation += tuning
            test += judging
            origin, listing = "flickr8k", folder / "captions.txt"
        elif (folder / "annotations" / "captions_train2017.json").is_file():
            listing = folder / "annotations" / "captions_train2017.json"
            found = read_coco_captions(folder, "train2017")
            origin = "coco"
        else:
            raise ValueError(
                f"data folder {str(folder)!r} must hold captions.txt (Flickr8k) or "
                f"annotations/captions_train2017.json (COCO), it holds neither"
            )
        train += found
        files = [listing, *(sample.path for sample in found)]
        manifest.append(describe_files(folder, origin, len(found), files))
    if not test:
        raise ValueError(f"data must name a folder in Flickr8k's layout, got {[str(f) for f in folders]}")
    return CaptionSources(train, validation, test, manifest)


def describe_files(folder: Path, layout: str, images: int, files: Sequence[Path]) -> dict:
    """Summarise files that were trained on, with one hash over their names and contents.

    Args:
        folder: the data folder; only its name is kept, since its place differs from machine to machine.
        layout: the layout's name.
        images: number of images.
        files: every file read, in a fixed order.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return {
        "folder": folder.resolve().name,
        "layout": layout,
        "split": "train",
        "images": images,
        "files": len(files),
        "sha256": digest.hexdigest(),
    }


def class_weights(labels: Sequence[Tensor], *, power: float, most: float = 4.0) -> Tensor:
    """Weigh rare classes up: (median frequency / frequency) ** power (Badrinarayanan et al., 2017, for power 1).

    Args:
        labels: training labels; unknown ones do not count.
        power: 0 weighs all classes alike, 1 makes every class count the same.
        most: greatest weight, and the inverse of the least.

    Shape:
        maps of any size to `(classes,)`; a class that never occurs weighs 1.
    """
    counts = torch.zeros(len(CLASS_NAMES), dtype=torch.float64)
    for one in labels:
        counts += torch.bincount(one.flatten().long(), minlength=256)[: len(CLASS_NAMES)]
    seen = counts > 0
    weights = torch.ones_like(counts)
    weights[seen] = (counts[seen].median() / counts[seen]).pow(power).clamp(1 / most, most)
    return weights.float()
