"""Entering finished objects, a batch at a time and while others are still being made.

SECURITY.md, rule 5, without a flush per file: the trees and wheels of a batch are published by renames, and the
rows that vouch for them are written last. They name a mark (`blast_pm.store.durability`): after a power loss the
objects are compared again. Where there are no marks, one syncfs brings contents and names to the disk before the rows.
Objects without a row are checked when they are met again.

It goes on beside the downloads and the unpacking, in a thread of its own: at the end only what came last is left.
Measured on an SSD, 43 MB of wheels (6,773 files, 138 MB unpacked), without marks: 0.2 s for one flush at the end, 0.03
s for the last of several.
"""

from __future__ import annotations

import threading

from blast_core import fs
from blast_core.errors import BlastError
from blast_pm.store.durability import begin_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.store.rows import StoredDistribution, TreeRows

__all__ = ["Committer"]

# A pause between two flushes, so that a batch is worth its flush; what is done within it waits for one, at the end.
_PAUSE_S = 0.3


class Committer:
    """Commits what it is given, now and then and at the end.

    Args:
        home: the store's home, whose file system is flushed.
        rows: where objects are entered.
    """

    def __init__(self, home: str, rows: TreeRows) -> None:
        self._home = home
        self._rows = rows
        self._lock = threading.Lock()
        self._waiting: list[StoredDistribution] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="blast-store-commit", daemon=True)
        self._thread.start()

    def add(self, stored: StoredDistribution) -> None:
        """Take an object that was published."""
        with self._lock:
            self._waiting.append(stored)

    def close(self) -> None:
        """Commit what is left, and return when all has its row.

        Raises:
            OSError: the disk can't be flushed.
            StoreError: the rows can't be written.
        """
        self._closed.set()
        self._thread.join()
        self._commit()

    def _run(self) -> None:
        try:
            while not self._closed.wait(_PAUSE_S):
                self._commit()
        except (OSError, BlastError):
            return  # `close` tries once more, and says it.

    def _commit(self) -> None:
        with self._lock:
            batch = tuple(self._waiting)
        if batch:
            mark = begin_mark(self._home, [stored.tree for stored in batch])
            if not mark:
                fs.sync_filesystem(self._home)
            self._rows.put(batch, mark)
            with self._lock:
                del self._waiting[: len(batch)]
