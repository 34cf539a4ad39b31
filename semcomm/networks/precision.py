"""Which arithmetic a machine has."""

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 itself; others only imitate it, more slowly than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
