"""What the lite extractors learn from: folders in known layouts, read into memory, with a manifest of their files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor
from torch.utils.data import ConcatDataset, Subset

from semcomm.data.captions import CaptionedImage, read_flickr8k, split_by_name
from semcomm.data.classes import VOC_CLASSES
from semcomm.data.coco import read_coco_captions
from semcomm.data.folders import list_images
from semcomm.data.segmentation import CamVid, CocoObjects, LabelledFolder, LabelledImage

TEST_CAPTIONS = 100
"""Flickr8k images held out to judge a captioner; never trained or tuned on."""

VALIDATION_CAPTIONS = 100
"""Flickr8k images held out to tune a captioner and to stop its training."""

FolderPair = tuple[str | Path, str | Path]
"""A folder of photographs and the folder of their label maps."""


class LabelledImages(Protocol):
    """A set of images with their label maps."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, index: int, /) -> LabelledImage:
        """Return an image and its labels."""
        ...


class LabelledSources(NamedTuple):
    """Labelled images for training, tuning and judging a segmenter."""

    train: dict[str, LabelledImages]
    """Training images by origin: a pair's folder, "camvid" and "coco"."""
    validation: list[LabelledImages]
    judged: dict[str, LabelledImages]
    """Images judged on at the end, by name: "coco_val", "camvid_val", "camvid_test", "labelled_val"."""
    manifest: list[dict]


class CaptionSources(NamedTuple):
    """Captioned images for training, tuning and judging a captioner."""

    train: list[CaptionedImage]
    uncaptioned: list[Path]
    """Photographs of which those are trained on that ImageNet's classifier is sure of: see `class_sentences`."""
    validation: list[CaptionedImage]
    test: list[CaptionedImage]
    manifest: list[dict]


def find_labelled(
    folders: Sequence[str | Path], labelled: Sequence[FolderPair] = (), validation: Sequence[FolderPair] = ()
) -> LabelledSources:
    """Read every folder of labelled images: pairs of folders, CamVid's layout or COCO's.

    Of Flickr8k's photographs, those that a captioner is tuned or judged on are not trained on; the former tune the
    segmenter, too.

    Args:
        folders: CamVid's (`train/`, `trainannot/`, `val/`, ...) and COCO's (`train2017/`, `annotations/`, ...).
        labelled: photographs and label maps to train on.
        validation: photographs and label maps to tune on.

    Raises:
        ValueError: if a folder has neither layout.
    """
    train: dict[str, LabelledImages] = {}
    tuning: list[LabelledImages] = [LabelledFolder(*pair) for pair in validation]
    judged: dict[str, LabelledImages] = {}
    manifest = []
    for photographs, labels in labelled:
        found = LabelledFolder(photographs, labels)
        chosen = list(range(len(found)))
        if (Path(photographs).parent / "captions.txt").is_file():
            chosen, tuned = _as_captions_are_split(found.images)
            tuning.append(Subset(found, tuned))
        train[Path(labels).name] = Subset(found, chosen)
        files = [path for i in chosen for path in (found.images[i], found.labels[i])]
        manifest.append(describe_files(Path(labels), "labelled", len(chosen), files))
    for folder in map(Path, folders):
        if (folder / "trainannot").is_dir():
            train["camvid"] = street = CamVid(folder, "train")
            judged |= {f"camvid_{s}": CamVid(folder, s) for s in ("val", "test") if (folder / f"{s}annot").is_dir()}
            manifest.append(describe_files(folder, "camvid", len(street), [*street.images, *street.labels]))
        elif (folder / "annotations" / "instances_train2017.json").is_file():
            annotations = folder / "annotations"
            train["coco"] = masks = CocoObjects(folder, "train2017", max_area=480 * 360)
            if (annotations / "instances_val2017.json").is_file():
                judged["coco_val"] = CocoObjects(folder, "val2017")
            files = [*masks.images, annotations / "instances_train2017.json"]
            manifest.append(describe_files(folder, "coco", len(masks), files))
        else:
            raise ValueError(
                f"data folder {str(folder)!r} must hold trainannot/ (CamVid) or annotations/instances_train2017.json "
                f"(COCO), it holds neither"
            )
    if tuning:
        judged["labelled_val"] = ConcatDataset(tuning)  # pyright: ignore[reportArgumentType]
    if not tuning and "camvid_val" in judged:
        tuning.append(judged["camvid_val"])
    return LabelledSources(train, tuning, judged, manifest)


def find_captions(folders: Sequence[str | Path], uncaptioned: Sequence[str | Path] = ()) -> CaptionSources:
    """List every folder of captioned images, each in Flickr8k's layout or COCO's.

    Flickr8k's images are split by `split_by_name`; COCO's training images are trained on.

    Args:
        folders: Flickr8k's (`captions.txt`, `images/`) and COCO's (`train2017/`, `annotations/`).
        uncaptioned: folders of photographs.

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
            found, tuning, judging = _split_captions(samples)
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
    photographs = []
    for folder in map(Path, uncaptioned):
        found = list_images(folder)
        photographs += found
        manifest.append(describe_files(folder, "uncaptioned", len(found), found))
    return CaptionSources(train, photographs, validation, test, manifest)


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
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return {
        "folder": folder.resolve().name,
        "layout": layout,
        "split": "train",
        "images": images,
        "files": len(files),
        "sha256": digest.hexdigest(),
    }


def sampling_weights(labels: Sequence[Tensor], *, often: float = 0.1) -> list[float]:
    """Say how often to draw each image, so that rare classes are seen: repeat-factor sampling (LVIS, CVPR 2019).

    r = max over the image's classes of max(1, sqrt(often / share)), where share is that of images with the class.

    Args:
        labels: label maps; unknown labels do not count.
        often: a class in more than this share of the images is not rare.

    Example:
        >>> import torch
        >>> sampling_weights([torch.tensor([0])] * 9 + [torch.tensor([0, 3])], often=0.4)[-2:]
        [1.0, 2.0]
    """
    there = [set(one.unique().tolist()) & set(range(len(VOC_CLASSES))) for one in labels]
    share = {c: sum(c in one for one in there) / len(there) for one in there for c in one}
    return [max([1.0, *(round((often / share[c]) ** 0.5, 6) for c in one)]) for one in there]


def _as_captions_are_split(images: Sequence[Path]) -> tuple[list[int], list[int]]:
    """List which images of Flickr8k train and tune a captioner."""
    places = {path: place for place, path in enumerate(images)}
    train, tuning, _ = _split_captions([CaptionedImage(path, ()) for path in images])
    return [places[one.path] for one in train], [places[one.path] for one in tuning]


def _split_captions(
    samples: Sequence[CaptionedImage],
) -> tuple[list[CaptionedImage], list[CaptionedImage], list[CaptionedImage]]:
    # Small collections (tests, trials) keep the proportions.
    share = min(1.0, len(samples) / 1000)
    test, validation = (max(1, round(count * share)) for count in (TEST_CAPTIONS, VALIDATION_CAPTIONS))
    return split_by_name(samples, test=test, validation=validation)
