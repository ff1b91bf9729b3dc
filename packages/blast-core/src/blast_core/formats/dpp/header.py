"""The header of a container: 64 bytes, one unpack, and bounds that hold before anything is read."""

from __future__ import annotations

from itertools import pairwise

from blast_core.errors import BadMagic, InvalidField, UnsupportedFormatVersion
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.sections import section_length
from blast_core.formats.layout import View, aligned
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.formats.dpp.layout import SectionKind
    from blast_core.formats.dpp.storage import BufferStorage, FileStorage

    Storage = BufferStorage | FileStorage

__all__ = ["Header", "read_header"]


class Header(NamedTuple):
    """The header, offsets in bytes.

    Attributes:
        flags: as in ``layout``.
        metadata: where the section begins; the data region ends there.
        files: where the section begins.
        bytecode: where the section begins, 0 without one.
        native: where the section begins, 0 without one.
        dependency: where the section begins.
        total: size of the container.
        digest: BLAKE3 of bytes 64 to the end.
    """

    flags: int
    metadata: int
    files: int
    bytecode: int
    native: int
    dependency: int
    total: int
    digest: bytes

    def order(self) -> tuple[tuple[SectionKind, int], ...]:
        """Return the sections that there are and where they begin, in their order."""
        found = (
            (layout.METADATA_SECTION, self.metadata),
            (layout.FILES_SECTION, self.files),
            (layout.DEPENDENCY_SECTION, self.dependency),
            (layout.NATIVE_SECTION, self.native),
            (layout.BYTECODE_SECTION, self.bytecode),
        )
        return tuple(section for section in found if section[1])

    def read_section(self, storage: Storage, kind: SectionKind) -> memoryview:
        """Return a section's bytes, padding excluded.

        Raises:
            FormatError: it is another section, or does not end where the next one begins.
        """
        sections = self.order()
        place = next(index for index, (found, _) in enumerate(sections) if found == kind)
        start = sections[place][1]
        end = sections[place + 1][1] if place + 1 < len(sections) else self.total
        data = storage.read(start, end - start, kind.name)
        view = View(data, storage.name, kind.name)
        length = section_length(view, kind)
        if aligned(length) != end - start:
            view.fail("the section does not end where the next one begins", "length", length)
        if any(data[length:]):
            view.fail("the padding is not zero", "padding", bytes(data[length:]).hex())
        return data[:length]


def read_header(storage: Storage) -> Header:
    """Read and check the header.

    Raises:
        FormatError: it is no container of a version that we know, or one of its fields is impossible.
    """
    fields = layout.HEADER.unpack(storage.read(0, layout.HEADER_SIZE, "header"))
    magic, version, flags = fields[:3]
    if magic != layout.MAGIC:
        raise BadMagic("it is no DPP", file=storage.name, field="magic", value=str(magic))
    if version != layout.VERSION:
        raise UnsupportedFormatVersion(
            "its format version is unknown", file=storage.name, field="version", value=str(version),
            hint="update Blast, or convert the wheel again",
        )  # fmt: skip
    metadata, files, bytecode, native, dependency, total = (unit * layout.UNIT for unit in fields[3:9])
    header = Header(flags, metadata, files, bytecode, native, dependency, total, fields[9])
    _check_header(header, storage)
    return header


def _check_header(header: Header, storage: Storage) -> None:
    def fail(message: str, field: str, value: int) -> None:
        raise InvalidField(message, file=storage.name, field=field, value=str(value))

    if header.flags & ~layout.KNOWN_FLAGS:
        fail("a flag is unknown", "flags", header.flags)
    if header.total != storage.size:
        fail("it is not the size of the file", "total size", header.total)
    if bool(header.flags & layout.BYTECODE) != bool(header.bytecode):
        fail("flag and offset of the bytecode disagree", "bytecode", header.bytecode)
    if bool(header.flags & layout.NATIVE) != bool(header.native):
        fail("flag and offset of the native section disagree", "native", header.native)
    # The sections that must be there count even at 0, which then is out of order.
    wanted = [header.metadata, header.files, header.dependency]
    wanted += [offset for offset in (header.native, header.bytecode) if offset]
    starts = [layout.HEADER_SIZE, *wanted, header.total]
    for before, after in pairwise(starts):
        if after < before or (after == before and before != layout.HEADER_SIZE):
            fail("the sections are not in their order", "sections", after)
