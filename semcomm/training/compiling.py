"""What makes a training step fast: compiled networks, and a GPU's quicker arithmetic."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from semcomm.baselines.swin import SwinDecoder, SwinEncoder
from semcomm.networks.residual import ResidualNetwork
from semcomm.networks.stages import Stages
from semcomm.system import SemanticSystem
from semcomm.training.config import TrainingConfig

NETWORKS = (ResidualNetwork, Stages, SwinEncoder, SwinDecoder)


def compile_networks(system: SemanticSystem) -> None:
    """Have the package's networks in a system compiled when they run first (`torch.nn.Module.compile`).

    Others compile their own in their builder. Weights keep their names and places.
    """
    for part in system.modules():
        if isinstance(part, NETWORKS):
            part.compile(dynamic=False)


def as_written() -> AbstractContextManager[None]:
    """Run networks as they are, not compiled: photographs have many sizes, and each would be compiled for itself."""
    return torch.compiler.set_stance("force_eager")


@contextmanager
def compiler_named() -> Iterator[None]:
    """Say in one line that the compiler failed, which is missing on some machines."""
    from torch._dynamo.exc import BackendCompilerFailed  # seconds, which only those wait for who compile

    try:
        yield
    except BackendCompilerFailed as error:
        why = str(error.inner_exception).splitlines()[0]
        raise ValueError(f"compile must be False on this machine: {why}") from error


@contextmanager
def quick_arithmetic(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """On a GPU, let cuDNN try its algorithms and, beside networks of 16 bits, multiply float32 matrices in TF32."""
    precision, tries = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        if config.precision != "32-true":
            torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = tries
