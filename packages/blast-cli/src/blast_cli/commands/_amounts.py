"""Sizes and ages, as people write and read them."""

from __future__ import annotations

import time

from blast_core.errors import UsageError

__all__ = ["format_age", "format_size", "format_when", "parse_age", "parse_size"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_POWERS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SECONDS = {"": 86400.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_size(text: str) -> int:
    """Return the bytes that such as ``20G``, ``500M``, ``1.5GiB`` or ``1024`` stand for; units count in 1,024s.

    Raises:
        UsageError: it is no size.
    """
    number, unit = _split(text)
    power = _POWERS.get(unit.removesuffix("b").removesuffix("i"))
    if number is None or power is None:
        raise UsageError(f"'{text}' is no size", hint="write such as 20G, 500M or 1048576")
    return int(number * (1 << power))


def parse_age(text: str) -> float:
    """Return the seconds that such as ``30d``, ``12h``, ``2w``, ``90m`` or ``0`` stand for; a bare number is of days.

    Raises:
        UsageError: it is no age.
    """
    number, unit = _split(text)
    if number is None or unit not in _SECONDS:
        raise UsageError(f"'{text}' is no age", hint="write such as 30d, 12h or 2w")
    return number * _SECONDS[unit]


def _split(text: str) -> tuple[float | None, str]:
    text = text.strip().lower()
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    try:
        number = float(digits)
    except ValueError:
        return None, ""
    # Neither below zero nor infinite nor no number at all.
    return (number if 0 <= number < 1e18 else None), text[len(digits) :].strip()


def format_size(size: int) -> str:
    """Return such as ``1.4 GiB``."""
    amount, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def format_age(seconds: float) -> str:
    """Return such as ``3 days``, for a time that has passed."""
    for length, noun in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= length:
            count = int(seconds / length)
            return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
    return "a moment"


def format_when(seconds: float) -> str:
    """Return a moment as local date and time; ``unknown`` for 0."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "unknown"
