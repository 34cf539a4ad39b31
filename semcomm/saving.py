"""Systems written into folders: `config.json` beside `model.safetensors`."""

import functools
import inspect
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, final

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from semcomm.channel.saved import describe_saved
from semcomm.checks import check_powers
from semcomm.files.json import write_json
from semcomm.files.tensors import write_safetensors
from semcomm.receiver.equalizer import equalizer_name
from semcomm.transmitter.codebook import CODEBOOK
from semcomm.whole import whole

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


@final
class _Loads:
    """The class attribute `from_pretrained` is `semcomm.from_pretrained`, imported late because it builds systems."""

    def __get__(self, system: Any, kind: type | None = None) -> Callable[..., Any]:
        from semcomm.pretrained import from_pretrained

        return from_pretrained


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

    from_pretrained = _Loads()  # type: ignore[assignment]


Arguments = ParamSpec("Arguments")
System = TypeVar("System", bound=Saves)
APART = ("channel", "device")
"""Arguments of builders that a configuration leaves out: it describes the channel apart."""
_PLAIN = "it must be a finite number, text, True, False, None or a list of these"


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
        arguments = {name: _with_ints(value) for name, value in bound.arguments.items() if name not in APART}
        for name, value in arguments.items():
            if not _is_plain(value):
                raise TypeError(f"{name} cannot be saved: {_PLAIN}, got {value!r}")
        system = builder(*given, **named)
        system.config = {"builder": f"{builder.__module__}:{builder.__qualname__}", "arguments": arguments}
        return system

    return build


def check_saveable(system: Any) -> None:
    """Refuse a system that `from_pretrained` could not build again.

    Raises:
        ValueError: if the system was assembled by hand, an argument of its builder cannot be written as JSON, a part is
            no longer the builder's, or channel and constraint have two powers; the message names it.
    """
    if system.config is None:
        raise ValueError(
            "this system was assembled by hand, so its configuration is unknown: build it in a function decorated with "
            "semcomm.saveable, or save system.state_dict() with safetensors.torch.save_file"
        )
    for name, value in system.config["arguments"].items():
        if not _is_plain(value):
            raise ValueError(f"{name} cannot be saved: {_PLAIN}, got {value!r}")
    check_powers(system.constraint, system.channel)
    built, now = system._as_built, _parts_of(system)
    for name in sorted(built.keys() | now.keys(), key=lambda name: (name.count("."), name)):
        if name not in now or name not in built or built[name] != now[name]:
            raise ValueError(
                f"{name} is no longer what {system.config['builder']} made, so the system is not saved as its own; "
                "build it in a function of your own, decorated with semcomm.saveable"
            )


def save_folder(system: Any, folder: Path) -> None:
    """Write `config.json`, `model.safetensors`, and the codebook where it is not the package's.

    The weights of the frozen extractors stay out. A system without weights has no `model.safetensors`.
    """
    check_saveable(system)
    described = {"channel": describe_saved(system.channel), "equalizer": equalizer_name(system.equalizer)}
    for part, default in (("channel", "AWGN"), ("equalizer", "MMSE")):
        if described[part] is None:
            kind = type(getattr(system, part)).__name__
            warnings.warn(
                f"the {part}, {kind}, is not saved: from_pretrained gives {default}, or what a builder of your own "
                f"gives; set system.{part} to yours",
                stacklevel=2,
            )
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


def _parts_of(system: nn.Module) -> dict[str, Any]:
    """What each part is, by its name: a module that stands for itself, or how it is described.

    Weights have their shapes. Lightning's synchronised batch normalisation, for several GPUs, is batch normalisation.
    """
    described: dict[str, Any] = {}
    for name, module in system.named_modules():
        if name.startswith(("channel", "equalizer")):
            continue
        own = (module.extra_repr(), vars(module).get("forward"))  # the latter where the class's own was replaced
        if name in WHOLE:
            described[name] = (module, *own)
        elif not name.startswith(EXTRACTORS):
            described[name] = (_BatchNorm if isinstance(module, _BatchNorm) else type(module), *own)
    return described | {name: tuple(value.shape) for name, value in saved_weights(system).items()}


def _with_ints(value: Any) -> Any:
    """The same with ints for NumPy's integers, which JSON does not know."""
    if isinstance(value, list | tuple):
        return type(value)(_with_ints(one) for one in value)
    return value if (number := whole(value)) is None else number


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
