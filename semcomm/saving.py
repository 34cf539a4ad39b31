"""What a system writes of itself: `config.json` beside `model.safetensors`."""

import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.files.json import write_json
from semcomm.files.tensors import write_safetensors
from semcomm.receiver.equalizer import EQUALIZERS
from semcomm.transmitter.codebook import CODEBOOK

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DEFAULT = "nested-mlsc-image"
"""The shipped system that is meant where none is named."""
EXTRACTORS = ("transmitter.caption.", "transmitter.segmentation.")
WHOLE = ("transmitter", "constraint", "receiver", "transmitter.caption", "transmitter.segmentation")
"""Parts that are compared by identity; all below them by kind."""
CARD = """---
{{ card_data }}
---

# A semantic-communication system

Images in, images out, over a noisy channel between. `config.json` says how it was built.

```python
from semcomm import from_pretrained

system = from_pretrained("owner/name")  # or this folder
received = system(images, snr_db=10.0)  # (b, 3, h, w) in [0, 1] to the same
```
"""


class Saves(PyTorchModelHubMixin, library_name="semcomm", tags=["semantic-communication"], model_card_template=CARD):
    """What lets a system be saved in a folder and on the Hugging Face Hub."""

    _config: dict[str, Any] | None = None
    _as_built: dict[str, Any] | None = None

    @property
    def config(self) -> dict[str, Any] | None:
        """How a builder made this system: its name and its arguments. None for systems assembled by hand.

        Whoever sets it says that these arguments make the parts of now: no part that is replaced later can be saved.
        """
        return self._config

    @config.setter
    def config(self, config: dict[str, Any] | None) -> None:
        self._config = config
        self._as_built = None if config is None else _parts_of(self)  # type: ignore[arg-type]

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | Path,
        *,
        config: dict[str, Any] | None = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        model_card_kwargs: dict[str, Any] | None = None,
    ) -> str | None:
        """Write `config.json`, `model.safetensors` and a model card into a folder.

        Weights of frozen extractors and of the channel stay out. To choose the Hub's options, call `push_to_hub`.

        Args:
            save_directory: the folder; it is made if need be.
            config: must be None; the configuration is the builder's.
            repo_id: "owner/name" on the Hugging Face Hub, where `push_to_hub` is True.
            push_to_hub: send the folder to the Hub, too.
            model_card_kwargs: values for the model card, see `PyTorchModelHubMixin`.

        Raises:
            ValueError: if the system was assembled by hand, or a part is no longer the builder's. No folder is made.
        """
        if config is not None:
            raise ValueError(f"config must be None, since it is the builder's, got {config!r}")
        check_saveable(self)
        return super().save_pretrained(
            save_directory, repo_id=repo_id, push_to_hub=push_to_hub, model_card_kwargs=model_card_kwargs
        )

    def _save_pretrained(self, save_directory: Path) -> None:
        save_folder(self, save_directory)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        name_or_folder: str | Path = DEFAULT,
        *,
        builder: Callable[..., Any] | None = None,
        channel: nn.Module | None = None,
        caption: Any | None = None,
        segmentation: Any | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        device: torch.device | str | None = None,
    ) -> Any:
        """Load a trained system; the same as `semcomm.from_pretrained`."""
        from semcomm.pretrained import from_pretrained

        return from_pretrained(
            name_or_folder,
            builder=builder,
            channel=channel,
            caption=caption,
            segmentation=segmentation,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
            device=device,
        )


Arguments = ParamSpec("Arguments")
System = TypeVar("System", bound=Saves)
APART = ("channel", "device")
"""Arguments of builders that are no part of a configuration: the channel is described by itself."""


def saveable(builder: Callable[Arguments, System]) -> Callable[Arguments, System]:
    """Decorate a builder of your own, so that its systems can be saved: they remember its name and arguments.

    Arguments are numbers, text, True, False, None, or lists of these; `channel` and `device` may be anything. Load what
    was saved with `from_pretrained(folder, builder=my_builder)`: a file never names code that runs by itself.

    Args:
        builder: a function that returns a `SemanticSystem`.

    Returns:
        The builder, with the same arguments.

    Example:
        >>> from semcomm import build_deep_jscc
        >>> @saveable
        ... def build_small(channels: int = 2):
        ...     return build_deep_jscc(complex_channels=channels, device="cpu")
        >>> build_small(channels=3).config["arguments"]
        {'channels': 3}
    """
    signature = inspect.signature(builder)

    @functools.wraps(builder)
    def build(*given: Arguments.args, **named: Arguments.kwargs) -> System:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        arguments = {name: value for name, value in bound.arguments.items() if name not in APART}
        for name, value in arguments.items():
            if not _is_plain(value):
                raise TypeError(
                    f"{name} must be a number, text, True, False, None or a list of these, since it is saved, "
                    f"got {type(value).__name__}"
                )
        system = builder(*given, **named)
        system.config = {"builder": f"{builder.__module__}:{builder.__qualname__}", "arguments": arguments}
        return system

    return build


def check_saveable(system: Any) -> None:
    """Refuse a system that `from_pretrained` could not build again.

    Raises:
        ValueError: if the system was assembled by hand, or a part is no longer the builder's; the message names it.
    """
    if system.config is None:
        raise ValueError(
            "this system was assembled by hand, so its configuration is unknown: build it in a function decorated with "
            "semcomm.saveable, or save system.state_dict() with safetensors.torch.save_file"
        )
    built, now = system._as_built, _parts_of(system)
    for name in sorted(built.keys() | now.keys(), key=lambda name: (name.count("."), name)):
        if name not in now or name not in built or _differ(built[name], now[name]):
            raise ValueError(
                f"{name} is no longer what {system.config['builder']} made, so the system is not saved as its own; "
                "build it in a function of your own, decorated with semcomm.saveable"
            )


def save_folder(system: Any, folder: Path) -> None:
    """Write `config.json`, `model.safetensors`, and the codebook where it is not the package's.

    The weights of the frozen extractors stay out. A system without weights has no `model.safetensors`.
    """
    check_saveable(system)
    described = {"channel": _describe_channel(system.channel), "equalizer": _describe_equalizer(system.equalizer)}
    weights = saved_weights(system)
    if weights:
        write_safetensors(folder / WEIGHTS, weights)
    else:
        (folder / WEIGHTS).unlink(missing_ok=True)  # of another system that was saved here before
    if system.config["arguments"].get("codebook") == CODEBOOK:
        system.transmitter.codebook.save(folder / CODEBOOK)
    write_json(folder / CONFIG, {**system.config, **described})


def saved_weights(system: nn.Module) -> dict[str, torch.Tensor]:
    """The weights that a folder holds: all but those of the frozen extractors, the channel and the equaliser."""
    apart = (*EXTRACTORS, "channel.", "equalizer.")
    return {name: value for name, value in system.state_dict().items() if not name.startswith(apart)}


def _describe_channel(channel: Any) -> dict[str, Any] | None:
    power = {} if getattr(channel, "power", 1.0) == 1 else {"power": channel.power}
    if isinstance(channel, AWGNChannel):
        return {"type": "awgn"} | power
    if isinstance(channel, RayleighChannel):
        return {"type": "rayleigh", "coherence": channel.coherence, "csi": channel.csi} | power
    _warn_of("channel", channel, "AWGN")
    return None


def _describe_equalizer(equalizer: nn.Module) -> str | None:
    for name, known in EQUALIZERS.items():
        if type(equalizer) is known:
            return name
    _warn_of("equalizer", equalizer, "MMSE")
    return None


def _warn_of(name: str, part: nn.Module, default: str) -> None:
    warnings.warn(
        f"the {name}, {type(part).__name__}, is not saved: from_pretrained gives {default}, or what a builder of your "
        f"own gives; set system.{name} to yours",
        stacklevel=3,
    )


def _parts_of(system: nn.Module) -> dict[str, Any]:
    """What each part is, by its name: a module that stands for itself, or how it is described.

    Weights have their shapes. Lightning's synchronised batch normalisation, for several GPUs, is batch normalisation.
    """
    described: dict[str, Any] = {}
    for name, module in system.named_modules():
        if name.startswith(("channel", "equalizer")):
            continue
        if name in WHOLE:
            described[name] = module
        elif not name.startswith(EXTRACTORS):
            kind = _BatchNorm if isinstance(module, _BatchNorm) else type(module)
            described[name] = (kind, module.extra_repr())
    return described | {name: tuple(value.shape) for name, value in saved_weights(system).items()}


def _differ(one: Any, other: Any) -> bool:
    return one is not other if isinstance(one, nn.Module) or isinstance(other, nn.Module) else one != other


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | float | str)
