"""The folder that a trained lite extractor is kept in, written whole or not at all."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch

from semcomm.extractors.lite import golden_output, load_lite, save_lite
from semcomm.extractors.lite_captioner import LiteCaptioner
from semcomm.extractors.lite_segmenter import LiteSegmenter
from semcomm.files.atomic import write_whole
from semcomm.files.json import write_json
from semcomm.training.extractor_readme import NOTICE


def write_result_folder(
    model: LiteCaptioner | LiteSegmenter,
    out: Path,
    record: dict,
    judge: Callable[[LiteCaptioner | LiteSegmenter], dict],
    readme: Callable[[dict], str],
) -> dict:
    """Write the configuration, weights, recipe, golden output and README beside `out`, then rename.

    Args:
        model: the trained extractor.
        out: the folder; an older one of that name is replaced.
        record: what `training.json` says, but for the scores.
        judge: scores the extractor as it was stored, in half precision.
        readme: what `README.md` says about the record.

    Returns:
        the record with the scores as its "metrics".
    """
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        save_lite(model, unfinished)
        stored = load_lite(unfinished)
        record = record | {"metrics": judge(stored)}
        write_json(unfinished / "golden.json", golden_output(stored))
        write_json(unfinished / "training.json", record)
        for name, text in {"README.md": readme(record), "NOTICE": NOTICE}.items():
            with write_whole(unfinished / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    unfinished.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return record


def describe_machine() -> dict:
    """Name the software and hardware that trained a network."""
    packages = ("torch", "torchvision", "lightning", "torchmetrics", "numpy", "pycocotools")
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "hardware": {
            "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU",
            "machine": platform.machine(),
            "system": sys.platform,
            "cpus": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
