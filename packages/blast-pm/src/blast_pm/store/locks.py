"""Locks between processes and threads: the kernel's own, so that a dead owner never blocks anybody.

A lock is an ``flock`` on a file that is made for it. Each `lock` opens the file anew, so threads of one process exclude
each other as processes do. The file holds the owner's pid, for the message of those who wait in vain, and a line that
the owner may leave to those who wait.
"""

from __future__ import annotations

import os
import sys
import time

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["Lock", "lock", "patience"]

_PID_BYTES = 12
_CONTENT_BYTES = 512
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
# Without O_NONBLOCK a pipe in the file's place would hold us for ever.
_OPEN_EXISTING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def lock(path: str, timeout: float, *, shared: bool = False, remove: bool = False) -> Lock:
    """Take the lock ``path``; the answer is a context manager that gives it back.

    Args:
        path: the lock's file; created if it is missing, a symbolic link there is refused.
        timeout: seconds to wait for others; 0 tries once.
        shared: together with any number of others that take it shared.
        remove: remove the file at the end; only for locks that everybody takes exclusively and with ``remove``.

    Raises:
        StoreLocked: somebody else held it all the time; the message has their pid.
        StoreError: the file system has no locks.
        OSError: the file can't be opened or created.
    """
    taken = Lock(path, shared=shared, remove=remove)
    taken.acquire(timeout)
    return taken


def patience(default: float, environ: Mapping[str, str]) -> float:
    """Return for how many seconds to wait for another command: BLAST_LOCK_TIMEOUT, or ``default``.

    Raises:
        UsageError: the variable is no number of seconds.
    """
    text = environ.get("BLAST_LOCK_TIMEOUT", "")
    try:
        found = float(text) if text else default
        if 0 <= found < float("inf"):
            return found
    except ValueError:
        pass
    from blast_core.errors import UsageError

    raise UsageError(f"BLAST_LOCK_TIMEOUT is {text!r}", hint="it is a number of seconds, such as 20 or 0.5")


class Lock:
    """A lock; made by `lock`.

    Attributes:
        message: what the owner before left with `leave_message`, "" for nothing.
    """

    __slots__ = ("_fd", "_path", "_remove", "_shared", "message")

    def __init__(self, path: str, *, shared: bool, remove: bool) -> None:
        self._path = path
        self._shared = shared
        self._remove = remove
        self._fd = -1
        self.message = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def fd(self) -> int:
        """The descriptor that holds it; a process that inherits it holds it too. -1 while it is not held."""
        return self._fd

    def acquire(self, timeout: float) -> None:
        """Take it, waiting ``timeout`` seconds at the most; see `lock`."""
        deadline = time.monotonic() + timeout
        while not self._take(deadline, timeout):
            # The file was removed by the owner we waited for: the lock is another file now.
            continue

    def leave_message(self, text: str) -> None:
        """Leave one line of ASCII, at most 255 bytes, to those who wait for the lock now."""
        os.lseek(self._fd, _PID_BYTES, os.SEEK_SET)
        fs.write(self._fd, f"{text}\n".encode("ascii"))

    def release(self) -> None:
        """Give it back; safe to call twice."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            if self._remove:
                # While it is held: whoever has the file open sees then that it is gone.
                fs.unlink(self._path)
        except OSError:
            return
        finally:
            os.close(fd)

    def _take(self, deadline: float, timeout: float) -> bool:
        fd = _open(self._path, shared=self._shared)
        kept = False
        try:
            self._wait(fd, deadline, timeout)
            if not self._shared:
                self.message = _read_content(fd)[1] or self.message
                kept = os.fstat(fd).st_nlink > 0
                if kept:
                    os.lseek(fd, 0, os.SEEK_SET)
                    fs.write(fd, b"%-*d\n" % (_PID_BYTES - 1, os.getpid()))
                    self._fd = fd
                return kept
            self._fd = fd
            kept = True
            return True
        finally:
            if self._fd != fd:
                os.close(fd)

    def _wait(self, fd: int, deadline: float, timeout: float) -> None:
        pause = _FIRST_PAUSE_S
        while not _try_flock(fd, self._path, shared=self._shared):
            if time.monotonic() >= deadline:
                from blast_core.errors import StoreLocked

                pid = _read_content(fd)[0]
                raise StoreLocked(
                    f"another process holds {self._path}",
                    reason=f"{f'process {pid}' if pid else 'it'} has not released it for {timeout:g} s",
                    hint=f"wait for process {pid}, or end it if it is stuck" if pid else "",
                    pid=pid,
                )
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)


def _open(path: str, *, shared: bool) -> int:
    if shared:
        try:
            # Readers need no right to write: a store on a read-only disk can be used.
            return os.open(path, _OPEN_EXISTING)
        except FileNotFoundError:
            pass
    return fs.open_file(path)


def _read_content(fd: int) -> tuple[int, str]:
    os.lseek(fd, 0, os.SEEK_SET)
    pid, _, message = os.read(fd, _CONTENT_BYTES).decode("ascii", "replace").partition("\n")
    return int(pid) if pid.strip().isdecimal() else 0, message.partition("\n")[0]


if sys.platform == "win32":
    import msvcrt

    _BEYOND = 1 << 30

    def _try_flock(fd: int, path: str, *, shared: bool) -> bool:
        del path, shared  # Windows' locks are exclusive, and keep others from reading: lock a byte beyond the end.
        os.lseek(fd, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_flock(fd: int, path: str, *, shared: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # Errors have a module of many classes, which who meets none need not load.
            from blast_core.errors import StoreError

            raise StoreError(
                f"can't lock {path}",
                reason=f"the file system has no locks: {error.strerror}",
                hint="set BLAST_HOME to a directory on a local disk",
            ) from error
        return True
