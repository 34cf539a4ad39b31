"""Whole numbers as arguments."""

import operator
from collections.abc import Iterable
from typing import Any


def whole(value: Any) -> int | None:
    """Return `value` as an int if it is a whole number: an int, or one of NumPy's or torch's. None for all else.

    Example:
        >>> whole(8), whole(8.0), whole(True)
        (8, None, None)
    """
    if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_whole(value: Any, name: str, least: int = 1, most: int | None = None, *, because: str = "") -> int:
    """Return `value` as an int if it is a whole number in its range.

    Raises:
        ValueError: naming it, its value and the range, if it is not; `because` says why, where that is not plain.

    Example:
        >>> check_whole(8, "width", 1, 512)
        8
    """
    number = whole(value)
    if number is None or number < least or (most is not None and number > most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {span}, got {value!r}" + (f"; {because}" if because else ""))
    return number


def check_all_whole(values: Any, name: str, least: int, most: int, *, because: str = "") -> tuple[int, ...]:
    """Return `values` as ints if it is a list of whole numbers in their range, as `check_whole` does.

    Raises:
        ValueError: naming it, its value and the range, if it is none.

    Example:
        >>> check_all_whole([8, 2], "kin", 0, 20)
        (8, 2)
    """
    if not isinstance(values, Iterable) or isinstance(values, str | dict):
        raise ValueError(f"{name} must be a list of integers from {least} to {most}, got {values!r}")
    return tuple(check_whole(value, name, least, most, because=because) for value in values)
