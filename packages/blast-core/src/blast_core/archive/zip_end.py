"""The end of a ZIP archive: which end record counts, and where the central directory lies.

Readers differ most here (the first, the last, or the nearest record; plain or zip64), so there may be only one answer.
"""

from __future__ import annotations

from struct import Struct

from blast_core.limits import ARCHIVE_MEMBERS, ARCHIVE_TAIL, CENTRAL_DIRECTORY
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.archive.source import BytesSource, FileSource

    Source = BytesSource | FileSource

__all__ = ["Directory", "find_directory"]

# signature, disk, disk of the directory, entries on this disk, entries, size, offset, comment length
_END = Struct("<4s4H2IH")
# signature, size of what follows, made by, needed, disk, disk of the directory, entries on this disk, entries, size,
# offset
_END64 = Struct("<4sQ2H2I4Q")
# signature, disk of the zip64 record, its offset, number of disks
_LOCATOR = Struct("<4sIQI")
_END64_REST = _END64.size - 12
_COMMENT_MAX = 0xFFFF
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF


class Directory(NamedTuple):
    """Where the central directory lies, and how many entries it lists."""

    offset: int
    size: int
    entries: int


def find_directory(source: Source) -> Directory:
    """Find the central directory.

    Raises:
        ValueError: there is none, there are two, or something lies between it and the end.
    """
    position, fields = _find_end(source)
    disk, directory_disk, disk_count, count, size, offset, _ = fields[1:]
    found: tuple[int, ...] = (disk, directory_disk, disk_count, count, size, offset)
    end = position
    zip64 = _read_zip64(source, position)
    if zip64 is not None:
        end, wide = zip64
        _compare(found, wide)
        found = wide
    if found[0] or found[1] or found[2] != found[3]:
        raise ValueError("it is spread over several disks")
    directory = Directory(found[5], found[4], found[3])
    if directory.offset + directory.size != end:
        raise ValueError("the central directory does not end where the end record begins")
    if directory.entries > ARCHIVE_MEMBERS or directory.size > CENTRAL_DIRECTORY:
        raise ValueError(f"its directory has {directory.entries} entries in {directory.size} bytes; that is too much")
    if not directory.entries:
        raise ValueError("it is empty")
    return directory


def _find_end(source: Source) -> tuple[int, tuple[int, ...]]:
    start = max(0, source.size - _END.size - _COMMENT_MAX - ARCHIVE_TAIL)
    tail = bytes(source.read(start, source.size - start))
    ends = list(_iter_ends(tail))
    if not ends:
        raise ValueError("it is no ZIP archive, or it was cut: no end record reaches its end")
    if len(ends) > 1:
        raise ValueError("it has two end records")
    position = ends[0]
    fields = _END.unpack_from(tail, position)
    comment = tail[position + _END.size : position + _END.size + fields[-1]]
    if b"PK" in comment or not all(byte in _PLAIN for byte in comment):
        raise ValueError("its comment is more than text")
    return start + position, fields


# Printable ASCII, tab, line feed, carriage return, and the bytes of UTF-8.
_PLAIN = frozenset([9, 10, 13, *range(0x20, 0x7F), *range(0x80, 0x100)])


def _iter_ends(tail: bytes) -> Iterator[int]:
    """Yield the end records whose comment reaches the end of the file, trailing zeros aside."""
    content = len(tail.rstrip(b"\0"))
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        end = position + _END.size
        if end <= len(tail):
            end += tail[position + 20] | tail[position + 21] << 8
            if content <= end <= len(tail):
                yield position
        position = tail.rfind(b"PK\5\6", 0, position)


def _read_zip64(source: Source, end: int) -> tuple[int, tuple[int, ...]] | None:
    """Return where the zip64 record begins and its fields, in the order of the plain record."""
    if end < _LOCATOR.size:
        return None
    locator = end - _LOCATOR.size
    signature, disk, offset, disks = _LOCATOR.unpack(source.read(locator, _LOCATOR.size))
    if signature != b"PK\6\7":
        return None
    if disk or disks > 1:
        raise ValueError("it is spread over several disks")
    if offset + _END64.size != locator:
        raise ValueError("its zip64 end record does not stand before its locator, or has an extension")
    fields = _END64.unpack(source.read(offset, _END64.size))
    if fields[0] != b"PK\6\6" or fields[1] != _END64_REST:
        raise ValueError("its zip64 end record is damaged or has an extension")
    return offset, fields[4:]


def _compare(plain: tuple[int, ...], wide: tuple[int, ...]) -> None:
    limits = (_MAX16, _MAX16, _MAX16, _MAX16, _MAX32, _MAX32)
    for small, large, limit in zip(plain, wide, limits, strict=True):
        if small not in {large, limit}:
            raise ValueError("its zip64 end record and its end record disagree")
