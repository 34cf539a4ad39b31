"""Photographs in WebDataset shards and Hugging Face data sets, read one by one where they lie."""

import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from semcomm.data.folders import Photographs, Source
from semcomm.data.layouts import find_photographs
from semcomm.files.pictures import SUFFIXES

SAVED = "dataset_info.json", "dataset_dict.json"
"""What `save_to_disk` of a Hugging Face data set, and of several splits, leaves in its folder."""


def find_training_photographs(folder: str | Path, *, leave_out: Collection[Path] = ()) -> Photographs:
    """Find photographs to train on: in WebDataset shards, in a saved Hugging Face data set, or in a folder tree.

    Args:
        folder: one with shards, `*.tar`, in it; one that `datasets.Dataset.save_to_disk` wrote; or any folder tree.
        leave_out: photographs to do without, such as damaged ones.

    Raises:
        ImportError: if a Hugging Face data set needs the extra `stream`.
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no photograph, a shard is damaged, or it is a data set of several splits.
    """
    folder = Path(folder)
    shards = sorted(folder.glob("*.tar"))
    if shards:
        found = read_shards(shards)
    elif any((folder / name).is_file() for name in SAVED):
        found = _saved_dataset(folder)
    else:
        return find_photographs(folder, leave_out=leave_out)
    kept = [path for path in found if path not in set(leave_out)]
    if not kept:
        raise ValueError(f"no photographs in {folder}, whatever is left out")
    return Photographs(kept, folder, source=found.source)


def read_shards(shards: Collection[Path]) -> Photographs:
    """List the pictures in WebDataset shards; each is named by its shard and its name therein.

    Nothing is unpacked: a picture's bytes are read from its place in the shard whenever it is wanted.

    Args:
        shards: tar files, not compressed.

    Raises:
        ValueError: naming the shard, if it cannot be read; or if there is no picture in any.
    """
    places: dict[Path, tuple[Path, int, int]] = {}
    for shard in shards:
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                        places[shard / member.name] = shard, member.offset_data, member.size
                end = max((offset + size for one, offset, size in places.values() if one == shard), default=0)
        except (tarfile.TarError, OSError) as error:
            raise ValueError(f"shard {shard} cannot be read: {error}; it must be a tar file, not compressed") from error
        if end > shard.stat().st_size:
            raise ValueError(f"shard {shard} is cut off: it ends before its last picture does")
    if not places:
        raise ValueError(f"no pictures in the shards {', '.join(str(shard) for shard in shards)}")
    return Photographs(list(places), source=_Shards(places))


def read_dataset(dataset: Any, column: str | None = None) -> Photographs:
    """Take the pictures of a Hugging Face data set; each is named by its row.

    Args:
        dataset: a `datasets.Dataset`, of one split.
        column: which holds the pictures; None for the one column that does.

    Raises:
        ImportError: if the extra `stream` is missing.
        ValueError: if there is no such column, or more than one and none is named.
    """
    datasets = _datasets()
    columns = [name for name, kind in dataset.features.items() if isinstance(kind, datasets.Image)]
    chosen = [name for name in columns if column in (None, name)]
    if len(chosen) != 1:
        raise ValueError(f"column must name one column of pictures, of {', '.join(columns) or 'none'}, got {column!r}")
    if len(dataset) == 0:
        raise ValueError("dataset must hold at least one picture, got none")
    plain = dataset.select_columns(chosen).cast_column(chosen[0], datasets.Image(decode=False))
    paths = [Path(f"row-{number:08d}") for number in range(len(dataset))]
    return Photographs(paths, source=_Rows(plain, chosen[0], str(dataset._fingerprint)))


@final
@dataclass(frozen=True, eq=False)
class _Shards(Source):
    """Shard, first byte and number of bytes of every picture."""

    places: dict[Path, tuple[Path, int, int]]

    def content(self, path: Path) -> bytes:
        shard, offset, size = self.places[path]
        with shard.open("rb") as file:  # opened anew, since processes that share an open file share its place
            file.seek(offset)
            return file.read(size)

    def fingerprint(self, path: Path) -> bytes:
        shard, _, size = self.places[path]
        return f"{shard.name}/{path.relative_to(shard)} {size}".encode()


@final
@dataclass(frozen=True, eq=False)
class _Rows(Source):
    """A data set whose column holds undecoded pictures."""

    dataset: Any
    column: str
    name: str

    def content(self, path: Path) -> bytes:
        cell = self.dataset[int(path.name.removeprefix("row-"))][self.column]
        return Path(cell["path"]).read_bytes() if cell["bytes"] is None else cell["bytes"]

    def fingerprint(self, path: Path) -> bytes:
        return f"{self.name}/{path}".encode()


def _saved_dataset(folder: Path) -> Photographs:
    datasets = _datasets()
    if (folder / SAVED[1]).is_file():
        splits = sorted(inner.name for inner in folder.iterdir() if (inner / SAVED[0]).is_file())
        raise ValueError(f"folder {folder} holds several splits, {', '.join(splits)}; name one of these folders")
    try:
        dataset = datasets.load_from_disk(str(folder))
    except Exception as error:  # the library's own, Arrow's, JSON's
        raise ValueError(f"folder {folder} is no data set that can be read: {error}") from error
    return read_dataset(dataset)


def _datasets() -> Any:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ImportError(f"Hugging Face data sets need {error.name}: pip install 'semcomm[stream]'") from error
    return datasets
