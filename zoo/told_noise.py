"""Say what it is worth to know each symbol's noise, and what pilots cost: `python zoo/told_noise.py --val VAL`.

Every eighth photograph of VAL, its central 256 x 256 pixels, is sent by the linear code over Rayleigh fading of
10 dB. It prints the two tables of `docs/links.md`, with 95 % intervals; differences are paired.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from semcomm import RayleighChannel, SemanticSystem, build_linear_code
from semcomm.channel import Pilots
from semcomm.contracts import Received
from semcomm.data.layouts import find_photographs
from semcomm.experiments.tables import markdown_table
from semcomm.files.pictures import load_image
from semcomm.quality.statistics import mean_and_ci95

SIDE, EVERY, SNR_DB = 256, 8, 10.0
COHERENCE, SPACINGS = 32, (2, 4, 8, 16, 32)


class MeanNoise(nn.Module):
    """MMSE equalisation, after which all symbols of an image count as equally noisy."""

    def forward(self, received: Received) -> Received:
        """Equalise `(b, k)`; the noise told is the mean squared error over each image, `(b, 1)`."""
        csi, noise = received.csi, received.noise_variance
        assert csi is not None
        assert noise is not None
        strength = csi.abs().square()
        share = strength / (strength + noise)
        gain = share.mean(1, keepdim=True)
        error = (share / gain - 1).square() + (share / gain).square() * noise / strength
        equal = share * received.symbols * csi.conj() / strength / gain
        return Received(equal, noise_variance=error.mean(1, keepdim=True), side=received.side)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, required=True, help="photographs to send")
    images = [cut(load_image(path)) for path in find_photographs(parser.parse_args().val)[::EVERY]]
    rows = []
    for ratio in (12, 24):
        told, mean = (psnrs(images, 3 * SIDE**2 // ratio, change) for change in (lambda _: None, averaged))
        rows.append([f"1/{ratio}", said(told), said(mean), said(told - mean, "+")])
    print(
        "\n".join(
            markdown_table(["k/n", "each symbol's noise, PSNR (dB)", "mean noise (dB)", "gain, paired (dB)"], rows)
        )
    )
    k = 3 * SIDE**2 // 12
    known = psnrs(images, k, with_channel(RayleighChannel(coherence=COHERENCE)))
    rows = [["none, fades known", f"{k / (3 * SIDE**2):.4f}", said(known), ""]]
    for spacing in SPACINGS:
        channel = RayleighChannel(coherence=COHERENCE, csi=Pilots(spacing, "lmmse"))
        found = psnrs(images, k, with_channel(channel))
        ratio = channel.channel_uses(k) / (3 * SIDE**2)
        rows.append([f"1/{spacing}", f"{ratio:.4f}", said(found), said(known - found)])
    head = ["pilots, share of the channel", "k/n with pilots", "PSNR (dB)", "loss, paired (dB)"]
    print("\n".join(["", *markdown_table(head, rows)]))


def cut(image: Tensor) -> Tensor:
    """Take the central pixels of `(3, h, w)`, as a batch of one."""
    top, left = ((size - SIDE) // 2 for size in image.shape[1:])
    return image[None, :, top : top + SIDE, left : left + SIDE]


def averaged(system: SemanticSystem) -> None:
    """Take each symbol's noise from the receiver."""
    system.equalizer = MeanNoise()


def with_channel(channel: nn.Module) -> Callable[[SemanticSystem], None]:
    """Make a change of the channel."""
    return lambda system: setattr(system, "channel", channel)


def psnrs(images: list[Tensor], k: int, change: Callable[[SemanticSystem], None]) -> Tensor:
    """PSNR in dB of every photograph over fast fading, or what the change makes of the system."""
    system = build_linear_code(channel=RayleighChannel(), device="cpu")
    change(system)
    found = []
    for place, image in enumerate(images):
        generator = torch.Generator().manual_seed(place)
        found.append(system.transmit(image, SNR_DB, channel_uses=k, generator=generator).psnr_db.item())
    return torch.tensor(found, dtype=torch.float64)


def said(values: Tensor, sign: str = "") -> str:
    """Write a mean and its interval."""
    return f"{{:{sign}.2f}} ± {{:.2f}}".format(*mean_and_ci95(values))


if __name__ == "__main__":
    main()
