"""What a training run is made of."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semcomm.channel.snr import LOWEST_SNR_DB


@dataclass(frozen=True)
class TrainingConfig:
    """Numbers of one training run; the defaults are the paper's (arXiv 2202.04754, Section IV).

    Args:
        train: folder of photographs to train on.
        val: folder of photographs to validate on.
        out: folder for the result.
        features: what `cache_features` made of `train`, so that the extractors need not run in every step.
        snr_db: the training SNR in dB, or (low, high) for one drawn uniformly per image.
        size: height and width of a training crop, in pixels.
        batch_size: crops per step, over all devices.
        learning_rate: of Adam, at the start.
        schedule: "constant", or "cosine" down to a hundredth of `learning_rate`.
        steps: optimisation steps.
        validate_every: steps between validations and checkpoints.
        seed: of crops, SNRs and noise (the command line draws the initial weights from it, too).
        workers: processes that decode photographs; 0 for none but this one.
        devices: GPUs or CPU processes on this machine.
        num_nodes: machines.
        strategy: Lightning's name of how they share the work.
        precision: Lightning's name of the arithmetic.
    """

    train: Path
    val: Path
    out: Path
    features: Path | None = None
    snr_db: float | tuple[float, float] = 10.0
    size: int = 256
    batch_size: int = 32
    learning_rate: float = 1e-3
    schedule: str = "constant"
    steps: int = 10_000
    validate_every: int = 500
    seed: int = 0
    workers: int = 0
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        for name in ("size", "batch_size", "steps", "validate_every", "devices", "num_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive and finite, got {self.learning_rate}")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f'schedule must be "constant" or "cosine", got {self.schedule!r}')
        if self.workers < 0:
            raise ValueError(f"workers must be at least 0, got {self.workers}")
        if isinstance(self.snr_db, tuple) and not self.snr_db[0] < self.snr_db[1]:
            raise ValueError(f"snr_db must be a number or a range (low, high), low < high, got {self.snr_db}")
        ends = self.snr_db if isinstance(self.snr_db, tuple) else (self.snr_db,)
        if not all(LOWEST_SNR_DB <= end < math.inf for end in ends):
            raise ValueError(f"snr_db must be finite, at least {LOWEST_SNR_DB:g} dB, got {self.snr_db}")

    def describe(self) -> dict[str, Any]:
        """What decides the result, as JSON can hold it: not where the folders are, nor who decodes the photographs."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("train", "val", "out", "features", "workers")
        }
