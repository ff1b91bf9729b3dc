"""Reading parts of an open file without a file position, so that threads can share a descriptor."""

from __future__ import annotations

import os

__all__ = ["open_for_reading", "read_at"]

# Without O_NONBLOCK a pipe in the file's place would hold us for ever; for files it means nothing.
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


def open_for_reading(path: str) -> int:
    """Open whatever lies at ``path`` and return the descriptor; the caller looks at what it is.

    Raises:
        OSError: it can't be opened.
    """
    return os.open(path, _FLAGS)


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return ``length`` bytes at ``offset``, fewer only where the file ends.

    Raises:
        OSError: the device failed.
    """
    data = _read_once(descriptor, length, offset)
    if len(data) == length or not data:
        return data
    # A single read gives 2 GiB at the most, and less on a signal.
    parts = [data]
    done = len(data)
    while done < length and (data := _read_once(descriptor, length - done, offset + done)):
        parts.append(data)
        done += len(data)
    return b"".join(parts)


if hasattr(os, "pread"):
    _read_once = os.pread
else:
    from threading import Lock

    _position = Lock()

    def _read_once(descriptor: int, length: int, offset: int, /) -> bytes:
        """Windows has no pread: the position is shared, so one thread at a time uses it."""
        with _position:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)
