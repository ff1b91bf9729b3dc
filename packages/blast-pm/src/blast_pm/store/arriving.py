"""A wheel that is unpacked while it is still being downloaded, into a tree that counts for nothing until its end came.

Whoever downloads says how many bytes are in the file. They are read once, hashed, and handed to `ArrivingMembers`; what
that unpacks lies in staging. When all is there, `ingest_wheel` reads the central directory as of any other wheel, holds
every member against it, and reads what had not been taken. Whenever anything is other than expected the tree is thrown
away and the wheel unpacked from the file: then the outcome, and every error, is that of a wheel that did not arrive so.
"""

from __future__ import annotations

import os

from blake3 import blake3 as new_blake3

from blast_core import fs
from blast_core.archive.arriving import ArrivingMembers
from blast_core.elf import parse_elf
from blast_core.limits import CHUNK
from blast_core.positioned import open_for_reading, read_at
from blast_pm.store.unpack import TreeWriter, is_unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.archive.arriving import ArrivedMember
    from blast_core.archive.wheel import Wheel
    from blast_core.elf import ElfFacts

__all__ = ["ArrivingWheel"]

_EXECUTABLE = 0o111


class ArrivingWheel:
    """One wheel on its way; one thread at a time uses it, and closes it.

    Args:
        path: where it is being written, from its first byte on.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._came = 0
        self._blake3 = new_blake3()
        self._writer: TreeWriter | None = None
        self._members: ArrivingMembers | None = None
        self._is_lost = False

    @property
    def tree(self) -> str:
        """Where it is unpacked."""
        return self._path + ".tree"

    def advance(self, available: int) -> None:
        """Read on, now that so many bytes of the file are there. What goes wrong is seen by `settle`."""
        if self._is_lost:
            return
        try:
            if self._members is None:
                self._begin()
            while self._came < available and not self._is_lost:
                piece = read_at(self._fd, min(CHUNK, available - self._came), self._came)
                self._came += len(piece)
                self._blake3.update(piece)
                if self._members is not None:
                    self._members.feed(piece)
                self._is_lost = not piece
        except (OSError, ValueError):
            # A damaged member, a path that is taken, a full disk: the ordinary way meets it again, and tells of it.
            self._is_lost = True

    def settle(self) -> bytes | None:
        """Read to the end of the file, which is whole now, and return its BLAKE3.

        Returns:
            None if the wheel has to be unpacked from the file.

        Raises:
            OSError: the file can't be looked at.
        """
        status = os.stat(self._path)
        self.advance(status.st_size)
        if self._is_lost or self._fd < 0 or not os.path.samestat(status, os.fstat(self._fd)):
            return None
        return self._blake3.digest()

    def take(self, wheel: Wheel) -> tuple[TreeWriter, Mapping[int, ArrivedMember]] | None:
        """Return the tree that was begun, for the caller to finish and to close, and what is in it.

        Args:
            wheel: the whole one, checked.

        Returns:
            None where the two differ.

        Raises:
            OSError: the disk refused.
        """
        writer, members = self._writer, self._members
        if writer is None or members is None or not members.agrees_with(wheel.archive):
            return None
        for file in wheel.files:
            if file.mode & _EXECUTABLE and file.member.header_offset in members.found and is_unpacked(file.path):
                writer.make_executable(file.path)
        self._writer = None
        return writer, members.found

    def close(self) -> None:
        """Throw away what nobody took.

        Raises:
            OSError: it can't be removed.
        """
        self._is_lost = True
        if self._members is not None:
            self._members.close()
            self._members = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            fs.remove_tree(self.tree)

    def _begin(self) -> None:
        self._fd = open_for_reading(self._path)
        self._writer = TreeWriter(self.tree)
        self._members = ArrivingMembers(_Files(self._writer))


class _Files:
    """Makes the files of a tree for `ArrivingMembers`."""

    __slots__ = ("_writer",)

    def __init__(self, writer: TreeWriter) -> None:
        self._writer = writer

    def open(self, path: str) -> _File:
        return _File(self._writer, path)


class _File:
    """One file of the tree; none for bytecode, which is checked and not kept."""

    __slots__ = ("_fd", "_path", "_size", "_writer")

    def __init__(self, writer: TreeWriter, path: str) -> None:
        self._writer = writer
        self._path = path
        self._size = 0
        self._fd = writer.create(path) if is_unpacked(path) else -1

    def write(self, content: bytes | memoryview) -> None:
        if content and self._fd >= 0:
            fs.write(self._fd, content)
            self._size += len(content)

    def read_elf(self) -> ElfFacts | None:
        if self._fd < 0:
            raise ValueError(_ODD)  # Bytecode of such a kind is for the ordinary way.
        descriptor = self._writer.reopen(self._path)
        parser = parse_elf()
        ranges = next(parser)
        try:
            while True:
                ranges = parser.send([self._read(descriptor, start, length) for start, length in ranges])
        except StopIteration as stop:
            result: ElfFacts | None = stop.value
            return result
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, start: int, length: int) -> bytes:
        return read_at(descriptor, min(length, self._size - start), start) if start < self._size else b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


_ODD = "it is bytecode and an ELF file"
