"""A training run, from its start or from where it stopped, to a folder with a trained system."""

import errno
import logging
import platform
import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from semcomm.data.folders import CropDataset, Photographs, StepBatches
from semcomm.data.streams import find_training_photographs
from semcomm.extractors.cache import FeatureCache
from semcomm.files.json import write_json
from semcomm.files.lock import only_writer
from semcomm.files.tensors import mismatches
from semcomm.pretrained import from_pretrained
from semcomm.saving import saved_weights
from semcomm.system import SemanticSystem
from semcomm.training.checkpoints import KeepNewest, Stopped, WholeCheckpoints, leave_signals_to_the_main_process
from semcomm.training.compiling import compile_networks, compiler_named, quick_arithmetic
from semcomm.training.config import TrainingConfig
from semcomm.training.device_crops import DeviceCrops
from semcomm.training.losses import LossFunction, check_loss
from semcomm.training.module import MINUTES, TrainingModule
from semcomm.training.precision import with_precision
from semcomm.training.progress import StepsBar
from semcomm.training.run_folder import (
    RECIPE,
    RESULT,
    check_recipe,
    is_finished,
    newest_checkpoint,
    step_of,
)


def train(
    system: SemanticSystem,
    config: TrainingConfig,
    *,
    loss: LossFunction | None = None,
    resume: bool = False,
    photographs: Photographs | None = None,
    val_photographs: Photographs | None = None,
) -> Path:
    """Train a system and save it.

    The crops, SNRs and noise of a step are functions of the seed and the step's number, so a resumed run of so many
    steps ends with the weights of an uninterrupted one, bit for bit. One of so many minutes makes as many steps as the
    machine allows, and its schedule goes by its clock. With several devices every process calls this, and the first
    one writes.

    Args:
        system: made by a builder.
        config: folders and numbers.
        loss: what to make small: a function of the images received and sent, both `(b, 3, h, w)` in [0, 1], that
            returns a number to differentiate; None for `config.loss`.
        resume: go on from the newest checkpoint in `config.out`.
        photographs: those of `config.train` without `config.leave_out`, where they are listed already; None to search.
        val_photographs: likewise, of `config.val`.

    Returns:
        `config.out`, which then holds `config.json`, `model.safetensors`, `training.json`, `checkpoints/`, `logs/`.

    Raises:
        FileNotFoundError: if a folder of photographs is missing, or there is nothing to resume.
        ValueError: if `config.out` holds another run, a folder holds no photographs, or none as large as a crop, the
            devices are not there, the loss is no number, or the system does not know how it was built.
        OSError: if `config.out` cannot be written, or another process is writing to it.
        Stopped: if SIGINT, SIGTERM or SIGUSR1 ended the run, which can then be resumed.
    """
    if system.config is None:
        raise ValueError(
            "system.config is None, so the trained system could not be saved: set it to its builder's name and "
            'arguments, {"builder": "my_module:my_builder", "arguments": {}}'
        )
    loss = None if loss is None else check_loss(loss)
    paths = photographs or find_training_photographs(config.train, leave_out=config.leave_out)
    val_paths = val_photographs or find_training_photographs(config.val, leave_out=config.leave_out)
    _check_sizes(paths, config)
    val_paths = val_paths.evenly(config.val_images)
    config = with_precision(config, system.device)
    features = _features(system, config, paths)
    keeper = KeepNewest(
        config.out,
        every=config.validate_every,
        batch_size=config.batch_size,
        images=len(paths),
        steps=config.steps,
        minutes=config.minutes,
    )
    checkpoint = newest_checkpoint(config.out) if resume else None
    first_step = step_of(checkpoint)
    if config.begin_from is not None and checkpoint is None:
        _begin_from(system, config.begin_from)
    trainer = _trainer(system, config, keeper, first_step)
    with only_writer(config.out) if trainer.is_global_zero else nullcontext():
        recipe: dict[str, Any] = {}
        if trainer.is_global_zero:  # the others would find the folder taken
            recipe = _recipe(system, config, loss, paths, val_paths)
            check_recipe(config.out, recipe, resume=resume)
        if resume and is_finished(config.out, config.steps):
            return config.out
        if trainer.is_global_zero:
            write_json(config.out / RECIPE, recipe)
        hardware = _hardware(system.device)
        system = system.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        if config.compile:
            compile_networks(system)
        module = TrainingModule(system, config, loss=loss, seconds=lambda: keeper.seconds)
        share = {"rank": trainer.global_rank, "world_size": trainer.world_size}
        batches = StepBatches(config.batch_size, first_step=first_step, accumulate=config.accumulate, **share)
        crops = CropDataset(paths, config.size, config.seed, features)
        workers: dict[str, Any] = {
            "num_workers": config.workers,
            "persistent_workers": config.workers > 0,
            "worker_init_fn": leave_signals_to_the_main_process,
        }
        loader: Iterable[Any] = DataLoader(crops, batch_sampler=batches, **workers)
        if config.on_device:
            loader = DeviceCrops(crops, batches, trainer.strategy.root_device)
        val_loader = DataLoader(_WholeImages(val_paths, **share), **workers)
        with expected_warnings(), _stoppable(trainer, config.out), quick_arithmetic(config, system.device):
            with _divergence_named(system, config), compiler_named() if config.compile else nullcontext():
                trainer.fit(module, loader, val_loader, ckpt_path=checkpoint, weights_only=True)
            metrics = dict(trainer.callback_metrics)
            if module.validated_step != trainer.global_step:
                trainer.validate(module, val_loader, verbose=False)
                metrics |= trainer.callback_metrics
            metrics.pop(MINUTES, None)  # the time of the whole run is told beside
        module.exchange_average()
        if trainer.is_global_zero:
            system.save_pretrained(config.out)
            write_json(
                config.out / RESULT,
                {
                    **recipe,
                    "steps": trainer.global_step,
                    "weights": sum(weight.numel() for weight in system.parameters() if weight.requires_grad),
                    "metrics": {name: float(value) for name, value in metrics.items()},
                    "wall_time_s": round(keeper.seconds, 1),
                    "resumed_from_step": first_step,
                    "processes": trainer.world_size,
                    "skipped": [path.name for path in config.leave_out],
                    "hardware": hardware,
                    "versions": _versions(),
                },
            )
    return config.out


@contextmanager
def _divergence_named(system: SemanticSystem, config: TrainingConfig) -> Iterator[None]:
    """Say that the training diverged where weights are NaN or inf, whatever error they caused."""
    stumbled: ValueError | None = None
    try:
        yield
    except ValueError as error:
        stumbled = error
    if not all(bool(weight.isfinite().all()) for weight in system.parameters()):
        raise ValueError(
            f"training diverged: weights are NaN or inf; learning_rate {config.learning_rate} is too high"
        ) from stumbled
    if stumbled is not None:
        raise stumbled


def _begin_from(system: SemanticSystem, model: str) -> None:
    """Take over the weights of another system, built alike."""
    weights = saved_weights(from_pretrained(model, device="cpu"))
    said = mismatches(saved_weights(system), weights)
    if said:
        raise ValueError(f"begin_from must be a system that is built alike, {model} is not; {said}")
    system.load_state_dict(weights, strict=False)  # frozen extractors are none of them


def _check_sizes(paths: Photographs, config: TrainingConfig) -> None:
    """Refuse photographs of which all would have to be enlarged."""
    for path in paths:
        with suppress(OSError, Image.DecompressionBombError):  # whoever loads it says what is wrong with it
            with paths.open(path) as file, Image.open(file) as image:
                if min(image.size) >= config.size:
                    return
    raise ValueError(
        f"train must hold a photograph of at least {config.size} x {config.size} pixels, the size of a crop, but "
        f"{config.train} has none; give larger ones or a smaller size"
    )


def _recipe(
    system: SemanticSystem,
    config: TrainingConfig,
    loss: LossFunction | None,
    paths: Photographs,
    val_paths: Photographs,
) -> dict[str, Any]:
    own_loss = {} if loss is None else {"loss": getattr(loss, "__qualname__", type(loss).__name__)}
    return {
        "system": system.config,
        "channel": str(system.channel),
        "training": config.describe() | own_loss,
        "train_images": len(paths),
        "train_manifest_sha256": paths.manifest_sha256,
        "val_images": len(val_paths),
        "val_manifest_sha256": val_paths.manifest_sha256,
    }


def _trainer(system: SemanticSystem, config: TrainingConfig, keeper: KeepNewest, first_step: int) -> Trainer:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logs, run = config.out / "logs", f"from-step-{first_step}"
    plugins: list[Any] = [WholeCheckpoints()]
    if SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():
        # Lightning's own requeueing keeps a checkpoint elsewhere, of which our sampler would not know
        plugins.append(SLURMEnvironment(auto_requeue=False))
    several_gpus = system.device.type == "cuda" and config.devices * config.num_nodes > 1
    try:
        return Trainer(
            accelerator=system.device.type,
            devices=config.devices,
            num_nodes=config.num_nodes,
            strategy=config.strategy,
            precision=config.precision,
            sync_batchnorm=several_gpus,  # torch has none for CPUs
            gradient_clip_val=config.gradient_clip,
            max_epochs=1,  # an endless one; steps count
            max_steps=-1 if config.steps is None else config.steps,
            accumulate_grad_batches=config.accumulate,
            val_check_interval=config.validate_every * config.accumulate,  # it counts parts of steps
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            log_every_n_steps=min(50, config.validate_every),
            use_distributed_sampler=False,
            enable_model_summary=False,
            default_root_dir=config.out,
            plugins=plugins,
            enable_progress_bar=False,  # Lightning's does not know the number of steps
            callbacks=[
                StepsBar(config.steps, minutes=config.minutes, seconds=lambda: keeper.seconds),
                keeper,
            ],
            logger=[CSVLogger(logs, name="", version=run), TensorBoardLogger(logs, name="", version=run)],
        )
    except MisconfigurationException as error:
        raise ValueError(f"Lightning refuses these devices: {error}") from error


@contextmanager
def _stoppable(trainer: Trainer, out: Path) -> Iterator[None]:
    """Report an end by a signal once, from the first of several processes; name the folder of a full disk."""
    try:
        yield
    except RuntimeError as error:
        if trainer.world_size > 1 and "by peer" in str(error):  # gloo: closed or reset
            raise OSError("another process of this run has ended; its own message says why") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(f"cannot write to folder {out}: {error.strerror}") from error
        raise
    except SystemExit as error:
        if not trainer.is_global_zero:
            # Lightning would kill the first process, which may still be writing, if another one failed
            raise SystemExit(0) from error
        if isinstance(error, Stopped):
            raise
        if trainer.received_sigterm or trainer.interrupted:  # before the first step, or a second Ctrl-C
            raise Stopped(signal.SIGTERM if trainer.received_sigterm else signal.SIGINT, out) from error
        raise


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Silence what Lightning says of settings that are meant, and of torch releases newer than itself."""
    with warnings.catch_warnings():
        # the last one is torch's own, of networks that it compiles
        moved, compiling = "dirpath has changed", "The .grad attribute"
        expected = "does not have many workers", "exists and is not empty", "in eval mode", "LeafSpec", moved, compiling
        for said in expected:
            warnings.filterwarnings("ignore", message=f".*{said}")
        yield


@final
class _WholeImages(Dataset[dict[str, Any]]):
    """This process's share of the photographs, each with its place among all and its weight in their mean.

    All shares are of one size, since the processes wait for one another at every photograph: the last may be there
    twice, the second time without weight.
    """

    def __init__(self, paths: Photographs, *, rank: int, world_size: int):
        self.paths = paths
        self.places = range(rank, -(-len(paths) // world_size) * world_size, world_size)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, Any]:
        place = self.places[index]
        image = self.paths.read(self.paths[min(place, len(self.paths) - 1)])
        return {"images": image, "place": place, "weight": (place < len(self.paths)) / len(self.paths)}


def _features(system: SemanticSystem, config: TrainingConfig, paths: Photographs) -> FeatureCache | None:
    if config.features is None:
        return None
    if system.caption is None and system.segmentation is None:
        raise ValueError(f"features must be None for a system without semantic levels, got {config.features}")
    if paths.source is not None:
        raise ValueError(f"features must be None where {config.train} is no folder of files, got {config.features}")
    return FeatureCache(
        config.features,
        paths,
        config.train,
        caption=system.caption,
        segmentation=system.segmentation,
    )


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'' if threads == 1 else 's'}, {platform.machine()}"


def _versions() -> dict[str, str]:
    packages = ("semcomm", "torch", "torchvision", "lightning")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
