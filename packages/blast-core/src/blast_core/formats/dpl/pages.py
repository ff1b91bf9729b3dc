"""A lock's bytes, fetched page by page when first touched, each page checked against its seal.

Why not a map of the file: whoever truncates a mapped file (a careless ``cp`` over it) kills its readers with SIGBUS,
and bytes checked in a shared map may change after the check. A page that was read is private, is checked once and stays
as it is. It is also faster: a page fault on a fresh map took 5 to 10 us where reading and checking a page takes 2.
"""

from __future__ import annotations

import os
from binascii import crc32

from blast_core import limits
from blast_core.errors import FormatError, InvalidField, TruncatedInput
from blast_core.formats.dpl.layout import CONTENT_AT, CONTENT_HASH_AT, PAGE_SHIFT, PAGE_SIZE, SEAL

__all__ = ["Pages", "open_pages", "wrap_bytes"]

_WHOLE_BELOW = 1 << 15  # bytes; a file of eight pages is read faster in one go
_OFFSET_MASK = PAGE_SIZE - 1
_SEALS_SHIFT = 10  # 1,024 seals of 4 bytes fill one page
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CAN_PREAD = hasattr(os, "pread")


class Pages:
    """Bytes of a file that are sure to be what was sealed.

    Attributes:
        size: of the file, in bytes.
        file: path for error texts, "" for bytes in memory.
    """

    __slots__ = ("_chunks", "_descriptor", "_end", "_seals", "_whole", "file", "size")

    def __init__(self, whole: bytes, size: int, descriptor: int, file: str) -> None:
        self.size = size
        self.file = file
        self._descriptor = descriptor
        self._whole = whole  # empty as long as there is a descriptor
        self._chunks: dict[int, bytes] = {}
        self._seals: dict[int, bytes] = {}
        self._end = size

    def peek(self, size: int) -> bytes:
        """Return the first ``size`` bytes without a check, so that the place of the seals can be learned."""
        return self._fetch(0, size)

    def seal(self, seals_at: int) -> None:
        """State where the seals lie: everything before is checked against them, nothing behind can be read."""
        self._end = seals_at

    def read(self, start: int, end: int) -> bytes:
        """Return bytes ``start`` to ``end``, checked.

        Args:
            start: not negative.
            end: greater than ``start`` and not behind the seals.

        Raises:
            FormatError: a page is damaged, or the file has shrunk.
        """
        page = start >> PAGE_SHIFT
        last = (end - 1) >> PAGE_SHIFT
        if page == last:
            chunk = self._chunks.get(page) or self._load(page)
            return chunk[start & _OFFSET_MASK : ((end - 1) & _OFFSET_MASK) + 1]
        chunks = [self._chunks.get(page) or self._load(page) for page in range(page, last + 1)]
        chunks[0] = chunks[0][start & _OFFSET_MASK :]
        chunks[-1] = chunks[-1][: ((end - 1) & _OFFSET_MASK) + 1]
        return b"".join(chunks)

    def read_all(self) -> bytes:
        """Return the whole file, every page before the seals checked."""
        if not self._whole:
            self._whole = self._fetch(0, self.size)
            self._close()
        self._seals.clear()
        for page in range((self._end + _OFFSET_MASK) >> PAGE_SHIFT):
            self._load(page)
        return self._whole

    def close(self) -> None:
        """Give the memory and the descriptor back; what was not read yet can't be read any more."""
        self._close()
        self._chunks.clear()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _load(self, page: int) -> bytes:
        start = page << PAGE_SHIFT
        chunk = self._fetch(start, min(start + PAGE_SIZE, self._end))
        found = crc32(chunk) if page else crc32(chunk[CONTENT_AT:], crc32(chunk[:CONTENT_HASH_AT]))
        group = page >> _SEALS_SHIFT
        seals = self._seals.get(group)
        if seals is None:
            at = self._end + (group << PAGE_SHIFT)
            seals = self._seals[group] = self._fetch(at, min(at + PAGE_SIZE, self.size))
        (seal,) = SEAL.unpack_from(seals, (page << 2) & _OFFSET_MASK)
        if seal != found:
            raise InvalidField(
                "the lock is damaged",
                file=self.file,
                field=f"page {page}",
                value=f"{found:08x}",
                reason=f"its seal says {seal:08x}",
                hint="restore blast.lock or run `blast lock`",
            )
        self._chunks[page] = chunk
        return chunk

    def _fetch(self, start: int, end: int) -> bytes:
        if self._whole:
            return self._whole[start:end]
        try:
            chunk = os.pread(self._descriptor, end - start, start)
        except OSError as error:
            raise FormatError("the lock can't be read", file=self.file, reason=str(error)) from error
        if len(chunk) != end - start:
            raise TruncatedInput("the lock shrank while it was read", file=self.file, field="size", value=str(start))
        return chunk


def open_pages(path: str, smallest: int) -> Pages:
    """Open the file at ``path``.

    Args:
        path: of a regular file.
        smallest: fewer bytes than that are no lock.

    Raises:
        FormatError: too small or too large.
        OSError: the file is missing or can't be opened.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        size = os.fstat(descriptor).st_size
        _check_size(size, smallest, path)
        if size > _WHOLE_BELOW and _CAN_PREAD:
            pages = Pages(b"", size, descriptor, path)
            descriptor = -1
            return pages
        return Pages(_read_whole(descriptor, size, path), size, -1, path)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def wrap_bytes(data: bytes, smallest: int, file: str = "") -> Pages:
    """Return pages over bytes in memory; raises as ``open_pages`` does."""
    _check_size(len(data), smallest, file)
    return Pages(data, len(data), -1, file)


def _check_size(size: int, smallest: int, file: str) -> None:
    if size < smallest:
        raise TruncatedInput("too short for a lock", file=file, field="size", value=str(size))
    if size > limits.DPL_SIZE:
        raise InvalidField("too large for a lock", file=file, field="size", value=str(size))


def _read_whole(descriptor: int, size: int, path: str) -> bytes:
    parts = []
    left = size
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    if left:
        raise TruncatedInput("the lock shrank while it was read", file=path, field="size", value=str(size - left))
    return parts[0] if len(parts) == 1 else b"".join(parts)
