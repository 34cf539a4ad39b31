"""A training run, from its start or from where it stopped, to a folder with a trained system."""

import json
import logging
import platform
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from semcomm.data.folders import CropDataset, StepBatches, list_images, manifest_hash
from semcomm.extractors.cache import FeatureCache
from semcomm.images import check_writable, load_image, write_whole
from semcomm.system import SemanticSystem
from semcomm.training.config import TrainingConfig
from semcomm.training.module import TrainingModule
from semcomm.transmitter.multilevel import MultiLevelTransmitter

RECIPE, RESULT = "recipe.json", "training.json"


def train(system: SemanticSystem, config: TrainingConfig, *, resume: bool = False) -> Path:
    """Train a system and save it.

    The crops, SNRs and noise of a step are functions of the seed and the step's number, so a resumed run ends with the
    weights of an uninterrupted one.

    Args:
        system: made by a builder.
        config: folders and numbers.
        resume: go on from the newest checkpoint in `config.out`.

    Returns:
        `config.out`, which then holds `config.json`, `model.safetensors`, `training.json`, `checkpoints/`, `logs/`.

    Raises:
        FileNotFoundError: if a folder of photographs is missing, or there is nothing to resume.
        ValueError: if `config.out` holds another run, or a folder holds no photographs.
        OSError: if `config.out` cannot be written.
    """
    paths, val_paths = list_images(config.train), list_images(config.val)
    recipe = {
        "system": system.config,
        "channel": str(system.channel),
        "training": config.describe(),
        "train_images": len(paths),
        "train_manifest_sha256": manifest_hash(paths),
        "val_images": len(val_paths),
        "val_manifest_sha256": manifest_hash(val_paths),
    }
    features = _features(system, config, paths)
    if _is_finished(config.out, recipe, resume):
        return config.out
    checkpoint = _newest_checkpoint(config.out)
    first_step = 0 if checkpoint is None else _step(checkpoint)
    logs, run = config.out / "logs", f"from-step-{first_step}"

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = Trainer(
        accelerator=system.device.type,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=config.strategy,
        precision=config.precision,  # type: ignore[arg-type]
        max_epochs=1,  # an endless one; steps count
        max_steps=config.steps,
        val_check_interval=config.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=min(50, config.validate_every),
        use_distributed_sampler=False,
        enable_model_summary=False,
        callbacks=[
            RichProgressBar(),
            ModelCheckpoint(
                config.out / "checkpoints",
                filename="{step}",
                every_n_train_steps=config.validate_every,
                save_on_exception=True,
                enable_version_counter=False,
            ),
        ],
        logger=[CSVLogger(logs, name="", version=run), TensorBoardLogger(logs, name="", version=run)],
    )
    started = time.perf_counter()
    val_loader = DataLoader(_WholeImages(val_paths), batch_size=1, num_workers=config.workers)
    module = TrainingModule(system.to(memory_format=torch.channels_last).train(), config)  # type: ignore[call-overload]
    batches = StepBatches(
        config.batch_size, first_step=first_step, rank=trainer.global_rank, world_size=trainer.world_size
    )
    crops = CropDataset(paths, config.size, config.seed, features)
    loader = DataLoader(crops, batch_sampler=batches, num_workers=config.workers)
    _write_json(config.out / RECIPE, recipe)
    with expected_warnings(), _interruptible(trainer, config.out):
        trainer.fit(module, loader, val_loader, ckpt_path=checkpoint, weights_only=True)

    if not all(bool(weight.isfinite().all()) for weight in system.parameters()):
        raise ValueError(f"training diverged: weights are NaN or inf; learning_rate {config.learning_rate} is too high")
    if trainer.is_global_zero:
        system.save_pretrained(config.out)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        _write_json(
            config.out / RESULT,
            {
                **recipe,
                "steps": trainer.global_step,
                "metrics": metrics,
                "wall_time_s": round(time.perf_counter() - started, 1),
                "resumed_from_step": first_step,
                "hardware": _hardware(system.device),
                "versions": {name: version(name) for name in ("semcomm", "torch", "torchvision", "lightning")},
            },
        )
    return config.out


@contextmanager
def _interruptible(trainer: Trainer, out: Path) -> Iterator[None]:
    """Turn Lightning's exit on Ctrl-C, after its last checkpoint, back into the interrupt that it was."""
    try:
        yield
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt(f"stopped at step {trainer.global_step}; {out} can be resumed") from error
        raise


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Silence what Lightning says of settings that are meant, and of torch releases newer than itself."""
    with warnings.catch_warnings():
        moved = "dirpath has changed"
        for said in ("does not have many workers", "exists and is not empty", "in eval mode", "LeafSpec", moved):
            warnings.filterwarnings("ignore", message=f".*{said}")
        yield


@final
class _WholeImages(Dataset[Tensor]):
    def __init__(self, paths: list[Path]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return load_image(self.paths[index])


def _features(system: SemanticSystem, config: TrainingConfig, paths: list[Path]) -> FeatureCache | None:
    if config.features is None:
        return None
    transmitter = system.transmitter
    if not isinstance(transmitter, MultiLevelTransmitter):
        raise ValueError(f"features must be None for a system without semantic levels, got {config.features}")
    return FeatureCache(
        config.features,
        paths,
        config.train,
        caption=transmitter.caption,
        segmentation=transmitter.segmentation,
    )


def _is_finished(out: Path, recipe: dict[str, Any], resume: bool) -> bool:
    """Refuse a folder that is not for this run; say whether the run has ended in it already."""
    path = out / RECIPE
    if not path.is_file():
        if resume:
            raise FileNotFoundError(f"nothing to resume in {out}: {path.name} is missing; leave --resume out")
        if out.is_dir() and any(out.iterdir()):
            raise ValueError(f"out must be an empty or a new folder, but {out} holds other files")
        check_writable(out)
        return False
    if not resume:
        raise ValueError(f"out holds a training run already: {out}; resume it, or name another folder")
    different = sorted(_differences(_read_json(path), json.loads(json.dumps(recipe))))
    if different:
        raise ValueError(f"cannot resume {out} with other settings: {'; '.join(different)}")
    return (out / RESULT).is_file()


def _newest_checkpoint(out: Path) -> Path | None:
    return max((out / "checkpoints").glob("step=*.ckpt"), key=_step, default=None)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error


def _differences(known: Any, now: Any, name: str = "recipe") -> list[str]:
    if isinstance(known, dict) and isinstance(now, dict):
        return [
            problem for key in known.keys() | now.keys() for problem in _differences(known.get(key), now.get(key), key)
        ]
    return [] if known == now else [f"{name} was {known!r}, now {now!r}"]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.stem.removeprefix("step="))


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads, {platform.machine()}"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
