"""Training on Lightning: `train(system, TrainingConfig(...))`.

Names are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.training.checkpoints import Stopped
    from semcomm.training.config import PAPER, TrainingConfig
    from semcomm.training.engine import train
    from semcomm.training.losses import log_mse
    from semcomm.training.muon import MuonAdam

__all__ = ["MuonAdam", "PAPER", "Stopped", "TrainingConfig", "log_mse", "train"]
__getattr__ = lazily(
    __name__,
    {
        "checkpoints": ("Stopped",),
        "config": ("PAPER", "TrainingConfig"),
        "engine": ("train",),
        "losses": ("log_mse",),
        "muon": ("MuonAdam",),
    },
)
