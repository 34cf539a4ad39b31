"""Labelled photographs: CamVid's layout, COCO's masks, the merged classes and their colours."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.data.classes import (
    CAMVID_CLASSES,
    CLASS_NAMES,
    COCO_THINGS,
    IGNORED,
    NOT_A_THING,
    PALETTE,
    STUFF,
    merged_label,
)
from semcomm.data.segmentation import CamVid, CocoObjects, load_small


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_instances(folder, annotations, size=(8, 10)):
    """MSCOCO's layout with one photograph; the arguments of its data set."""
    save(folder / "val2017" / "1.jpg", np.full((*size, 3), 200, np.uint8))
    document = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [{"id": n, "image_id": "1", "iscrowd": 0} | a for n, a in enumerate(annotations)],
    }
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
    return folder, "val2017"


def box(left, top, right, bottom):
    return [[left, top, right, top, right, bottom, left, bottom]]


def test_camvid_pairs_images_and_labels_and_ignores_void(tmp_path):
    save(tmp_path / "val" / "b.png", np.full((4, 6, 3), 9, np.uint8))
    save(tmp_path / "val" / "a.jpg", np.zeros((4, 6, 3), np.uint8))
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6) % 12
    save(tmp_path / "valannot" / "a.png", labels)
    save(tmp_path / "valannot" / "b.png", np.zeros((4, 6), np.uint8))
    data = CamVid(tmp_path, "val")
    assert [path.name for path in data.images] == ["a.jpg", "b.png"]
    assert len(data) == 2
    image, read = data[0]
    assert image.shape == (3, 4, 6)
    assert image.dtype == read.dtype == torch.uint8
    assert read.tolist() == np.where(labels == CAMVID_CLASSES, IGNORED, labels).tolist()
    assert data[1][0].unique().tolist() == [9]


def test_wrong_camvid_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold images in val/, found none"):
        CamVid(tmp_path, "val")
    save(tmp_path / "val" / "a.png", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match=r"must hold one PNG per image, a\.png is missing"):
        CamVid(tmp_path, "val")
    save(tmp_path / "valannot" / "a.png", np.full((4, 6), 12, np.uint8))
    with pytest.raises(ValueError, match=r"labels of a\.png must be one channel of 0 to 11 \(void\), got .* up to 12"):
        CamVid(tmp_path, "val")[0]
    (tmp_path / "valannot" / "a.png").write_bytes(b"no PNG")
    with pytest.raises(ValueError, match=r"not an image that can be read: .*valannot.*a\.png"):
        CamVid(tmp_path, "val")[0]


def test_coco_draws_small_objects_over_large_ones(tmp_path):
    large = {"category_id": 1, "area": 60, "segmentation": box(0, 0, 10, 6)}
    small = {"category_id": "18", "area": "4", "segmentation": box(2, 2, 4, 4)}
    for order in ([large, small], [small, large]):
        data = CocoObjects(*write_instances(tmp_path, order))
        image, labels = data[0]
        assert image.shape == (3, 8, 10)
        expected = torch.full((8, 10), NOT_A_THING)
        expected[:6] = CLASS_NAMES.index("person")
        expected[2:4, 2:4] = CLASS_NAMES.index("animal")
        assert torch.equal(labels.long(), expected)
    assert [path.name for path in data.images] == ["1.jpg"]


def test_large_images_shrink_with_their_labels(tmp_path):
    half = {"category_id": 1, "area": 1600, "segmentation": box(0, 0, 40, 40)}
    data = CocoObjects(*write_instances(tmp_path, [half], size=(40, 80)), max_area=800)
    image, labels = data[0]
    assert image.shape == (3, 20, 40)
    assert set(labels[:, :20].unique().tolist()) == {CLASS_NAMES.index("person")}
    assert set(labels[:, 20:].unique().tolist()) == {NOT_A_THING}
    assert load_small(data.images[0], 10**6).shape == (3, 40, 80)


def test_only_images_with_objects_are_taken(tmp_path):
    with pytest.raises(ValueError, match=r"split val2017 of .* must hold images with outlined objects"):
        CocoObjects(*write_instances(tmp_path, []))


def test_an_image_of_another_size_than_listed_is_refused(tmp_path):
    data = CocoObjects(*write_instances(tmp_path, [{"category_id": 1, "area": 1, "segmentation": box(0, 0, 1, 1)}]))
    save(tmp_path / "val2017" / "1.jpg", np.zeros((10, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"val2017\.json lists 1\.jpg as 8 x 10 pixels, the file has 10 x 8"):
        data[0]


def test_masks_need_pycocotools_from_the_start(tmp_path, monkeypatch):
    given = write_instances(tmp_path, [{"category_id": 1, "area": 1, "segmentation": box(0, 0, 1, 1)}])
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ImportError, match=r"pip install 'semcomm\[train\]'"):
        CocoObjects(*given)


def test_classes_are_consistent():
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == len(PALETTE)
    assert set(COCO_THINGS) < set(CLASS_NAMES)
    categories = [category for several in COCO_THINGS.values() for category in several]
    assert len(categories) == len(set(categories))
    assert max(STUFF) < CAMVID_CLASSES < len(CLASS_NAMES) < NOT_A_THING
    assert CLASS_NAMES[merged_label("zebra")] == "animal"
    assert CLASS_NAMES[merged_label("umbrella")] == "object"


@pytest.mark.parametrize("sight", ["normal", "protanopia", "deuteranopia"])
def test_colours_can_be_told_apart(sight):
    """CIELAB distance (CIE 1976) of every two colours, as seen (Machado et al., 2009, severity 1)."""
    seen = {
        "normal": np.eye(3),
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }[sight]
    encoded = np.array(PALETTE) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = (linear @ np.array(seen).T).clip(0, 1)
    primaries = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ primaries.T / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1000 * np.eye(len(lab))
    assert distance.min() > 20
