"""Parts of a researcher's own on the command line: `module:name`."""

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from torch import nn

from semcomm.system import SemanticSystem


def load_own(value: str, option: str) -> Callable[..., Any]:
    """Import what `module:name` names; modules in the folder where the command runs are found, too.

    Args:
        value: such as "my_parts:my_loss" or "package.module:MyChannel".
        option: the option that it was given to, for messages.

    Raises:
        ValueError: if it is not of that form, the module or the name is not there, or it cannot be called.
    """
    module_name, colon, name = value.partition(":")
    if not (colon and module_name and name):
        raise ValueError(f"{option} takes module:name, such as my_parts:{name or 'mine'}, got {value!r}")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the command's own folder is not on the path, unlike that of `python`
    try:
        module = importlib.import_module(module_name)
    except (ImportError, TypeError, ValueError) as error:  # the last two for a name such as "..": relative to nothing
        raise ValueError(f"{option} {value}: cannot import {module_name!r} here: {error}") from error
    if not hasattr(module, name):
        raise ValueError(f"{option} {value}: module {module_name!r} has no {name!r}")
    own = getattr(module, name)
    if not callable(own):
        raise ValueError(f"{option} {value} must be a function or a class, got {type(own).__name__}")
    return own


def build_own(value: str) -> SemanticSystem:
    """Call a builder of the user's own, which takes no arguments.

    Raises:
        ValueError: if it cannot be imported, or returns no `SemanticSystem`.
    """
    system = _make(value, "--builder")
    if not isinstance(system, SemanticSystem):
        raise ValueError(f"--builder {value} must return a SemanticSystem, got {type(system).__name__}")
    if system.config is None:  # assembled by hand; whoever loads it gives the builder again
        system.config = {"builder": value, "arguments": {}}
    return system


def _make(value: str, option: str) -> Any:
    own = load_own(value, option)
    try:
        inspect.signature(own).bind()
    except TypeError as error:
        raise ValueError(f"{option} {value} must take no arguments, or have defaults for all: {error}") from error
    except ValueError:
        pass  # a class in C, which does not say what it takes
    return own()


def build_own_channel(value: str) -> nn.Module:
    """Make a channel of the user's own, whose class takes no arguments.

    Raises:
        ValueError: if it cannot be imported, or is no `nn.Module`.
    """
    channel = _make(value, "--channel")
    if not isinstance(channel, nn.Module):
        raise ValueError(f"--channel {value} must make an nn.Module, got {type(channel).__name__}")
    return channel
