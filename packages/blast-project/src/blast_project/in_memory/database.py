"""The metadata database for one run: what is written stays in this process, what the store knows is read from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_pm.metadata.store import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ["MemoryDatabase"]


class MemoryDatabase(Database):
    """As a `Database`, without a file of its own.

    Args:
        path: of the store's database, which is opened for reading if it is there.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, readonly=True)
        self._rows: dict[tuple[str, bytes], bytes | None] = {}
        self._below = Database(path, readonly=True) if os.path.exists(path) else None

    def get(self, database: str, key: bytes) -> bytes | None:
        """Return the value of ``key``, None without one."""
        if (database, key) in self._rows:
            return self._rows[database, key]
        return None if self._below is None else self._below.get(database, key)

    def read(self, database: str, key: bytes, decode: Callable[[memoryview], _T]) -> _T | None:
        """Decode the value of ``key``; None without one."""
        if (database, key) not in self._rows:
            return None if self._below is None else self._below.read(database, key, decode)
        value = self._rows[database, key]
        return None if value is None else decode(memoryview(value))

    def get_many(self, database: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of ``keys``, in their order."""
        return [self.get(database, key) for key in keys]

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Keep a value for this run."""
        self._rows[database, key] = bytes(value)

    def put_many(self, database: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep values for this run."""
        self.put_rows((database, key, value) for key, value in items)

    def put_rows(self, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep values for this run."""
        for database, key, value in rows:
            self._rows[database, key] = bytes(value)

    def delete(self, database: str, key: bytes) -> None:
        """Forget a value for this run."""
        self._rows[database, key] = None

    def delete_rows(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Forget values for this run."""
        for database, key in rows:
            self._rows[database, key] = None

    def items(self, database: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and values in the order of keys."""
        found = dict(self._below.items(database)) if self._below is not None else {}
        for (name, key), value in list(self._rows.items()):
            if name == database:
                found.pop(key, None)
                if value is not None:
                    found[key] = value
        yield from sorted(found.items())

    def close(self) -> None:
        """Close the store's database; what was written in this run is kept."""
        if self._below is not None:
            self._below.close()
