"""Where wheels are converted and unpacked: here, or in processes beside, so that all processors work.

The work is half Python and half system calls, so threads of one process would wait for each other. Starting a process
costs some 50 ms of processor time, while the first downloads are on their way: it is worth it for many megabytes.
"""

from __future__ import annotations

import marshal
import os
import pickle
import subprocess
import sys
import threading
from typing import cast

import blast_core
import blast_pm
from blast_core.errors import StoreError
from blast_pm.store.ingest_process import LENGTH, read_exactly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution
    from blast_pm.store.wanted import WantedDistribution

__all__ = ["IngestPool", "count_processes"]

# Below this the processes would begin when all is done.
_WORTH_BYTES = 6 << 20
_UNKNOWN_BYTES = 512 << 10
_MOST_PROCESSES = 8
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from blast_pm.store.ingest_process import main; main()"
_PATIENCE_S = 5.0


def count_processes(missing: Sequence[WantedDistribution]) -> int:
    """Return how many processes to start for these; 0 is for doing it in this one."""
    total = sum(wanted.size or _UNKNOWN_BYTES for wanted in missing)
    if os.name != "posix" or not sys.executable or total < _WORTH_BYTES:
        return 0
    count = min(os.cpu_count() or 1, len(missing), _MOST_PROCESSES)
    return count if count > 1 else 0


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
        self._slots = threading.BoundedSemaphore(processes or max(2, os.cpu_count() or 2))
        self._all = [_start(lock_fd) for _ in range(processes)]
        self._idle = list(self._all)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            _stop(process)

    def kill(self) -> None:
        """End all work that is under way; whoever waits for it gets a StoreError."""
        for process in self._all:
            process.kill()

    def ingest(self, wheel: str, filename: str, sha256: str, *, is_checked: bool = False) -> StoredDistribution:
        """Do what `ingest_wheel` does, as soon as there is room.

        Raises:
            StoreError: the process that did it died.
            BlastError: as `ingest_wheel`.
            OSError: as `ingest_wheel`.
        """
        with self._slots:
            if not self._all:
                from blast_pm.store.ingest import ingest_wheel

                return ingest_wheel(wheel, filename, sha256, self._paths, is_checked=is_checked)
            if not self._idle:
                raise _died(filename)
            process = self._idle.pop()
            answer = _ask(process, marshal.dumps((wheel, filename, sha256, self._paths.home, is_checked)))
            if answer is None:
                raise _died(filename)  # It is not asked again.
            self._idle.append(process)
        done, result = pickle.loads(answer)  # noqa: S301 - from our own process, see ingest_process
        if not done:
            raise result
        return cast("StoredDistribution", result)


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


def _ask(process: subprocess.Popen[bytes], job: bytes) -> bytes | None:
    """Return the answer, or None from a process that died."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(LENGTH.pack(len(job)) + job)
    except BrokenPipeError:
        return None
    head = read_exactly(process.stdout.fileno(), LENGTH.size)
    size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
    answer = read_exactly(process.stdout.fileno(), size)
    return answer if len(answer) == size else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _died(filename: str) -> StoreError:
    return StoreError(
        f"can't store {filename}",
        reason="the process that unpacked it died",
        hint="the machine may be short of memory: see the kernel's messages",
    )
