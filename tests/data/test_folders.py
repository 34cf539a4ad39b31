import hashlib
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semcomm.data import folders
from semcomm.data.folders import CropDataset, StepBatches, list_images, manifest_hash
from semcomm.files.pictures import load_image

# Folders


def test_photographs_are_found_in_subfolders_in_order(photo_folder):
    paths = [path.relative_to(photo_folder).as_posix() for path in list_images(str(photo_folder))]
    assert paths == ["a.png", "b.png", "more/c.png", "more/d.png"]


def test_other_files_are_left_out(tmp_path):
    for name in ("b.JPG", "a.jpeg", "notes.txt", "c.png.part", "Makefile", "d.webp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.jpeg", "b.JPG", "d.webp"]


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder of images: .*nowhere"):
        list_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no images \(.*\.png.*\) in folder"):
        list_images(tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="no such folder of images"):
        list_images(tmp_path / "file.png")


def test_manifest_is_a_hash_of_names_and_contents_in_order(tmp_path):
    for name, content in {"a": b"one", "b": b"two"}.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / "a", tmp_path / "b"]
    text = b"a\0" + hashlib.sha256(b"one").digest() + b"b\0" + hashlib.sha256(b"two").digest()
    first = manifest_hash(paths)
    assert first == hashlib.sha256(text).hexdigest()
    assert manifest_hash(paths[::-1]) != first
    assert manifest_hash(paths[:1]) != first
    (tmp_path / "b").write_bytes(b"twp")
    assert manifest_hash(paths) != first


# Crops


def windows(image, size):
    """Every crop of an image and its mirror image, as bytes."""
    array = image.numpy()
    for top, left in itertools.product(range(array.shape[1] - size + 1), range(array.shape[2] - size + 1)):
        crop = array[:, top : top + size, left : left + size]
        yield crop.tobytes()
        yield crop[:, :, ::-1].tobytes()


def test_crops_are_windows_of_the_photographs_and_every_one_is_used_once_a_round(photo_folder):
    paths = list_images(photo_folder)
    known = {window: number for number, path in enumerate(paths) for window in windows(load_image(path), 24)}
    crops = CropDataset(paths, 24, seed=3)
    assert len(crops) == 4
    orders = []
    for round_number in range(4):
        items = [crops[4 * round_number + place]["images"] for place in range(4)]
        assert all(item.dtype == torch.uint8 for item in items)
        orders.append([known[item.numpy().tobytes()] for item in items])
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_half_of_the_crops_are_flipped_and_corners_are_reached(tmp_path):
    ramp = np.arange(10, dtype=np.uint8)[None, :].repeat(10, axis=0)
    Image.fromarray(np.stack([ramp, ramp.T, ramp], axis=2)).save(tmp_path / "ramp.png")
    crops = CropDataset([tmp_path / "ramp.png"], 4, seed=0)
    drawn = [crops[number]["images"] for number in range(400)]
    flipped = [bool(crop[0, 0, 0] > crop[0, 0, 1]) for crop in drawn]
    # a fair coin 400 times has a standard deviation of 10
    assert abs(sum(flipped) - 200) < 50
    tops = {int(crop[1, 0, 0]) for crop in drawn}
    lefts = {int(crop[0, 0].min()) for crop in drawn}
    assert tops == lefts == set(range(7))


def test_crops_are_a_function_of_seed_and_number(photo_folder):
    paths = list_images(photo_folder)
    first, again, other = (CropDataset(paths, 16, seed) for seed in (1, 1, 2))
    forward = [first[number]["images"] for number in range(12)]
    backward = [again[number]["images"] for number in reversed(range(12))][::-1]
    assert all(torch.equal(one, same) for one, same in zip(forward, backward, strict=True))
    assert not all(torch.equal(one, other[number]["images"]) for number, one in enumerate(forward))


def test_a_full_cache_changes_nothing(photo_folder, monkeypatch):
    paths = list_images(photo_folder)
    cached = [CropDataset(paths, 16, 1)[number]["images"] for number in range(8)]
    monkeypatch.setattr(folders, "CACHE_BYTES", 5000)
    crops = CropDataset(paths, 16, 1)
    for _ in range(2):
        assert all(torch.equal(crops[number]["images"], one) for number, one in enumerate(cached))


def test_a_crop_may_be_changed_without_changing_the_photograph(photo_folder):
    crops = CropDataset(list_images(photo_folder), 16, 1)
    before = [crops[number]["images"].clone() for number in range(8)]
    for number in range(8):
        crops[number]["images"].zero_()
    assert all(torch.equal(crops[number]["images"], one) for number, one in enumerate(before))


def test_a_small_photograph_is_enlarged_to_the_crop(tmp_path):
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, 10:] = 200
    Image.fromarray(image).save(tmp_path / "small.png")
    crops = CropDataset([tmp_path / "small.png"], 32, seed=0)
    seen = torch.stack([crops[number]["images"] for number in range(20)])
    assert seen.shape == (20, 3, 32, 32)
    assert {int(value) for value in seen[:, :, :, (0, -1)].flatten()} >= {0, 200}
    assert seen.max() <= 215  # bicubic overshoot is small, and nothing wraps around


# Batches


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 50))
def test_processes_share_every_batch(world_size, share, first_step):
    batch_size = world_size * share
    samplers = [
        StepBatches(batch_size, first_step=first_step, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    for step, parts in zip(range(first_step, first_step + 3), zip(*samplers, strict=True), strict=False):
        assert {len(part) for part in parts} == {share}
        assert sorted(itertools.chain(*parts)) == list(range(step * batch_size, (step + 1) * batch_size))


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 parts, got 4"):
        StepBatches(4, world_size=3)


def test_a_share_is_dealt_out_in_parts():
    rows = [iter(StepBatches(12, first_step=1, rank=rank, world_size=2, accumulate=3)) for rank in (0, 1)]
    parts = [[next(row) for _ in range(6)] for row in rows]
    assert parts[0][:3] == [[12, 18], [14, 20], [16, 22]]
    assert sorted(number for row in parts for part in row[:3] for number in part) == list(range(12, 24))
    assert sorted(number for row in parts for part in row[3:] for number in part) == list(range(24, 36))
