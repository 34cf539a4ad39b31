"""The statistics that sender and receiver of the hybrid code share, in one file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from semcomm.files.tensors import read_safetensors, write_safetensors
from semcomm.link.tables import IntegerTables
from semcomm.transmitter.packing import pack, unpack
from semcomm.transmitter.sketch import ACTIVITIES, BUCKETS, LARGEST, WEAK, SketchTables
from semcomm.transmitter.textures import Common, Textures

CODEBOOK = "codebook.safetensors"
"""The name of its file in a system's folder."""
SHIPPED = Path(__file__).parent.parent / "_weights" / "hybrid-code" / CODEBOOK


@final
@dataclass(frozen=True)
class Book:
    """Textures for one range of steps, and how their classes follow one another.

    Args:
        name: coarseness and number of classes, such as "coarse-16".
        textures: the classes.
        map_counts: how often class j came up beside classes (left, upper); class J stands for a missing neighbour;
            int64 `((J + 1) (J + 1), J)`.
        log_step: the step index that the predictors were made for.
    """

    name: str
    textures: Textures
    map_counts: Tensor
    log_step: int

    @cached_property
    def map_tables(self) -> IntegerTables:
        """The class counts for the range coder."""
        return IntegerTables(self.map_counts.cpu().numpy(), escape=False)

    @cached_property
    def map_bits(self) -> Tensor:
        """What class j costs beside classes (left, upper), in bits, float64, of the shape of `map_counts`."""
        return torch.from_numpy(self.map_tables.bits).to(self.map_counts.device)


@final
@dataclass(frozen=True)
class Codebook:
    """All statistics of the hybrid code.

    Args:
        block: the block's side t in pixels.
        common: the transform that all textures share.
        books: textures, coarse to fine, few to many; a header names one by its place.
        tables: for the quantised components of all books.
    """

    block: int
    common: Common
    books: tuple[Book, ...]
    tables: SketchTables

    def on(self, device: torch.device) -> "Codebook":
        """Return a copy on a device for training there, made once; real frames are computed on the CPU alone."""
        if device.type == "cpu":
            return self
        if device not in self._copies:
            self._copies[device] = moved(self, device)
        return self._copies[device]

    @cached_property
    def _copies(self) -> dict[torch.device, "Codebook"]:
        return {}

    def save(self, path: Path) -> None:
        """Write one safetensors file, transforms packed."""
        tensors = {
            "block": torch.tensor(self.block),
            "common.mean": self.common.mean,
            "common.transform": self.common.transform.half(),
            "common.log_variance": self.common.log_variance.to(torch.int16),
            "tables.expected": self.tables.expected.int(),
            "tables.counts": self.tables.counts.int(),
            "tables.shrinkage": self.tables.shrinkage.to(torch.int16),
            "tables.residual": self.tables.residual.to(torch.int16),
            "tables.weak": self.tables.weak.to(torch.int16),
        }
        for place, book in enumerate(self.books):
            textures = book.textures
            tensors |= {
                f"books.{place}.{book.name}.predictor": textures.predictor.half(),
                f"books.{place}.{book.name}.log_variance": textures.log_variance.to(torch.int16),
                f"books.{place}.{book.name}.log_prior": textures.log_prior,
                f"books.{place}.{book.name}.floor": torch.tensor(textures.floor),
                f"books.{place}.{book.name}.map_counts": book.map_counts.int(),
                f"books.{place}.{book.name}.log_step": torch.tensor(book.log_step),
            }
            tensors |= {f"books.{place}.{book.name}.{key}": value for key, value in pack(textures.transform).items()}
        write_safetensors(path, tensors)


def load_codebook(path: str | Path) -> Codebook:
    """Read what `Codebook.save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds no codebook.
    """
    tensors = read_safetensors(Path(path))
    try:
        return _codebook(tensors)
    except (KeyError, RuntimeError, IndexError, ValueError) as error:
        raise ValueError(
            f"{path} holds no codebook: {type(error).__name__} {error}; make one with semcomm fit-code"
        ) from error


@cache
def shipped_codebook() -> Codebook:
    """Read the codebook of the package, once."""
    return load_codebook(SHIPPED)


def moved(value: Any, device: torch.device) -> Any:
    """Copy a dataclass, its tuples and all their tensors to a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(moved(one, device) for one in value)
    if is_dataclass(value):
        return type(value)(**{field.name: moved(getattr(value, field.name), device) for field in fields(value)})
    return value


def _codebook(tensors: Mapping[str, Tensor]) -> Codebook:
    common = Common(
        tensors["common.mean"].float(), tensors["common.transform"].float(), tensors["common.log_variance"].long()
    )
    names = sorted(
        {tuple(name.split(".")[1:3]) for name in tensors if name.startswith("books.")}, key=lambda n: int(n[0])
    )
    books = []
    for place, name in names:
        own = {key.rsplit(".", 1)[1]: value for key, value in tensors.items() if key.startswith(f"books.{place}.")}
        textures = Textures(
            own["predictor"].float(),
            unpack(own),
            own["log_variance"].long(),
            own["log_prior"].float(),
            float(own["floor"]),
        )
        books.append(Book(name, textures, own["map_counts"].long(), int(own["log_step"])))
    tables = SketchTables(
        *(tensors[f"tables.{name}"].long() for name in ("expected", "counts", "shrinkage", "residual", "weak"))
    )
    _check(tables, books, common)
    return Codebook(int(tensors["block"]), common, tuple(books), tables)


def _check(tables: SketchTables, books: list[Book], common: Common) -> None:
    required = {
        "expected": (BUCKETS,),
        "counts": (BUCKETS * ACTIVITIES, 2 * LARGEST + 2),
        "shrinkage": (BUCKETS, 3),
        "residual": (BUCKETS, ACTIVITIES, 3),
        "weak": (WEAK, ACTIVITIES),
    }
    for name, shape in required.items():
        if tuple(getattr(tables, name).shape) != shape:
            raise ValueError(f"tables.{name} must have shape {shape}, got {tuple(getattr(tables, name).shape)}")
    for book in books:
        classes = book.textures.classes
        if book.map_counts.shape != ((classes + 1) ** 2, classes):
            raise ValueError(f"{book.name}.map_counts must have {(classes + 1) ** 2} x {classes} entries")
        if book.textures.transform.shape[2] != common.transform.shape[0]:
            raise ValueError(f"{book.name}.transform does not fit the common components")
    if not books:
        raise ValueError("no textures")
