"""How a receiver finds out by what factor power normalisation scaled an image's features."""

import torch
from torch import Tensor

LEVEL = 0.5
"""What one channel is around, before power normalisation."""
LEAST_GAIN = 0.02
"""Below this, what is left of `LEVEL` is noise."""


def tell_gain(features: Tensor) -> Tensor:
    r"""Hop 2 of 6: put the last channel around 0.5 over the picture, so that its mean tells the gain.

    $f_c \leftarrow f_c - \bar f_c + 0.5$ for the last channel c, with its mean $\bar f_c$ over the picture. Hop 3
    scales each image's features by a gain of its own, which the receiver does not know otherwise. The offset takes no
    channel uses beside the features' own, and its share of the power.

    Args:
        features: `(b, 2c, rows, columns)`.

    Example:
        >>> told = tell_gain(torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2))
        >>> told.flatten().tolist()
        [-0.5, 1.5]
    """
    features = features.float()
    last = features[:, -1:]
    return torch.cat([features[:, :-1], last - last.mean((2, 3), keepdim=True) + LEVEL], dim=1)


def undo_gain(features: Tensor) -> Tensor:
    r"""Hop 5 of 6: divide by the gain that the last channel's mean tells, and take its 0.5 away.

    $\hat g = \max(\bar f_c / 0.5, 0.02)$, $f \leftarrow f / \hat g$, $f_c \leftarrow f_c - 0.5$. Averaging over the
    picture divides the noise power in the estimate by the number of positions.

    Args:
        features: `(b, 2c, rows, columns)`, as received.

    Example:
        >>> undo_gain(0.7 * tell_gain(torch.tensor([-1.0, 1.0]).reshape(1, 1, 1, 2))).flatten().round(decimals=3)
        tensor([-1.,  1.])
    """
    gain = (features[:, -1:].mean((2, 3), keepdim=True) / LEVEL).clamp_min(LEAST_GAIN)
    features = features / gain
    return torch.cat([features[:, :-1], features[:, -1:] - LEVEL], dim=1)
