"""One optimisation step, as Lightning runs it."""

import copy
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
from semcomm.training.config import TrainingConfig

TRAINING, VALIDATION = 0, 1
"""Streams of random numbers that must not repeat one another."""


@final
class TrainingModule(lightning.LightningModule):
    """MSE under Adam (arXiv 2202.04754, Section IV), every step a function of the seed and the step's number.

    Not of the number of processes: image i of a batch gets the same SNR and noise whoever sends it.

    Args:
        system: what to train.
        config: learning rate, schedule, SNR and seed.
    """

    def __init__(self, system: SemanticSystem, config: TrainingConfig):
        super().__init__()
        self.system = system
        self.config = config
        self.processes = config.devices * config.num_nodes

    @property
    def _share(self) -> slice:
        """Places of this process's images in the whole batch, as `StepBatches` deals them out."""
        return slice(self.global_rank, None, self.processes)

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Send this process's share of a batch of crops, as `CropDataset` makes them; return the mean squared error."""
        generator = self._generator(TRAINING, self.global_step)
        images = to_float(batch["images"])
        semantics = Semantics(batch.get("tokens"), batch.get("labels"))
        snr_db = self._snr_db(len(images) * self.processes, generator)
        own_snr_db = snr_db[self._share] if isinstance(snr_db, Tensor) else snr_db
        path = self.system if self.processes == 1 else self._with_shared_noise()
        received = path(images, own_snr_db, semantics=semantics, generator=generator)
        loss = F.mse_loss(received, images)
        self.log("train/mse", loss, prog_bar=True, sync_dist=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_index: int) -> None:  # noqa: ARG002
        """Send one whole photograph at the training SNR, or at the middle of its range."""
        snr = self.config.snr_db
        snr_db = sum(snr) / 2 if isinstance(snr, tuple) else snr
        images = to_float(batch["images"])
        received = self.system(images, snr_db, generator=self._generator(VALIDATION, int(batch["place"])))
        # a sum of shares: a mean of the processes' means would be wrong where one has fewer photographs
        share_of_mean = (psnr(received, images) * batch["weight"]).sum()
        self.log("val/psnr_db", share_of_mean, prog_bar=True, reduce_fx="sum", sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Adam, at a constant or a cosine rate."""
        weights = [weight for weight in self.system.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=self.config.learning_rate, fused=True)
        if self.config.schedule == "constant":
            return optimizer
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, self.config.steps, eta_min=self.config.learning_rate / 100
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _with_shared_noise(self) -> SemanticSystem:
        path = copy.copy(self.system)
        path._modules = dict(path._modules)
        path.channel = _SharedNoise(self.system.channel, self._share, self.processes)
        return path

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
    """A channel that draws the whole batch's randomness and takes a share, whatever the number of processes."""

    def __init__(self, channel: nn.Module, share: slice, processes: int):
        super().__init__()
        self.channel, self.share, self.processes = channel, share, processes

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Tensor | Received:
        """Send this share `(b, k)` as a part of the whole batch."""
        whole_snr_db = snr_db.repeat_interleave(self.processes) if isinstance(snr_db, Tensor) else snr_db
        whole = self.channel(x.repeat_interleave(self.processes, dim=0), whole_snr_db, generator=generator)
        if isinstance(whole, Tensor):
            return whole[self.share]
        csi, variance = whole.csi, whole.noise_variance
        return Received(
            whole.symbols[self.share],
            None if csi is None else csi[self.share],
            variance if variance is None or not variance.ndim else variance[self.share],
        )
