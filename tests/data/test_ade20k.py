"""ADE20K's two layouts, against label maps worked out by hand."""

import json
import random

import numpy as np
import pytest
from PIL import Image
from trees import save, write_ade20k_benchmark, write_full_ade20k, write_json

from semcomm.data.ade20k import OTHER_NAMES, TOLD_APART_BY, benchmark_label, list_ade20k_images, read_ade20k_labels
from semcomm.extractors.ade20k_classes import ADE20K_CLASSES

SKY, BUILDING, POT = (ADE20K_CLASSES.index(name) for name in ("sky", "building", "pot"))


@pytest.fixture
def street(tmp_path):
    """A photograph of the full release."""
    return write_full_ade20k(tmp_path)


# The full release


@pytest.mark.parametrize("unpacked", [".", "ADE20K_2021_17_01"])
def test_photographs_of_the_full_release(tmp_path, unpacked):
    training, validation = (write_full_ade20k(tmp_path / unpacked, split=split) for split in ("training", "validation"))
    assert list_ade20k_images(str(tmp_path), "training") == [training]
    assert list_ade20k_images(tmp_path, "validation") == [validation]


def test_labels_of_the_full_release(street):
    labels = read_ade20k_labels(str(street))
    # one class per column: a pot to cook in, a class without a name and what nobody outlined are unknown
    assert labels.tolist() == [[SKY, BUILDING, 255, POT, 255, 255]] * 4


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("wall", 0),
        ("flag", 149),
        ("Windowpane ,  window", 8),
        ("television receiver, television, television set, tv", 89),
        ("double door", 14),
        ("glass, drinking glass", 147),
        ("glass", 255),
        ("screen, silver screen, projection screen", 130),
        ("screen", 255),
        ("helmet", 255),
        ("helmet, wall", 255),
        ("", 255),
    ],
)
def test_classes_are_matched_by_their_first_name(name, label):
    assert benchmark_label(name) == label


def test_the_exceptions_are_of_the_benchmark():
    assert {*OTHER_NAMES.values(), *TOLD_APART_BY} < {*ADE20K_CLASSES}
    assert not {*OTHER_NAMES} & {*ADE20K_CLASSES}


def test_names_need_not_be_utf_8(street):
    path = street.with_suffix(".json")
    path.write_bytes(path.read_bytes().replace(b'"filename": "', b'"filename": "caf\xe9 '))
    assert read_ade20k_labels(street)[0, 0] == SKY


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"must hold an object 'annotation', it does not"),
        ({"annotation": {"object": None}}, r"must hold a list of objects 'object', got none"),
        ({"annotation": {"object": [{"name_ndx": 4}]}}, r"object 0 must have text 'name', got none"),
        ({"annotation": {"object": [{"name": "sky"}]}}, r"object 0 must have a whole number 'name_ndx'.*, got none"),
        (
            {"annotation": {"object": [{"name": "sky", "name_ndx": 6656}]}},
            r"object 0 must have a name_ndx of 1 to 6655",
        ),
        ({"annotation": {"object": [{"name": "sky", "name_ndx": 0}]}}, r"object 0 must have a name_ndx of 1 to 6655"),
    ],
)
def test_malformed_objects_are_refused(street, document, message):
    write_json(street.with_suffix(".json"), document)
    with pytest.raises(ValueError, match=rf"ADE_train_00000001\.json.*{message}"):
        read_ade20k_labels(street)


def test_a_missing_or_broken_part_is_named(street):
    segmentation = street.with_name("ADE_train_00000001_seg.png")
    whole = segmentation.read_bytes()
    segmentation.write_bytes(whole[:50])
    with pytest.raises(ValueError, match=r"image .*_seg\.png is truncated or damaged"):
        read_ade20k_labels(street)
    save(segmentation, np.zeros((4, 6)))
    with pytest.raises(ValueError, match=r"_seg\.png must have three channels of 8 bits, got uint8 \(4, 6\)"):
        read_ade20k_labels(street)
    segmentation.write_bytes(whole)
    street.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no such annotation file: .*ADE_train_00000001\.json"):
        read_ade20k_labels(street)
    segmentation.unlink()
    with pytest.raises(FileNotFoundError, match=r"must have ADE_train_00000001_seg\.png beside it, or .*annotations"):
        read_ade20k_labels(street)


def test_random_corruption_ends_in_one_error_that_names_the_file(street):
    rng, complaints = random.Random(0), []
    files = [street.with_suffix(".json"), street.with_name("ADE_train_00000001_seg.png")]
    for number in range(100):
        path = files[number % 2]
        whole = path.read_bytes()
        content = bytearray(whole[: rng.randrange(1, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randint(1, 3)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            assert read_ade20k_labels(street).ndim == 2
        except ValueError as error:
            complaints.append((path.name, str(error)))
        path.write_bytes(whole)
    assert 20 < len(complaints) < 100
    assert all(name in complaint for name, complaint in complaints)


# The benchmark


@pytest.mark.parametrize("unpacked", [".", "ADEChallengeData2016"])
def test_the_benchmark(tmp_path, unpacked):
    root = write_ade20k_benchmark(tmp_path / unpacked, "training", "validation")
    for split in ("training", "validation"):
        assert list_ade20k_images(tmp_path, split) == [root / "images" / split / "ADE_1.jpg"]
    labels = read_ade20k_labels(root / "images" / "training" / "ADE_1.jpg")
    assert labels.tolist() == (np.arange(15).reshape(3, 5) * 10 + 9).tolist()


def test_other_is_ignored_and_palettes_are_not_colours(tmp_path):
    photograph = write_ade20k_benchmark(tmp_path, "training") / "images" / "training" / "ADE_1.jpg"
    image = Image.fromarray(np.array([[0, 1, 150]], np.uint8))
    image.putpalette(range(255, -1, -1))
    image.save(tmp_path / "annotations" / "training" / "ADE_1.png")
    assert read_ade20k_labels(photograph).tolist() == [[255, 0, 149]]


def test_labels_beyond_the_benchmark_are_refused(tmp_path):
    photograph = write_ade20k_benchmark(tmp_path, "training") / "images" / "training" / "ADE_1.jpg"
    save(tmp_path / "annotations" / "training" / "ADE_1.png", [[151]])
    with pytest.raises(ValueError, match=r"ADE_1\.png must be one channel of 0 to 150, got shape \(1, 1\) up to 151"):
        read_ade20k_labels(photograph)


def test_what_is_no_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="split must be one of training, validation, got 'train'"):
        list_ade20k_images(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="must hold images/ADE/training or images/training, it holds neither"):
        list_ade20k_images(tmp_path, "training")


def test_the_written_json_is_what_is_read(street):
    """The tree under test is in the release's form: an index of the JSON is what the colours say."""
    listed = json.loads(street.with_suffix(".json").read_text())["annotation"]["object"]
    colors = np.asarray(Image.open(street.with_name("ADE_train_00000001_seg.png"))).astype(int)
    assert {one["name_ndx"] for one in listed} < {*(colors[0, :, 0] // 10 * 256 + colors[0, :, 1]).tolist()}
