"""Where wheels are converted and unpacked: here, or in processes beside, so that all processors work.

The work is half Python and half system calls, so threads of one process would wait for each other. Starting a process
costs some 50 ms of processor time, while the first downloads are on their way: it is worth it for many megabytes.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import threading

import blast_core
import blast_pm
from blast_core.errors import StoreError
from blast_pm.store.ingest_process import LENGTH, read_exactly
from blast_pm.store.rows import StoredDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from blast_pm.store.arriving import ArrivingWheel
    from blast_pm.store.home import StorePaths
    from blast_pm.store.wanted import WantedDistribution

__all__ = ["Arrival", "IngestPool", "count_processes"]

# Below this the processes would begin when all is done.
_WORTH_BYTES = 6 << 20
_UNKNOWN_BYTES = 512 << 10
_MOST_PROCESSES = 8
# A wheel from this size on is unpacked while it comes, so many bytes at a time.
_STREAMED_BYTES = 8 << 20
_STEP_BYTES = 1 << 20
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from blast_pm.store.ingest_process import main; main()"
_PATIENCE_S = 5.0


def count_processes(missing: Sequence[WantedDistribution]) -> int:
    """Return how many processes to start for these; 0 is for doing it in this one."""
    total = sum(wanted.size or _UNKNOWN_BYTES for wanted in missing)
    if os.name != "posix" or not sys.executable or total < _WORTH_BYTES:
        return 0
    processors = os.cpu_count() or 1
    # One alone is worth it beside a wheel that it unpacks while that comes.
    return min(processors, len(missing), _MOST_PROCESSES) if processors > 1 else 0


class IngestPool:
    """Ingests wheels for any number of threads; a context manager.

    Args:
        paths: the store.
        processes: how many to start; 0 ingests in the calling threads, as many at once as there are processors.
        lock_fd: descriptor of the staging directory's lock. Every process inherits it, so the directory counts as used
            until the last of them is gone, even if this one is killed.
    """

    def __init__(self, paths: StorePaths, processes: int, lock_fd: int) -> None:
        self._paths = paths
        self._slots = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
        self._all = [_Process(lock_fd) for _ in range(processes)]
        self._changed = threading.Lock()
        self._waiting: list[_Waiter] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            process.stop()

    def kill(self) -> None:
        """End all work that is under way; whoever waits for it gets a StoreError."""
        for process in self._all:
            process.kill()

    def expect(self, wheel: str, size: int) -> Arrival:
        """Return what is told of a wheel's bytes as they come, so that it is unpacked meanwhile where that is worth it.

        Args:
            wheel: where it will be written.
            size: how large it will be, 0 if that is not known.
        """
        return Arrival(self, wheel, size)

    def ingest(
        self, wheel: str, filename: str, sha256: str, *, is_checked: bool = False, arrival: Arrival | None = None
    ) -> StoredDistribution:
        """Do what `ingest_wheel` does, as soon as there is room.

        Raises:
            StoreError: the process that did it died.
            BlastError: as `ingest_wheel`.
            OSError: as `ingest_wheel`.
        """
        if not self._all:
            from blast_pm.store.ingest import ingest_wheel

            with self._slots:
                here = None if arrival is None else arrival.here
                return ingest_wheel(wheel, filename, sha256, self._paths, is_checked=is_checked, arriving=here)
        process = self._take(filename, None if arrival is None else arrival.process)
        try:
            answer = process.ask(marshal.dumps((wheel, filename, sha256, self._paths.home, is_checked)))
        finally:
            self._give_back(process)
        if answer is None:
            raise _died(filename)
        found = marshal.loads(answer)  # noqa: S302 - from our own process, see ingest_process
        if len(found) == 1:
            import pickle

            raise pickle.loads(found[0])  # noqa: S301 - as above
        return StoredDistribution._make(found)

    def has_room(self, process: _Process | None) -> bool:
        """Tell whether this process, or any, has nothing to do; there is always room where there are none.

        Who has whole wheels to unpack would only do in pieces, at more cost, what can wait.
        """
        with self._changed:
            return not self._all or any(not each.is_busy for each in self._all if process in {None, each})

    def assign(self) -> _Process | None:
        """Return the process for a wheel that is on its way, None to do it in the calling thread."""
        with self._changed:
            process = min(self._all, key=lambda each: (each.is_busy, each.arrivals), default=None)
            if process is not None:
                process.arrivals += 1
            return process

    def release(self, process: _Process | None) -> None:
        """Say that a wheel that was assigned will not come."""
        with self._changed:
            if process is not None:
                process.arrivals -= 1

    def _take(self, filename: str, wanted: _Process | None) -> _Process:
        """Wait for a process that has nothing to do, or for the one that has begun with this wheel."""
        waiter = _Waiter(wanted)
        with self._changed:
            living = [process for process in self._all if not process.is_dead and wanted in {None, process}]
            # What came in pieces may still be work for it.
            process = min((each for each in living if not each.is_busy), key=_arrivals, default=None)
            if process is not None:
                process.is_busy = True
            elif living:
                self._waiting.append(waiter)
        if process is None and living:
            waiter.given.acquire()
            process = waiter.process
        if process is None:
            raise _died(filename)  # It is not asked again.
        if wanted is process:
            self.release(process)
        return process

    def _give_back(self, process: _Process) -> None:
        """Hand a process to the first who waits for it; all at once would wake up for one, again and again."""
        with self._changed:
            any_lives = not all(each.is_dead for each in self._all)
            for waiter in tuple(self._waiting):
                if waiter.wanted is process or waiter.wanted is None:
                    if process.is_dead and waiter.wanted is None and any_lives:
                        continue
                    self._waiting.remove(waiter)
                    waiter.process = None if process.is_dead else process
                    waiter.given.release()
                    if not process.is_dead:
                        return
            process.is_busy = False


class _Waiter:
    """A thread that waits for a process; ``given`` is released when ``process`` is set, or stays None for good."""

    __slots__ = ("given", "process", "wanted")

    def __init__(self, wanted: _Process | None) -> None:
        self.wanted = wanted
        self.process: _Process | None = None
        self.given = threading.Lock()
        self.given.acquire()


class Arrival:
    """A wheel that is being downloaded, from the downloading thread's side; nothing happens before it is worth it.

    Attributes:
        process: which one unpacks it; None if none does.
        here: what unpacks it in this thread, where there are no processes.
    """

    def __init__(self, pool: IngestPool, wheel: str, size: int) -> None:
        self.process: _Process | None = None
        self.here: ArrivingWheel | None = None
        self._pool = pool
        self._wheel = wheel
        self._size = size
        self._came = 0
        self._told = 0
        # Windows neither renames nor removes a file that is open.
        self._is_over = os.name != "posix"

    def advance(self, count: int) -> None:
        """Say that so many bytes more are in the file; a negative number takes all of them back."""
        self._came += count
        if count < 0:
            self.drop()
        elif (
            max(self._came, self._size) >= _STREAMED_BYTES
            and self._came - self._told >= _STEP_BYTES
            and self._came != self._size
            and not self._is_over
            and self._pool.has_room(self.process)
        ):
            self._tell(self._came)

    def drop(self) -> None:
        """Give up: the wheel comes anew or not at all. What was unpacked is thrown away."""
        if self._told and not self._is_over:
            self._tell(-1)
            self._pool.release(self.process)
        self._is_over = True

    def _tell(self, came: int) -> None:
        if not self._told:
            self.process = self._pool.assign()
            if self.process is None:
                from blast_pm.store.arriving import ArrivingWheel

                self.here = ArrivingWheel(self._wheel)
        self._told = came
        if self.process is not None:
            self.process.tell(marshal.dumps((self._wheel, came)))
        elif self.here is not None and came >= 0:
            self.here.advance(came)
        elif self.here is not None:
            self.here.close()


class _Process:
    """One process; the pool's lock guards the attributes."""

    def __init__(self, lock_fd: int) -> None:
        self.popen = _start(lock_fd)
        self._writing = threading.Lock()
        self.is_busy = False
        self.is_dead = False
        self.arrivals = 0

    def tell(self, news: bytes) -> bool:
        """Send what has no answer, and tell whether somebody was there."""
        assert self.popen.stdin is not None
        try:
            with self._writing:
                self.popen.stdin.write(LENGTH.pack(len(news)) + news)
        except (BrokenPipeError, ValueError):
            self.is_dead = True
        return not self.is_dead

    def ask(self, job: bytes) -> bytes | None:
        """Return the answer, or None from a process that died."""
        assert self.popen.stdout is not None
        if not self.tell(job):
            return None
        head = read_exactly(self.popen.stdout.fileno(), LENGTH.size)
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
        answer = read_exactly(self.popen.stdout.fileno(), size)
        self.is_dead = len(answer) != size
        return None if self.is_dead else answer

    def kill(self) -> None:
        self.popen.kill()

    def stop(self) -> None:
        process = self.popen
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _arrivals(process: _Process) -> int:
    return process.arrivals


def _start(lock_fd: int) -> subprocess.Popen[bytes]:
    # An editable installation may be known to an import hook alone, so the packages' own places come first.
    own = {os.path.dirname(os.path.dirname(module.__file__ or "")): None for module in (blast_pm, blast_core)}
    path = [*own, *(entry for entry in sys.path if entry)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _MAIN, *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        pass_fds=(lock_fd,),
    )


def _died(filename: str) -> StoreError:
    return StoreError(
        f"can't store {filename}",
        reason="the process that unpacked it died",
        hint="the machine may be short of memory: see the kernel's messages",
    )
