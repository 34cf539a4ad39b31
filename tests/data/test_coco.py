"""MSCOCO's layout: splits, captions and masks; malformed annotation files end in one error that names them."""

import copy
import json
import random
import sys

import numpy as np
import pytest
from pycocotools import mask as tools
from trees import box, coco_documents, write_coco, write_json

from semcomm.data.annotation_files import read_document
from semcomm.data.captions import CaptionedImage
from semcomm.data.coco import (
    CocoObject,
    OutlinedImage,
    draw_labels,
    draw_mask,
    list_coco_images,
    read_coco_captions,
    read_coco_objects,
)

LABELS = {"person": 1, "dog": 2}


@pytest.fixture(params=["val2014", "train2017"])
def split(request):
    return request.param


def mask_of(segmentation, height=8, width=10):
    one = CocoObject(0, "dog", 1.0, False, segmentation)
    return draw_mask(OutlinedImage("1.jpg", height, width, (one,), "instances.json"), one)


# Reading


def test_photographs_captions_and_objects_of_a_split(tmp_path, split):
    write_coco(tmp_path, split)
    names = [path.name for path in list_coco_images(tmp_path, split)]
    prefix = {"val2014": "COCO_val2014_", "train2017": ""}[split]
    assert names == [f"{prefix}000000000009.jpg", f"{prefix}000000000025.jpg"]
    nine, dog = (tmp_path / split / name for name in names)
    assert read_coco_captions(str(tmp_path), split) == [
        CaptionedImage(nine, ("One .",)),
        CaptionedImage(dog, ("A dog .", "It runs .")),
    ]
    first, second = read_coco_objects(tmp_path, split)
    assert (first.path, first.height, first.width, second.path, second.objects) == (nine, 8, 10, dog, ())
    assert [(one.category, one.crowd) for one in first.objects] == [("person", False), ("dog", False), ("dog", True)]


def test_small_objects_are_drawn_over_large_ones(tmp_path):
    write_coco(tmp_path, "val2017")
    labels = draw_labels(read_coco_objects(tmp_path, "val2017")[0], LABELS.__getitem__, background=7)
    expected = np.full((8, 10), 7)
    expected[:6] = 1
    expected[2:4, 2:4] = 2
    expected[3:5, 0] = 2  # the run lengths, down the first column
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.uint8


def test_identifiers_may_be_digits_in_quotes(tmp_path):
    write_coco(tmp_path, "val2017")
    path = tmp_path / "annotations" / "captions_val2017.json"
    document = coco_documents("val2017")["captions"]
    for annotation in document["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
    once = read_coco_captions(tmp_path, "val2017")
    write_json(path, document)
    assert read_coco_captions(tmp_path, "val2017") == once


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"split must be one of MSCOCO's, such as train2017 .*, got 'val'"):
        list_coco_images(tmp_path, "val")
    with pytest.raises(FileNotFoundError, match="must hold the folder val2017, it does not"):
        read_coco_objects(tmp_path, "val2017")
    (tmp_path / "val2017").mkdir()
    for read in (read_coco_captions, read_coco_objects):
        with pytest.raises(FileNotFoundError, match=r"no such annotation file: .*_val2017\.json"):
            read(tmp_path, "val2017")
    write_coco(tmp_path / "other", "val2017")
    (tmp_path / "other" / "annotations").rename(tmp_path / "annotations")
    for read, what in ((read_coco_captions, "captioned"), (read_coco_objects, "annotated")):
        with pytest.raises(ValueError, match=rf"must hold images {what} in \w+_val2017\.json, it holds none"):
            read(tmp_path, "val2017")


# Masks


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_are_those_of_pycocotools(seed):
    mask = np.random.default_rng(seed).random((8, 10)) < seed / 19
    mask = np.kron(mask, np.ones((seed + 1, 3), bool))  # long runs, too
    encoded = tools.encode(np.asfortranarray(mask.astype(np.uint8)))
    compressed = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    np.testing.assert_array_equal(mask_of(compressed, *mask.shape), mask)
    columns = mask.T.flatten()
    changes = np.flatnonzero(np.diff(np.concatenate([[False], columns]))).tolist()
    runs = np.diff([0, *changes, columns.size]).tolist()
    np.testing.assert_array_equal(mask_of({"size": [*mask.shape], "counts": runs}, *mask.shape), mask)


def test_polygons_are_joined_and_too_short_ones_cover_nothing():
    expected = np.zeros((8, 10), bool)
    expected[0:2, 0:3] = expected[4:8, 5:10] = True
    np.testing.assert_array_equal(mask_of(box(0, 0, 3, 2) + box(5, 4, 10, 8) + [[1, 1, 9, 7]]), expected)
    assert not mask_of([[0, 0, 9, 9]]).any()
    assert not mask_of([]).any()


@pytest.mark.parametrize(
    "segmentation",
    [None, 3, "010", [1, 2, 3, 4, 5, 6], [[1, 2, 3, 4, 5, 6, 7]], [["a"] * 6], [[float("nan")] * 6], [[1e9] * 6]],
)
def test_broken_polygons_are_refused(segmentation):
    with pytest.raises(ValueError, match=r"instances\.json: annotation 0 must have polygons"):
        mask_of(segmentation)


@pytest.mark.parametrize(
    ("counts", "size"),
    [([80], [10, 8]), ([81], [8, 10]), ([79], [8, 10]), ([90, -10], [8, 10]), (["80"], [8, 10])]
    + [(text, [8, 10]) for text in ("", "o", "`2P", "é", "0" * 40, "oooooooooooo", "P" * 9)]
    + [(None, [8, 10]), ([80], None)],
)
def test_broken_run_lengths_are_refused(counts, size):
    with pytest.raises(ValueError, match=r"annotation 0 must have run lengths of all 8 x 10 pixels, they are broken"):
        mask_of({"counts": counts, "size": size})


def test_masks_without_pycocotools_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ImportError, match=r"COCO masks need pycocotools: pip install 'semcomm\[train\]'"):
        mask_of(box(0, 0, 1, 1))


# Malformed files


def changed(path, value, what="instances"):
    """The document with one field changed, or taken away for `...`."""
    document = copy.deepcopy(coco_documents("val2017")[what])
    *inner, last = path
    place = document
    for step in inner:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["images"], ..., r"must hold a list of objects 'images', got none"),
        (["annotations"], {"a": 1}, r"must hold a list of objects 'annotations', got an object"),
        (["categories"], [1], r"must hold a list of objects 'categories', got a list"),
        (["images", 1, "file_name"], ..., r"entry of images 1 must have text 'file_name', got none"),
        (["images", 1, "file_name"], "a\0", r"entry of images 1 must have the name of a file, got 'a\\x00'"),
        (["images", 0, "id"], -1, r"entry of images 0 must have a whole number 'id', at least 0, got -1"),
        (["images", 0, "id"], True, r"must have a whole number 'id', at least 0, got True"),
        (["images", 0, "height"], "x" * 99, r"image 9 must have a whole number 'height', at least 0, got 'x{59}\.\.\."),
        (["images", 0, "width"], 10**9, r"image 9 must have 1 to 100,000,000 pixels, got 8 x 1000000000"),
        (["annotations", 2, "image_id"], 77, r"annotation 2 has image_id 77, which is not among the file's images"),
        (["annotations", 2, "category_id"], 5, r"annotation 2 has category_id 5, which is not among .* categories"),
        (["annotations", 0, "area"], "inf", r"annotation 0 must have a finite number 'area', got 'inf'"),
        (["annotations", 0, "area"], [1], r"annotation 0 must have a finite number 'area', got \[1\]"),
        (["categories", 1, "name"], "", r"category 1 must have text 'name', got ''"),
    ],
)
def test_a_malformed_list_of_objects_is_refused(tmp_path, path, value, message):
    write_coco(tmp_path, "val2017")
    write_json(tmp_path / "annotations" / "instances_val2017.json", changed(path, value))
    with pytest.raises(ValueError, match=rf"instances_val2017\.json.*{message}"):
        read_coco_objects(tmp_path, "val2017")


def test_a_caption_must_be_text(tmp_path):
    write_coco(tmp_path, "val2017")
    malformed = changed(["annotations", 1, "caption"], 4, "captions")
    write_json(tmp_path / "annotations" / "captions_val2017.json", malformed)
    with pytest.raises(ValueError, match=r"captions_val2017\.json: annotation 1 must have text 'caption', got 4"):
        read_coco_captions(tmp_path, "val2017")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [{"id": 1', r"a\.json is truncated or no JSON: "),
        (b"", r"a\.json is truncated or no JSON: "),
        (b'{"a": "\xff\xfe"}', r"a\.json is truncated or no JSON: .*codec"),
        (b"[" * 200_000, r"a\.json is truncated or no JSON: "),
        (b"[1, 2]", r"a\.json must hold a JSON object, got a list"),
        (b'"text"', r"a\.json must hold a JSON object, got text"),
        (b"null", r"a\.json must hold a JSON object, got none"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_document(tmp_path / "a.json")


JUNK = [None, True, -1, 0, 3, 10**30, 1.5, -1e300, float("nan"), "", "x", "\ud800", "../../x", [], [[]], {}, {"a": []}]


def mutated(document, rng):
    """One to three random fields changed, taken away, doubled or swapped for one from elsewhere in the document."""
    document = copy.deepcopy(document)
    for _ in range(rng.randint(1, 3)):
        places = []

        def walk(value, places=places):
            for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
                places.append((value, key))
                walk(value[key])

        walk(document)
        if not places:
            break
        holder, key = rng.choice(places)
        other, other_key = rng.choice(places)
        action = rng.randrange(3)
        if action == 0:
            holder[key] = copy.deepcopy(rng.choice(JUNK))
        elif action == 1:
            holder[key] = copy.deepcopy(other[other_key])
        else:
            del holder[key]
    return document


@pytest.mark.parametrize("what", ["captions", "instances"])
def test_random_corruption_ends_in_one_error_that_names_the_file(tmp_path, what):
    rng = random.Random(0)
    write_coco(tmp_path, "val2017")
    path = tmp_path / "annotations" / f"{what}_val2017.json"
    whole = path.read_bytes()
    complaints = []
    for number in range(200):
        if number % 4:
            path.write_text(json.dumps(mutated(coco_documents("val2017")[what], rng)))
        else:
            content = bytearray(whole[: rng.randrange(1, len(whole))] if number % 8 else whole)
            for _ in range(rng.randint(1, 3)):
                content[rng.randrange(len(content))] = rng.randrange(256)
            path.write_bytes(content)
        try:
            if what == "captions":
                read_coco_captions(tmp_path, "val2017")
            else:
                for image in read_coco_objects(tmp_path, "val2017"):
                    draw_labels(image, lambda name: LABELS.get(name, 9), background=7)
        except ValueError as error:
            complaints.append(str(error))
    assert 20 < len(complaints) < 200
    assert all(path.name in complaint and "\n" not in complaint for complaint in complaints)
