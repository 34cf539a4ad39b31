"""Photographs are found, annotations are not, and splits are not mixed."""

import numpy as np
import pytest
from trees import save, write_ade20k_benchmark, write_coco, write_full_ade20k

from semcomm.data.folders import list_images
from semcomm.data.layouts import find_photographs


def names(folder):
    return [path.relative_to(folder).as_posix() for path in find_photographs(str(folder))]


def photograph(path):
    save(path, np.zeros((4, 4, 3)))


def test_a_plain_tree_is_taken_whole(photo_folder):
    assert list(find_photographs(photo_folder)) == list_images(photo_folder)


@pytest.mark.parametrize(
    "name",
    ["a_seg.png", "b_parts_1.png", "instance_000_a.png", "annotations/a.png", "testannot/a.png", "train2017/a.png"],
)
def test_names_alone_make_no_annotation(tmp_path, name):
    photograph(tmp_path / "a.png")
    photograph(tmp_path / name)
    assert names(tmp_path) == sorted(["a.png", name])


def test_ade20k_photographs_without_what_lies_beside_them(tmp_path):
    path = write_full_ade20k(tmp_path / "ADE20K_2021_17_01")
    for folder in (tmp_path, tmp_path / "ADE20K_2021_17_01", path.parent.parent, path.parent):
        assert len(list_images(folder)) == 4
        assert list(find_photographs(folder)) == [path]
    only = path.with_suffix("")
    assert [one.name for one in find_photographs(only)] == ["instance_000_ADE_train_00000001.png"]


def test_benchmark_photographs_without_label_maps(tmp_path):
    root = write_ade20k_benchmark(tmp_path / "ADEChallengeData2016", "training")
    for folder in (tmp_path, root, root / "images", root / "images" / "training"):
        assert list(find_photographs(folder)) == [root / "images" / "training" / "ADE_1.jpg"]
    assert [path.suffix for path in find_photographs(root / "annotations")] == [".png"]


def test_coco_photographs_of_the_only_split(tmp_path):
    write_coco(tmp_path, "train2017")
    photograph(tmp_path / "annotations" / "panoptic_train2017" / "000000000009.png")
    assert names(tmp_path) == names(tmp_path / "train2017") or len(names(tmp_path)) == 2
    assert all(name.startswith("train2017/") for name in names(tmp_path))


def test_a_tree_of_several_data_sets(tmp_path):
    write_coco(tmp_path / "coco", "train2017")
    write_full_ade20k(tmp_path / "ade")
    photograph(tmp_path / "mine.png")
    assert [name.split("/")[-1] for name in names(tmp_path)] == [
        "ADE_train_00000001.jpg",
        "000000000009.jpg",
        "000000000025.jpg",
        "mine.png",
    ]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("layout", ["coco", "full", "images", "benchmark", "camvid"])
def test_several_splits_are_refused(tmp_path, layout, wrapped):
    root = tmp_path / "wrapper" / "root" if wrapped else tmp_path
    inner = root
    if layout == "coco":
        write_coco(root, "val2014", "train2014")
        splits = ["train2014", "val2014"]
    elif layout == "camvid":
        splits = ["train", "test"]
        for split in splits:
            photograph(root / split / "a.png")
            photograph(root / f"{split}annot" / "a.png")
        assert names(root / "train") == ["a.png"]
    elif layout == "full":
        write_full_ade20k(root), write_full_ade20k(root, split="validation")
        splits = ["images/ADE/training", "images/ADE/validation"]
    else:
        write_ade20k_benchmark(root, "training", "validation")
        splits = ["images/training", "images/validation"]
        inner = root / "images" if layout == "images" else root
    with pytest.raises(ValueError, match=r"holds several splits of a data set; name one of ") as refused:
        find_photographs(tmp_path if wrapped else inner)
    assert str(refused.value).endswith("name one of " + ", ".join(str(root / split) for split in splits))
    for split in splits:
        assert find_photographs(root / split)


def test_photographs_to_do_without(photo_folder):
    paths = list_images(photo_folder)
    assert list(find_photographs(photo_folder, leave_out=paths[:1])) == paths[1:]
    with pytest.raises(ValueError, match="no photographs in folder .*, only 4 photographs to leave out"):
        find_photographs(photo_folder, leave_out=paths)


def test_annotations_alone_are_refused(tmp_path):
    photograph(tmp_path / "train" / "aannot" / "a.png")
    (tmp_path / "train" / "a").mkdir()
    with pytest.raises(ValueError, match="no photographs in folder .*, only 1 pictures with annotations"):
        find_photographs(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder of images"):
        find_photographs(tmp_path / "nowhere")
