"""Count how often all bits of the hybrid code arrive: `python zoo/bit_exact.py --test PHOTOGRAPHS`.

Crops of 128 to 256 pixels of photographs are sent over AWGN at told and real SNRs from -5 to 20 dB and k/n from 1/48
to 1/6, captions and label maps included. What the sender coded and what the receiver decoded are compared: caption,
label map, weights, texture map, levels of the sketch, all bit for bit.
"""

import argparse
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from semcomm import SemanticSystem, build_hybrid_code
from semcomm.data.layouts import find_photographs
from semcomm.files.pictures import load_image
from semcomm.receiver import hybrid as receiver
from semcomm.transmitter import frames as sender

SHORTEST, LONGEST = 128, 256
SMALLEST_RATIO, LARGEST_RATIO = 1 / 48, 1 / 6
LOWEST_SNR_DB, HIGHEST_SNR_DB = -5.0, 20.0
CONFIDENT = 1.96
SHOWN = 50
CODED = {"write_message": ("message", 1), "write_map": ("textures", 2), "write_sketch": ("sketch", 3)}
DECODED = {"read_message": "message", "read_map": "textures", "read_sketch": "sketch"}


def main() -> None:
    """Send, compare, and print the share that arrived whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=Path, required=True, help="photographs to cut crops from")
    parser.add_argument("--count", type=int, default=1000, help="transmissions with a digital part")
    parser.add_argument("--seed", type=int, default=0, help="of crops, SNRs and noise")
    given = parser.parse_args()
    torch.set_num_threads(1)
    system = build_hybrid_code(caption="lite", segmentation="lite", device="cpu")
    random = torch.Generator().manual_seed(given.seed)
    exact = sent = analog = 0
    while sent < given.count:
        for path in find_photographs(given.test):
            if sent == given.count:
                break
            what, found = send(system, load_image(path), random)
            analog += found is None
            sent += found is not None
            exact += found is True
            if found is False:
                print(f"lost: {path.name} {what}", flush=True)
            elif found and sent % SHOWN == 0:
                print(f"{exact} of {sent}", flush=True)
    low, high = interval(exact, sent)
    print(f"{exact} of {sent} bit-exact: {exact / sent:.2%} (95 %: {low:.2%} to {high:.2%}); {analog} without bits")


def send(system: SemanticSystem, photograph: Tensor, random: torch.Generator) -> tuple[str, bool | None]:
    """Send one crop; says how, and whether all bits arrived: None where none were sent."""
    image = crop(photograph, random)
    snr_db = between(LOWEST_SNR_DB, HIGHEST_SNR_DB, random)
    ratio = math.exp(between(math.log(SMALLEST_RATIO), math.log(LARGEST_RATIO), random))
    k = round(image.numel() * ratio)
    weights = {"person": 4.0} if between(0, 1, random) < 0.25 else None
    with watched() as (coded, decoded):
        one = system.transmit(image[None], snr_db, channel_uses=k, importance=weights, generator=random)
    what = f"{image.shape[2]} x {image.shape[1]}, k = {k}, {snr_db:.1f} dB"
    if not int((one.channel_uses or {})["sketch"]):
        return what, None
    return what, not bool(one.lost) and alike(coded, decoded)


def crop(photograph: Tensor, random: torch.Generator) -> Tensor:
    """Cut a random rectangle of 128 to 256 pixels a side."""
    height, width = (round(between(SHORTEST, min(LONGEST, side), random)) for side in photograph.shape[1:])
    top, left = (
        round(between(0, whole - part, random))
        for whole, part in zip(photograph.shape[1:], (height, width), strict=True)
    )
    return photograph[:, top : top + height, left : left + width]


def between(low: float, high: float, random: torch.Generator) -> float:
    """Draw a number."""
    return low + (high - low) * float(torch.rand((), generator=random))


@contextmanager
def watched() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Note what the sender's coder was given last, and what the receiver's decoder returned."""
    coded: dict[str, Any] = {}
    decoded: dict[str, Any] = {}

    def notes_given(name: str, place: int, write: Any) -> Any:
        def note(*given: Any) -> Any:
            coded[name] = given[place]
            return write(*given)

        return note

    def notes_found(name: str, read: Any) -> Any:
        def note(*given: Any) -> Any:
            result = read(*given)
            decoded[name] = given[-1][-1] if name == "message" else result
            return result

        return note

    with ExitStack() as patches:
        for function, (name, place) in CODED.items():
            own = notes_given(name, place, getattr(sender, function))
            patches.enter_context(patch.object(sender, function, own))
        for function, name in DECODED.items():
            patches.enter_context(patch.object(receiver, function, notes_found(name, getattr(receiver, function))))
        yield coded, decoded


def alike(coded: dict[str, Any], decoded: dict[str, Any]) -> bool:
    """Say whether all that was coded was decoded."""
    said, heard = coded["message"], decoded["message"]
    maps = [one.label_map for one in (said, heard)]
    return (
        said.caption == heard.caption
        and said.boosts == heard.boosts
        and (maps[0] is None) == (maps[1] is None)
        and (maps[0] is None or torch.equal(*maps))
        and ("textures" in coded) == ("textures" in decoded)
        and ("textures" not in coded or torch.equal(coded["textures"], decoded["textures"]))
        and torch.equal(coded["sketch"], decoded["sketch"][0])
    )


def interval(successes: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    share, squared = successes / count, CONFIDENT**2
    centre = (share + squared / (2 * count)) / (1 + squared / count)
    half = CONFIDENT / (1 + squared / count) * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    return centre - half, min(centre + half, 1.0)


if __name__ == "__main__":
    main()
