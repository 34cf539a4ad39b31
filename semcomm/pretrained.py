"""Systems on disk: `config.json` beside `model.safetensors`, the shipped ones by name, others by folder or Hub name."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semcomm.baselines.swin_systems import build_swin_jscc, build_witt, load_swin_jscc
from semcomm.builders import _device, build_deep_jscc, build_mlsc_image
from semcomm.channel.saved import build_saved
from semcomm.files.json import read_object
from semcomm.files.tensors import mismatches, read_safetensors
from semcomm.nested_builders import build_hybrid_code, build_linear_code, build_nested_mlsc_image
from semcomm.receiver.equalizer import EQUALIZERS, build_equalizer, equalizer_name
from semcomm.saving import CONFIG, DEFAULT, WEIGHTS, saved_weights
from semcomm.system import SemanticSystem
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.codebook import CODEBOOK, Codebook, load_codebook
from semcomm.transmitter.segmentation import SegmentationFeature

SHIPPED = Path(__file__).parent / "_weights"
BUILDERS = {
    build.__name__: build
    for build in (
        build_mlsc_image,
        build_deep_jscc,
        build_linear_code,
        build_hybrid_code,
        build_nested_mlsc_image,
        build_swin_jscc,
        build_witt,
    )
}
WITHOUT_WEIGHTS = (build_linear_code.__name__, build_hybrid_code.__name__)
"""Builders of systems that have nothing to train, and so no file of weights."""
PATHS = (".", "/", "~")
FILES = (".safetensors", ".json", ".pt", ".pth", ".ckpt", ".bin", ".model")
"""How names begin or end that are paths, which no host is asked for."""
MOST = {"width": 512}
"""The largest numbers that a configuration may ask for, more than anybody trains; of others, `MOST_OTHERS`."""
MOST_OTHERS = 2**16


def list_pretrained() -> list[str]:
    """Names of the trained systems in the package, for `from_pretrained`.

    Example:
        >>> "mlsc-image-l4-t8" in list_pretrained()
        True
    """
    configs = {path.parent.name: read_object(path) for path in sorted(SHIPPED.glob(f"*/{CONFIG}"))}
    return [name for name, config in configs.items() if "builder" in config]


def from_pretrained(
    name_or_folder: str | Path = DEFAULT,
    *,
    builder: Callable[..., SemanticSystem] | None = None,
    channel: nn.Module | None = None,
    caption: CaptionFeature | None = None,
    segmentation: SegmentationFeature | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Load a trained system: a name of `list_pretrained()`, a folder that `save_pretrained` wrote, or a Hub repository.

    A file is taken for one of the authors of SwinJSCC or WITT, see `load_swin_jscc`.

    Nothing is unpickled: weights are safetensors, the configuration is JSON. A file never names code that runs by
    itself: a system of your own builder needs `builder`.

    Only "owner/name" may go to the network, and not if there is such a folder. A `Path`, and a name that begins with
    ".", "/" or "~" or ends as a file does, is always taken for a path. What was downloaded once is there without a
    network: `local_files_only=True`, or the environment variable `HF_HUB_OFFLINE=1`, keeps off it altogether.

    Args:
        name_or_folder: a name of `list_pretrained()`, a folder, "owner/name" on the Hugging Face Hub, or a file; the
            nested MLSC-image without it.
        builder: what built the system, where that is a function of your own; it is given the arguments saved, and
            `channel` and `device` where it has these parameters.
        channel: hop 4; None is the channel that was saved, or the builder's where that was one of the user's own.
        caption: the `CaptionFeature` that the system was trained with, where that was one of the user's own.
        segmentation: likewise the `SegmentationFeature`.
        revision: branch, tag or commit of a Hub repository.
        token: for a private Hub repository; True for the one that `hf auth login` stored.
        cache_dir: where downloads are kept; None is the Hub's own folder.
        local_files_only: take what was downloaded before, and never ask the network.
        force_download: download again what is there.
        device: where to; None is CUDA when there is one, else the CPU.

    Returns:
        The system, in eval mode.

    Raises:
        FileNotFoundError: if there is no such name, folder or file.
        ValueError: if a file is damaged, unsafe, or of another configuration, or `revision` is given for what is not on
            the Hub; the message says which.

    Example:
        >>> system = from_pretrained("mlsc-image-l4-t8", device="cpu")
        >>> system.symbols_per_image(256, 256)
        13312
    """
    name = str(name_or_folder)
    folder = Path(name)
    if revision is not None and (name in list_pretrained() or folder.exists()):
        raise ValueError(f"revision must be None for what is not on the Hub, got {revision!r} for {name}")
    if name in list_pretrained():
        folder = SHIPPED / name
    elif not folder.is_dir():
        if folder.is_file():
            if builder is not None:
                raise ValueError(f"builder must be None for a file of weights alone, got {builder!r} for {folder}")
            return _from_file(folder, channel=channel, extractors=(caption, segmentation), device=device)
        if isinstance(name_or_folder, Path) or _looks_like_a_path(name):
            raise FileNotFoundError(
                f"no trained system {name!r}: it is no folder, and the package has {', '.join(list_pretrained())}"
            )
        where = {"revision": revision, "token": token, "cache_dir": cache_dir}
        folder = _fetch(name, **where, local_files_only=local_files_only, force_download=force_download)
    features = {"caption": caption, "segmentation": segmentation}
    return load_folder(folder, builder=builder, channel=channel, features=features, device=device)


def _looks_like_a_path(name: str) -> bool:
    odd = name.count("/") != 1 or "\\" in name or name.endswith(("/", *FILES))
    return odd or name.startswith(PATHS) or Path(name).parent.is_dir()


def _from_file(
    path: Path,
    *,
    channel: nn.Module | None,
    extractors: tuple[nn.Module | None, nn.Module | None],
    device: torch.device | str | None,
) -> SemanticSystem:
    try:
        system = load_swin_jscc(path, channel=channel, device=device)
    except ValueError as error:
        raise ValueError(
            f"{path} is a file; from_pretrained takes the folder that holds {CONFIG} and {WEIGHTS}, or a file of the "
            f"authors of SwinJSCC or WITT, and this is none of theirs: {error}"
        ) from error
    if any(extractor is not None for extractor in extractors):
        raise ValueError(f"caption and segmentation must be None: {path} is of a system without semantic levels")
    return system


def _fetch(repository: str, **how: Any) -> Path:
    """Bring what a folder holds from the Hugging Face Hub: "owner/name" to the folder here."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        bring = functools.partial(hf_hub_download, repository, **how)
        config = Path(bring(CONFIG))
        for file in _files_of(read_object(config)):
            bring(file)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FileNotFoundError(
            f"no trained system {repository!r}: it is no folder, the package has {', '.join(list_pretrained())}, "
            f"and the Hugging Face Hub did not deliver it ({reason})"
        ) from error
    return config.parent


def _files_of(config: dict[str, Any]) -> list[str]:
    """Name the files that belong to a configuration."""
    arguments = config.get("arguments")
    own = isinstance(arguments, dict) and arguments.get("codebook") is not None
    weights = [] if config.get("builder") in WITHOUT_WEIGHTS else [WEIGHTS]
    return [*weights, CODEBOOK] if own else weights


def load_folder(
    folder: Path,
    *,
    builder: Callable[..., SemanticSystem] | None = None,
    channel: nn.Module | None = None,
    features: Mapping[str, nn.Module | None],
    device: torch.device | str | None = None,
) -> SemanticSystem:
    """Build what `config.json` describes and fill it with `model.safetensors`; see `from_pretrained`."""
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"no configuration: {path} is missing")
    config = read_object(path)
    name, arguments = config.get("builder"), config.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError(_describes_none(path))
    _check_modest(arguments, path)
    channel = channel if channel is not None else _channel(config.get("channel"), path)
    equalizer = config.get("equalizer")
    if equalizer is not None and equalizer not in EQUALIZERS:
        raise ValueError(f"{path} names an unknown equalizer: {equalizer!r}")
    build = _builder(name, builder, path)
    given = _with_features(arguments, features, folder)
    if builder is None and "codebook" in given:
        given["codebook"] = _own_codebook(given["codebook"], path)
    if isinstance(given.get("image_size"), list):
        given["image_size"] = tuple(given["image_size"])
    taken = inspect.signature(build).parameters
    apart = {"channel": channel, "device": device}
    try:
        system = build(**given, **{name: value for name, value in apart.items() if name in taken})
    except TypeError as error:
        raise ValueError(f"{path} has arguments that {_name(build)} does not take: {error}") from error
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{path} describes a system that cannot be built: {str(error).partition(';')[0]}") from error
    if not isinstance(system, SemanticSystem):
        raise TypeError(f"builder {_name(build)} must return a SemanticSystem, got {type(system).__name__}")
    system.config = {"builder": name, "arguments": arguments}
    if channel is not None:
        system.channel = channel
    if equalizer not in (None, equalizer_name(system.equalizer)):
        system.equalizer = build_equalizer(equalizer, getattr(system.constraint, "power", 1.0))
    _fill(system, folder / WEIGHTS)
    return (system if "device" in taken else system.to(_device(device))).eval()


def _builder(name: str, builder: Callable[..., SemanticSystem] | None, path: Path) -> Callable[..., SemanticSystem]:
    """The builder given, or the package's of this name."""
    if builder is not None:
        if not callable(builder):
            raise TypeError(f"builder must be a function that returns a SemanticSystem, got {builder!r}")
        return builder
    if name in BUILDERS:
        return BUILDERS[name]
    if ":" in name:
        raise ValueError(f"{path} was saved by the builder {name!r}, which is not the package's: pass builder=")
    raise ValueError(_describes_none(path))


def _describes_none(path: Path) -> str:
    return f"{path} describes no semcomm system: it needs a builder ({', '.join(BUILDERS)}) and arguments"


def _with_features(arguments: dict[str, Any], features: Mapping[str, nn.Module | None], folder: Path) -> dict[str, Any]:
    """The arguments saved, with the extractors that are passed in place of "custom"."""
    given = dict(arguments)
    for name, feature in features.items():
        if feature is not None:
            given[name] = feature
        elif given.get(name) == "custom":
            raise ValueError(f"{folder} was trained with a {name} extractor of the user's own: pass {name}=")
    return given


def _own_codebook(name: Any, path: Path) -> Codebook | None:
    """The codebook beside a configuration, where it names one; no file elsewhere is read."""
    if name is None:
        return None
    if name != CODEBOOK:
        raise ValueError(f"{path} must name its codebook {CODEBOOK!r}, a file beside it, got {name!r}")
    return load_codebook(path.parent / CODEBOOK)


def _name(builder: Callable[..., Any]) -> str:
    return getattr(builder, "__name__", type(builder).__name__)


def _check_modest(arguments: dict[str, Any], path: Path) -> None:
    """Refuse numbers that a damaged or a hostile file may hold, before they take the machine's time and memory."""
    for name, value in arguments.items():
        most = MOST.get(name, MOST_OTHERS)
        numbers = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
        if any(abs(number) > most for number in numbers):
            raise ValueError(f"{path} must have {name} of at most {most}, got {value!r}")


def _fill(system: SemanticSystem, path: Path) -> None:
    own = saved_weights(system)
    saved = {} if not own and not path.exists() else read_safetensors(path)
    said = mismatches(own, saved)
    if said:
        raise ValueError(f"{path} belongs to another configuration than {CONFIG} beside it; {said}")
    system.load_state_dict(saved, strict=False)


def _channel(description: Any, path: Path) -> nn.Module | None:
    try:
        return None if description is None else build_saved(description)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
