"""Training and scoring the small captioner and segmenter that the package ships."""

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch.utils.data import DataLoader, Dataset

from semcomm.extractors.lite import lite_captioner, lite_segmenter, load_lite
from semcomm.extractors.lite_captioner import LiteCaptioner
from semcomm.training.extractor_data import FolderPair, find_captions, find_labelled
from semcomm.training.extractor_folder import describe_machine, write_result_folder
from semcomm.training.extractor_readme import readme_text
from semcomm.training.extractor_recipes import caption_recipe, judge_captioner, judge_segmenter, segmentation_recipe
from semcomm.training.sampling import SeededSampler
from semcomm.whole import check_whole

Kind = Literal["caption", "segmentation"]


def train_extractor(
    kind: Kind,
    data: Sequence[str | Path],
    out: str | Path,
    *,
    steps: int = 6000,
    batch_size: int = 8,
    learning_rate: float = 2e-3,
    validate_every: int = 250,
    patience: int = 12,
    labelled: Sequence[FolderPair] = (),
    labelled_validation: Sequence[FolderPair] = (),
    uncaptioned: Sequence[str | Path] = (),
    begin_from: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: bool = True,
) -> dict:
    """Train a lite extractor and write its folder: weights, recipe, golden output, scores and README.

    While it runs, checkpoints lie in `OUT.training`; `resume` goes on from the newest one. The best network by the
    validation score is kept.

    Args:
        kind: "caption" or "segmentation".
        data: folders in the layouts of Flickr8k and COCO, or of CamVid and COCO.
        out: folder to write; it appears only when it is complete.
        steps: optimiser steps; the learning rate falls to zero over them.
        batch_size: images per step.
        learning_rate: highest learning rate.
        validate_every: steps between validations.
        patience: validations without a better score after which training stops.
        labelled: for a segmenter, photographs and their label maps to train on: pairs of folders.
        labelled_validation: likewise, to tune on.
        uncaptioned: for a captioner, folders of photographs; those of which ImageNet's classifier is sure are taught
            the sentences of their class, see `semcomm.training.class_sentences`.
        begin_from: folder of a lite extractor to begin with: one of the same kind gives all its weights, one of the
            other kind its trunk; when None, the trunk is the package's own, EfficientNet-Lite0's for ImageNet. It
            stays as it is.
        seed: seed of the initial weights, the sampling and the augmentation.
        resume: go on from the newest checkpoint, if there is one.
        progress: show a progress bar.

    Returns:
        what `training.json` holds; "metrics" are the scores on the held-out images.

    Raises:
        ValueError: if `kind` or a number is out of range, a folder has no known layout, or there is a checkpoint
            that `resume` was not asked to go on from.
        ImportError: if Lightning or pycocotools is not installed.
    """
    _check_kind(kind)
    numbers = {"steps": steps, "batch_size": batch_size, "validate_every": validate_every, "patience": patience}
    numbers = {name: check_whole(value, name) for name, value in numbers.items()}
    steps, batch_size, validate_every, patience = numbers.values()
    seed = check_whole(seed, "seed", 0)
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    out = Path(out)
    working = out.with_name(out.name + ".training")
    newest = working / "last.ckpt"
    if newest.exists() and not resume:
        raise ValueError(f"{str(working)!r} holds an unfinished training: pass resume=True, or remove that folder")

    started = time.monotonic()
    per_epoch = min(validate_every, steps)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if kind == "caption":
            recipe = caption_recipe(find_captions(data, uncaptioned), steps, learning_rate, begin_from)
        else:
            found = find_labelled(data, labelled, labelled_validation)
            recipe = segmentation_recipe(found, steps, learning_rate, begin_from)
        sampler = SeededSampler(recipe.weights, per_epoch * batch_size, seed)
        loader = DataLoader(recipe.dataset, batch_size, sampler=sampler)
        trained = _fit(recipe.module, loader, working, steps // per_epoch, patience, newest, progress)
    recipe.finish()
    record = {
        "kind": f"{kind}-lite",
        "seed": seed,
        **numbers,
        "learning_rate": learning_rate,
        "begin_from": Path(begin_from).name if begin_from else None,
        **recipe.settings,
        "data": recipe.manifest,
        **trained,
        "images_seen": trained["steps_taken"] * batch_size,
        "wall_seconds": round(time.monotonic() - started, 1),
        **describe_machine(),
    }
    network = recipe.module.network.eval().cpu()
    record = write_result_folder(network, out, record, recipe.judge, readme_text)
    shutil.rmtree(working)
    return record


def score_extractor(
    kind: Kind,
    data: Sequence[str | Path],
    *,
    labelled: Sequence[FolderPair] = (),
    labelled_validation: Sequence[FolderPair] = (),
    model: str | Path | None = None,
) -> dict:
    """Score a lite extractor on the images that `train_extractor` holds out of the same folders.

    Args:
        kind: "caption" or "segmentation".
        data: folders in the layouts of Flickr8k and COCO, or of CamVid and COCO.
        labelled: for a segmenter, as for `train_extractor`: those of Flickr8k's photographs that tune are scored.
        labelled_validation: for a segmenter, photographs and label maps to score on.
        model: folder of a trained extractor; the shipped one when None.

    Returns:
        the "metrics" of `training.json`.

    Raises:
        ValueError: if `kind` is neither, the model is of the other kind, or nothing is held out.
    """
    _check_kind(kind)
    shipped = lite_captioner if kind == "caption" else lite_segmenter
    extractor = shipped() if model is None else load_lite(model)
    if isinstance(extractor, LiteCaptioner) != (kind == "caption"):
        raise ValueError(f"model must be a {kind} extractor, {str(model)!r} holds a {type(extractor).__name__}")
    if isinstance(extractor, LiteCaptioner):
        return judge_captioner(extractor, find_captions(data))
    sources = find_labelled(data, labelled, labelled_validation)
    if not sources.judged:
        raise ValueError("data must hold labelled images to score on: CamVid's val or test, or COCO's val2017")
    return judge_segmenter(extractor, sources)


@final
class _Once(Dataset[int]):
    """Makes Lightning validate with one call: the modules hold their validation data."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        return index


def _check_kind(kind: str) -> None:
    if kind not in ("caption", "segmentation"):
        raise ValueError(f"kind must be 'caption' or 'segmentation', got {kind!r}")


def _fit(
    module: Any, loader: DataLoader, working: Path, epochs: int, patience: int, newest: Path, progress: bool
) -> dict:
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    from semcomm.training.engine import expected_warnings

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    best = ModelCheckpoint(working, "best", monitor="score", mode="max", enable_version_counter=False)
    last = ModelCheckpoint(working, newest.stem, enable_version_counter=False)
    trainer = Trainer(
        devices=1,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        gradient_clip_val=5.0,
        callbacks=[best, last, EarlyStopping("score", mode="max", patience=patience)],
        logger=CSVLogger(working, name=None, version=""),
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=min(50, len(loader)),
    )
    module.network.to(memory_format=torch.channels_last)
    with expected_warnings():
        begin = newest if newest.exists() else None
        trainer.fit(module, loader, DataLoader(_Once()), ckpt_path=begin, weights_only=True)
    kept = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    module.load_state_dict(kept["state_dict"])
    score = best.best_model_score
    module.network.to(memory_format=torch.contiguous_format)
    return {
        "steps_taken": trainer.global_step,
        "best_step": kept["global_step"],
        "best_validation_score": None if score is None else float(score),
    }
