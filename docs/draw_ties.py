"""What the order among ties does to a rate-adaptive SwinJSCC: the tables of docs/swinjscc.md. Run it: see --help."""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from semcomm.baselines.rate_masks import bitonic_order, kept_channels
from semcomm.data.folders import list_images
from semcomm.files.pictures import load_image
from semcomm.images import to_float

CHANNELS, POSITIONS, RATES = 320, 1536, (32, 64, 96, 128, 192)
BLOCK, SNR_DB, DRAWS = 16, 13.0, 20


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True, help="folder of photographs")
    given = arguments.parse_args()
    print(f"torch {torch.__version__}\n")
    print_table("channels kept that the network of old did not keep, of 192 that tie", differences)
    code = LinearCode(blocks(list_images(given.data)))
    print_table(f"PSNR (dB) at {SNR_DB:g} dB", code.psnr_db)


def print_table(title: str, figure) -> None:
    """Print a figure, a function of channels kept and the rate and order they were trained for, as Markdown."""
    print(f"{title}\n\n| order | {' | '.join(f'rate {rate}' for rate in RATES)} |\n|---|{len(RATES) * '---:|'}")
    for name, keep in ORDERS.items():
        cells = []
        for rate in RATES:
            values = [figure(scores, keep(scores, rate)) for scores in map(saturated_scores, range(DRAWS))]
            cells.append(f"{sum(values) / DRAWS:.1f}")
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def saturated_scores(seed: int, tied: int = 192) -> Tensor:
    """Sums of sigmoids over all positions, `(1, 320)`; `tied` of them, anywhere, are saturated."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, POSITIONS, CHANNELS, generator=generator)
    logits[:, :, torch.randperm(CHANNELS, generator=generator)[:tied]] += 25
    return logits.sigmoid().sum(dim=1)


def unstable(scores: Tensor, rate: int) -> Tensor:
    """What the published code says, in this torch on a CPU: a sort that promises nothing about ties."""
    return scores.sort(dim=1, descending=True).indices[:, :rate].sort(dim=1).values


ORDERS = {
    "torch 1.12 and older, CUDA (bitonic)": lambda scores, rate: kept_channels(scores, rate, ties="bitonic"),
    "stable (first)": lambda scores, rate: kept_channels(scores, rate, ties="first"),
    "this torch, CPU, unstable": unstable,
}


def differences(scores: Tensor, kept: Tensor) -> float:
    """How many of the channels kept are others than those of the bitonic network."""
    old = set(kept_channels(scores, kept.shape[1], ties="bitonic")[0].tolist())
    return float(len(set(kept[0].tolist()) - old))


def blocks(paths: list[Path]) -> Tensor:
    """Blocks of 16 x 16 x 3 pixels of photographs, `(blocks, 768)`."""
    found = []
    for path in paths[:50]:
        image = to_float(load_image(path))
        rows, columns = (side // BLOCK * BLOCK for side in image.shape[1:])
        tiles = image[:, :rows, :columns].unfold(1, BLOCK, BLOCK).unfold(2, BLOCK, BLOCK)
        found.append(tiles.permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1))
    return torch.cat(found).double()


class LinearCode:
    """A network's stand-in: the best linear code with components on channels in the order that it was trained with.

    At the lowest rate the network of old keeps the channels at the head of its order, so training puts what matters
    most there. Component i is put on the i-th channel of the bitonic order; the receiver knows which channels came.
    """

    def __init__(self, blocks: Tensor):
        mean = blocks.mean(dim=0)
        covariance = (blocks - mean).T @ (blocks - mean) / len(blocks)
        self.eigenvalues = torch.linalg.eigvalsh(covariance).flip(0)

    def psnr_db(self, scores: Tensor, kept: Tensor) -> float:
        """PSNR of the mean squared error, closed form: power as the square root of the variance (Lee, Petersen)."""
        component = torch.empty(CHANNELS, dtype=torch.int64)
        component[bitonic_order(scores)[0]] = torch.arange(CHANNELS)
        variances = self.eigenvalues[component[kept[0]]].clamp_min(1e-12)
        gains = variances.sqrt() / variances.sqrt().mean()  # power of each, on average one
        snr = 10 ** (SNR_DB / 10) * gains
        error = self.eigenvalues.sum() - variances.sum() + (variances / (1 + snr)).sum()
        return float(-10 * torch.log10(error / (3 * BLOCK * BLOCK)))


if __name__ == "__main__":
    main()
