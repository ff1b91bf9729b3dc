"""Tables of a lock that somebody wrote: a value is checked for its kind when it is taken, and says where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_core.errors import BlastError

    Fault = Callable[[str, object, str], BlastError]

__all__ = ["LockTable"]

_Value = TypeVar("_Value")


class LockTable:
    """A table of a document and where it stands.

    Args:
        values: its keys and values, as TOML or JSON have them.
        where: its own full name, "" for the document.
        fault: makes the error for a field, its value, and a reason.
    """

    __slots__ = ("_values", "fault", "where")

    def __init__(self, values: dict[str, object], where: str, fault: Fault) -> None:
        self._values = values
        self.where = where
        self.fault = fault

    def path(self, key: str) -> str:
        """Return the full name of a key, for errors."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """Tell whether there is such a key."""
        return key in self._values

    def value(self, key: str) -> object:
        """Return what stands there, whatever it is; None when it is absent."""
        return self._values.get(key)

    def get(self, key: str, kind: type[_Value], default: _Value) -> _Value:
        """Return a value of a kind, or the default when it is absent."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fault(self.path(key), value, f"it should be {kind.__name__}")
        return value

    def text(self, key: str) -> str:
        """Return a string, "" when it is absent."""
        return self.get(key, str, "")

    def table(self, key: str) -> LockTable:
        """Return a table, empty when it is absent."""
        return LockTable(self.get(key, dict, {}), self.path(key), self.fault)

    def texts(self, key: str) -> list[str]:
        """Return an array of strings, empty when it is absent."""
        values = self.get(key, list, [])
        for value in values:
            if not isinstance(value, str):
                raise self.fault(self.path(key), value, "it should hold strings")
        return values

    def tables(self, key: str) -> list[LockTable]:
        """Return an array of tables, empty when it is absent."""
        rows = []
        for number, value in enumerate(self.get(key, list, [])):
            where = f"{self.path(key)}[{number}]"
            if not isinstance(value, dict):
                raise self.fault(where, value, "it should be a table")
            rows.append(LockTable(value, where, self.fault))
        return rows

    def keys(self) -> list[str]:
        """Return the keys in their order."""
        return list(self._values)
