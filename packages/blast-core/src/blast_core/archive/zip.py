"""The strict reader of ZIP archives: one reading only, every byte belongs to exactly one structure.

Layout that is accepted, with nothing before, between or after:

    local header, name, extra, data [, data descriptor]      once per member, in the order of their offsets
    central directory                                        one entry per member, in any order
    [zip64 end record of 56 bytes, zip64 locator]
    end record, comment [, zeros]

What local and central headers both say must agree; methods are stored and DEFLATE only. Spec: PKWARE APPNOTE 6.3.10.
"""

from __future__ import annotations

from struct import Struct

from blast_core.archive.inflate import crc32, inflate, inflate_chunks
from blast_core.archive.paths import are_plain, path_fault, show_path, tree_fault
from blast_core.archive.source import BytesSource, FileSource
from blast_core.archive.zip_end import find_directory
from blast_core.archive.zip_extra import Sizes, parse_extra, zip64_sizes
from blast_core.errors import ArchiveRejected
from blast_core.limits import CHUNK, UNPACKED_FLOOR, UNPACKED_RATIO, UNPACKED_TOTAL
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

    from blast_core.archive.source import Buffer
    from blast_core.archive.zip_end import Directory

    Source = FileSource | BytesSource

__all__ = ["DEFLATED", "STORED", "ZipArchive", "ZipMember", "read_archive"]

STORED = 0
DEFLATED = 8
_METHOD_NAMES = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ"}

# signature, version made by, version needed, flags, method, time, date, crc, stored, raw, name, extra, comment, disk,
# internal attributes, external attributes, offset
_CENTRAL = Struct("<4s6H3I5H2I")
# signature, version needed, flags, method, time, date, crc, stored, raw, name, extra
_LOCAL = Struct("<4s5H3I2H")

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
# Bits 1 and 2 say how hard the compressor tried; all others change how the bytes are read.
_KNOWN_FLAGS = _DESCRIPTOR | _UTF8 | 0x0006
_PLAIN_FLAGS = _UTF8 | 0x0006

# Of the specification, in tenths: who asks for a newer one knows something that we don't.
_NEWEST = 63

_TYPE_MASK = 0o170000
_TYPE_DIRECTORY = 0o040000
_TYPE_REGULAR = 0o100000
# The four upper bits of the external attributes of an ordinary file.
_PLAIN_KINDS = (0, _TYPE_REGULAR >> 12)
_DIRECTORY_KINDS = (0, _TYPE_DIRECTORY >> 12)
# What a DEFLATE stream of nothing takes: some writers compress directories too.
_EMPTY_DEFLATE = 2
_SLASH = ord("/")
_new = tuple.__new__


class ZipMember(NamedTuple):
    """One member, as both headers describe it.

    Attributes:
        name: path with forward slashes; a directory's ends in one.
        mode: Unix mode with its type bits, 0 where the writer gave none.
        method: ``STORED`` or ``DEFLATED``.
        crc32: of the raw bytes.
        stored_size: bytes in the archive.
        raw_size: bytes once inflated.
        flags: general purpose flags.
        header_offset: where its local header begins.
        data_offset: where its stored bytes begin.
    """

    name: str
    mode: int
    method: int
    crc32: int
    stored_size: int
    raw_size: int
    flags: int
    header_offset: int
    data_offset: int

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; these are empty."""
        return self.name.endswith("/")


class ZipArchive:
    """A checked archive. Content is checked when it is read: exact size, CRC, end of the stream.

    Attributes:
        source: where the bytes come from.
        members: in the order in which they lie in the archive, directories included.
    """

    def __init__(self, source: Source, members: tuple[ZipMember, ...]) -> None:
        self.source = source
        self.members = members
        self._by_name = {member.name: member for member in members}

    def find(self, name: str) -> ZipMember | None:
        """Return the member with exactly this path."""
        return self._by_name.get(name)

    def read_stored(self, member: ZipMember) -> bytes | memoryview:
        """Return the member's bytes as they lie in the archive."""
        return self.source.read(member.data_offset, member.stored_size)

    def iter_stored(self, member: ZipMember) -> Iterator[bytes | memoryview]:
        """Yield the member's bytes as they lie in the archive, at most 1 MiB at a time."""
        for start in range(0, member.stored_size, CHUNK):
            yield self.source.read(member.data_offset + start, min(CHUNK, member.stored_size - start))

    def unpack(self, member: ZipMember, stored: bytes | memoryview) -> bytes | memoryview:
        """Turn the stored bytes of a member into its content.

        Raises:
            ArchiveRejected: the stream is damaged, or size or CRC are not as declared.
        """
        try:
            raw = inflate(stored, member.raw_size) if member.method == DEFLATED else stored
        except ValueError as error:
            self._reject(member, str(error))
        if crc32(raw) != member.crc32:
            self._reject(member, "its CRC is not the declared one")
        return raw

    def read(self, member: ZipMember) -> bytes | memoryview:
        """Return the member's content, checked; for small members."""
        return self.unpack(member, self.read_stored(member))

    def iter_unpacked(self, member: ZipMember, pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        """Turn stored pieces into content in pieces of at most 1 MiB; the last word is said when the iterator ends.

        Raises:
            ArchiveRejected: the stream is damaged, or size or CRC are not as declared.
        """
        check = 0
        try:
            raws = inflate_chunks(pieces, member.raw_size) if member.method == DEFLATED else pieces
            for raw in raws:
                check = crc32(raw, check)
                yield raw
        except ValueError as error:
            self._reject(member, str(error))
        if check != member.crc32:
            self._reject(member, "its CRC is not the declared one")

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def _reject(self, member: ZipMember, reason: str) -> NoReturn:
        raise ArchiveRejected(f"{self.source.name} was refused", reason=f"member {show_path(member.name)}: {reason}")


def read_archive(buffer: Buffer | Source, name: str = "archive") -> ZipArchive:
    """Check the structure of an archive: all headers, no content.

    Args:
        buffer: the bytes, or a source of them; the archive closes a source.
        name: how errors call bytes in memory.

    Raises:
        ArchiveRejected: two readers could differ on it, it is damaged, or it breaks a limit.

    Cost: O(members), some 10 us each.
    """
    source = buffer if isinstance(buffer, FileSource | BytesSource) else BytesSource(buffer, name)
    try:
        members = _read_members(source)
    except ValueError as error:
        raise ArchiveRejected(f"{source.name} was refused", reason=str(error)) from None
    return ZipArchive(source, members)


def _read_members(source: Source) -> tuple[ZipMember, ...]:
    directory = find_directory(source)
    central = bytes(source.read(directory.offset, directory.size))
    plain = _read_plain(source, central, directory)
    if plain is not None:
        return plain
    entries = _parse_central(central, directory.entries)
    _check_names(entries)
    _check_total(entries, source.size)
    entries.sort(key=_header_offset)
    # In place: with a second list the peak would be a third higher.
    for index, member in enumerate(_walk_locals(source, entries, directory.offset)):
        entries[index] = member
    return tuple(entries)


def _header_offset(member: ZipMember) -> int:
    return member.header_offset


def _read_plain(source: Source, central: bytes, directory: Directory) -> tuple[ZipMember, ...] | None:
    """Return the members of an archive that is ordinary in all.

    Every one is a file or directory with a plain name and no extra fields, in the order of the central directory; its
    local header is word for word what that says, and nothing lies between. Such are nearly all wheels. Of any other it
    is None, and the long way says what is wrong with it, if anything is.
    """
    members: list[ZipMember] = []
    position = before = 0
    for _ in range(directory.entries):
        if position + _CENTRAL.size > len(central):
            return None
        (
            signature, _, needed, flags, method, _, _, crc, stored, raw, name_size, extra_size, comment_size, disk, _,
            attributes, offset,
        ) = _CENTRAL.unpack_from(central, position)  # fmt: skip
        start = position + _CENTRAL.size
        end = start + name_size
        name = central[start:end]
        if (
            signature != b"PK\1\2"
            or end + comment_size > len(central)
            or offset != before
            or extra_size
            or disk
            or flags & ~_PLAIN_FLAGS
            or needed & 0xFF > _NEWEST
            or not (method == DEFLATED or (method == STORED and stored == raw))
            or not name.isascii()
            or (
                attributes >> 28 not in _PLAIN_KINDS
                if central[end - 1] != _SLASH
                else raw or stored > (_EMPTY_DEFLATE if method else 0) or attributes >> 28 not in _DIRECTORY_KINDS
            )
        ):
            return None
        size = _LOCAL.size + name_size
        before = offset + size + stored
        # From the needed version to the lengths both headers have the same fields.
        local = b"PK\3\4" + central[position + 6 : position + 32] + name
        if before > directory.offset or source.read(offset, size) != local:
            return None
        members.append(
            _new(
                ZipMember,
                (name.decode("ascii"), attributes >> 16, method, crc, stored, raw, flags, offset, offset + size),
            )
        )
        position = end + comment_size
    if position != len(central) or before != directory.offset or not are_plain([member.name for member in members]):
        return None
    _check_names(members)
    _check_total(members, source.size)
    return tuple(members)


def _parse_central(central: bytes, count: int) -> list[ZipMember]:
    entries = []
    position = 0
    for index in range(count):
        if position + _CENTRAL.size > len(central):
            raise ValueError(f"the central directory ends before entry {index} of {count}")
        fields = _CENTRAL.unpack_from(central, position)
        name_end = position + _CENTRAL.size + fields[10]
        extra_end = name_end + fields[11]
        if fields[0] != b"PK\1\2" or extra_end + fields[12] > len(central):
            raise ValueError(f"entry {index} of the central directory is damaged")
        raw_name = central[position + _CENTRAL.size : name_end]
        entries.append(_central_member(fields, raw_name, central[name_end:extra_end]))
        position = extra_end + fields[12]
    if position != len(central):
        raise ValueError("the central directory has more bytes than its entries")
    return entries


def _central_member(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> ZipMember:
    flags, method, crc, stored_size, raw_size = fields[3], fields[4], fields[7], fields[8], fields[9]
    disk, attributes, offset = fields[13], fields[15], fields[16]
    name = _decode_name(raw_name, flags)
    try:
        _check_coding(fields[2] & 0xFF, flags, method)
        sizes = zip64_sizes(parse_extra(extra, raw_name), Sizes(raw_size, stored_size, offset, disk))
        member = ZipMember(name, attributes >> 16, method, crc, sizes.stored, sizes.raw, flags, sizes.offset, 0)
        _check_kind(member, sizes.disk)
    except ValueError as error:
        raise ValueError(f"member {show_path(name)}: {error}") from None
    return member


def _decode_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        wanted = "UTF-8" if flags & _UTF8 else "ASCII, and nothing says that it is UTF-8"
        raise ValueError(f"member {show_path(raw.decode('latin-1'))}: its path is not {wanted}") from None
    fault = path_fault(name)
    if fault:
        raise ValueError(f"member {show_path(name)}: {fault}")
    return name


def _check_coding(version: int, flags: int, method: int) -> None:
    if version > _NEWEST:
        raise ValueError(f"it needs version {version / 10} of ZIP")
    if flags & _ENCRYPTED:
        raise ValueError("it is encrypted")
    if method not in {STORED, DEFLATED}:
        raise ValueError(f"it is compressed with method {method} ({_METHOD_NAMES.get(method, 'unknown')})")
    if flags & ~_KNOWN_FLAGS:
        raise ValueError(f"it has the unknown flags {flags & ~_KNOWN_FLAGS:#06x}")


def _check_kind(member: ZipMember, disk: int) -> None:
    if disk:
        raise ValueError("it lies on another disk")
    kind = member.mode & _TYPE_MASK
    if kind not in {0, _TYPE_REGULAR, _TYPE_DIRECTORY}:
        raise ValueError(f"it is neither a file nor a directory (mode {member.mode:o})")
    if (kind == _TYPE_DIRECTORY and not member.is_directory) or (kind == _TYPE_REGULAR and member.is_directory):
        raise ValueError("its mode and its path differ on whether it is a directory")
    if member.is_directory and (member.raw_size or member.stored_size > (_EMPTY_DEFLATE if member.method else 0)):
        raise ValueError("it is a directory with content")
    if member.method == STORED and member.stored_size != member.raw_size:
        raise ValueError("it is stored, but its two sizes differ")
    if member.method == STORED and member.flags & _DESCRIPTOR and member.raw_size:
        raise ValueError("it is stored with a data descriptor: a streaming reader can't find its end")


def _check_names(entries: Sequence[ZipMember]) -> None:
    names = [entry.name for entry in entries]
    directories = [name[:-1] for name in names if name.endswith("/")]
    if len(set(directories)) != len(directories):
        raise ValueError("a directory is listed twice")
    fault = tree_fault([name for name in names if not name.endswith("/")] if directories else names, directories)
    if fault:
        raise ValueError(fault)


def _check_total(entries: Sequence[ZipMember], size: int) -> None:
    total = sum(entry.raw_size for entry in entries)
    allowed = min(max(UNPACKED_FLOOR, UNPACKED_RATIO * size), UNPACKED_TOTAL)
    if total > allowed:
        raise ValueError(f"it unpacks to {total} bytes; at most {allowed} are allowed for an archive of {size}")


def _walk_locals(source: Source, entries: Sequence[ZipMember], end: int) -> Iterator[ZipMember]:
    position = 0
    for index, entry in enumerate(entries):
        boundary = entries[index + 1].header_offset if index + 1 < len(entries) else end
        if entry.header_offset != position:
            raise ValueError("it does not begin with a member that the central directory knows")
        try:
            yield _check_local(source, entry, min(boundary, end))
        except ValueError as error:
            raise ValueError(f"member {show_path(entry.name)}: {error}") from None
        position = boundary


def _check_local(source: Source, entry: ZipMember, boundary: int) -> ZipMember:
    if entry.header_offset + _LOCAL.size > boundary:
        raise ValueError("its local header is cut")
    fields = _LOCAL.unpack(source.read(entry.header_offset, _LOCAL.size))
    if fields[0] != b"PK\3\4":
        raise ValueError("there is no local header where the central directory says")
    name_offset = entry.header_offset + _LOCAL.size
    data_offset = name_offset + fields[9] + fields[10]
    if data_offset + entry.stored_size > boundary:
        raise ValueError("it overlaps what follows it")
    names = bytes(source.read(name_offset, fields[9] + fields[10]))
    raw_name = entry.name.encode()
    if names[: fields[9]] != raw_name:
        raise ValueError("its local header has another path")
    if fields[3] != entry.method or (fields[2] ^ entry.flags) & ~0x0006:
        raise ValueError("its local header has another method or other flags")
    _compare_local(entry, fields, parse_extra(names[fields[9] :], raw_name))
    _check_descriptor(source, entry, data_offset + entry.stored_size, boundary)
    return entry._replace(data_offset=data_offset)


def _compare_local(entry: ZipMember, fields: tuple[int, ...], zip64: bytes | None) -> None:
    sizes = zip64_sizes(zip64, Sizes(fields[8], fields[7], 0, 0), is_local=True)
    found = (fields[6], sizes.stored, sizes.raw)
    wanted = (entry.crc32, entry.stored_size, entry.raw_size)
    if found == wanted:
        return
    streamed = entry.flags & _DESCRIPTOR
    for what, local, central in zip(("CRC", "stored size", "size"), found, wanted, strict=True):
        # A streaming writer does not know them yet: zero, and the descriptor has them.
        if local != central and not (streamed and local == 0):
            raise ValueError(f"its local header has the {what} {local}, the central directory {central}")


def _check_descriptor(source: Source, entry: ZipMember, start: int, boundary: int) -> None:
    length = boundary - start
    if not entry.flags & _DESCRIPTOR:
        if length:
            raise ValueError(f"{length} unknown bytes follow it")
        return
    if length not in _DESCRIPTORS:
        raise ValueError("its data descriptor is missing or has an impossible length")
    fields = _DESCRIPTORS[length].unpack(source.read(start, length))
    if len(fields) > 3 and fields[0] != b"PK\7\x08":
        raise ValueError("its data descriptor has a wrong signature")
    if fields[-3:] != (entry.crc32, entry.stored_size, entry.raw_size):
        raise ValueError("its data descriptor and the central directory disagree")


# By length: with and without the optional signature, with 32-bit and 64-bit sizes.
_DESCRIPTORS = {12: Struct("<3I"), 16: Struct("<4s3I"), 20: Struct("<I2Q"), 24: Struct("<4sI2Q")}
