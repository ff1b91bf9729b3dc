"""Where a container's bytes come from. Neither kind maps a file: one that shrinks is an error, not a signal."""

from __future__ import annotations

import os
import stat

from blast_core.errors import FormatError, TruncatedInput
from blast_core.positioned import open_for_reading, read_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.source import Buffer

__all__ = ["BufferStorage", "FileStorage"]


class BufferStorage:
    """Memory; reads are views of it."""

    def __init__(self, buffer: Buffer, name: str) -> None:
        self.name = name
        self._view = memoryview(buffer).cast("B").toreadonly()
        self.size = len(self._view)

    def read(self, offset: int, length: int, field: str) -> memoryview:
        """Return exactly ``length`` bytes.

        Raises:
            TruncatedInput: they are not there.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise _truncated(self.name, field, offset)
        return self._view[offset : offset + length]

    def close(self) -> None:
        """Do nothing: the memory belongs to the caller."""


class FileStorage:
    """An open regular file; reads are copies."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._descriptor = open_for_reading(path)
        facts = os.fstat(self._descriptor)
        self.size = facts.st_size
        if not stat.S_ISREG(facts.st_mode):
            self.close()
            raise FormatError("it is no regular file", file=path)

    def read(self, offset: int, length: int, field: str) -> memoryview:
        """Return exactly ``length`` bytes.

        Raises:
            TruncatedInput: they are not there, or not any more.
            OSError: the device failed, or the container was closed.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise _truncated(self.name, field, offset)
        data = read_at(self._descriptor, length, offset)
        if len(data) != length:
            raise _truncated(self.name, field, offset)
        return memoryview(data)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _truncated(name: str, field: str, offset: int) -> TruncatedInput:
    return TruncatedInput("it ends too early", file=name, field=field, value=str(offset))
