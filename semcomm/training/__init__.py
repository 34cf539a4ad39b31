"""Training on Lightning: `train(system, TrainingConfig(...))`."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semcomm.training.checkpoints import Stopped
    from semcomm.training.config import PAPER, TrainingConfig
    from semcomm.training.engine import train
    from semcomm.training.losses import log_mse
    from semcomm.training.muon import MuonAdam

__all__ = ["PAPER", "MuonAdam", "Stopped", "TrainingConfig", "log_mse", "train"]
_ROOMS = {
    "PAPER": "config",
    "MuonAdam": "muon",
    "Stopped": "checkpoints",
    "TrainingConfig": "config",
    "log_mse": "losses",
    "train": "engine",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
