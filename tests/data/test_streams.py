"""Photographs in WebDataset shards and Hugging Face data sets are those of the files they were made of."""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from semcomm.data.folders import CropDataset, StepBatches, list_images
from semcomm.data.streams import find_training_photographs, read_dataset, read_shards
from semcomm.files.pictures import load_image

datasets = pytest.importorskip("datasets", reason="needs the extra stream")
webdataset = pytest.importorskip("webdataset", reason="writes the shards")


@pytest.fixture(scope="module")
def shards(photo_folder, tmp_path_factory):
    """Three shards of the four photographs, by WebDataset's own writer, with captions beside them."""
    folder = tmp_path_factory.mktemp("shards")
    pattern = str(folder / "photos-%03d.tar")
    with webdataset.ShardWriter(pattern, maxcount=2, verbose=0, mtime=0) as sink:
        for number, path in enumerate(list_images(photo_folder)):
            sink.write({"__key__": f"{number:04d}", "png": path.read_bytes(), "txt": f"caption {number}"})
    return folder


@pytest.fixture(scope="module")
def saved(photo_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "photos"
    cells = [{"bytes": path.read_bytes(), "path": None} for path in list_images(photo_folder)]
    features = datasets.Features({"picture": datasets.Image(), "caption": datasets.Value("string")})
    made = datasets.Dataset.from_dict({"picture": cells, "caption": ["words"] * len(cells)}, features=features)
    made.save_to_disk(str(folder))
    return folder


@pytest.mark.parametrize("kind", ["shards", "saved"])
def test_every_photograph_is_the_files(kind, photo_folder, request):
    found = find_training_photographs(request.getfixturevalue(kind))
    files = list_images(photo_folder)
    assert len(found) == len(files)
    for path, file in zip(found, files, strict=True):
        assert torch.equal(found.read(path), load_image(file))
        with found.open(path) as opened:
            assert opened.read() == file.read_bytes()
    crops, expected = CropDataset(found, 16, seed=1), CropDataset(files, 16, seed=1)
    assert all(torch.equal(crops[index]["images"], expected[index]["images"]) for index in range(12))


def test_a_fingerprint_tells_collections_apart(shards, saved):
    found = [find_training_photographs(folder) for folder in (shards, saved)]
    some = [one.manifest_sha256 for one in (*found, found[0][:3], found[1][:3])]
    assert len(set(some)) == 4
    assert find_training_photographs(shards).manifest_sha256 == some[0]


def test_two_processes_with_two_workers_read_each_sample_once_per_epoch(shards):
    found = find_training_photographs(shards)
    order = {index: path for index, path in enumerate(found)}
    for epoch in range(3):
        seen = []
        for rank in (0, 1):
            batches = iter(StepBatches(4, first_step=epoch, rank=rank, world_size=2))
            crops = CropDataset(found, 16, seed=5)
            crops.whole = lambda number, seen=seen: seen.append(order[number]) or {"images": torch.zeros(3, 16, 16)}
            for index in next(batches):
                crops[index]
        assert sorted(seen) == sorted(found)


def test_what_was_left_out_is_not_there(shards):
    whole = find_training_photographs(shards)
    some = find_training_photographs(shards, leave_out=[whole[1]])
    assert list(some) == [whole[0], *whole[2:]]
    with pytest.raises(ValueError, match="no photographs in .*, whatever is left out"):
        find_training_photographs(shards, leave_out=list(whole))


def test_any_folder_is_what_it_was(photo_folder):
    assert list(find_training_photographs(photo_folder)) == list_images(photo_folder)


def test_a_damaged_shard_is_named(shards, tmp_path):
    whole = (shards / "photos-000.tar").read_bytes()
    for name, content, said in (
        ("letter.tar", b"Dear all", "letter.tar cannot be read"),
        ("packed.tar", b"\x1f\x8b" + whole[2:], "packed.tar cannot be read: .*; it must be a tar file, not compressed"),
        ("cut.tar", whole[:3000], "cut.tar (cannot be read|is cut off)"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=said):
            read_shards([tmp_path / name])
    with tarfile.open(tmp_path / "words.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO(b""))
    with pytest.raises(ValueError, match="no pictures in the shards .*words.tar"):
        read_shards([tmp_path / "words.tar"])


def test_a_data_set_without_one_column_of_pictures_is_refused(tmp_path):
    pictures = [Image.fromarray(np.zeros((20, 20, 3), dtype=np.uint8))]
    features = datasets.Features({"a": datasets.Image(), "b": datasets.Image()})
    two = datasets.Dataset.from_dict({"a": pictures, "b": pictures}, features=features)
    with pytest.raises(ValueError, match="column must name one column of pictures, of a, b, got None"):
        read_dataset(two)
    assert len(read_dataset(two, "b")) == 1
    words = datasets.Dataset.from_dict({"w": ["x"]})
    with pytest.raises(ValueError, match="column must name one column of pictures, of none, got None"):
        read_dataset(words)
    datasets.DatasetDict({"train": two, "test": two}).save_to_disk(str(tmp_path / "splits"))
    with pytest.raises(ValueError, match="holds several splits, test, train; name one of these folders"):
        find_training_photographs(tmp_path / "splits")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "dataset_info.json").write_text("{}")
    with pytest.raises(ValueError, match="bad is no data set that can be read"):
        find_training_photographs(tmp_path / "bad")


def test_without_the_extra_there_is_one_clear_error(saved, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ImportError, match=r"Hugging Face data sets need datasets: pip install 'semcomm\[stream\]'"):
        find_training_photographs(saved)
