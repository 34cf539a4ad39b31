"""Training in the arithmetic that the machine has."""

import warnings
from dataclasses import replace

import torch

from semcomm.networks.precision import has_bf16
from semcomm.training.config import TrainingConfig


def with_precision(config: TrainingConfig, device: torch.device) -> TrainingConfig:
    """Return the config, or one in float32, with a warning, where the device has no bf16 arithmetic."""
    if config.precision != "bf16-mixed" or has_bf16(device):
        return config
    warnings.warn("this machine has no bf16 arithmetic, so training is in float32 (32-true)", stacklevel=3)
    return replace(config, precision="32-true")
