"""What training makes small."""

import inspect
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

LossFunction = Callable[[Tensor, Tensor], Tensor]
"""From images received and images sent, both `(b, 3, h, w)` in [0, 1], to a number without dimensions."""
OFFSET = 3e-4


def log_mse(received: Tensor, images: Tensor) -> Tensor:
    r"""Mean over images of log(MSE + 3e-4).

    $\frac{1}{b} \sum_i \ln(\mathrm{MSE}_i + 3 \cdot 10^{-4})$: what a mean PSNR over images asks for, in which halving
    the error of one image counts as much as halving another's. The offset, an error of 35 dB, keeps images that are
    easy from taking over.

    Args:
        received: `(b, 3, h, w)` in [0, 1].
        images: `(b, 3, h, w)` in [0, 1].

    Example:
        >>> import torch
        >>> log_mse(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)).item()  # ln(3e-4)
        -8.111...
    """
    return ((received - images).square().mean((1, 2, 3)) + OFFSET).log().mean()


def check_loss(loss: LossFunction) -> LossFunction:
    """Return a loss of the user's own if it can be called with images received and sent.

    Raises:
        ValueError: if it cannot.

    Example:
        >>> check_loss(log_mse) is log_mse
        True
    """
    if isinstance(loss, type) or not callable(loss):
        raise ValueError(f"loss must be a function of images received and sent, or a module made already, got {loss!r}")
    try:
        inspect.signature(loss).bind(None, None)
    except TypeError as error:
        raise ValueError(f"loss must take two arguments, images received and images sent: {error}") from error
    except ValueError:
        pass  # a function in C, which does not say what it takes
    return loss


LOSSES: dict[str, LossFunction] = {"log-mse": log_mse, "mse": F.mse_loss}
