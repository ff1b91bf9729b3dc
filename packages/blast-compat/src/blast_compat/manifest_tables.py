"""Taking typed values out of a manifest's tables, with faults that know their place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Fault", "check_keys", "read_mapping", "read_text", "read_texts"]

#: What each key of a source must be; other keys are another tool's and are left alone.
_SOURCE_TYPES = {
    "git": str,
    "url": str,
    "path": str,
    "index": str,
    "rev": str,
    "tag": str,
    "branch": str,
    "subdirectory": str,
    "marker": str,
    "extra": str,
    "group": str,
    "workspace": bool,
    "editable": bool,
    "package": bool,
    "lfs": bool,
}
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", list: "an array"}


class Fault(Exception):
    """A mistake in a manifest; it never leaves this package, but becomes an InvalidManifest with file and line.

    Args:
        keys: the way to it.
        message: what is wrong.
        value: the element of an array that is meant.
        reason: why it is wrong.
        hint: what to do.
    """

    def __init__(
        self, keys: tuple[str, ...], message: str, value: str = "", *, reason: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.keys = keys
        self.message = message
        self.value = value
        self.reason = reason
        self.hint = hint


def read_mapping(table: Mapping[str, Any], key: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the table at ``key``, empty where it is missing; ``keys`` is the way to ``table``.

    Raises:
        Fault: it is no table.
    """
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise _wrong((*keys, key), "a table", value)
    return value


def read_text(table: Mapping[str, Any], key: str, keys: tuple[str, ...] = ()) -> str:
    """Return the text at ``key``, "" where it is missing.

    Raises:
        Fault: it is no text.
    """
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _wrong((*keys, key), "a text", value)
    return value


def read_texts(table: Mapping[str, Any], key: str, keys: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the array of texts at ``key``, empty where it is missing.

    Raises:
        Fault: it is no array, or an element is no text.
    """
    value = table.get(key, [])
    if not isinstance(value, list):
        raise _wrong((*keys, key), "an array of texts", value)
    for element in value:
        if not isinstance(element, str):
            raise _wrong((*keys, key), "an array of texts", element, "an element is ")
    return tuple(value)


def check_keys(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Check the types of a source's keys.

    Raises:
        Fault: one has another.
    """
    for key, value in table.items():
        expected = _SOURCE_TYPES.get(key)
        if expected is not None and not isinstance(value, expected):
            raise _wrong((*keys, key), _KINDS[expected], value)


def _wrong(keys: tuple[str, ...], expected: str, value: object, prefix: str = "found ") -> Fault:
    found = "a table" if isinstance(value, dict) else _KINDS.get(type(value), "a date or time")
    return Fault(keys, f"{'.'.join(keys)} must be {expected}", reason=f"{prefix}{found}")
