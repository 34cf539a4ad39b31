"""One optimisation step, as Lightning runs it."""

from typing import Any, final

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from semcomm.evaluation.metrics import psnr
from semcomm.images import to_float
from semcomm.system import SemanticSystem
from semcomm.training.config import TrainingConfig
from semcomm.transmitter.multilevel import Semantics

TRAINING, VALIDATION = 0, 1
"""Streams of random numbers that must not repeat one another."""


@final
class TrainingModule(lightning.LightningModule):
    """MSE under Adam (arXiv 2202.04754, Section IV), every step a function of the seed and the step's number.

    Args:
        system: what to train.
        config: learning rate, schedule, SNR and seed.
    """

    def __init__(self, system: SemanticSystem, config: TrainingConfig):
        super().__init__()
        self.system = system
        self.config = config

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Send a batch of crops, as `CropDataset` makes them, and return the mean squared error."""
        generator = self._generator(TRAINING, self.global_step)
        images = to_float(batch["images"])
        semantics = Semantics(batch.get("tokens"), batch.get("labels"))
        snr_db = self._snr_db(len(images), generator)
        received = self.system(images, snr_db, semantics=semantics, generator=generator)
        loss = F.mse_loss(received, images)
        self.log("train/mse", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """Send one whole photograph at the training SNR, or at the middle of its range."""
        snr = self.config.snr_db
        snr_db = sum(snr) / 2 if isinstance(snr, tuple) else snr
        images = to_float(batch)
        received = self.system(images, snr_db, generator=self._generator(VALIDATION, batch_index))
        self.log("val/psnr_db", psnr(received, images).mean(), prog_bar=True, batch_size=len(batch), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Adam, at a constant or a cosine rate."""
        weights = [weight for weight in self.system.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=self.config.learning_rate)
        if self.config.schedule == "constant":
            return optimizer
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, self.config.steps, eta_min=self.config.learning_rate / 100
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _generator(self, stream: int, number: int) -> torch.Generator:
        entropy = np.random.SeedSequence((self.config.seed, stream, number, self.global_rank))
        return torch.Generator(self.device).manual_seed(int(entropy.generate_state(1)[0]))

    def _snr_db(self, images: int, generator: torch.Generator) -> float | Tensor:
        if not isinstance(self.config.snr_db, tuple):
            return self.config.snr_db
        low, high = self.config.snr_db
        return low + (high - low) * torch.rand(images, device=self.device, generator=generator)
