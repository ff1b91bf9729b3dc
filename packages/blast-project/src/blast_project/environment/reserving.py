"""What a generation links to, when it was last used, and keeping programs out of one that is to be removed.

``.meta/objects`` is the marshal of {store: names of trees, separated by spaces}; leases on it are held by programs
(``blast_project.environment.leases``).
"""

from __future__ import annotations

import os
import sys

from blast_project.environment.leases import BYTES, FIRST, OBJECTS, lock_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Reservation", "last_use", "lock_on_windows", "read_objects", "reserve"]

_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def last_use(environment: str, number: int) -> float:
    """Return when a program was last started in a generation, or it was made; in seconds since 1970, 0.0 if unknown."""
    try:
        return os.stat(_path(environment, number)).st_mtime
    except OSError:
        return 0.0


def read_objects(environment: str, number: int) -> dict[str, str] | None:
    """Return the names of the trees that a generation links to, separated by spaces, by store; None if unknown."""
    import marshal

    try:
        with open(_path(environment, number), "rb") as file:
            found = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast on this machine
    except (OSError, ValueError, EOFError, TypeError, MemoryError):
        return None
    return found if isinstance(found, dict) else None


def reserve(environment: str, number: int) -> Reservation:
    """Return a context manager that keeps programs from starting in a generation; it tells whether none runs there.

    Nobody waits: while a program runs there, the answer is False.
    """
    return Reservation(_path(environment, number))


class Reservation:
    """Made by `reserve`."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> bool:
        """Take it, and tell whether it was there to be taken."""
        try:
            self._fd = os.open(self._path, _OPEN)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return lock_bytes(self._fd, FIRST, BYTES)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _path(environment: str, number: int) -> str:
    return f"{environment}/.blast/generations/{number}/{OBJECTS}"


if sys.platform == "win32":
    import msvcrt

    def lock_on_windows(fd: int, count: int) -> bool:
        """Lock bytes from where an open file stands; see `lock_bytes`."""
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, count)
        except OSError:
            return False
        return True

else:

    def lock_on_windows(fd: int, count: int) -> bool:
        """Lock nothing: for Windows alone."""
        del fd, count
        return True
