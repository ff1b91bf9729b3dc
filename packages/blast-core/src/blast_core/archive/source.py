"""Where an archive's bytes come from: memory, or a file that is read piece by piece.

Nothing is mapped: a file that shrinks while it is read gives an error here and not a SIGBUS.
"""

from __future__ import annotations

import os
import stat

from blast_core.errors import ArchiveRejected
from blast_core.limits import ARCHIVE_IN_MEMORY, CHUNK
from blast_core.positioned import open_for_reading, read_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

    Buffer = bytes | bytearray | memoryview | mmap

__all__ = ["BytesSource", "FileSource", "open_on_disk", "open_source"]


class BytesSource:
    """Bytes in memory; what is read is a view of them."""

    def __init__(self, buffer: Buffer, name: str) -> None:
        self.name = name
        self._view = memoryview(buffer).cast("B")
        self.size = len(self._view)

    def read(self, offset: int, length: int) -> memoryview:
        """Return a view of exactly ``length`` bytes.

        Raises:
            ArchiveRejected: they are not there.
        """
        end = offset + length
        if not 0 <= offset <= end <= self.size:
            raise _ended(self.name, offset, length)
        return self._view[offset:end]

    def check_unchanged(self) -> None:
        """Do nothing: the bytes were read once."""

    def close(self) -> None:
        """Do nothing: the bytes belong to the caller."""


class FileSource:
    """An open regular file, read a MiB ahead; one thread at a time uses it."""

    def __init__(self, descriptor: int, name: str) -> None:
        facts = os.fstat(descriptor)
        self.name = name
        self.size = facts.st_size
        self._descriptor = descriptor
        self._facts = facts
        self._window = b""
        self._window_start = 0

    def check_regular(self) -> None:
        """Make sure that it is a file and no device, pipe or directory.

        Raises:
            ArchiveRejected: it is something else.
        """
        if not stat.S_ISREG(self._facts.st_mode):
            raise ArchiveRejected(f"{self.name} was refused", reason="it is no regular file")

    def check_unchanged(self) -> None:
        """Make sure that what was read at different times was one file.

        Raises:
            ArchiveRejected: somebody wrote to it since it was opened.
        """
        now, then = os.fstat(self._descriptor), self._facts
        if (now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (then.st_size, then.st_mtime_ns, then.st_ctime_ns):
            raise ArchiveRejected(f"{self.name} was refused", reason="it was changed while it was read")

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes.

        Raises:
            ArchiveRejected: they are not there, or the file became shorter.
            OSError: the device failed.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise _ended(self.name, offset, length)
        if length >= CHUNK:
            return self._read(offset, length)
        start = offset - self._window_start
        if start < 0 or start + length > len(self._window):
            # Members are read in the order in which they lie there.
            self._window, self._window_start, start = self._read(offset, min(CHUNK, self.size - offset)), offset, 0
        return self._window[start : start + length]

    def _read(self, offset: int, length: int) -> bytes:
        data = read_at(self._descriptor, length, offset)
        if len(data) != length:
            raise _ended(self.name, offset, length)
        return data

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_source(path: str, name: str = "") -> BytesSource | FileSource:
    """Open a file for reading: small ones are read at once, large ones stay on disk.

    Args:
        path: the file.
        name: how errors call it; by default its last component.

    Raises:
        ArchiveRejected: it is no regular file.
        OSError: it can't be opened.
    """
    source = open_on_disk(path, name)
    if source.size > ARCHIVE_IN_MEMORY:
        return source
    try:
        return BytesSource(source.read(0, source.size), source.name)
    finally:
        source.close()


def open_on_disk(path: str, name: str = "") -> FileSource:
    """Open a file that stays on disk, however small it is; otherwise as `open_source`."""
    source = FileSource(open_for_reading(path), name or os.path.basename(path))
    try:
        source.check_regular()
    except BaseException:
        source.close()
        raise
    return source


def _ended(name: str, offset: int, length: int) -> ArchiveRejected:
    return ArchiveRejected(f"{name} was refused", reason=f"it ends before byte {offset + length}, which belongs to it")
