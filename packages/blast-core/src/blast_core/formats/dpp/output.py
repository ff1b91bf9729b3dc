"""Where a container is written: in memory while it is small, else straight to its file, through ``fs``."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.digests import blake3_file
from blast_core.formats.dpp.layout import HEADER_SIZE
from blast_core.limits import CHUNK, DPP_IN_MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DppOutput"]


class DppOutput:
    """A file that must not exist yet, written front to back but for its header, which comes last.

    Until ``finish`` the file is absent or begins with zeros, so it is never taken for a container.

    Args:
        path: the new file; its name is the caller's to choose and to publish.
    """

    def __init__(self, path: str) -> None:
        from blake3 import blake3

        self._path = path
        self._body = blake3()
        # Views of the wheel's own bytes wait here uncopied until they are written.
        self._pending: list[bytes | bytearray | memoryview] = [bytes(HEADER_SIZE)]
        self._pending_size = HEADER_SIZE
        self._descriptor = -1
        self.position = HEADER_SIZE

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the container; ``data`` must not change until ``finish``.

        Raises:
            OSError: the disk is full or failed.
        """
        self._pending.append(data)
        self._pending_size += len(data)
        self.position += len(data)
        if self._pending_size > (DPP_IN_MEMORY if self._descriptor < 0 else CHUNK):
            self._spill()

    def _take_pending(self) -> bytes:
        content = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        return content

    def _spill(self) -> None:
        start = 0
        if self._descriptor < 0:
            self._descriptor = fs.create_file(self._path)
            start = HEADER_SIZE
        content = self._take_pending()
        self._body.update(memoryview(content)[start:])
        fs.write(self._descriptor, content)

    def finish(self, make_header: Callable[[bytes], bytes]) -> bytes:
        """Write what is pending and the header.

        Args:
            make_header: gives the header for the BLAKE3 of all that follows it.

        Returns:
            The 32 bytes of the BLAKE3 of the whole file.
        """
        if self._descriptor < 0:
            return self._finish_small(make_header)
        self._spill()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        fs.write(self._descriptor, make_header(self._body.digest()))
        self._close()
        return blake3_file(self._path)

    def _finish_small(self, make_header: Callable[[bytes], bytes]) -> bytes:
        from blake3 import blake3

        content = bytearray().join(self._pending)
        content[:HEADER_SIZE] = make_header(blake3(memoryview(content)[HEADER_SIZE:]).digest())
        self._descriptor = fs.create_file(self._path)
        fs.write(self._descriptor, content)
        self._close()
        return blake3(content).digest()

    def abandon(self) -> None:
        """Remove what was written; after ``finish`` it does nothing."""
        if self._descriptor >= 0:
            self._close()
            try:
                fs.unlink(self._path)
            except OSError:
                # The error that led here counts; what stays lies in staging, which the next command empties.
                pass

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
