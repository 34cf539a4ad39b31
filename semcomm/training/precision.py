"""Which arithmetic a machine has."""

import warnings
from dataclasses import replace

import torch

from semcomm.training.config import TrainingConfig


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 itself; others only imitate it, more slowly than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def with_precision(config: TrainingConfig, device: torch.device) -> TrainingConfig:
    """Return the config, or one in float32, with a warning, where the device has no bf16 arithmetic."""
    if config.precision != "bf16-mixed" or has_bf16(device):
        return config
    warnings.warn("this machine has no bf16 arithmetic, so training is in float32 (32-true)", stacklevel=3)
    return replace(config, precision="32-true")
