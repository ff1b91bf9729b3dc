"""Where objects are built: a directory of one process below ``tmp``, swept away by the next one if that dies.

``tmp/s-PID-RANDOM.lock`` is made and locked before ``tmp/s-PID-RANDOM`` is made, and removed after it. Who gets the
lock of a directory knows therefore that its owner is dead, whatever has become of the pid. Nothing here follows a
symbolic link: one that was planted in ``tmp`` is removed itself.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import StoreError
from blast_pm.store.locks import Lock, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Staging", "abandoned", "check_own_directory", "is_free", "object_lock_path", "sweep_staging"]

_PREFIX = "s-"
_OBJECT_PREFIX = "o-"
_LOCK_SUFFIX = ".lock"
_PRIVATE = 0o700


class Staging:
    """A private directory for the time of one operation; a context manager.

    Args:
        parent: the home's ``tmp``; created if it is missing.

    Attributes:
        path: the directory, empty at first, removed at the end.

    Raises:
        OSError: it can't be made.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, parent: str) -> None:
        fs.make_directories(parent)
        check_own_directory(parent)
        self.path = os.path.join(parent, f"{_PREFIX}{os.getpid()}-{os.urandom(6).hex()}")
        self._lock: Lock = lock(self.path + _LOCK_SUFFIX, 1.0, remove=True)
        try:
            fs.make_directory(self.path, _PRIVATE)
        except BaseException:
            self._lock.release()
            raise

    @property
    def lock_fd(self) -> int:
        """The descriptor to hand to processes that work here too: until they end, nobody sweeps the directory."""
        return self._lock.fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the directory; what can't be removed now is left to the next `sweep_staging`."""
        try:
            fs.remove_tree(self.path)
        except OSError:
            pass
        finally:
            self._lock.release()


def object_lock_path(parent: str, sha256: str) -> str:
    """Return the path of the lock that keeps two from fetching the wheel with this digest at once."""
    return os.path.join(parent, f"{_OBJECT_PREFIX}{sha256}{_LOCK_SUFFIX}")


def check_own_directory(path: str) -> None:
    """Refuse a directory of the store that is a symbolic link.

    Raises:
        StoreError: it is one.
    """
    if os.path.islink(path):
        raise StoreError(
            f"{path} is a symbolic link",
            reason="the store builds and renames there, and follows no link that may have been planted",
            hint="remove the link, or set BLAST_HOME to where it leads",
        )


def abandoned(parent: str) -> list[str]:
    """Return what dead processes left in ``parent``, for `sweep_staging` to remove; nothing is changed."""
    try:
        names = sorted(os.listdir(parent))
    except OSError:
        return []
    found = []
    for name in names:
        path = os.path.join(parent, name)
        if name.startswith((_PREFIX, _OBJECT_PREFIX)) and is_free(path.removesuffix(_LOCK_SUFFIX) + _LOCK_SUFFIX):
            found.append(path)
    return found


def is_free(path: str) -> bool:
    """Tell whether nobody holds the lock ``path``, or there is none; what can't be looked at may be held."""
    if not os.path.lexists(path):
        return True
    try:
        lock(path, 0, shared=True).release()
    except (OSError, StoreError):
        return False
    return True


def sweep_staging(parent: str) -> int:
    """Remove what dead processes left in ``parent`` and return how many directories went; failures are passed over."""
    try:
        names = os.listdir(parent)
    except OSError:
        return 0
    swept = 0
    for name in names:
        if name.startswith((_PREFIX, _OBJECT_PREFIX)):
            swept += _sweep(os.path.join(parent, name.removesuffix(_LOCK_SUFFIX)))
    return swept


def _sweep(path: str) -> int:
    try:
        with lock(path + _LOCK_SUFFIX, 0, remove=True):
            if not os.path.lexists(path):
                return 0
            fs.remove_tree(path)
            return 1
    except (OSError, StoreError):
        return 0
