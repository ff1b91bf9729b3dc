"""The table of the store: the sha256 of a wheel -> what became of it. Its row is the last thing that is written.

A value is the marshal of (format, BLAKE3 in hexadecimal digits, name of the tree, name, version, plan), and the name
of a mark if the object was not flushed to the disk (`blast_pm.store.durability`). Only this user's Blast writes it, on
this machine; what can't be read back, or is of another format, is taken for missing and written again.
"""

from __future__ import annotations

import marshal
import os
import stat

from blast_core.tuples import NamedTuple
from blast_pm.store.durability import stale_marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from blast_pm.metadata.store import Database
    from blast_pm.store.home import StorePaths

__all__ = ["StoredDistribution", "TreeRows"]

_TABLE = "trees"
# Rows without a number are of the time when a container was kept for each wheel, and its digest named the object.
_FORMAT = 2


class StoredDistribution(NamedTuple):
    """A distribution in the store.

    Attributes:
        name: normalised name of the project.
        version: as in its metadata.
        sha256: of the wheel it came from, hexadecimal.
        blake3: of its wheel, hexadecimal.
        tree: absolute path of the unpacked tree.
        plan: what composing an environment needs to know of the tree (``blast_pm.install.plan``).
    """

    name: str
    version: str
    sha256: str
    blake3: str
    tree: str
    plan: bytes


class TreeRows:
    """Reads and writes the rows.

    Args:
        database: the store's.
        trees: the directory that holds the trees.
        readonly: the store is somebody else's.

    Attributes:
        note: told in a line what a user waits for, where it takes long; None for nobody.
    """

    __slots__ = ("_database", "_readonly", "_trees", "note")

    def __init__(self, database: Database, trees: str, *, readonly: bool = False) -> None:
        self._database = database
        self._trees = trees
        self._readonly = readonly
        self.note: Callable[[str], None] | None = None

    def find(self, sha256s: Iterable[str]) -> dict[str, StoredDistribution]:
        """Return what the table knows of these digests and whose tree is a directory.

        What another start of the machine may have lost is compared with its wheel before, and mended or left out.

        Cost: one read transaction, a listing, and per row a lookup, the unmarshalling of five values and an lstat.
        """
        self.recheck()
        wanted = list(sha256s)
        stale = stale_marks(os.path.dirname(self._trees)) if self._readonly else frozenset()
        suspects = []
        found = {}
        for sha256, value in zip(
            wanted, self._database.get_many(_TABLE, list(map(bytes.fromhex, wanted))), strict=True
        ):
            row = None if value is None else self._decode(sha256, value)
            if row is None or not _is_directory(row[0].tree):
                continue
            if row[1] and row[1] in stale:
                suspects.append(row[0])
            else:
                found[sha256] = row[0]
        if suspects:
            from blast_pm.store.rechecking import find_sound

            found |= {row.sha256: row for row in find_sound(self._paths(), suspects, self.note)}
        return found

    def recheck(self) -> None:
        """Compare all that another start of the machine may have lost with its wheels, and mend or forget it.

        Cost: a listing, mostly.
        """
        stale = frozenset() if self._readonly else stale_marks(os.path.dirname(self._trees))
        if stale:
            from blast_pm.store.rechecking import recheck

            recheck(self._paths(), self, self.suspects(stale), self.note)

    def _paths(self) -> StorePaths:
        from blast_pm.store.home import StorePaths

        return StorePaths(os.path.dirname(self._trees))

    def put(self, distributions: Iterable[StoredDistribution], mark: str = "") -> None:
        """Write rows, all in one transaction, durable when this returns.

        Args:
            distributions: what to enter.
            mark: the mark of what is not flushed yet; empty where it is.
        """
        self._database.put_many(
            _TABLE, [(bytes.fromhex(stored.sha256), self._encode(stored, mark)) for stored in distributions]
        )

    def marks(self) -> frozenset[str]:
        """Return the names of all marks that rows name. Cost: reads the whole table."""
        rows = (self._decode(key.hex(), value) for key, value in self._database.items(_TABLE))
        return frozenset(row[1] for row in rows if row is not None and row[1])

    def is_empty(self) -> bool:
        """Tell whether the table has no row, as after the database was lost."""
        return next(iter(self._database.items(_TABLE)), None) is None

    def suspects(self, marks: Collection[str]) -> list[StoredDistribution]:
        """Return all rows that name one of these marks. Cost: reads the whole table."""
        rows = (self._decode(key.hex(), value) for key, value in self._database.items(_TABLE))
        return [row[0] for row in rows if row is not None and row[1] in marks]

    def resolved_with(self, sha256: str) -> bytes | None:
        """Return the sha256 of the METADATA that this wheel was resolved with, None where that isn't known."""
        from blast_pm.metadata.core_metadata import decode_metadata

        record = self._database.read("metadata", bytes.fromhex(sha256), decode_metadata)
        return None if record is None else record.sha256

    def delete(self, sha256: str) -> None:
        """Remove a row, if it is there."""
        self._database.delete(_TABLE, bytes.fromhex(sha256))

    def delete_all(self, sha256s: Iterable[str]) -> None:
        """Remove rows, all in one transaction."""
        self._database.delete_rows([(_TABLE, bytes.fromhex(sha256)) for sha256 in sha256s])

    def __iter__(self) -> Iterator[StoredDistribution]:
        """Yield all readable rows, by digest."""
        for key, value in self._database.items(_TABLE):
            row = self._decode(key.hex(), value)
            if row is not None:
                yield row[0]

    def unreadable(self) -> list[tuple[str, bytes]]:
        """Return database and key of the rows that can't be read, for they are damaged or an older Blast wrote them.

        Cost: reads the whole table.
        """
        return [(_TABLE, key) for key, value in self._database.items(_TABLE) if self._decode(key.hex(), value) is None]

    def _encode(self, stored: StoredDistribution, mark: str) -> bytes:
        tree = os.path.basename(stored.tree)
        row = (_FORMAT, stored.blake3, tree, stored.name, stored.version, stored.plan)
        return marshal.dumps((*row, mark) if mark else row)

    def _decode(self, sha256: str, value: bytes) -> tuple[StoredDistribution, str] | None:
        """Return the row and the name of its mark; None if it can't be read."""
        try:
            form, blake3, tree, name, version, plan, *mark = marshal.loads(value)  # noqa: S302 - see the module
        except (ValueError, EOFError, TypeError, MemoryError):
            return None
        if form != _FORMAT:
            return None
        stored = StoredDistribution(name, version, sha256, blake3, f"{self._trees}/{tree}", plan)
        return stored, str(mark[0]) if mark else ""


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)  # A link to a directory is none of ours.
    except OSError:
        return False
