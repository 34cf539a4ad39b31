"""Whole numbers as arguments."""

from typing import Any


def check_whole(value: Any, name: str, least: int = 1, most: int | None = None) -> int:
    """Return `value` as an int if it is a whole number in its range, such as an int or one of NumPy's.

    Raises:
        ValueError: naming it, if it is not.

    Example:
        >>> check_whole(8, "width", 1, 512)
        8
    """
    whole = not isinstance(value, bool) and hasattr(value, "__index__")
    if not whole or value < least or (most is not None and value > most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {span}, got {value!r}")
    return int(value)
