"""The page's transmissions: a system's, and those of codecs beside it in the same channel uses."""

import functools
import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from semcomm.app.answers import Question
from semcomm.baselines.separation import SeparationBaseline
from semcomm.channel.named import build_channel
from semcomm.cli.options import set_channel
from semcomm.contracts import Request, Semantics
from semcomm.pretrained import from_pretrained
from semcomm.quality.perceptual import LPIPS_SMALLEST, lpips, lpips_weights
from semcomm.system import SemanticSystem
from semcomm.transmission import Transmission
from semcomm.transmitter.hybrid import FEWEST_LEVELS, MOST_LEVELS

SNRS_DB = tuple(float(snr_db) for snr_db in range(-5, 21))
LEVELS = FEWEST_LEVELS, MOST_LEVELS
CHANNELS = {
    "AWGN": ("awgn", "symbol"),
    "Rayleigh, a fade per symbol": ("rayleigh", "symbol"),
    "Rayleigh, one fade": ("rayleigh", "image"),
    "Rician": ("rician", "symbol"),
    "OFDM over eight paths": ("ofdm", "symbol"),
    "3GPP TDL-A": ("tdl-a", "symbol"),
}
"""The channels of the page: what --channel and --coherence say."""
CODECS = {"JPEG": "jpeg", "AVIF": "avif"}
CODES = {"capacity": "at capacity", "ldpc": "over 5G LDPC"}
CAPACITIES = {("awgn", "symbol"): "awgn", ("rayleigh", "symbol"): "rayleigh"}
SEED = 0
_REMEMBERED = 8


@final
@dataclass(frozen=True)
class Arrived:
    """What a system delivered.

    Args:
        sent: the transmission.
        lpips: of the picture received; None where its network's weights are not on this machine.
        system: what sent it.
    """

    sent: Transmission
    lpips: float | None
    system: SemanticSystem


@final
class Sender:
    """Sends the page's photographs; one at a time, since it swaps the systems' channels."""

    def __init__(self) -> None:
        self._systems: dict[str, SemanticSystem] = {}
        self._semantics: OrderedDict[tuple[str, str], Semantics | None] = OrderedDict()

    def system(self, model: str) -> SemanticSystem:
        """Load a system once."""
        if model not in self._systems:
            system = from_pretrained(model)
            system.eval().transmitter.forward = _remembered(system.transmitter.forward)
            self._systems[model] = system
        return self._systems[model]

    def has_levels(self, model: str) -> bool:
        """Whether a system can send fewer levels."""
        return "levels" in inspect.signature(self.system(model).transmitter.symbols_per_image).parameters

    def send(self, question: Question) -> Arrived:
        """Send the photograph by the system."""
        system = self.system(question.model)
        set_channel(system, *CHANNELS[question.channel])
        images = question.photograph.pixels[None]
        key = (question.photograph.digest, question.model)
        if key not in self._semantics:
            self._semantics[key] = system.extract(images)
            while len(self._semantics) > _REMEMBERED:
                self._semantics.popitem(last=False)
        sent = system.transmit(
            images,
            question.snr_db,
            semantics=self._semantics[key],
            generator=torch.Generator().manual_seed(SEED),
            levels=question.levels,
            told_snr_db=question.told_snr_db,
        )
        return Arrived(sent, _lpips(sent.images, images), system)

    def send_codecs(self, question: Question) -> dict[str, Transmission]:
        """Send it as JPEG and AVIF in the same channel uses: over 5G LDPC, and at capacity where that is known."""
        system, (name, coherence) = self.system(question.model), CHANNELS[question.channel]
        height, width = question.photograph.pixels.shape[1:]
        k = system.symbols_sent(height, width, Request(levels=question.levels))
        known = CAPACITIES.get((name, coherence))
        sent = {}
        for codec, kind in CODECS.items():
            for code, words in CODES.items():
                if code == "capacity" and known is None:
                    continue
                scheme = SeparationBaseline(
                    kind,  # type: ignore[arg-type]
                    symbols_per_image=lambda height, width: k,  # noqa: ARG005
                    channel=known or build_channel(name, coherence),  # type: ignore[arg-type]
                    code=code,  # type: ignore[arg-type]
                    delivered="gray",
                )
                sent[f"{codec} {words}"] = scheme.transmit(
                    question.photograph.pixels[None],
                    question.snr_db,
                    told_snr_db=question.told_snr_db,
                    generator=torch.Generator().manual_seed(SEED),
                )
        return sent


def _lpips(received: Tensor, sent: Tensor) -> float | None:
    if not lpips_weights().is_file() or min(sent.shape[2:]) < LPIPS_SMALLEST:
        return None
    return lpips(received.cpu() / 255, sent / 255).item()


def _remembered(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A transmitter's `forward` that keeps the last symbols, which follow from photograph and SNR told alone."""
    kept: OrderedDict[object, Any] = OrderedDict()

    @functools.wraps(forward)  # so that a system still finds the keywords of `forward`
    def remembered(images: Tensor, snr_db: Any = None, *, semantics: Semantics | None = None, **asked: Any) -> Any:
        told = None if snr_db is None else tuple(torch.as_tensor(snr_db).flatten().tolist())
        digest = hashlib.sha256(images.cpu().numpy().tobytes()).digest()
        key = (digest, tuple(images.shape), told, tuple(sorted(asked.items())))
        if key not in kept:
            kept[key] = forward(images, snr_db, semantics=semantics, **asked)
            while len(kept) > _REMEMBERED:
                kept.popitem(last=False)
        return kept[key]

    return remembered
