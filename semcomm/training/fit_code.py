"""Fitting the hybrid code's statistics to photographs: closed forms, and hard expectation-maximisation for classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.data.layouts import find_photographs
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.training.count_levels import Sketched, count_levels, count_map, no_tables
from semcomm.transmitter.blocks import grid, to_blocks
from semcomm.transmitter.codebook import Book, Codebook, moved
from semcomm.transmitter.drawing import draw, label
from semcomm.transmitter.packing import rounded
from semcomm.transmitter.textures import OCTAVE, Common, Textures, log_variances_of
from semcomm.whole import check_whole

BLOCK = 16
COMMON = 384
PREDICTED = 128
REMEMBERED = 40
LARGEST_SIDE = 384
"""A larger photograph gives a window of this size, so that none weighs more than others."""
CLUSTERED = 300_000
"""Blocks that classes are made from; the statistics of every class are then those of all blocks."""
FEWEST_PHOTOGRAPHS = 8
ECHO, ECHO_PLANE = 0.1, (24, 36)
"""What may be left of a difference at the far end of a plane of so many rows and columns of blocks."""
_BANDS = (1, 3, 6, 10, 16, 24, 36, 54, 80, 120, 180, 260, 384)


@final
@dataclass(frozen=True)
class Level:
    """A range of steps, and the textures that are made for it.

    Args:
        name: what its books are called.
        step: the sketch's step that predictors expect.
        floor: mean squared error per component that classes are made for.
        kept: components Q of a texture.
        classes: numbers of classes, a book each.
        steps: indices of the steps, from and to, that its sketches are counted at.
        iterations: how often expectation and maximisation alternate.
    """

    name: str
    step: float
    floor: float
    kept: int
    classes: tuple[int, ...]
    steps: tuple[int, int]
    iterations: int


LEVELS = (
    Level("coarse", 1.5, 3e-2, 128, (1, 4, 16), (-24, 8), 8),
    Level("middle", 0.8, 8e-3, 192, (16,), (-8, 24), 6),
    Level("fine", 0.4, 1.5e-3, 256, (32,), (8, 56), 14),
)


def stages(levels: Sequence[Level] = LEVELS) -> int:
    """Say how often `fit_code` calls `progress`."""
    return 2 + sum(len(level.classes) for level in levels)


def fit_code(
    data: Path | Sequence[Path],
    *,
    levels: Sequence[Level] = LEVELS,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] = lambda _: None,
) -> Codebook:
    r"""Fit all statistics of the hybrid code to photographs.

    Common components are the Karhunen-Loeve transform of all blocks. Classes come from hard expectation-maximisation:
    a block belongs to the class that codes it at the least cost (`Textures.coding_costs`); a class's predictor is the
    ridge regression of its blocks on what a sketch of their neighbours will hold, and its transform that of the rest.
    The first level's classes begin as clusters of blocks by their energies, a later level's as those of the level
    before; where it has more, the largest are split in two, what is cheap to code and what is dear (Linde, Buzo and
    Gray, "An algorithm for vector quantizer design", 1980).

    Args:
        data: a folder of photographs, or several, or photographs.
        levels: ranges of steps.
        seed: for windows, the blocks that classes are made from and the steps that sketches are counted at.
        device: where classes are made; a GPU takes a minute for what takes a processor most of an hour.
        progress: called with what is done next.

    Returns:
        The codebook.

    Raises:
        FileNotFoundError: if a folder is missing.
        ValueError: if there are too few photographs or blocks.
    """
    named = [Path(one) for one in ([data] if isinstance(data, str | Path) else data)]
    paths = [path for one in named for path in ([one] if one.is_file() else find_photographs(one))]
    if len(paths) < FEWEST_PHOTOGRAPHS:
        raise ValueError(f"data must hold at least {FEWEST_PHOTOGRAPHS} photographs to fit a code, got {len(paths)}")
    random = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    progress(f"reading {len(paths)} photographs")
    pictures = [picture for path in paths if (picture := _window(path, random)) is not None]
    largest = max(max(level.classes) for level in levels)
    blocks = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
    if blocks < 2 * COMMON * largest:
        raise ValueError(
            f"data must hold at least {2 * COMMON * largest} blocks of {BLOCK} x {BLOCK} pixels for {largest} classes, "
            f"got {blocks} in {len(paths)} photographs; add photographs"
        )
    common = _common(pictures)
    planes = [common.components(picture) for picture in pictures]
    components = torch.cat([plane.flatten(0, 1) for plane in planes]).to(device)
    some = torch.randperm(len(components), generator=random)[:CLUSTERED].to(device)
    classes = {count: _first_classes(components[some], common, count, random) for count in levels[0].classes}
    books = []
    for level in levels:
        known = torch.cat([_known(common, plane, round(-16 * math.log2(level.step))) for plane in planes]).to(device)
        for count in level.classes:
            progress(f"{level.name}: {count} classes")
            if count not in classes:
                classes[count] = _split(components[some], known[some], classes[max(classes)], count, level)
            textures, classes[count] = _textures(components, known, some, classes[count], level)
            books.append(Book(f"{level.name}-{count}", textures, torch.zeros(0), round(-16 * math.log2(level.step))))
    progress("counting sketches")
    return _counted(common, books, levels, planes, random)


def _window(path: Path, random: torch.Generator) -> Tensor | None:
    """Read a photograph, or a window of a large one, as blocks `(rows, columns, 768)`; None if it has none."""
    image = to_float(load_image(path))
    for side in (1, 2):
        room = image.shape[side] - LARGEST_SIDE
        if room > 0:
            start = int(torch.randint(room + 1, (1,), generator=random))
            image = image.narrow(side, start, LARGEST_SIDE)
    height, width = (length // BLOCK * BLOCK for length in image.shape[1:])
    if min(height, width) == 0:
        return None
    return to_blocks(image[None, :, :height, :width], BLOCK)[0]


def _common(pictures: list[Tensor]) -> Common:
    total = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
    mean = torch.stack([picture.flatten(0, 1).sum(0) for picture in pictures]).sum(0) / total
    mean = mean.reshape(3, -1).mean(1, keepdim=True).expand(3, BLOCK**2).flatten().contiguous()
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for picture in pictures:
        rest = picture.flatten(0, 1) - mean
        scatter += (rest.T @ rest).double()
    transform, variance = _principal(scatter / total, COMMON)
    return Common(mean, transform.half().float(), log_variances_of(variance))


def _principal(covariance: Tensor, kept: int) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(covariance.double())
    return vectors.flip(1)[:, :kept].T.float().contiguous(), values.flip(0)[:kept].clamp_min(1e-9).float()


def _known(common: Common, plane: Tensor, log_step: int) -> Tensor:
    """What the neighbours' sketch will hold, of components `(rows, columns, C)`: `(blocks, 4 N + 1)`."""
    rough = common.rough(plane.flatten(0, 1), torch.tensor(log_step), REMEMBERED)
    padded = torch.cat([rough, torch.zeros(1, REMEMBERED)])
    known = padded[grid(1, plane.shape[0], plane.shape[1]).neighbours].flatten(1)
    return torch.cat([known, torch.ones(len(known), 1)], dim=1)


def _first_classes(components: Tensor, common: Common, count: int, random: torch.Generator) -> Tensor:
    """Cluster blocks by their log energies in bands of components (k-means)."""
    relative = components.square() * torch.exp2(-common.log_variance / OCTAVE).to(components.device)
    bands = [relative[:, low:high].mean(1) for low, high in zip(_BANDS, _BANDS[1:], strict=False)]
    features = (torch.stack(bands, dim=1) + 1e-3).log()
    centres = features[torch.randperm(len(features), generator=random)[:count].to(features.device)]
    labels = torch.zeros(len(features), dtype=torch.int64, device=features.device)
    for _ in range(20):
        labels = torch.cdist(features, centres).argmin(1)
        members = F.one_hot(labels, count).float()
        totals = members.sum(0)[:, None]
        centres = torch.where(totals > 0, members.T @ features / totals.clamp_min(1), centres)
    return labels


def _textures(components: Tensor, known: Tensor, some: Tensor, labels: Tensor, level: Level) -> tuple[Textures, Tensor]:
    """Find classes on some of the blocks, then their statistics on all; also the classes of the former."""
    count = int(labels.max()) + 1
    own, beside = components[some], known[some]
    for _ in range(level.iterations if count > 1 else 0):
        costs = _costs(_statistics(own, beside, labels, level), own, beside)
        labels = _revived(costs, costs.argmin(1), count)
    everywhere = _costs(_statistics(own, beside, labels, level), components, known).argmin(1)
    found = _statistics(components, known, everywhere, level)
    return damped(moved(found, torch.device("cpu"))), labels


def _costs(textures: Textures, components: Tensor, known: Tensor) -> Tensor:
    """`Textures.coding_costs`, some blocks at a time."""
    parts = zip(components.split(2**15), known.split(2**15), strict=True)
    return torch.cat([textures.coding_costs(*part) for part in parts])


def damped(textures: Textures) -> Textures:
    """Shrink predictors until a difference between sender and receiver dies out instead of growing.

    Levels are the same at both ends, so a difference obeys the predictor alone. It is followed from one block over a
    plane of blocks of one class; the classes of smooth blocks need it, whose brightness is predicted to the full.
    """
    predictor = textures.predictor.clone()
    for j in range(textures.classes):
        while _echo(predictor[j], textures.remembered) > ECHO:
            predictor[j, :, :-1] *= 0.995
    return replace(textures, predictor=predictor.half().float())


def _echo(predictor: Tensor, remembered: int) -> float:
    """Say how much of a difference is left at the far end of a plane: the largest part, of one of each component."""
    plane = grid(1, *ECHO_PLANE)
    blocks = ECHO_PLANE[0] * ECHO_PLANE[1]
    differences = torch.zeros(blocks + 1, remembered, remembered)
    differences[0] = torch.eye(remembered)
    mix = predictor[:remembered, :-1]
    for wave in plane.waves[1:]:
        beside = differences[plane.neighbours[wave]].flatten(1, 2)
        differences[wave] = mix @ beside
    return float(differences[plane.waves[-1]].norm(dim=1).max())


def _split(components: Tensor, known: Tensor, labels: Tensor, count: int, level: Level) -> Tensor:
    """Halve classes, the largest first and each once a round, until there are so many."""
    costs = _costs(_statistics(components, known, labels, level), components, known)
    best = costs.gather(1, labels[:, None])[:, 0]
    labels = labels.clone()
    while (have := int(labels.max()) + 1) < count:
        largest = torch.bincount(labels).argsort(descending=True)[: count - have]
        for new, old in enumerate(largest.tolist(), start=have):
            _halve(labels, old, new, best)
    return labels


def _revived(costs: Tensor, labels: Tensor, count: int) -> Tensor:
    """Give a class that has hardly any blocks half of the largest one: those that cost most bits."""
    fewest = max(2 * COMMON, len(labels) // (60 * count))
    best = costs.gather(1, labels[:, None])[:, 0]
    for j in range(count):
        sizes = torch.bincount(labels, minlength=count)
        if sizes[j] < fewest:
            _halve(labels, int(sizes.argmax()), j, best)
    return labels


def _halve(labels: Tensor, old: int, new: int, costs: Tensor) -> None:
    """Give a class's dearer half to another class."""
    members = (labels == old).nonzero()[:, 0]
    labels[members[costs[members].argsort(descending=True)[: len(members) // 2]]] = new


def _statistics(components: Tensor, known: Tensor, labels: Tensor, level: Level) -> Textures:
    count = int(labels.max()) + 1
    predictors, transforms, variances = [], [], []
    for j in range(count):
        rows = labels == j
        own, beside = components[rows].clone(), known[rows]
        normal = (beside.T @ beside).double()
        normal += 1e-5 * len(beside) * torch.eye(len(normal), dtype=torch.float64, device=normal.device)
        predictor = torch.linalg.solve(normal, (beside.T @ own[:, :PREDICTED]).double()).T.float().half().float()
        own[:, :PREDICTED] -= beside @ predictor.T
        transform, variance = _principal(own.T @ own / len(own), level.kept)
        predictors.append(predictor)
        transforms.append(rounded(transform))
        variances.append(log_variances_of(variance))
    share = torch.bincount(labels, minlength=count) / len(labels)
    return Textures(torch.stack(predictors), torch.stack(transforms), torch.stack(variances), share.log(), level.floor)


def _counted(
    common: Common, books: list[Book], levels: Sequence[Level], planes: list[Tensor], random: torch.Generator
) -> Codebook:
    """Sketch some of the photographs with every book, and count."""
    blank = Codebook(BLOCK, common, tuple(books), no_tables())
    level_of = {f"{level.name}-{count}": level for level in levels for count in level.classes}
    some = planes[:: max(1, len(planes) // 60)]
    sketched, counted = [], []
    for book in books:
        low, high = level_of[book.name].steps
        own = []
        for plane in some:
            shape = (1, plane.shape[0], plane.shape[1])
            components = plane.flatten(0, 1)
            steps = torch.full((len(components),), int(torch.randint(low, high + 1, (1,), generator=random)))
            labels = label(blank, book, components, shape, steps)
            drawing, details = draw(blank, book, components, shape, labels, steps, torch.zeros_like(steps))
            own.append(Sketched(drawing, details))
        sketched += own
        counted.append(Book(book.name, book.textures, count_map(own, book.textures.classes), book.log_step))
    return Codebook(BLOCK, common, tuple(counted), count_levels(sketched))
