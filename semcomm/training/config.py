"""What a training run is made of."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from semcomm.channel.snr import LOWEST_SNR_DB

Schedule = Literal["constant", "cosine"]
Strategy = Literal["auto", "ddp"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]


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
        batch_size: crops per step, over all devices; a multiple of their number.
        learning_rate: of Adam, at the start.
        schedule: "constant", or "cosine" down to a hundredth of `learning_rate`.
        gradient_clip: largest norm of all gradients together, or None for any.
        steps: optimisation steps.
        validate_every: steps between validations and checkpoints; every round through the photographs has one, too.
        val_images: photographs of `val` to validate on, evenly spaced; None for all.
        seed: of crops, SNRs and noise (the command line draws the initial weights from it, too).
        workers: processes that decode photographs; 0 for none but this one.
        devices: GPUs or CPU processes on this machine.
        num_nodes: machines.
        strategy: how they share the work; "auto" is "ddp" for several devices.
        precision: of the networks' arithmetic; symbols, power and noise are always float32.
        leave_out: photographs in `train` and `val` to do without, such as damaged ones.
    """

    train: Path
    val: Path
    out: Path
    features: Path | None = None
    snr_db: float | tuple[float, float] = 10.0
    size: int = 256
    batch_size: int = 32
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    gradient_clip: float | None = None
    steps: int = 10_000
    validate_every: int = 500
    val_images: int | None = None
    seed: int = 0
    workers: int = 0
    devices: int = 1
    num_nodes: int = 1
    strategy: Strategy = "auto"
    precision: Precision = "32-true"
    leave_out: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        for name in ("size", "batch_size", "steps", "validate_every", "devices", "num_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive and finite, got {self.learning_rate}")
        if self.gradient_clip is not None and not 0 < self.gradient_clip < math.inf:
            raise ValueError(f"gradient_clip must be None or positive and finite, got {self.gradient_clip}")
        for name, known in {"schedule": Schedule, "strategy": Strategy, "precision": Precision}.items():
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name} must be one of {', '.join(get_args(known))}, got {getattr(self, name)!r}")
        if self.val_images is not None and self.val_images < 1:
            raise ValueError(f"val_images must be None or at least 1, got {self.val_images}")
        processes = self.devices * self.num_nodes
        if self.batch_size % processes:
            raise ValueError(f"batch_size must be a multiple of the {processes} processes, got {self.batch_size}")
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
            if name not in ("train", "val", "out", "features", "workers", "leave_out")
        }
