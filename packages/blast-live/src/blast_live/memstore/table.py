"""The state of a memory store: blobs, the records that name them, who borrows them, and how much room there is.

No I/O happens here but through ``close``, which is given a descriptor that nobody needs any more. An *owner* is a
number that stands for a connection.

A blob stays while a record names it, a transaction has staged it, or somebody borrows it. Records go by age of their
last use when room is needed, each as a whole; one of which any part is borrowed or staged stays.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import DigestMismatch, ObjectMissing, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from blast_live.memstore.model import Record

__all__ = ["LEASES", "Lent", "Table", "Totals"]

#: How many blobs one connection may borrow: a lock of a thousand distributions with eight files each.
LEASES = 8192


class _Stored:
    """A blob, and who needs it."""

    __slots__ = ("borrowers", "digest", "fd", "keys", "size", "stagers")

    def __init__(self, digest: bytes, size: int, fd: int) -> None:
        self.digest = digest
        self.size = size
        self.fd = fd
        self.keys: set[str] = set()
        self.stagers: set[int] = set()
        self.borrowers: set[int] = set()

    @property
    def is_pinned(self) -> bool:
        return bool(self.stagers or self.borrowers)


class Lent(NamedTuple):
    """A record in a listing: how many connections borrow a part of it."""

    record: Record
    borrowers: int


class Totals(NamedTuple):
    """How full a store is; sizes in bytes.

    Attributes:
        records: keys that something stands under.
        blobs: distinct ones, each of which takes a descriptor.
        size: of all blobs.
        pinned: of the blobs that can't be evicted now.
        evicted: records that went to make room, since the start.
    """

    records: int
    blobs: int
    size: int
    pinned: int
    evicted: int


class Table:
    """Blobs and records within ``max_size`` bytes and ``max_blobs`` descriptors."""

    def __init__(self, max_size: int, max_blobs: int, close: Callable[[int], None]) -> None:
        self.max_size = max_size
        self.max_blobs = max_blobs
        self._close = close
        self._blobs: dict[bytes, _Stored] = {}
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._staged: dict[int, set[bytes]] = {}
        self._leased: dict[int, set[bytes]] = {}
        self._size = 0
        self._evicted = 0

    # -- reading

    def find(self, key: str) -> Record | None:
        """Return what stands under ``key``, which counts as a use."""
        record = self._records.get(key)
        if record is not None:
            self._records.move_to_end(key)
        return record

    def descriptor(self, digest: bytes) -> int:
        """Return the descriptor of a blob, which stays the table's.

        Raises:
            ObjectMissing: there is no such blob.
        """
        stored = self._blobs.get(digest)
        if stored is None:
            raise ObjectMissing(f"the memory store has no blob {digest.hex()[:16]}…")
        return stored.fd

    def has(self, digest: bytes) -> bool:
        """Tell whether a blob is there."""
        return digest in self._blobs

    def listing(self) -> list[Lent]:
        """Return all records, those used last at the end."""
        return [Lent(record, len(self._borrowers(record))) for record in self._records.values()]

    def totals(self) -> Totals:
        """Return how full the store is."""
        pinned = sum(blob.size for blob in self._blobs.values() if blob.is_pinned)
        return Totals(len(self._records), len(self._blobs), self._size, pinned, self._evicted)

    # -- borrowing

    def lease(self, owner: int, record: Record) -> None:
        """Let ``owner`` borrow all parts of a record.

        Raises:
            StoreError: it borrows too much already.
        """
        digests = self._leased.setdefault(owner, set())
        wanted = {part.digest for part in record.parts}
        if len(digests | wanted) > LEASES:
            raise StoreError(f"one connection can't borrow more than {LEASES} blobs", hint="give some back")
        for digest in wanted:
            self._blobs[digest].borrowers.add(owner)
        digests |= wanted

    def borrows(self, owner: int, digest: bytes) -> bool:
        """Tell whether ``owner`` borrows or has staged a blob."""
        return digest in self._leased.get(owner, ()) or digest in self._staged.get(owner, ())

    def release(self, owner: int, digests: Iterable[bytes] | None = None) -> None:
        """Take back what ``owner`` borrowed: these blobs, or all."""
        leased = self._leased.get(owner, set())
        for digest in list(leased) if digests is None else [digest for digest in digests if digest in leased]:
            leased.discard(digest)
            stored = self._blobs[digest]
            stored.borrowers.discard(owner)
            self._drop_if_unused(stored)
        if not leased:
            self._leased.pop(owner, None)

    # -- changing

    def stage(self, owner: int, digest: bytes, size: int, fd: int) -> bool:
        """Keep a blob for a transaction of ``owner``; tell whether it is new, else ``fd`` stays the caller's.

        Raises:
            StoreError: there is no room for it, even without everything that nobody uses.
        """
        stored = self._blobs.get(digest)
        is_new = stored is None
        if stored is None:
            self._make_room(size)
            stored = self._blobs[digest] = _Stored(digest, size, fd)
            self._size += size
        stored.stagers.add(owner)
        self._staged.setdefault(owner, set()).add(digest)
        return is_new

    def check(self, record: Record) -> None:
        """Check that all parts of a record are here, and as large as it says.

        Raises:
            ObjectMissing: one is not.
            DigestMismatch: one has another size.
        """
        for part in record.parts:
            stored = self._blobs.get(part.digest)
            if stored is None:
                raise ObjectMissing(f"{record.key}: part {part.name} was not put, or was evicted since")
            if stored.size != part.size:
                raise DigestMismatch(f"{record.key}: part {part.name} has {stored.size} bytes and not {part.size}")

    def publish(self, owner: int, records: Sequence[Record]) -> None:
        """Put records in place, all at once; their parts must have been staged by ``owner`` or be here."""
        for record in records:
            self.check(record)
        for record in records:
            old = self._records.pop(record.key, None)
            self._records[record.key] = record
            for part in record.parts:
                self._blobs[part.digest].keys.add(record.key)
            if old is not None:
                self._forget(old, {part.digest for part in record.parts})
        self.unstage(owner)

    def unstage(self, owner: int) -> None:
        """Let go of what ``owner`` has staged; what no record names is gone."""
        for digest in self._staged.pop(owner, ()):
            stored = self._blobs[digest]
            stored.stagers.discard(owner)
            self._drop_if_unused(stored)

    def evict(self, keys: Iterable[str]) -> tuple[list[str], list[str]]:
        """Remove these records; return the keys that went, and those of which a part is borrowed, which stay."""
        gone, kept = [], []
        for key in keys:
            record = self._records.get(key)
            if record is None:
                continue
            if self._is_pinned(record):
                kept.append(key)
            else:
                self._evict(record)
                gone.append(key)
        return gone, kept

    def shrink(self, max_size: int) -> list[str]:
        """Remove the records used longest ago until the blobs take ``max_size`` or nothing more may go."""
        gone = []
        for record in list(self._records.values()):
            if self._size <= max_size:
                break
            if not self._is_pinned(record):
                self._evict(record)
                gone.append(record.key)
        return gone

    def close(self) -> None:
        """Close all descriptors; the table is empty then."""
        for stored in self._blobs.values():
            self._close(stored.fd)
        self._blobs.clear()
        self._records.clear()
        self._staged.clear()
        self._leased.clear()
        self._size = 0

    # -- inside

    def _borrowers(self, record: Record) -> set[int]:
        return set().union(*(self._blobs[part.digest].borrowers for part in record.parts))

    def _is_pinned(self, record: Record) -> bool:
        return any(self._blobs[part.digest].is_pinned for part in record.parts)

    def _make_room(self, size: int) -> None:
        if self._size + size <= self.max_size and len(self._blobs) < self.max_blobs:
            return
        # Nothing is evicted for what will not fit all the same.
        fixed = {part.digest for record in self._records.values() if self._is_pinned(record) for part in record.parts}
        fixed |= {stored.digest for stored in self._blobs.values() if stored.is_pinned}
        fixed_size = sum(self._blobs[digest].size for digest in fixed)
        if fixed_size + size > self.max_size or len(fixed) >= self.max_blobs:
            raise StoreError(
                "the memory store is full",
                reason=f"{fixed_size} bytes in {len(fixed)} blobs are used; {size} more do not fit in {self.max_size}",
                hint="start it with a larger --max-size, or wait until runners are done",
            )
        for record in list(self._records.values()):
            if self._size + size <= self.max_size and len(self._blobs) < self.max_blobs:
                break
            if not self._is_pinned(record):
                self._evict(record)

    def _evict(self, record: Record) -> None:
        del self._records[record.key]
        self._forget(record, frozenset())
        self._evicted += 1

    def _forget(self, record: Record, still: frozenset[bytes] | set[bytes]) -> None:
        """Undo that a record which is gone names its parts, except those that its successor names too."""
        for digest in {part.digest for part in record.parts} - still:
            stored = self._blobs[digest]
            stored.keys.discard(record.key)
            self._drop_if_unused(stored)

    def _drop_if_unused(self, stored: _Stored) -> None:
        if not (stored.keys or stored.stagers or stored.borrowers) and stored.digest in self._blobs:
            del self._blobs[stored.digest]
            self._size -= stored.size
            self._close(stored.fd)
