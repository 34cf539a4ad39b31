"""Labelled photographs in VOC's classes: pairs of folders, CamVid's layout, COCO's masks."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.data.classes import CAMVID_LABELS, CAMVID_TO_VOC, IGNORED, VOC_CLASSES, voc_label
from semcomm.data.segmentation import CamVid, CocoObjects, LabelledFolder

PERSON, DOG, CAR = 15, 12, 7
"""VOC's own numbers."""


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
    expected = np.zeros((4, 6), int)
    expected[labels == 8], expected[labels == 9], expected[labels >= 10] = CAR, PERSON, IGNORED
    assert read.tolist() == expected.tolist()
    assert data[1][0].unique().tolist() == [9]


def test_wrong_camvid_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"folder .*val. must hold photographs, found none"):
        CamVid(tmp_path, "val")
    save(tmp_path / "val" / "a.png", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match=r"must hold one PNG per image, a\.png is missing"):
        CamVid(tmp_path, "val")
    save(tmp_path / "valannot" / "a.png", np.full((4, 6), 12, np.uint8))
    with pytest.raises(ValueError, match=r"a\.png must be one channel of 0 to 11, or 255 for unsure, got .* up to 12"):
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
        expected = torch.zeros((8, 10), dtype=torch.long)
        expected[:6] = PERSON
        expected[2:4, 2:4] = DOG
        assert torch.equal(labels.long(), expected)
    assert [path.name for path in data.images] == ["1.jpg"]


def test_large_images_shrink_with_their_labels(tmp_path):
    half = {"category_id": 1, "area": 1600, "segmentation": box(0, 0, 40, 40)}
    data = CocoObjects(*write_instances(tmp_path, [half], size=(40, 80)), max_area=800)
    image, labels = data[0]
    assert image.shape == (3, 20, 40)
    assert set(labels[:, :20].unique().tolist()) == {PERSON}
    assert set(labels[:, 20:].unique().tolist()) == {0}


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


def test_a_pair_of_folders_gives_photographs_and_their_labels(tmp_path):
    labels = np.array([[0, 20, IGNORED], [PERSON, 1, 2]], np.uint8)
    for name, value in {"b.jpg": 9, "a.png": 7}.items():
        save(tmp_path / "photos" / name, np.full((2, 3, 3), value, np.uint8))
        save(tmp_path / "maps" / f"{name[0]}.png", labels + (value == 9) * (labels == 0))
    data = LabelledFolder(tmp_path / "photos", tmp_path / "maps")
    assert len(data) == 2
    assert data[0][0].unique().tolist() == [7]
    assert data[0][1].tolist() == labels.tolist()
    assert data[1][1][0].tolist() == [1, 20, IGNORED]


def test_wrong_pairs_of_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="folder .*photos. must hold photographs, found none"):
        LabelledFolder(tmp_path / "photos", tmp_path / "maps")
    save(tmp_path / "photos" / "a.png", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(ValueError, match=r"folder .*maps. must hold one PNG per image, a\.png is missing"):
        LabelledFolder(tmp_path / "photos", tmp_path / "maps")
    save(tmp_path / "maps" / "a.png", np.full((2, 3), 21, np.uint8))
    with pytest.raises(ValueError, match="must be one channel of 0 to 20, or 255 for unsure, got .* up to 21"):
        LabelledFolder(tmp_path / "photos", tmp_path / "maps")[0]
    save(tmp_path / "maps" / "a.png", np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match=r"must have the 2 x 3 pixels of a\.png, they have 3 x 2"):
        LabelledFolder(tmp_path / "photos", tmp_path / "maps")[0]


def test_classes_are_vocs():
    assert len(VOC_CLASSES) == len(set(VOC_CLASSES)) == 21
    assert [VOC_CLASSES[i] for i in (0, 1, CAR, DOG, PERSON, 20)] == [
        "background", "aeroplane", "car", "dog", "person", "tv monitor",
    ]  # fmt: skip
    assert len(CAMVID_TO_VOC) == CAMVID_LABELS
    coco = (
        "person bicycle car motorcycle airplane bus train boat bird cat dog horse sheep cow bottle chair couch".split()
    )
    coco += ["potted plant", "dining table", "tv"]
    assert sorted(voc_label(name) for name in coco) == list(range(1, 21))
    assert voc_label("zebra") == voc_label("hot dog") == 0
