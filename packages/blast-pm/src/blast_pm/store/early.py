"""Wheels that are fetched before it is certain that they are wanted: while a resolver still waits for answers.

They come into a directory of this command's own. Who then wants one takes it from there, waiting for the rest of it
where it is on its way, and puts it into the store as if it had just been fetched; what nobody takes goes with the
directory. So a wrong guess never enters the store, and no wheel is fetched twice. What fails here is fetched by who
wants it, and told of then.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from blast_core import fs
from blast_core.errors import BlastError
from blast_pm.kept_threads import run_kept
from blast_pm.store.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_pm.kept_threads import Running
    from blast_pm.store.wanted import WantedDistribution

    Fetch = Callable[[WantedDistribution, str, Callable[[int], None]], str | None]

__all__ = ["EarlyDownloads"]

# The resolver's own questions share the connection with them, and shall not stand behind them.
_WORKERS = 8
# When so much is under way nothing more is begun: a wrong guess is noticed when the resolver is done, and until then a
# connection brings what it can, wanted or not.
_TOTAL_BYTES = 256 << 20
_JOIN_S = 2.0
_QUEUED, _RUNNING, _DONE, _FAILED = range(4)


class _Unwanted(BaseException):
    """Nobody will take this wheel; raised where it is downloaded."""


class _Early:
    """One wheel; ``ended`` is held until its download has come to an end."""

    __slots__ = ("ended", "path", "progress", "received", "state", "unwanted", "wanted")

    def __init__(self, wanted: WantedDistribution, path: str) -> None:
        self.wanted = wanted
        self.path = path
        self.state = _QUEUED
        self.received = 0
        self.unwanted = False
        self.progress: Callable[[int], None] | None = None
        self.ended = allocate_lock()
        self.ended.acquire()

    def advance(self, count: int) -> None:
        self.received += count
        if self.unwanted:
            raise _Unwanted
        if self.progress is not None:
            self.progress(count)


class EarlyDownloads:
    """Downloads of one command; may be used from any thread. Nothing is made before something is begun.

    Args:
        fetch: as for `GlobalCache.ensure`.
        is_stored: tells by sha256 whether a wheel is in the store already.
        parent: the home's ``tmp``.
        workers: how many wheels are on their way at once.
    """

    def __init__(self, fetch: Fetch, is_stored: Callable[[str], bool], parent: str, workers: int = _WORKERS) -> None:
        self._fetch = fetch
        self._is_stored = is_stored
        self._parent = parent
        self._workers = workers
        self._lock = allocate_lock()
        self._wheels: dict[str, _Early] = {}
        self._queue: list[_Early] = []
        self._threads: list[Running] = []
        self._working = 0
        self._closed = False
        self._staging: Staging | None = None

    def begin(self, wanted: WantedDistribution) -> bool:
        """Fetch a wheel in the background, and tell whether it is; not without a digest, and not beyond all measure."""
        if not wanted.sha256:
            return False
        with self._lock:
            came = sum(each.wanted.size or each.received for each in self._wheels.values())
            if self._closed or wanted.sha256 in self._wheels or came + wanted.size > _TOTAL_BYTES:
                return False
            if self._staging is None:
                try:
                    self._staging = Staging(self._parent)
                except (OSError, BlastError):
                    self._closed = True
                    return False
            path = os.path.join(self._staging.path, wanted.sha256[:32])
            early = self._wheels[wanted.sha256] = _Early(wanted, path)
            self._queue.append(early)
            if self._working < self._workers:
                self._working += 1
                self._threads.append(run_kept(self._work, f"blast-early-{self._working}"))
        return True

    def drop(self, sha256: str) -> None:
        """Forget a wheel that was begun: it was a wrong guess."""
        with self._lock:
            early = self._wheels.pop(sha256, None)
            if early is not None:
                early.unwanted = True

    def settle(self, sha256s: set[str]) -> tuple[int, int]:
        """Begin nothing more, and drop what is on its way but not among these: now it is known what is wanted.

        Returns:
            How many bytes of these came already, and of how many wheels.
        """
        with self._lock:
            self._closed = True
            self._queue.clear()
            for sha256, early in self._wheels.items():
                early.unwanted = early.unwanted or sha256 not in sha256s
            came = [early.received for early in self._wheels.values() if not early.unwanted and early.received]
        return sum(came), len(came)

    def take(self, sha256: str, destination: str, progress: Callable[[int], None]) -> str | None:
        """Move a wheel that came, or waits to have come, to ``destination``; return its sha256.

        Args:
            sha256: which.
            destination: must not exist; on the file system of the store.
            progress: told of what came and what comes; what it raises ends the download.

        Returns:
            None where it was not begun or has failed: the caller fetches it.

        Raises:
            OSError: it can't be moved.
        """
        with self._lock:
            early = self._wheels.pop(sha256, None)
            if early is None or early.state == _QUEUED:
                if early is not None:
                    early.unwanted = True
                return None
            came = early.received
            early.progress = progress
        if came:
            progress(came)
        with early.ended:
            pass
        if early.state != _DONE:
            return None
        fs.rename(early.path, destination)
        return sha256

    def close(self) -> None:
        """Drop what nobody took; safe to call twice."""
        self.settle(set())
        for thread in self._threads:
            thread.join(_JOIN_S)
        staging, self._staging = self._staging, None
        if staging is not None:
            staging.close()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._working -= 1
                    return
                early = self._queue.pop(0)
                early.state = _RUNNING
            try:
                early.state = self._bring(early)
            finally:
                early.ended.release()

    def _bring(self, early: _Early) -> int:
        wanted = early.wanted
        try:
            if early.unwanted or self._is_stored(wanted.sha256):
                return _FAILED
            found = self._fetch(wanted, early.path, early.advance)
        except BaseException:  # noqa: BLE001 - who takes it fetches it, and sees for himself
            return _FAILED
        return _DONE if found == wanted.sha256 else _FAILED
