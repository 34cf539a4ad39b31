"""A system in the channel uses of another scheme, so that the two are compared at equal cost."""

from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor

from semcomm.channel.snr import SNR
from semcomm.contracts import Semantics
from semcomm.system import SemanticSystem
from semcomm.transmission import Transmission


@final
class InChannelUses:
    """A system that can choose its channel uses, and takes those that a function says, photograph by photograph.

    Args:
        system: one whose `transmit` understands `channel_uses=`.
        symbols_per_image: k of an `h x w` image: another scheme's method of this name.
    """

    def __init__(self, system: SemanticSystem, symbols_per_image: Callable[[int, int], int]):
        self.system = system
        self.symbols_per_image = symbols_per_image
        self.channel, self.segmentation = system.channel, system.segmentation

    def extract(self, images: Tensor) -> Semantics | None:
        """As the system's."""
        return self.system.extract(images)

    def transmit(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        generator: torch.Generator | None = None,
        semantics: Semantics | None = None,
        told_snr_db: SNR | None = None,
        safe_snr_db: SNR | None = None,
        importance: Mapping[str, float] | None = None,
    ) -> Transmission:
        """Send images once and account for it; the arguments are those of `SemanticSystem.transmit`."""
        return self.system.transmit(
            images,
            snr_db,
            generator=generator,
            semantics=semantics,
            channel_uses=self.symbols_per_image(images.shape[2], images.shape[3]),
            told_snr_db=told_snr_db,
            safe_snr_db=safe_snr_db,
            importance=importance,
        )
