"""Running a network without training it."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from types import CellType, FunctionType, MethodType
from typing import Any, TypeVar, cast

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold a network in eval mode without gradients, so that no result depends on the rest of the batch.

    Every submodule's mode is put back afterwards.

    Args:
        network: The network about to be run.

    Example:
        >>> network = nn.BatchNorm2d(3)
        >>> with frozen(network):
        ...     network.training, torch.is_grad_enabled()
        (False, False)
        >>> network.training
        True
    """
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def in_eval_mode(network: Network) -> Network:
    """A network in eval mode whatever mode this one is in, which stays as it is for a thread that trains it.

    Args:
        network: a network in any mode.

    Returns:
        `network` itself, if all of it is in eval mode. Else a twin: its modules are copies, wherever one refers to
        another (submodules, lists, bound methods, functions in place of a method), and all else is shared: weights,
        buffers, hooks, objects.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> twin = in_eval_mode(network)
        >>> twin.training, network.training, twin[0].weight is network[0].weight
        (False, True, True)
    """
    modules = list(network.modules())
    if not any(module.training for module in modules):
        return network
    copied = {id(module) for module in modules}
    shared: dict[int, object] = {}
    for module in modules:
        for value in list(vars(module).values()):
            _share(value, shared, copied)
    twin = copy.deepcopy(network, shared)
    functions: dict[int, Any] = {}
    for module in twin.modules():
        module.training = False
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType):
                vars(module)[name] = _of_copies(value, shared, functions)
    return cast(Network, twin)


def _of_copies(value: Any, copies: dict[int, Any], functions: dict[int, Any]) -> Any:
    """What a function's closure holds, with copies in place of the network's modules; the same if it holds none.

    `functions` has what was made of others before.
    """
    if isinstance(value, MethodType):
        owner = copies.get(id(value.__self__), value.__self__)
        return value if owner is value.__self__ else MethodType(value.__func__, owner)
    if not isinstance(value, FunctionType):
        return copies.get(id(value), value) if isinstance(value, nn.Module) else value
    if id(value) in functions:
        return functions[id(value)]
    functions[id(value)] = value  # for functions that call one another
    try:
        held = [(cell, cell.cell_contents) for cell in value.__closure__ or ()]
    except ValueError:  # a cell that nothing was put into
        return value
    now = [(cell, one, _of_copies(one, copies, functions)) for cell, one in held]
    if all(one is other for _, one, other in now):
        return value
    cells = tuple(cell if one is other else CellType(other) for cell, one, other in now)  # others may be written to
    function = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
    function.__kwdefaults__ = value.__kwdefaults__
    functions[id(value)] = update_wrapper(function, value)  # so that it still says what arguments it takes
    return function


def _share(value: object, shared: dict[int, object], copied: set[int]) -> None:
    """Note in deepcopy's memo what is not to be copied: all but the network's modules, their methods, and containers.

    `copied` grows by the containers seen, which may hold one another.
    """
    if id(value) in copied:
        return
    if isinstance(value, MethodType) and id(value.__self__) in copied:
        return
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list | tuple | set):
        parts = list(value)
    elif isinstance(value, partial):
        parts = (value.func, *value.args, *value.keywords.values())
    else:
        shared[id(value)] = value
        return
    copied.add(id(value))
    for part in parts:
        _share(part, shared, copied)
