"""Members of a wheel whose end has not come yet, read from their local headers.

What is read so is believed by nobody before the central directory has come and says the same of every such member
(`ArrivingMembers.agrees_with`); the strict reader has then seen that local headers and directory are one reading.
Here only what is quite ordinary is taken. Reading stops at the first member that is not, which is no fault: the members
before it are kept, and those from it on are read when all is there, in the usual way.
"""

from __future__ import annotations

import hashlib
from struct import Struct

from blast_core.archive.inflate import Inflating, crc32, inflate
from blast_core.archive.paths import path_fault
from blast_core.archive.zip import DEFLATED, STORED, ZipMember
from blast_core.elf import ELF_MAGIC, read_elf
from blast_core.formats.dpp.foldable import is_namespace_init
from blast_core.limits import CHUNK, UNPACKED_FLOOR, UNPACKED_RATIO, UNPACKED_TOTAL
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Protocol

    from blast_core.archive.zip import ZipArchive
    from blast_core.elf import ElfFacts

    class ArrivingFile(Protocol):
        """Takes the content of one member, and is closed whatever happens."""

        def write(self, content: bytes | memoryview, /) -> None: ...

        def read_elf(self) -> ElfFacts | None:
            """Return the facts of what was written."""

        def close(self) -> None: ...

    class ArrivingSink(Protocol):
        """Makes files; none of them may be there before."""

        def open(self, path: str, /) -> ArrivingFile: ...


__all__ = ["ArrivedMember", "ArrivingMembers"]

# signature, version needed, flags, method, time, date, crc, stored, raw, name, extra
_LOCAL = Struct("<4s5H3I2H")
_UTF8 = 0x0800
# Besides it only what says how hard the compressor tried. With a data descriptor the sizes are not known yet.
_PLAIN_FLAGS = _UTF8 | 0x0006
_MAX32 = 0xFFFFFFFF
_EMPTY_DEFLATE = 2
# What is refused in the end shall not have made files without measure.
_MOST_MEMBERS = 20_000


class ArrivedMember(NamedTuple):
    """A member that was read.

    Attributes:
        member: as its local header describes it; without a mode, which only the central directory has.
        sha256: of its content.
        is_namespace: whether it is an ``__init__.py`` that declares a namespace.
        elf: the facts of an ELF file.
    """

    member: ZipMember
    sha256: bytes
    is_namespace: bool
    elf: ElfFacts | None


class ArrivingMembers:
    """Takes a wheel's bytes from its first on, and hands on the content of members.

    Args:
        sink: makes the files. What it raises goes through `feed`, and nothing more may be fed then.

    Attributes:
        found: what was read, by the offset of the header.

    Memory: a MiB of the wheel and one of content.
    """

    def __init__(self, sink: ArrivingSink) -> None:
        self.found: dict[int, ArrivedMember] = {}
        self._sink = sink
        self._waiting = b""
        self._at = 0  # What of `_waiting` was read.
        self._start = 0  # Where `_waiting` begins in the wheel.
        self._unpacked = 0
        self._open: ArrivingFile | None = None
        self._reading: Generator[None] | None = self._read()
        next(self._reading)

    @property
    def is_reading(self) -> bool:
        """Whether more bytes may bring more members."""
        return self._reading is not None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            ValueError: a member is damaged; what was written of it is worthless.
            OSError: the sink refused.
        """
        if self._reading is None:
            return
        self._start += self._at
        self._waiting = self._waiting[self._at :] + piece if self._at < len(self._waiting) else piece
        self._at = 0
        try:
            next(self._reading)
        except StopIteration:
            self._reading = None
            self._waiting = b""

    def close(self) -> None:
        """Leave the member that is under way, whose content is not whole."""
        self._reading = None
        self._waiting = b""
        if self._open is not None:
            self._open.close()
            self._open = None

    def agrees_with(self, archive: ZipArchive) -> bool:
        """Tell whether the whole archive says of each member that was read what its local header said.

        Args:
            archive: the same bytes, checked.
        """
        if self._open is not None:
            return False
        for known in self.found.values():
            member = archive.find(known.member.name)
            # All but the mode, and the flags that may differ between the two headers.
            if member is None or member[2:6] != known.member[2:6] or member[7:] != known.member[7:]:
                return False
        return True

    def _read(self) -> Generator[None]:
        """Read member by member; stops wherever bytes are missing, and ends at what is not ordinary."""
        yield
        while len(self.found) < _MOST_MEMBERS:
            yield from self._await(_LOCAL.size)
            fields = _LOCAL.unpack_from(self._waiting, self._at)
            if fields[0] != b"PK\3\4":
                return
            yield from self._await(_LOCAL.size + fields[9] + fields[10])
            member = self._read_header(fields)
            if member is None:
                return
            self._at += member.data_offset - member.header_offset
            if max(member.raw_size, member.stored_size) <= CHUNK:
                yield from self._await(member.stored_size)
                self._take_small(member, memoryview(self._waiting)[self._at : self._at + member.stored_size])
                self._at += member.stored_size
            else:
                yield from self._take_large(member)

    def _await(self, size: int) -> Generator[None]:
        while len(self._waiting) - self._at < size:
            yield

    def _read_header(self, fields: tuple[int, ...]) -> ZipMember | None:
        """Return the member that a local header describes, None if it is not an ordinary one."""
        flags, method, crc, stored_size, raw_size = fields[2], fields[3], fields[6], fields[7], fields[8]
        name_start = self._at + _LOCAL.size
        name_end = name_start + fields[9]
        try:
            name = self._waiting[name_start:name_end].decode("utf-8" if flags & _UTF8 else "ascii")
        except UnicodeDecodeError:
            return None
        self._unpacked += raw_size
        came = self._start + len(self._waiting)
        if (
            flags & ~_PLAIN_FLAGS
            or _MAX32 in {stored_size, raw_size}
            or not (method == DEFLATED or (method == STORED and stored_size == raw_size))
            or (name.endswith("/") and (raw_size or stored_size > _EMPTY_DEFLATE))
            or path_fault(name)
            or self._unpacked > min(max(UNPACKED_FLOOR, UNPACKED_RATIO * came), UNPACKED_TOTAL)
        ):
            return None
        offset = self._start + self._at
        data_offset = offset + _LOCAL.size + fields[9] + fields[10]
        return ZipMember(name, 0, method, crc, stored_size, raw_size, flags, offset, data_offset)

    def _take_small(self, member: ZipMember, stored: memoryview) -> None:
        if member.is_directory:
            return
        raw = inflate(stored, member.raw_size) if member.method == DEFLATED else stored
        if crc32(raw) != member.crc32:
            raise ValueError(_WRONG_CRC)
        self._open = self._sink.open(member.name)
        self._open.write(raw)
        self._keep(
            member,
            hashlib.sha256(raw).digest(),
            is_namespace=is_namespace_init(member.name, raw),
            elf=read_elf(raw) if bytes(raw[:4]) == ELF_MAGIC else None,
        )

    def _take_large(self, member: ZipMember) -> Generator[None]:
        self._open = self._sink.open(member.name)
        sha256, check, missing, head = hashlib.sha256(), 0, member.stored_size, b""
        stream = Inflating(member.raw_size) if member.method == DEFLATED else None
        while missing:
            yield from self._await(1)
            piece = memoryview(self._waiting)[self._at : self._at + missing]
            self._at += len(piece)
            missing -= len(piece)
            for raw in (piece,) if stream is None else stream.feed(piece):
                check = crc32(raw, check)
                sha256.update(raw)
                self._open.write(raw)
                head += raw[: len(ELF_MAGIC) - len(head)]
        if stream is not None:
            stream.finish()
        if check != member.crc32:
            raise ValueError(_WRONG_CRC)
        elf = self._open.read_elf() if head == ELF_MAGIC else None
        self._keep(member, sha256.digest(), is_namespace=False, elf=elf)

    def _keep(self, member: ZipMember, sha256: bytes, *, is_namespace: bool, elf: ElfFacts | None) -> None:
        assert self._open is not None
        self._open.close()
        self._open = None
        self.found[member.header_offset] = ArrivedMember(member, sha256, is_namespace, elf)


_WRONG_CRC = "its CRC is not the declared one"
