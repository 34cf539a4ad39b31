"""What the frozen extractors found in a folder of photographs, kept on disk so that they run once per image."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from semcomm.contracts import Semantics
from semcomm.files.atomic import write_whole
from semcomm.files.json import read_object, write_json
from semcomm.files.lock import holds_files, only_writer
from semcomm.files.pictures import load_image, load_values
from semcomm.images import to_float
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature

DESCRIPTION, CAPTIONS, LABELS = "cache.json", "captions.jsonl", "labels"


def cache_features(
    paths: Sequence[Path],
    folder: Path,
    out: Path,
    *,
    caption: CaptionFeature | None = None,
    segmentation: SegmentationFeature | None = None,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Run the extractors once on every photograph that the cache does not hold yet.

    Label maps become PNG files in the palette's colours, captions lines of JSON. A line is written after its label map,
    so a killed run is simply started again.

    Args:
        paths: the photographs, inside `folder`.
        folder: the photographs' folder.
        out: the cache's folder.
        caption: writes the captions, or None for none.
        segmentation: makes the label maps, or None for none.
        progress: called after every photograph.

    Returns:
        Photographs extracted now.

    Raises:
        ValueError: if `out` is the cache of other extractors, or there is no extractor.
        OSError: if `out` cannot be written, or another process is writing to it.
    """
    if caption is None and segmentation is None:
        raise ValueError("caption and segmentation are both None: there is nothing to extract")
    if segmentation is not None and len(segmentation.class_names) > 256:
        raise ValueError(f"segmentation has {len(segmentation.class_names)} classes; label maps hold at most 256")
    with only_writer(out):
        _claim(out, _describe(caption, segmentation))
        known = _drop_torn_line(out / CAPTIONS)
        extracted = 0
        for path in paths:
            name, digest = _name(path, folder), _digest(path)
            line = known.get(name, {})
            has_all = (caption is None or line.get("tokens") is not None) and (
                segmentation is None or _png(out, name).is_file()
            )
            if line.get("sha256") != digest or not has_all:
                found = _extract(path, _png(out, name), caption, segmentation)
                _append(out / CAPTIONS, {"image": name, "sha256": digest} | found)
                extracted += 1
            progress()
    return extracted


@final
class FeatureCache:
    """Reads what `cache_features` wrote, after checking that it belongs to these extractors and photographs.

    Args:
        cache: the cache's folder.
        paths: the photographs that will be asked for, inside `folder`.
        folder: the photographs' folder.
        caption: the extractor whose captions are expected, or None.
        segmentation: likewise for label maps.

    Raises:
        FileNotFoundError: if `cache` is no cache.
        ValueError: if it is stale: of other extractors, without a photograph, or of an older version of one.
    """

    def __init__(
        self,
        cache: Path,
        paths: Sequence[Path],
        folder: Path,
        *,
        caption: CaptionFeature | None,
        segmentation: SegmentationFeature | None,
    ):
        description = _read_description(cache)
        for level, expected in _describe(caption, segmentation).items():
            found = description.get(level)
            if expected is not None and found != expected:
                made_by = found.get("network") if isinstance(found, dict) else "no extractor"
                raise ValueError(
                    f"feature cache {cache} is stale: its {level}s were made by {made_by} with other weights than the "
                    f"system's {expected['network']}; make it again with cache-features in a new folder"
                )
        self._cache = cache
        self._folder = folder
        self._lines = _read_lines(cache / CAPTIONS)
        self._caption = caption is not None
        self._classes = 0 if segmentation is None else len(segmentation.class_names)
        for path in paths:
            line = self._lines.get(_name(path, folder))
            if line is None or (self._caption and line["tokens"] is None):
                raise ValueError(f"feature cache {cache} lacks {path}; run cache-features again to add it")
            if line["sha256"] != _digest(path):
                raise ValueError(f"feature cache {cache} is stale: {path} has changed; run cache-features again")
        lengths = {len(self._lines[_name(path, folder)]["tokens"]) for path in paths} if self._caption else set()
        if len(lengths) > 1:
            raise ValueError(
                f"feature cache {cache} is damaged: its captions have {len(lengths)} lengths; make it again"
            )

    def tokens(self, path: Path) -> Tensor | None:
        """Caption tokens `(T,)` of a photograph, int64, or None without a caption level."""
        return torch.tensor(self._lines[_name(path, self._folder)]["tokens"]) if self._caption else None

    def labels(self, path: Path) -> Tensor | None:
        """Label map `(h, w)` of a photograph, uint8, or None without a segmentation level."""
        if not self._classes:
            return None
        png = _png(self._cache, _name(path, self._folder))
        try:
            labels = load_values(png)
        except (OSError, ValueError) as error:
            raise ValueError(f"feature cache: label map {png} is missing or damaged: {error}") from error
        if labels.ndim != 2 or labels.dtype != np.uint8 or labels.max() >= self._classes:
            raise ValueError(
                f"feature cache: label map {png} is damaged: it must be one channel of 0 to {self._classes - 1}, "
                f"got {labels.dtype} {labels.shape} up to {labels.max()}"
            )
        return torch.from_numpy(labels)

    def semantics(self, path: Path) -> Semantics:
        """Both of a photograph, as a batch of one."""
        tokens, labels = self.tokens(path), self.labels(path)
        return Semantics(None if tokens is None else tokens[None], None if labels is None else labels[None])


def fingerprint(network: nn.Module) -> str:
    """SHA-256 over the names and values of a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _describe(caption: CaptionFeature | None, segmentation: SegmentationFeature | None) -> dict[str, Any]:
    networks = {
        "caption": None if caption is None else caption.captioner,
        "segmentation": None if segmentation is None else segmentation.segmenter,
    }
    return {
        level: None if network is None else {"network": type(network).__name__, "sha256": fingerprint(network)}
        for level, network in networks.items()
    }


def _claim(out: Path, description: dict[str, Any]) -> None:
    if not (out / DESCRIPTION).is_file():
        if holds_files(out):
            raise ValueError(f"out must be an empty or a new folder, or a feature cache, but {out} holds other files")
        write_json(out / DESCRIPTION, description)
    elif _read_description(out) != description:
        raise ValueError(f"out is the feature cache of other extractors: {out}; name a new folder")


def _read_description(cache: Path) -> dict[str, Any]:
    path = cache / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(f"no feature cache in {cache}: {DESCRIPTION} is missing; make one with cache-features")
    return read_object(path)


def _read_lines(path: Path) -> dict[str, dict[str, Any]]:
    lines = {}
    for text in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []:
        try:
            line = json.loads(text)
            tokens = line.get("tokens")
            if tokens is None or _are_tokens(tokens):
                lines[line["image"]] = {"sha256": line["sha256"], "tokens": tokens}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # torn by a kill, or damaged: the photograph counts as not extracted
    return lines


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(type(token) is int and 0 <= token < 2**31 for token in value)


def _drop_torn_line(path: Path) -> dict[str, dict[str, Any]]:
    """Return the cache's lines, and make sure that the file ends with a whole one before more are added."""
    if path.is_file():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            with write_whole(path) as temporary:
                temporary.write_bytes(content[: content.rfind(b"\n") + 1])
    return _read_lines(path)


def _extract(
    path: Path, png: Path, caption: CaptionFeature | None, segmentation: SegmentationFeature | None
) -> dict[str, Any]:
    """Write the label map of a photograph, and return its caption for the list of them."""
    images = to_float(load_image(path)[None])
    if segmentation is not None:
        _write_labels(png, segmentation.labels(images.to(segmentation.palette.device))[0], segmentation)
    if caption is None:
        return {}
    tokens = caption.tokens(images.to(_device(caption)))[0]
    return {"tokens": tokens.tolist(), "caption": caption.text(tokens[None])[0]}


def _append(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a file, whole or not at all, even where the disk is full."""
    content = (json.dumps(line) + "\n").encode()
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            file.truncate(before)
            raise OSError(f"cannot write {path}: {error.strerror}") from error


def _write_labels(path: Path, labels: Tensor, segmentation: SegmentationFeature) -> None:
    image = Image.fromarray(labels.cpu().numpy().astype(np.uint8))
    image.putpalette((segmentation.palette.cpu() * 255).round().to(torch.uint8).flatten().tolist())
    with write_whole(path) as temporary:
        image.save(temporary, format="PNG")


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _png(cache: Path, name: str) -> Path:
    return cache / LABELS / f"{name}.png"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _device(feature: CaptionFeature) -> torch.device:
    return next((weight.device for weight in feature.parameters()), torch.device("cpu"))
