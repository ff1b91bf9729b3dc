"""What a memory store does for its connections, without a socket: get, begin, put, commit, and who has to wait.

An owner is a connection's number, below zero for a fetch of the store's own. What can't be answered yet is remembered,
and comes out of `Engine.settle` once it can, or once it has waited for long enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import BlastError, StoreError, StoreLocked
from blast_live.memstore.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from blast_live.memstore.model import Record
    from blast_live.memstore.table import Table

__all__ = ["Begun", "Engine", "Found", "Settled"]


class Found(NamedTuple):
    """The answer to a get: records that are there, now borrowed, and keys of which there are none."""

    records: tuple[Record, ...]
    missing: tuple[str, ...]


class Begun(NamedTuple):
    """The answer to a begin.

    Attributes:
        records: of those keys that are there, now borrowed; none where all keys were wanted.
        claimed: the keys that the transaction installs; where there are none, there is no transaction.
        busy: keys that somebody else installs now.
    """

    records: tuple[Record, ...]
    claimed: tuple[str, ...]
    busy: tuple[str, ...]


class Settled(NamedTuple):
    """An answer that was waited for, or the error that ended the wait."""

    owner: int
    answer: Found | Begun | BlastError


class _Waiter:
    __slots__ = ("answer", "blockers", "deadline", "remaining", "waited_s")

    def __init__(self, answer: Callable[[], Found | Begun], blockers: Callable[[], frozenset[str]]) -> None:
        self.answer = answer
        self.blockers = blockers
        self.remaining: set[str] = set()
        self.deadline = 0.0
        self.waited_s = 0.0


class Engine:
    """Joins a table and the claims on it.

    Args:
        table: the blobs and records.
        patience_s: how long a transaction may be open before it is rolled back, so that a stopped process does not keep
            its keys for ever.
    """

    def __init__(self, table: Table, patience_s: float = 600.0) -> None:
        self.table = table
        self.claims = Claims()
        self._patience_s = patience_s
        self._waiters: dict[int, _Waiter] = {}
        self._waiting_on: dict[str, dict[int, None]] = {}
        self._ages: dict[int, float] = {}
        self._ready: dict[int, None] = {}
        self._now = 0.0

    # -- requests

    def get(self, owner: int, keys: Sequence[str], wait_s: float, now: float) -> Found | None:
        """Return what stands under the keys, or None where that has to be waited for."""
        waiter = _Waiter(lambda: self._find(owner, keys), lambda: self.claims.busy(owner, keys))
        return self._answer(owner, waiter, wait_s, now)  # type: ignore[return-value]  # a get's answer is a Found

    def look(self, owner: int, keys: Sequence[str]) -> Found:
        """Return what stands under the keys now, whatever is being installed."""
        return self._find(owner, keys)

    def begin(self, owner: int, keys: Sequence[str], *, only_missing: bool, wait_s: float, now: float) -> Begun | None:
        """Begin a transaction, or return None where that has to wait.

        Args:
            owner: who will install.
            keys: what will be installed.
            only_missing: claim what is neither there nor claimed, instead of waiting until all can be claimed.
            wait_s: how long to wait at the most.
            now: the moment, in seconds.

        Raises:
            StoreError: the owner has a transaction already.
            StoreLocked: waiting would never end.
        """
        if self.claims.keys_of(owner) is not None:
            self.claims.begin(owner, ())  # which says why not

        def blockers() -> frozenset[str]:
            busy = self.claims.busy(owner, keys)
            # What the store fetches itself is soon there, or known to be missing.
            return frozenset(key for key in busy if (self.claims.owner_of(key) or 0) < 0) if only_missing else busy

        waiter = _Waiter(lambda: self._begin(owner, keys, only_missing=only_missing), blockers)
        return self._answer(owner, waiter, wait_s, now)  # type: ignore[return-value]  # a begin's answer is a Begun

    def put(self, owner: int, digest: bytes, size: int, fd: int) -> bool:
        """Stage a blob whose content was checked; tell whether ``fd`` is the store's now.

        Raises:
            StoreError: no transaction is open, or there is no room.
        """
        self.claims.get_open(owner)
        return self.table.stage(owner, digest, size, fd)

    def commit(self, owner: int, records: Sequence[Record]) -> None:
        """Make records visible, all at once, and end the transaction; the owner borrows them.

        Raises:
            StoreError: no transaction is open, or a record stands under a key that it did not claim.
            ObjectMissing: a part was not put.
        """
        claimed = self.claims.get_open(owner)
        keys = {record.key for record in records}
        if len(keys) != len(records) or not keys <= claimed:
            odd = min(keys - claimed, default="a key twice")
            raise StoreError(f"the transaction did not claim {odd}")
        for record in records:
            self.table.check(record)
        if owner >= 0:
            for record in records:
                self.table.lease(owner, record)
        self.table.publish(owner, records)
        self._end(owner)

    def rollback(self, owner: int) -> None:
        """Forget the owner's transaction, if there is one."""
        self.table.unstage(owner)
        self._end(owner)

    def leave(self, owner: int) -> None:
        """Forget an owner who is gone: its wait, its transaction, what it borrowed."""
        self._stop_waiting(owner)
        self.rollback(owner)
        self.table.release(owner)

    def absent(self, keys: Iterable[str]) -> list[str]:
        """Return those keys that are neither there nor being installed."""
        return [key for key in keys if self.claims.owner_of(key) is None and self.table.find(key) is None]

    # -- waiting

    def settle(self, now: float) -> list[Settled]:
        """Return the answers that can be given now, and the errors of those who have waited for long enough."""
        self._now = now
        for owner in [owner for owner, begun in self._ages.items() if now - begun >= self._patience_s]:
            self.rollback(owner)
        settled: list[Settled] = []
        while self._ready:
            owner = next(iter(self._ready))
            del self._ready[owner]
            answer = self._retry(owner)
            if answer is not None:
                settled.append(Settled(owner, answer))
        for owner, waiter in list(self._waiters.items()):
            if now >= waiter.deadline:
                settled.append(Settled(owner, self._late(waiter)))
                self._stop_waiting(owner)
        return settled

    def deadline(self) -> float | None:
        """Return the moment by which `settle` has to be called again, or None."""
        moments = [waiter.deadline for waiter in self._waiters.values()]
        moments += [begun + self._patience_s for begun in self._ages.values()]
        return min(moments, default=None)

    def waiting(self) -> int:
        """Return how many owners wait."""
        return len(self._waiters)

    # -- inside

    def _find(self, owner: int, keys: Sequence[str]) -> Found:
        found = [(key, self.table.find(key)) for key in keys]
        records = tuple(record for _, record in found if record is not None)
        for record in records:
            self.table.lease(owner, record)
        return Found(records, tuple(key for key, record in found if record is None))

    def _begin(self, owner: int, keys: Sequence[str], *, only_missing: bool) -> Begun:
        if not only_missing:
            self._claim(owner, keys)
            return Begun((), tuple(keys), ())
        busy = self.claims.busy(owner, keys)
        found = self._find(owner, [key for key in keys if key not in busy])
        if found.missing:
            self._claim(owner, found.missing)
        return Begun(found.records, found.missing, tuple(key for key in keys if key in busy))

    def _claim(self, owner: int, keys: Sequence[str]) -> None:
        self.claims.begin(owner, keys)
        self._ages[owner] = self._now

    def _end(self, owner: int) -> None:
        self._ages.pop(owner, None)
        for key in self.claims.end(owner):
            for other in self._waiting_on.pop(key, ()):
                waiter = self._waiters[other]
                waiter.remaining.discard(key)
                if not waiter.remaining:
                    self._ready[other] = None

    def _answer(self, owner: int, waiter: _Waiter, wait_s: float, now: float) -> Found | Begun | None:
        self._now = now
        blockers = waiter.blockers()
        if not blockers:
            return waiter.answer()
        self.claims.wait(owner, blockers)
        waiter.deadline, waiter.waited_s = now + wait_s, wait_s
        self._waiters[owner] = waiter
        self._block(owner, waiter, blockers)
        return None

    def _block(self, owner: int, waiter: _Waiter, blockers: frozenset[str]) -> None:
        waiter.remaining = set(blockers)
        for key in blockers:
            self._waiting_on.setdefault(key, {})[owner] = None

    def _retry(self, owner: int) -> Found | Begun | BlastError | None:
        waiter = self._waiters.get(owner)
        if waiter is None:
            return None
        blockers = waiter.blockers()
        try:
            if not blockers:
                answer: Found | Begun | BlastError = waiter.answer()
            else:
                self.claims.wait(owner, blockers)
                self._block(owner, waiter, blockers)
                return None
        except BlastError as error:
            answer = error
        self._stop_waiting(owner)
        return answer

    def _late(self, waiter: _Waiter) -> BlastError:
        key = min(waiter.remaining, default="a key")
        more = f" and {len(waiter.remaining) - 1} more" if len(waiter.remaining) > 1 else ""
        who = "the store itself reads it from further away" if (self.claims.owner_of(key) or 0) < 0 else (
            "another process installs it"
        )  # fmt: skip
        return StoreLocked(
            f"{key}{more} can't be had yet",
            reason=f"{who}, and was waited for {waiter.waited_s:g} s",
            hint="wait longer, or see 'blast memstore status'",
        )

    def _stop_waiting(self, owner: int) -> None:
        waiter = self._waiters.pop(owner, None)
        self._ready.pop(owner, None)
        self.claims.stop_waiting(owner)
        for key in waiter.remaining if waiter is not None else ():
            others = self._waiting_on.get(key)
            if others is not None:
                others.pop(owner, None)
                if not others:
                    del self._waiting_on[key]
