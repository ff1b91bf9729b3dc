"""One Blast process at a time for a project's files, and for an environment."""

from __future__ import annotations

import errno
import os

from blast_core.fnv import fnv1a64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from blast_pm.store.locks import Lock
    from blast_project.session import Session

__all__ = ["Exclusive", "exclusive", "exclusive_below", "sweep_temporaries"]

_LOCK_TIMEOUT_S = 300.0
_UNWRITABLE = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


def exclusive(session: Session, *places: str, timeout_s: float | None = None) -> Exclusive:
    """Hold the locks of ``places`` against other Blast processes; a dead owner never blocks.

    Whoever writes a project's files names its root, whoever changes an environment names that. Both name the root
    first, so that nobody waits for the other way round.

    Returns:
        A context manager, which takes the locks.

    Raises:
        StoreLocked: another process holds one for longer than ``timeout_s``; by default it is BLAST_LOCK_TIMEOUT, or
            five minutes.
        UsageError: BLAST_LOCK_TIMEOUT is no number of seconds.
    """
    if timeout_s is None:
        from blast_pm.store.locks import patience

        timeout_s = patience(_LOCK_TIMEOUT_S, session.settings.environ)
    return exclusive_below(session.settings.home, *places, timeout_s=timeout_s)


def exclusive_below(home: str, *places: str, timeout_s: float | None = None) -> Exclusive:
    """Hold the locks of ``places``, which lie below ``home``; see `exclusive`."""
    if timeout_s is None:
        from blast_pm.store.locks import patience

        timeout_s = patience(_LOCK_TIMEOUT_S, os.environ)
    directory = os.path.join(home, "locks")
    names = (f"{fnv1a64(os.path.realpath(place).encode('utf-8', 'surrogateescape')):016x}" for place in places)
    return Exclusive([os.path.join(directory, name) for name in dict.fromkeys(names)], timeout_s)


class Exclusive:
    """Locks that are taken in order and given back together; `contextlib` would be 2 ms more to import."""

    __slots__ = ("_held", "_paths", "_timeout_s")

    def __init__(self, paths: list[str], timeout_s: float) -> None:
        self._paths = paths
        self._timeout_s = timeout_s
        self._held: list[Lock] = []

    def __enter__(self) -> None:
        from blast_core import fs
        from blast_pm.store.locks import lock

        for path in self._paths:
            try:
                try:
                    fs.make_directories(os.path.dirname(path))
                    held = lock(path, self._timeout_s)
                except OSError as error:
                    if error.errno not in _UNWRITABLE:
                        raise
                    held = lock(_outside_the_store(path), self._timeout_s)
                self._held.append(held)
            except BaseException:
                self._release()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        while self._held:
            self._held.pop().release()


def sweep_temporaries(directory: str) -> None:
    """Remove what killed commands left in a directory while they replaced files or links there.

    The caller holds the lock of the project or the environment, so that none of it is in use; what a living process
    may be at all the same, because it writes a file of its own there, is left.

    Cost: a listing.
    """
    from blast_core import fs

    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        if fs.is_temporary(name) and not _may_be_at_work(name):
            try:
                fs.unlink(os.path.join(directory, name))
            except OSError:
                # A directory, or on a disk that refuses: it hurts nobody, and there will be another time.
                continue


def _may_be_at_work(name: str) -> bool:
    """Tell whether the process that a temporary name tells of lives, and is not this one."""
    pid = name.split(".")[-3]
    # On Windows, os.kill would end the process.
    if os.name == "nt" or not pid.isdecimal() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _outside_the_store(path: str) -> str:
    """Return where to lock when the store is read-only, as one that an administrator keeps for many users is."""
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else 0
    return os.path.join(tempfile.gettempdir(), f"blast-{user}-{os.path.basename(path)}.lock")
