"""METADATA out of a wheel of which only the end was read: two or three small reads instead of the whole file.

This is for resolving only. What is installed comes through the strict front door (``blast_core.archive.zip``), which
reads METADATA again.

Spec: APPNOTE.TXT 4.3 (ZIP), PEP 427.
"""

from __future__ import annotations

import zlib
from struct import Struct

from blast_core.errors import ArchiveRejected
from blast_core.limits import METADATA, MIB
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TAIL_BYTES", "read_wheel_metadata", "tail_metadata"]

#: What is read first: enough for the directory of most wheels, and for METADATA, which stands near the end.
TAIL_BYTES = 16 << 10

_END = Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_CENTRAL = Struct("<4s6H3L5H2L")
_CENTRAL_MAGIC = b"PK\x01\x02"
_LOCAL = Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_MAX_DIRECTORY = 64 * MIB
_NEEDS_ZIP64 = 0xFFFFFFFF
# What a local header may hold beyond its name and what the directory says; read with the content to save a request.
_EXTRA_GUESS = 64


class _Member(NamedTuple):
    name: str
    method: int
    crc: int
    compressed: int
    size: int
    offset: int
    name_size: int


def tail_metadata(tail: bytes, size: int, read_at: Callable[[int, int], bytes], filename: str) -> bytes:
    """Return a wheel's METADATA.

    Args:
        tail: the last bytes of the wheel.
        size: of the whole wheel.
        read_at: returns the bytes from an offset to another; called when the tail is too short.
        filename: of the wheel.

    Raises:
        ArchiveRejected: not a zip archive that can be read this way, or without a METADATA of the wheel's project.
    """

    def read(start: int, stop: int) -> bytes:
        begin = size - len(tail)
        return tail[start - begin : stop - begin] if start >= begin else read_at(start, stop)

    position = tail.rfind(_END_MAGIC)
    if position < 0 or len(tail) - position < _END.size:
        raise _rejected(filename, "the end of its directory was not found")
    _, _, _, _, count, directory_size, directory_offset, _ = _END.unpack_from(tail, position)
    if directory_offset == _NEEDS_ZIP64 or count == 0xFFFF:
        raise _rejected(filename, "it needs zip64")
    if directory_size > _MAX_DIRECTORY or directory_offset + directory_size > size:
        raise _rejected(filename, "its directory lies outside of it")
    directory = read(directory_offset, directory_offset + directory_size)
    member = _find_metadata(_members(directory, filename), filename)
    stop = member.offset + _LOCAL.size + member.name_size + _EXTRA_GUESS + member.compressed
    return _extract(member, read(member.offset, min(stop, size)), read, filename)


def _rejected(filename: str, reason: str) -> ArchiveRejected:
    return ArchiveRejected(f"{filename}: its metadata can't be read from its end", reason=reason)


def _members(directory: bytes, filename: str) -> Iterator[_Member]:
    at = 0
    while at < len(directory):
        if len(directory) - at < _CENTRAL.size or directory[at : at + 4] != _CENTRAL_MAGIC:
            raise _rejected(filename, "its directory is malformed")
        fields = _CENTRAL.unpack_from(directory, at)
        name_size, extra_size, comment_size = fields[10:13]
        name = directory[at + _CENTRAL.size : at + _CENTRAL.size + name_size]
        if name.endswith(b".dist-info/METADATA"):
            crc, compressed, size = fields[7:10]
            yield _Member(name.decode("utf-8", "replace"), fields[4], crc, compressed, size, fields[16], name_size)
        at += _CENTRAL.size + name_size + extra_size + comment_size


def _find_metadata(members: Iterator[_Member], filename: str) -> _Member:
    project = normalize_name(filename.partition("-")[0])
    found = [
        member
        for member in members
        if member.name.count("/") == 1 and normalize_name(member.name.partition("-")[0]) == project
    ]
    if len(found) != 1:
        raise _rejected(filename, f"it holds {len(found)} METADATA files of its project")
    return found[0]


def _extract(member: _Member, head: bytes, read: Callable[[int, int], bytes], filename: str) -> bytes:
    if member.compressed == _NEEDS_ZIP64 or max(member.compressed, member.size) > METADATA:
        raise _rejected(filename, "its METADATA is too large")
    if len(head) < _LOCAL.size or head[:4] != _LOCAL_MAGIC:
        raise _rejected(filename, "its METADATA is not where the directory says")
    fields = _LOCAL.unpack_from(head)
    start = _LOCAL.size + fields[9] + fields[10]
    content = head[start : start + member.compressed]
    if len(content) < member.compressed:
        begin = member.offset + start
        content = read(begin, begin + member.compressed)
    if member.method == zlib.DEFLATED:
        content = _inflate(content, member.size, filename)
    elif member.method != 0:
        raise _rejected(filename, f"its METADATA is compressed by method {member.method}")
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise _rejected(filename, "its METADATA has another size or checksum than the directory says")
    return content


def _inflate(content: bytes, size: int, filename: str) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(content, size + 1)
    except zlib.error as error:
        raise _rejected(filename, str(error)) from error


def read_wheel_metadata(path: str, filename: str) -> bytes:
    """Return the METADATA of a wheel on this machine, zip64 ones included.

    Raises:
        ArchiveRejected: as `tail_metadata`.
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, 2)

        def read_at(start: int, stop: int) -> bytes:
            stream.seek(start)
            return stream.read(stop - start)

        tail = read_at(max(size - 4 * TAIL_BYTES, 0), size)
        try:
            return tail_metadata(tail, size, read_at, filename)
        except ArchiveRejected as error:
            if error.reason != "it needs zip64":
                raise
    return _read_zip64(path, filename)


def _read_zip64(path: str, filename: str) -> bytes:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            members = (
                _Member(info.filename, info.compress_type, info.CRC, info.compress_size, info.file_size, 0, 0)
                for info in archive.infolist()
                if info.filename.endswith(".dist-info/METADATA")
            )
            found = _find_metadata(members, filename)
            if found.size > METADATA:
                raise _rejected(filename, "its METADATA is too large")
            return archive.read(found.name)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise _rejected(filename, str(error)) from error
