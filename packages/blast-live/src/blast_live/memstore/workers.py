"""Work that takes long, done by threads beside the loop of a memory store: hashing, and talking to Redis."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

from blast_core.errors import StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["Workers"]

#: More jobs than this are not taken: whoever asks then has to ask again.
_WAITING = 4096


class Workers:
    """Two kinds of threads, so that a slow Redis never holds up hashing; results come back to the loop by `collect`."""

    def __init__(self, hashers: int = 2, fetchers: int = 4) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._hashing = ThreadPoolExecutor(hashers, "hash")
        self._fetching = ThreadPoolExecutor(fetchers, "fetch")
        self._done: deque[tuple[Callable[[Future[Any]], None], Future[Any]]] = deque()
        self._pending = 0
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def fileno(self) -> int:
        """Return a descriptor that is readable when `collect` has something to do."""
        return self._read

    def hash(self, job: Callable[[], object], then: Callable[[Future[Any]], None]) -> None:
        """Have ``job`` done soon, and ``then`` called by `collect` with its future.

        Raises:
            StoreLocked: too much waits already.
        """
        self._submit(self._hashing, job, then)

    def fetch(self, job: Callable[[], object], then: Callable[[Future[Any]], None]) -> None:
        """As `hash`, for jobs that wait for the network."""
        self._submit(self._fetching, job, then)

    def _submit(self, pool: Any, job: Callable[[], object], then: Callable[[Future[Any]], None]) -> None:
        if self._pending >= _WAITING:
            raise StoreLocked("the memory store has too much to do", hint="try again")
        self._pending += 1
        future = pool.submit(job)
        future.add_done_callback(lambda done: self._finish(then, done))

    def _finish(self, then: Callable[[Future[Any]], None], done: Future[Any]) -> None:
        self._done.append((then, done))
        try:
            os.write(self._write, b"x")
        except OSError:
            pass  # the pipe is full, so the loop wakes; or the store is closing, and nobody waits

    def collect(self) -> None:
        """Call what waits for finished jobs."""
        try:
            os.read(self._read, 65536)
        except BlockingIOError:
            pass
        while self._done:
            then, done = self._done.popleft()
            self._pending -= 1
            then(done)

    def close(self) -> None:
        """Take no more jobs; those that run end by themselves, and nobody hears of them."""
        for pool in (self._hashing, self._fetching):
            pool.shutdown(wait=True, cancel_futures=True)
        self.collect()
        os.close(self._read)
        os.close(self._write)
