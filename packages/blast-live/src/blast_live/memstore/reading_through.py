"""A Redis behind a memory store: what is missing here is looked for there, and what is committed here is put there.

A key that is looked for is claimed meanwhile by the store itself, under a number below zero, so that whoever asks for
it waits as for any other install. Where Redis is down or slow, the key is missing: a store works without it.
"""

from __future__ import annotations

import os
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from blast_core.errors import BlastError
from blast_live.memstore.model import LOCAL_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from blast_live.memstore.engine import Engine
    from blast_live.memstore.model import Record
    from blast_live.memstore.redis_store import Fetched, RedisStore
    from blast_live.memstore.workers import Workers

__all__ = ["ORIGIN", "ReadingThrough"]

#: The origin of records that came from there.
ORIGIN = "redis"
# What is not there is not looked for again at once; a server that failed is left alone for a while.
_MISSED_S = 5.0
_FAILED_S = 10.0
_FETCH_S = 60.0
_MISSES = 4096


class ReadingThrough:
    """Looks for missing keys in Redis, and writes committed records to it, by the threads of ``workers``."""

    def __init__(self, store: RedisStore, engine: Engine, workers: Workers, *, writes: bool = True) -> None:
        self._store = store
        self._engine = engine
        self._workers = workers
        self._writes = writes
        self._owner = 0
        self._missed: dict[str, float] = {}
        self._fetching: dict[int, float] = {}
        self._blocked_until = 0.0
        self._last_error = ""
        self._counts = {"hits": 0, "misses": 0, "failures": 0, "written": 0, "unwritten": 0, "writing": 0}

    def read(self, keys: Iterable[str], now: float) -> None:
        """Begin to look for keys that are neither here nor being installed."""
        if now < self._blocked_until:
            return
        for key in keys:
            if key.startswith(LOCAL_KEYS):
                continue
            if now - self._missed.get(key, -_MISSED_S) < _MISSED_S:
                continue
            self._owner -= 1
            owner = self._owner
            try:
                self._engine.begin(owner, [key], only_missing=False, wait_s=0.0, now=now)
                self._look_for(owner, key)
            except BlastError:
                self._engine.rollback(owner)
                return
            self._fetching[owner] = now

    def write(self, records: Sequence[Record]) -> None:
        """Put records that were just committed into Redis, in a while."""
        records = [record for record in records if not record.key.startswith(LOCAL_KEYS)]
        if not self._writes or not records:
            return
        self._owner -= 1
        owner = self._owner
        table = self._engine.table
        try:
            for record in records:
                table.lease(owner, record)  # it stays until it is written
            fds = {part.digest: table.descriptor(part.digest) for record in records for part in record.parts}
            self._workers.fetch(lambda: self._store.put(records, fds), lambda done: self._written(owner, records, done))
        except BlastError as error:
            table.release(owner)
            self._fail(error, len(records))
        else:
            self._counts["writing"] += 1

    def expire(self, now: float) -> None:
        """Give up what has been looked for too long, and shut its sockets."""
        late = [owner for owner, begun in self._fetching.items() if now - begun >= _FETCH_S]
        for owner in late:
            del self._fetching[owner]
            self._engine.rollback(owner)
        if late:
            self._blocked_until = now + _FAILED_S
            self._last_error = f"no answer within {_FETCH_S:g} s"
            self._counts["failures"] += len(late)
            self._store.cancel()

    def cancel(self) -> None:
        """End what is under way, because the store ends."""
        self._store.cancel()

    def report(self) -> dict[str, Any]:
        """Return counts for the status, and the last error."""
        return {**self._counts, "reading": len(self._fetching), "last_error": self._last_error}

    # -- inside

    def _look_for(self, owner: int, key: str) -> None:
        self._workers.fetch(lambda: self._store.find(key), lambda done: self._finish(owner, key, done))

    def _finish(self, owner: int, key: str, done: Future[Fetched | None]) -> None:
        import time

        is_awaited = self._fetching.pop(owner, None) is not None
        fetched: Fetched | None = None
        try:
            fetched = done.result()
            if fetched is None:
                self._counts["misses"] += 1
            elif is_awaited:
                self._take(owner, fetched)
                self._counts["hits"] += 1
        except CancelledError:
            pass  # the store ends
        except BlastError as error:
            self._last_error = error.message
            self._counts["failures"] += 1
            if error.code == "store":  # the server, and not this record
                self._blocked_until = time.monotonic() + _FAILED_S
        except Exception as error:  # noqa: BLE001 - of a library: as if the server had failed
            self._last_error = type(error).__name__
            self._counts["failures"] += 1
            self._blocked_until = time.monotonic() + _FAILED_S
        finally:
            if fetched is not None:
                fetched.close()
            self._engine.rollback(owner)
            if fetched is None:
                self._remember(key, time.monotonic())

    def _take(self, owner: int, fetched: Fetched) -> None:
        for part in fetched.record.parts:
            fd = fetched.fds.get(part.digest)
            if fd is not None and self._engine.put(owner, part.digest, os.fstat(fd).st_size, fd):
                del fetched.fds[part.digest]
        self._engine.commit(owner, [fetched.record._replace(origin=ORIGIN)])

    def _remember(self, key: str, now: float) -> None:
        if len(self._missed) >= _MISSES:
            self._missed = {each: at for each, at in self._missed.items() if now - at < _MISSED_S}
            if len(self._missed) >= _MISSES:
                self._missed.clear()
        self._missed[key] = now

    def _written(self, owner: int, records: Sequence[Record], done: Future[None]) -> None:
        self._counts["writing"] -= 1
        if done.cancelled():
            return  # the store ends
        self._engine.table.release(owner)
        error = done.exception()
        if error is None:
            self._counts["written"] += len(records)
        else:
            self._fail(error, len(records))

    def _fail(self, error: BaseException, count: int) -> None:
        self._last_error = error.message if isinstance(error, BlastError) else type(error).__name__
        if isinstance(error, BlastError) and error.reason:
            self._last_error += f": {error.reason}"
        self._counts["unwritten"] += count
