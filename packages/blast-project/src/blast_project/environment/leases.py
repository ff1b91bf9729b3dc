"""Leases on generations: a program that runs in one keeps it, and so all that it reaches, from being removed.

A lease is a POSIX lock on one byte of a file of the generation, taken by the process that is to become the program:
such locks survive ``exec`` and end with the process, however it ends. Each process has a byte of its own, so that any
number of them hold leases; who removes locks all bytes at once, which fails while there is one lease, and then passes
the generation over. A program that goes into the background keeps its lease only as long as its first process lives.

The file is ``.meta/objects``: what the generation links to, as the marshal of {store: names of trees, separated by
spaces}. The bytes that are locked lie far beyond its end. Nothing may open it in the process that holds a lock there,
for closing it again would give the lock back.

The hot path imports this module: ``os`` alone, since ``fcntl`` is not built in and takes 0.3 to 1 ms to load.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["OBJECTS", "Reservation", "hold_generation", "last_use", "read_objects", "reserve"]

OBJECTS = ".meta/objects"
_FIRST = 1 << 30
_BYTES = 1 << 30
_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# How often the use of a generation is noted, in seconds.
_NOTED_S = 3600.0


def hold_generation(environment: str, number: int) -> bool:
    """Lease a generation for this process and the program that it becomes.

    Returns:
        False when the generation is being removed. One that keeps no leases, or lies where nothing can be written,
        needs none.

    Cost: 15 us.
    """
    try:
        fd = os.open(_path(environment, number), _OPEN)
    except OSError:
        # Another version of Blast made it, or it can't be written, and so not removed.
        return True
    own, other = _FIRST + os.getpid() % _BYTES, _FIRST + int.from_bytes(os.urandom(3), "big")
    # In another container a process may have the same pid.
    is_held = _lock(fd, own, 1) or _lock(fd, other, 1)
    status = os.fstat(fd)
    if not is_held or not status.st_nlink:
        os.close(fd)
        return False
    _note_use(fd, status.st_mtime)
    os.set_inheritable(fd, True)  # noqa: FBT003 - the function takes no keyword
    return True


def last_use(environment: str, number: int) -> float:
    """Return when a program was last started in a generation, or it was made; in seconds since 1970, 0.0 if unknown."""
    try:
        return os.stat(_path(environment, number)).st_mtime
    except OSError:
        return 0.0


def read_objects(environment: str, number: int) -> "dict[str, str] | None":
    """Return the names of the trees that a generation links to, separated by spaces, by store; None if unknown."""
    import marshal

    try:
        with open(_path(environment, number), "rb") as file:
            found = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast on this machine
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def reserve(environment: str, number: int) -> "Reservation":
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
        return _lock(self._fd, _FIRST, _BYTES)

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        """Give it back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _path(environment: str, number: int) -> str:
    return f"{environment}/.blast/generations/{number}/{OBJECTS}"


def _note_use(fd: int, noted: float) -> None:
    import time

    if abs(time.time() - noted) > _NOTED_S:
        try:
            os.utime(fd)
        except OSError:
            # Somebody else's environment: its owner notes its use.
            return


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, offset: int, count: int) -> bool:
        os.lseek(fd, offset, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, count)
        except OSError:
            return False
        return True

else:

    def _lock(fd: int, offset: int, count: int) -> bool:
        os.lseek(fd, offset, os.SEEK_SET)
        try:
            os.lockf(fd, os.F_TLOCK, count)
        except OSError as error:
            # EAGAIN (Linux 11, macOS 35) or EACCES: somebody has it. A file system without locks has no leases either.
            return error.errno not in (11, 13, 35)
        return True
