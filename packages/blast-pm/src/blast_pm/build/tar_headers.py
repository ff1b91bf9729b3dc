"""What the headers of a tar archive's member say, held against each other.

Names, sizes and links can stand in several headers (ustar's own, GNU's long names, PAX records), and readers differ on
which one counts. Each of them is written by honest programs only where the plain header has no room.
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

__all__ = ["header_fault"]

_BLOCK = tarfile.BLOCKSIZE
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_ROOM = tarfile.LENGTH_NAME


def header_fault(archive: IO[bytes], member: tarfile.TarInfo) -> str:
    """Return why readers could take a member for different things, or "".

    Args:
        archive: the uncompressed archive; where it is read next is left as it was.
        member: as `tarfile` understands it.
    """
    last = member.offset_data - _BLOCK
    if last == member.offset:
        return ""
    before = archive.tell()
    try:
        kinds = _read_kinds(archive, member.offset, last)
        archive.seek(last)
        header = archive.read(_BLOCK)
    finally:
        archive.seek(before)
    if len(set(kinds)) != len(kinds):
        return "it has two headers of one kind"
    is_pax = any(kind in _PAX for kind in kinds)
    if is_pax and len(kinds) > 1:
        return "it has a PAX header and a GNU one"
    named = tarfile.GNUTYPE_LONGNAME in kinds or "path" in member.pax_headers
    if named and _fits(member.name) and _own_name(header) != member.name:
        return "it has two names"
    linked = tarfile.GNUTYPE_LONGLINK in kinds or "linkpath" in member.pax_headers
    if linked and _fits(member.linkname) and _text(header[157:257]) != member.linkname:
        return "it has two targets"
    return ""


def _read_kinds(archive: IO[bytes], start: int, last: int) -> list[bytes]:
    """Return the types of the headers before the member's own.

    Raises:
        ValueError: they don't lead to it.
    """
    kinds = []
    while start < last:
        archive.seek(start)
        header = archive.read(_BLOCK)
        kinds.append(header[156:157])
        size = tarfile.nti(header[124:136])  # type: ignore[attr-defined]
        start += _BLOCK + -(-size // _BLOCK) * _BLOCK
    if start != last:
        raise ValueError("its headers don't lead from one to the next")
    return kinds


def _fits(text: str) -> bool:
    return text.isascii() and len(text) <= _ROOM


def _own_name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    # GNU's own format has other things where ustar has the prefix.
    joined = f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name
    return joined.rstrip("/")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
