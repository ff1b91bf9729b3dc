"""What the database holds of indexes and nobody asked for in a long time: found by the time a page was last fetched.

Metadata has no time of its own; it goes with the last page of its project.
"""

from __future__ import annotations

import marshal

from blast_core.errors import BlastError
from blast_pm.metadata.core_metadata import decode_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.metadata.store import Database

__all__ = ["delete_old_rows", "find_old_rows"]

_HEAD = b"p"
_KINDS = b"pvfu"
# format, exists, page id, fetched, …
_FETCHED = 3
_AT_ONCE = 1000


def find_old_rows(database: Database, before: float) -> list[tuple[str, bytes]]:
    """Return database and key of all rows about projects whose pages were all fetched before a moment.

    Args:
        database: the store's.
        before: in seconds since 1970.

    Cost: the pages' table; where a page is old, that of metadata, too.
    """
    pages: dict[bytes, list[bytes]] = {}
    old: set[bytes] = set()
    for key, value in database.items("pages"):
        if key[:1] not in _KINDS:
            continue
        # <kind><index> 0 <project> [0 …]
        page = b"\0".join(key[1:].split(b"\0")[:2])
        pages.setdefault(page, []).append(key)
        if key[:1] == _HEAD and _fetched(value) < before:
            old.add(page)
    if not old:
        return []
    kept = {page.partition(b"\0")[2] for page in pages.keys() - old}
    gone = {page.partition(b"\0")[2] for page in old} - kept
    found = [("pages", key) for page in sorted(old) for key in pages[page]]
    for key, value in database.items("metadata"):
        if _project_of(value) in gone:
            found.append(("metadata", key))
    return found


def delete_old_rows(database: Database, rows: list[tuple[str, bytes]]) -> None:
    """Remove these rows, some at a time, so that no other command waits long.

    Raises:
        StoreError: the store can't be written.
    """
    for start in range(0, len(rows), _AT_ONCE):
        database.delete_rows(rows[start : start + _AT_ONCE])


def _fetched(value: bytes) -> float:
    try:
        return float(marshal.loads(value)[_FETCHED])  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError, IndexError):
        # Of another version of Blast, or damaged: nobody reads it.
        return 0.0


def _project_of(value: bytes) -> bytes:
    try:
        record = decode_metadata(value)
    except (BlastError, ValueError, EOFError, TypeError, MemoryError):
        return b""
    return record.name.encode() if record is not None else b""
