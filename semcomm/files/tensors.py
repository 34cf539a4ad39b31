"""Reading published checkpoints safely: tensors only, and every mismatch said in names."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from semcomm.files.atomic import write_whole

_NAMES_SHOWN = 10
_MOST_WRAPPINGS = 4
"""How deep a state dict may be wrapped; a file can hold one that is wrapped in itself."""


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a checkpoint's tensors without running any code that the file might hold.

    Reads safetensors files, and what `torch.load(weights_only=True)` reads. A state dict that the file wraps as
    `{"state_dict": ...}` is taken out, and the `module.` that `DataParallel` puts before every name is removed.

    Args:
        path: The checkpoint file; its kind is told from its content, not its name.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file needs unpickling, is damaged, or holds no state dict of dense real tensors.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        ...     torch.save({"state_dict": {"module.bias": torch.zeros(2)}}, file.name)
        ...     read_state_dict(file.name)
        {'bias': tensor([0., 0.])}
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint '{path}' is not there: expected a .safetensors, .pth or .ckpt file")
    content = _read_torch(path) if _is_torch_file(path) else read_safetensors(path)
    for _ in range(_MOST_WRAPPINGS):
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise ValueError(
            f"checkpoint '{path}' holds a {type(content).__name__}, required: a state dict, names to tensors"
        )
    others = [str(name) for name, value in content.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if others:
        raise ValueError(
            f"checkpoint '{path}' holds no state dict: {listing(others)} should be tensors, "
            "or the tensors should be wrapped as {'state_dict': ...}"
        )
    strange = [name for name, value in content.items() if not _is_plain(value)]
    if strange:
        raise ValueError(
            f"checkpoint '{path}' holds tensors that no weights are, sparse, nested, quantised, complex or without "
            f"values (meta): {listing(strange)}"
        )
    return {name.removeprefix("module."): value for name, value in content.items()}


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file, and nothing else.

    Args:
        path: The file.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, damaged, or a pickle under another name.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights: {path} is missing")
    if _is_torch_file(path):
        raise ValueError(
            f"{path} is a pickle, which could run code when loaded, and is refused: save the weights with "
            "safetensors.torch.save_file"
        )
    try:
        return load_file(path)
    except Exception as error:  # a damaged header raises whatever it leads to
        raise ValueError(f"{path} is truncated or no safetensors file: {error}") from error


def write_safetensors(path: str | Path, weights: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, whole or not at all.

    Args:
        path: The file.
        weights: Tensors by name.

    Raises:
        OSError: If it cannot be written.
    """
    with write_whole(path) as temporary:
        try:
            save_file({name: value.contiguous() for name, value in weights.items()}, temporary, {"format": "pt"})
        except SafetensorError as error:  # a full disk, most often
            raise OSError(f"cannot write {path}: {error}") from error


def load_checked(network: nn.Module, state: Mapping[str, Tensor], *, source: str | Path) -> None:
    """Load a state dict into the network it belongs to, or say by name why it does not belong.

    Batch normalisation's `num_batches_tracked` may be missing: PyTorch before 0.4.1 did not save it, and eval mode
    does not read it.

    Args:
        network: The network to fill.
        state: Tensors by name.
        source: The file they came from, for the message.

    Raises:
        ValueError: If names are missing or unexpected, or shapes differ; at most ten names of each kind are shown.

    Example:
        >>> import torch
        >>> load_checked(torch.nn.Linear(2, 1), {"weight": torch.zeros(1, 2), "b": torch.zeros(1)}, source="x.pth")
        Traceback (most recent call last):
        ...
        ValueError: checkpoint 'x.pth' does not fit Linear: missing 1: bias; unexpected 1: b
    """
    said = mismatches(network.state_dict(), state)
    if said:
        raise ValueError(f"checkpoint '{source}' does not fit {type(network).__name__}: {said}")
    network.load_state_dict(dict(state), strict=False)


def mismatches(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Say by name how a state dict differs from a network's own, at most ten names of each kind; "" if it fits.

    Args:
        own: the network's tensors by name.
        state: the file's.

    Example:
        >>> mismatches({"a": torch.zeros(2)}, {"a": torch.zeros(3), "b": torch.zeros(1)})
        'unexpected 1: b; wrong shape 1: a (3) instead of (2)'
    """
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    wrong = [
        f"{name} {_shape(state[name])} instead of {_shape(own[name])}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "wrong shape": wrong}
    return "; ".join(f"{fault} {len(names)}: {listing(names)}" for fault, names in faults.items() if names)


def count_blocks(state: Mapping[str, Tensor], stages: tuple[str, ...]) -> tuple[int, ...]:
    """Count the residual blocks of each stage of a ResNet's state dict.

    Args:
        state: Tensors by name.
        stages: Each stage's prefix; its blocks are named `<prefix>.0`, `<prefix>.1`, ...

    Returns:
        One count per stage.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet50
        >>> with torch.device("meta"):
        ...     state = resnet50().state_dict()
        >>> count_blocks(state, ("layer1", "layer2", "layer3", "layer4"))
        (3, 4, 6, 3)
    """
    return tuple(
        len({name[len(stage) + 1 :].split(".")[0] for name in state if name.startswith(f"{stage}.")})
        for stage in stages
    )


def listing(names: Sequence[str]) -> str:
    """Join names for a message, ten at most.

    Args:
        names: All of them.

    Example:
        >>> listing([f"layer{i}" for i in range(12)])
        'layer0, layer1, layer2, layer3, layer4, layer5, layer6, layer7, layer8, layer9 and 2 more'
    """
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _is_plain(tensor: Tensor) -> bool:
    strange = tensor.is_nested or tensor.is_meta or tensor.is_quantized or tensor.is_complex()
    return tensor.layout == torch.strided and not strange


def _is_torch_file(path: Path) -> bool:
    """Tell a `torch.save` file (a zip, or a pickle of old) from anything else by its first bytes.

    A safetensors file begins with the length of its JSON header, whose lowest byte may be a pickle's first one, and its
    ninth byte opens the header.
    """
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80")


def _read_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # PyTorch warns of pickle protocols; here such a file is read, or refused in words of our own.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint '{path}' is refused: it is a pickle that holds more than tensors (or is damaged), and "
            "unpickling can run code. Where you trust its origin, convert its state dict to safetensors there, with "
            "safetensors.torch.save_file, and load that file"
        ) from error
    except Exception as error:  # A damaged file raises whatever the byte it breaks off at leads to.
        raise ValueError(f"checkpoint '{path}' is truncated or damaged: torch.load cannot read it") from error


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"
