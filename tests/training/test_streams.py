"""Training from shards, in two processes."""

import os

import pytest
from training_runs import config, forked, identical, ranks, system

from semcomm.data.folders import CropDataset, list_images
from semcomm.training.engine import train

webdataset = pytest.importorskip("webdataset", reason="writes the shards")
BATCH, STEPS = 2, 4


@pytest.fixture(scope="module")
def shards(photo_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    with webdataset.ShardWriter(str(folder / "%03d.tar"), maxcount=3, verbose=0) as sink:
        for number, path in enumerate(list_images(photo_folder)):
            sink.write({"__key__": f"{number:04d}", "png": path.read_bytes()})
    return folder


def run(data, out, **changes):
    """Train; every process writes down which photographs it read."""
    read = CropDataset.whole
    log = out.with_suffix(f".{os.environ.get('LOCAL_RANK', '0')}.log")

    def item(self, number):
        with log.open("a") as file:
            file.write(f"{number}\n")
        return read(self, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CropDataset, "whole", item)
        train(system(norm="none"), config(data, out, val=data, batch_size=BATCH, steps=STEPS, **changes))


def read_by(out, rank=0):
    return [int(line) for line in out.with_suffix(f".{rank}.log").read_text().split()]


def test_two_processes_read_each_sample_once_per_epoch_and_train_as_files_do(shards, photo_folder, tmp_path):
    with forked(lambda: run(shards, tmp_path / "two", devices=2, strategy="ddp"), ranks(2)) as processes:
        pass
    assert [process.exitcode for process in processes] == [0, 0]
    shares = [read_by(tmp_path / "two", rank) for rank in (0, 1)]
    for epoch in (0, 1):  # four photographs, two steps, a crop per process and step
        assert sorted(number for share in shares for number in share[2 * epoch : 2 * epoch + 2]) == [0, 1, 2, 3]
    run(shards, tmp_path / "shards")
    run(photo_folder, tmp_path / "files")
    assert read_by(tmp_path / "shards") == read_by(tmp_path / "files")
    assert identical(tmp_path / "shards", tmp_path / "files")
