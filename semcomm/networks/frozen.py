"""Running a network without training it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold a network in eval mode without gradients, so that no result depends on the rest of the batch.

    Every submodule's mode is put back afterwards.

    Args:
        network: The network about to be run.

    Example:
        >>> network = nn.BatchNorm2d(3)
        >>> with frozen(network):
        ...     network.training, torch.is_grad_enabled()
        (False, False)
        >>> network.training
        True
    """
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
