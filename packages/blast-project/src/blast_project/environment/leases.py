"""Leases on generations: a program that runs in one keeps it, and so all that it reaches, from being removed.

A lease is a POSIX lock on one byte of a file of the generation, taken by the process that is to become the program:
such locks survive ``exec`` and end with the process, however it ends. Each process has a byte of its own, so that any
number of them hold leases; who removes locks all bytes at once, which fails while there is one lease, and then passes
the generation over (``blast_project.environment.reserving``). A program that goes into the background keeps its lease
only as long as its first process lives.

The file is ``.meta/objects``. The bytes that are locked lie far beyond its end. Nothing may open it in the process that
holds a lock there, for closing it again would give the lock back.

The hot path imports this module: ``os`` alone, since ``fcntl`` is not built in and takes 0.3 to 1 ms to load.
"""

import os

__all__ = ["BYTES", "FIRST", "OBJECTS", "hold_generation", "lock_bytes"]

OBJECTS = ".meta/objects"
#: Which bytes are locked: so many from here on.
FIRST = 1 << 30
BYTES = 1 << 30
_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# How often the use of a generation is noted, in seconds.
_NOTED_S = 3600.0


def hold_generation(environment: str, number: int) -> bool:
    """Lease a generation for this process and the program that it becomes.

    Returns:
        False when the generation is being removed. One that keeps no leases, or lies where nothing can be written,
        needs none.

    Cost: 15 us, and 60 for importing the module.
    """
    try:
        fd = os.open(f"{environment}/.blast/generations/{number}/{OBJECTS}", _OPEN)
    except OSError:
        # Another version of Blast made it, or it can't be written, and so not removed.
        return True
    own, other = FIRST + os.getpid() % BYTES, FIRST + int.from_bytes(os.urandom(3), "big")
    # In another container a process may have the same pid.
    is_held = lock_bytes(fd, own, 1) or lock_bytes(fd, other, 1)
    status = os.fstat(fd)
    if not is_held or not status.st_nlink:
        os.close(fd)
        return False
    _note_use(fd, status.st_mtime)
    os.set_inheritable(fd, True)  # noqa: FBT003 - the function takes no keyword
    return True


def lock_bytes(fd: int, offset: int, count: int) -> bool:
    """Lock bytes of an open file until it is closed; False when another process has one of them."""
    os.lseek(fd, offset, os.SEEK_SET)
    if os.name == "nt":
        from blast_project.environment.reserving import lock_on_windows

        return lock_on_windows(fd, count)
    try:
        os.lockf(fd, os.F_TLOCK, count)
    except OSError as error:
        # EAGAIN (Linux 11, macOS 35) or EACCES: somebody has it. A file system without locks has no leases either.
        return error.errno not in (11, 13, 35)
    return True


def _note_use(fd: int, noted: float) -> None:
    import time

    if abs(time.time() - noted) > _NOTED_S:
        try:
            os.utime(fd)
        except OSError:
            # Somebody else's environment: its owner notes its use.
            return
