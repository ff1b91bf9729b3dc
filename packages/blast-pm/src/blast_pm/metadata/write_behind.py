"""Records on their way into the database: read at once, written together.

A cold resolution makes hundreds of records. A transaction costs a flush of the disk, so they go there in batches; a
process that is killed loses a cache's last entries, no more.
"""

from __future__ import annotations

from _thread import allocate_lock

from blast_core.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from blast_pm.metadata.store import Database

    _T = TypeVar("_T")

__all__ = ["WriteBehind"]

# What waits at most, and is in memory three times while it is written. A large batch is the cheaper one; a whole cold
# resolution of 240 projects is 5 MB, or 40 from an index that lists every release.
_MOST_ROWS = 4096
_MOST_BYTES = 6 << 20


class WriteBehind:
    """Reads through to the database and writes behind; safe to use from many threads.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[tuple[str, bytes], bytes] = {}
        self._callers: list[Callable[[], None]] = []
        self._size = 0
        self._count = 0
        self._lock = allocate_lock()

    def read(self, database: str, key: bytes, decode: Callable[[memoryview | bytes], _T]) -> _T | None:
        """Decode the value of ``key``, None without one; see ``Database.read``."""
        waiting = self._rows.get((database, key)) if self._rows else None
        if waiting is not None:
            return decode(waiting)
        return self._database.read(database, key, decode)

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Keep a value for the next batch."""
        with self._lock:
            self._rows[database, key] = value
            self._count += 1
            self._size += len(value)
            full = self._count >= _MOST_ROWS or self._size >= _MOST_BYTES
            if full:
                # From now on the next batch is counted: whoever puts meanwhile doesn't wait for the disk as well.
                self._count = self._size = 0
        if full:
            self._write()

    def before_flush(self, hand_over: Callable[[], None]) -> None:
        """Call ``hand_over`` at each `flush`, so that it puts what it kept back for the end of a command."""
        self._callers.append(hand_over)

    def flush(self) -> None:
        """Write what waits. A disk that is full or read-only costs the cache only, so that is no error here."""
        for hand_over in self._callers:
            hand_over()
        self._write()

    def _write(self) -> None:
        with self._lock:
            rows = dict(self._rows)
            self._count = self._size = 0
        if not rows:
            return
        try:
            self._database.put_rows((database, key, value) for (database, key), value in rows.items())
        except StoreError:
            return  # they stay readable for this process
        with self._lock:
            for row, value in rows.items():
                if self._rows.get(row) is value:  # stayed readable until it was in the database
                    del self._rows[row]
