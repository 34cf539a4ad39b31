"""Codebooks for tests: a small one fitted on synthetic photographs, and one of a Gaussian source that is known."""

import tempfile
from functools import cache
from pathlib import Path

import torch

from semcomm.files.pictures import save_image
from semcomm.training.count_levels import no_tables
from semcomm.training.fit_code import Level, fit_code
from semcomm.transmitter.codebook import Book, Codebook, load_codebook
from semcomm.transmitter.textures import OCTAVE, Common, Textures

TINY = (
    Level("coarse", 1.5, 7e-3, 48, (1, 3), (-24, 8), 2),
    Level("fine", 0.5, 1e-3, 64, (3,), (0, 40), 2),
)


def dead_leaves(height, width, seed):
    """A synthetic photograph, uint8 `(3, height, width)`: discs of all sizes before one another, shaded, grainy."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.rand(3, 1, 1, generator=random).expand(3, height, width).clone()
    for _ in range(60):
        radius = 6 / (0.05 + float(torch.rand(1, generator=random)))
        place = torch.rand(2, generator=random) * torch.tensor([height, width])
        away = (y - place[0]).square() + (x - place[1]).square()
        colour = torch.rand(3, 1, 1, generator=random)
        shade = 0.15 * torch.sin(x / (2 + radius / 4) + float(place[0]))
        image = torch.where(away < radius**2, colour + shade, image)
    grain = 0.02 * torch.randn(image.shape, generator=random)
    return ((image + grain).clamp(0, 1) * 255).round().to(torch.uint8)


def write_photographs(folder, count, *, height=160, width=192, seed=0):
    """Fill a folder with synthetic photographs."""
    for number in range(count):
        save_image(dead_leaves(height, width, seed + number), Path(folder) / f"{number}.png")
    return folder


@cache
def tiny_codebook():
    """Three books of 1, 3 and 3 classes, fitted on 24 synthetic photographs; as its file gives it."""
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_code(write_photographs(folder, 24), levels=TINY)
        fitted.save(Path(folder) / "codebook.safetensors")
        return load_codebook(Path(folder) / "codebook.safetensors")


def gaussian_codebook(log_variance, block=16, seed=0):
    """One class, no prediction: blocks whose components on a random basis are Gaussian with these log-variances."""
    size, kept = 3 * block**2, len(log_variance)
    random = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, kept, generator=random, dtype=torch.float64))[0].T.float()
    log_variance = torch.tensor(log_variance)
    common = Common(torch.full((size,), 0.5), basis.contiguous(), log_variance)
    predictor, transform = torch.zeros(1, 4, 4 * 4 + 1), torch.eye(kept)[None]
    textures = Textures(predictor, transform, log_variance[None], torch.zeros(1), 1e-3)
    return Codebook(block, common, (Book("gauss-1", textures, torch.ones(4, 1, dtype=torch.int64), 0),), no_tables())


def gaussian_images(codebook, images, rows, columns, seed=1):
    """Draw such blocks, as images float32 `(b, 3, h, w)`; not clamped, so variances must be small."""
    from semcomm.transmitter.blocks import to_images

    random = torch.Generator().manual_seed(seed)
    deviation = torch.exp2(codebook.common.log_variance / (2 * OCTAVE))
    components = torch.randn(images, rows, columns, len(deviation), generator=random) * deviation
    return to_images(codebook.common.blocks(components), codebook.block)
