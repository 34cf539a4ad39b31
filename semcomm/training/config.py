"""What a training run is made of."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from semcomm.channel.snr import LOWEST_SNR_DB
from semcomm.whole import check_whole, whole

Schedule = Literal["constant", "cosine", "decay"]
Loss = Literal["log-mse", "mse"]
Strategy = Literal["auto", "ddp"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]

DECAYING = 0.4
"""The last part of a run, over which the schedule "decay" brings the learning rates to 0."""


@dataclass(frozen=True)
class TrainingConfig:
    """Numbers of one training run; the defaults are the recipe that the documentation describes.

    `PAPER` has the numbers of arXiv 2202.04754 instead.

    Args:
        train: folder of photographs to train on, of WebDataset shards, or of a saved Hugging Face data set; one
            photograph at least has `size` pixels on its short side.
        val: likewise, to validate on.
        out: folder for the result.
        features: what `cache_features` made of `train`, so that the extractors need not run in every step.
        snr_db: the training SNR in dB, or (low, high) for one drawn uniformly per image.
        levels: (lowest, highest) for nested systems, one drawn for each step; None leaves it to the system.
        size: height and width of a training crop, in pixels.
        batch_size: crops per step, over all devices; a multiple of their number times `accumulate`.
        accumulate: parts that a device's share of a batch is computed in, one after another, to save memory.
        loss: "log-mse", the mean over images of log(MSE + 3e-4), or "mse"; `train` takes another one.
        learning_rate: Adam's, at the start.
        muon_rate: Muon's for kernels of convolutions and dense layers, at the start; None for Adam there, too.
        schedule: how both rates change: "constant", "cosine" down to a hundredth, or "decay" to 0 over the last 40 %.
        average_rate: the rate of the weights' moving average, which is what is validated and saved; None for none.
        gradient_clip: largest norm of all gradients together, or None for any.
        steps: optimisation steps; None where `minutes` alone end the run.
        minutes: time for the run, its validations and the time before a resumption included; None for any.
        validate_every: steps between validations and checkpoints; every round through the photographs has one, too.
        val_images: photographs of `val` to validate on, evenly spaced; None for all.
        begin_from: a shipped system's name or a folder, whose weights the run begins with.
        seed: for crops, SNRs and noise (the command line draws the initial weights from it, too).
        workers: processes that decode photographs; 0 for none but this one.
        on_device: hold all photographs in the device's memory, decoded, and cut the same crops there.
        compile: compile the networks in the first step, a minute or more, for faster steps afterwards.
        devices: GPUs or CPU processes on this machine.
        num_nodes: machines.
        strategy: how they share the work; "auto" is "ddp" for several devices.
        precision: the networks' arithmetic; symbols, power and noise are always float32. Without bf16 arithmetic in
            the machine, `train` says so and computes in float32.
        leave_out: photographs in `train` and `val` to do without, such as damaged ones.
    """

    train: Path
    val: Path
    out: Path
    features: Path | None = None
    snr_db: float | tuple[float, float] = 10.0
    levels: tuple[int, int] | None = None
    size: int = 128
    batch_size: int = 16
    accumulate: int = 1
    loss: Loss = "log-mse"
    learning_rate: float = 6e-4
    muon_rate: float | None = 1.5e-3
    schedule: Schedule = "decay"
    average_rate: float | None = 1e-3
    gradient_clip: float | None = None
    steps: int | None = 10_000
    minutes: float | None = None
    validate_every: int = 500
    val_images: int | None = None
    begin_from: str | None = None
    seed: int = 0
    workers: int = 0
    on_device: bool = False
    compile: bool = False
    devices: int = 1
    num_nodes: int = 1
    strategy: Strategy = "auto"
    precision: Precision = "bf16-mixed"
    leave_out: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        least = dict.fromkeys(("size", "batch_size", "accumulate", "validate_every", "devices", "num_nodes"), 1)
        for name, one in (least | {"steps": 1, "val_images": 1, "seed": 0, "workers": 0}).items():
            if (value := getattr(self, name)) is not None or name not in ("steps", "val_images"):
                object.__setattr__(self, name, check_whole(value, name, one))
        if self.steps is None and self.minutes is None:
            raise ValueError("steps and minutes are both None, so that the run would never end; give one of them")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive and finite, got {self.learning_rate}")
        for name in ("muon_rate", "gradient_clip", "minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be None or positive and finite, got {value}")
        if self.average_rate is not None and not 0 < self.average_rate <= 1:
            raise ValueError(f"average_rate must be None or a number from 0 to 1, not 0, got {self.average_rate}")
        for name, known in {"schedule": Schedule, "strategy": Strategy, "precision": Precision, "loss": Loss}.items():
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name} must be one of {', '.join(get_args(known))}, got {getattr(self, name)!r}")
        if self.batch_size % self.parts:
            raise ValueError(
                f"batch_size must be a multiple of the {self.parts} parts (devices x num_nodes x accumulate), "
                f"got {self.batch_size}"
            )
        if self.levels is not None:
            ends = tuple(whole(level) for level in self.levels)
            if len(ends) != 2 or None in ends or not 1 <= ends[0] <= ends[1]:  # type: ignore[operator]
                raise ValueError(f"levels must be None or (lowest, highest), 1 <= lowest <= highest, got {self.levels}")
            object.__setattr__(self, "levels", ends)
        if isinstance(self.snr_db, tuple) and not self.snr_db[0] < self.snr_db[1]:
            raise ValueError(f"snr_db must be a number or a range (low, high), low < high, got {self.snr_db}")
        ends = self.snr_db if isinstance(self.snr_db, tuple) else (self.snr_db,)
        if not all(LOWEST_SNR_DB <= end < math.inf for end in ends):
            raise ValueError(f"snr_db must be finite, at least {LOWEST_SNR_DB:g} dB, got {self.snr_db}")

    @property
    def parts(self) -> int:
        """Parts of a batch that are computed by different processes, or one after another."""
        return self.devices * self.num_nodes * self.accumulate

    def rate_factor(self, step: int, seconds: float) -> float:
        """What the learning rates are multiplied by in step number `step`, `seconds` after the start.

        Example:
            >>> config = TrainingConfig(Path("train"), Path("val"), Path("out"), steps=100)
            >>> [round(config.rate_factor(step, 0.0), 3) for step in (0, 60, 80, 100)]
            [1.0, 1.0, 0.5, 0.0]
        """
        done = 0.0 if self.steps is None else step / self.steps
        if self.minutes is not None:
            done = max(done, seconds / (60 * self.minutes))
        if self.schedule == "cosine":
            return 0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1.0))) / 2
        return 1.0 if self.schedule == "constant" else min(1.0, max(0.0, (1 - done) / DECAYING))

    def describe(self) -> dict[str, Any]:
        """What decides the result, as JSON can hold it: not where the folders are, nor who decodes the photographs."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("train", "val", "out", "features", "workers", "on_device", "leave_out", "begin_from")
        } | ({} if self.begin_from is None else {"begin_from": Path(self.begin_from).name})


PAPER: dict[str, Any] = {
    "size": 256,
    "batch_size": 32,
    "loss": "mse",
    "learning_rate": 1e-3,
    "muon_rate": None,
    "schedule": "constant",
    "average_rate": None,
    "precision": "32-true",
}
"""Training as in arXiv 2202.04754, Section IV: `TrainingConfig(train, val, out, **PAPER)`."""
