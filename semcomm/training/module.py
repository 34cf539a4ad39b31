"""One optimisation step, as Lightning runs it."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, final

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.channel.snr import SNR
from semcomm.contracts import Received, Semantics
from semcomm.images import to_float
from semcomm.quality.image import psnr
from semcomm.system import SemanticSystem
from semcomm.training.average import MovingAverage, learned
from semcomm.training.compiling import as_written
from semcomm.training.config import TrainingConfig
from semcomm.training.losses import LOSSES, LossFunction
from semcomm.training.muon import MuonAdam

TRAINING, VALIDATION, LEVELS = 0, 1, 2
"""Streams of random numbers that must not repeat one another."""
AVERAGE = "average"
MINUTES = "val/minutes"


@final
class TrainingModule(lightning.LightningModule):
    """A system, its loss and its optimiser; every step is a function of the seed and the step's number.

    Not of the number of processes or of parts that a batch is accumulated from: image i of a batch gets the same SNR
    and noise whoever sends it.

    Args:
        system: what to train.
        config: rates, schedule, SNR and seed.
        loss: what to make small; None for `config.loss`.
        seconds: returns the time spent on the run, for a schedule by time.

    Raises:
        ValueError: if `loss` returns anything but a number without dimensions.
    """

    def __init__(
        self,
        system: SemanticSystem,
        config: TrainingConfig,
        *,
        loss: LossFunction | None = None,
        seconds: Callable[[], float] = lambda: 0.0,
    ):
        super().__init__()
        self.system = system
        self.config = config
        self.loss = LOSSES[config.loss] if loss is None else loss
        self.seconds = seconds
        self.average: MovingAverage | None = None
        self.validated_step: int | None = None
        self._restored: dict[str, Tensor] | None = None

    def on_fit_start(self) -> None:
        """Begin the moving average, or go on from the checkpoint's: the weights are where they are trained."""
        if self.config.average_rate is not None:
            self.average = MovingAverage(self.system, self.config.average_rate)
            if self._restored is not None:
                self.average.load_state_dict(self._restored)

    def training_step(self, batch: dict[str, Tensor], batch_index: int = 0) -> Tensor:
        """Send this process's part of a batch of crops, as `CropDataset` makes them; return the loss."""
        generator = self._generator(TRAINING, self.global_step)
        images = to_float(batch["images"])
        semantics = Semantics(batch.get("tokens"), batch.get("labels"))
        parts = self.config.parts
        part = self.global_rank + batch_index % self.config.accumulate * (parts // self.config.accumulate)
        own = slice(part, None, parts)  # places of these images in the whole batch, as `StepBatches` deals them out
        snr_db = self._snr_db(len(images) * parts, generator)
        own_snr_db = snr_db[own] if isinstance(snr_db, Tensor) else snr_db
        path = self.system if parts == 1 else self._with_shared_noise(own, parts)
        received = path(images, own_snr_db, semantics=semantics, generator=generator, levels=self._levels())
        loss = self.loss(received, images)
        if not isinstance(loss, Tensor) or loss.ndim:
            what = f"shape {(*loss.shape,)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(f"loss must return a tensor without dimensions, such as a mean over images; got {what}")
        self.log("train/loss", loss, prog_bar=True, sync_dist=True)
        self.log("train/mse", F.mse_loss(received.detach(), images), sync_dist=True)
        return loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Set the learning rates, make the step, and take the new weights into the average."""
        step, factor = self.global_step, self._rate_factor()
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.average is not None:
            self.average.update(step)

    def validation_step(self, batch: dict[str, Tensor], batch_index: int) -> None:  # noqa: ARG002
        """Send one whole photograph at the training SNR, or at the middle of its range."""
        snr = self.config.snr_db
        snr_db = sum(snr) / 2 if isinstance(snr, tuple) else snr
        images = to_float(batch["images"])
        with as_written() if self.config.compile else nullcontext():
            received = self.system(images, snr_db, generator=self._generator(VALIDATION, int(batch["place"])))
        # a sum of shares: a mean of the processes' means would be wrong where one has fewer photographs
        share_of_mean = (psnr(received, images) * batch["weight"]).sum()
        self.log("val/psnr_db", share_of_mean, prog_bar=True, reduce_fx="sum", sync_dist=True)

    def on_validation_start(self) -> None:
        """Validate the average of the weights, where there is one."""
        self.exchange_average()

    def on_validation_epoch_end(self) -> None:
        """Note the time, so that runs can be compared at equal times."""
        self.log(MINUTES, self.seconds() / 60, sync_dist=True)

    def on_validation_end(self) -> None:
        """Train on with the weights themselves."""
        self.exchange_average()
        self.validated_step = self.global_step

    def exchange_average(self) -> None:
        """Put the average into the system, and the system's weights where the average was."""
        if self.average is not None:
            self.average.exchange()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the average in the checkpoint."""
        if self.average is not None:
            checkpoint[AVERAGE] = self.average.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse another system's checkpoint; keep the average that it holds."""
        averaged = {} if self.config.average_rate is None else learned(self.system)
        for own, kept in ((self.state_dict(), checkpoint["state_dict"]), (averaged, checkpoint.get(AVERAGE) or {})):
            expected, found = (_shapes(values) for values in (own, kept))
            different = sorted(name for name in expected.keys() | found if expected.get(name) != found.get(name))
            if different:
                raise ValueError(
                    f"checkpoint is of another system, {different[0].removeprefix('system.')} differs: resume with the "
                    "system that the run was started with"
                )
        self._restored = checkpoint.get(AVERAGE)

    def configure_optimizers(self) -> Any:
        """Muon and Adam, or Adam alone."""
        if self.config.muon_rate is not None:
            optimizer = MuonAdam(self.system, muon_rate=self.config.muon_rate, adam_rate=self.config.learning_rate)
        else:
            weights = [weight for weight in self.system.parameters() if weight.requires_grad]
            optimizer = torch.optim.Adam(weights, lr=self.config.learning_rate, fused=True)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        return optimizer

    def _rate_factor(self) -> float:
        seconds = self.seconds() if self.config.minutes is not None else 0.0
        if self.config.minutes is not None and self.trainer.world_size > 1:
            seconds = self.trainer.strategy.broadcast(seconds)  # all processes must take the same step
        return self.config.rate_factor(self.global_step, seconds)

    def _with_shared_noise(self, own: slice, parts: int) -> SemanticSystem:
        path = copy.copy(self.system)
        path._modules = dict(path._modules)
        path.channel = _SharedNoise(self.system.channel, own, parts)
        return path

    def _levels(self) -> int | None:
        """Draw this step's level, the same one in every process."""
        if self.config.levels is None:
            return None
        low, high = self.config.levels
        random = np.random.default_rng((self.config.seed, LEVELS, self.global_step))
        return min(high, int(low + (high + 1 - low) * random.random() ** 1.5))

    def _generator(self, stream: int, number: int) -> torch.Generator:
        entropy = np.random.SeedSequence((self.config.seed, stream, number))
        return torch.Generator(self.device).manual_seed(int(entropy.generate_state(1)[0]))

    def _snr_db(self, images: int, generator: torch.Generator) -> float | Tensor:
        if not isinstance(self.config.snr_db, tuple):
            return self.config.snr_db
        low, high = self.config.snr_db
        return low + (high - low) * torch.rand(images, device=self.device, generator=generator)


@final
class _SharedNoise(nn.Module):
    """A channel that draws the whole batch's randomness and takes a share, whatever the number of parts."""

    def __init__(self, channel: nn.Module, share: slice, parts: int):
        super().__init__()
        self.channel, self.share, self.parts = channel, share, parts

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Tensor | Received:
        """Send this share `(b, k)` as a part of the whole batch."""
        whole_snr_db = snr_db.repeat_interleave(self.parts) if isinstance(snr_db, Tensor) else snr_db
        whole = self.channel(x.repeat_interleave(self.parts, dim=0), whole_snr_db, generator=generator)
        if isinstance(whole, Tensor):
            return whole[self.share]
        csi, variance = whole.csi, whole.noise_variance
        return Received(
            whole.symbols[self.share],
            None if csi is None else csi[self.share],
            variance if variance is None or not variance.ndim else variance[self.share],
        )


def _shapes(values: Any) -> dict[str, Any]:
    return {name: getattr(value, "shape", None) for name, value in dict(values).items()}
