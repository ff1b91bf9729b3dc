"""The sections of an open lock: rows and strings, every number checked against its bounds before it is used.

The module imports no ``typing``, ``re`` or model classes until an answer needs them.
"""

from __future__ import annotations

from blast_core import limits
from blast_core.errors import BadMagic, InvalidField, UnsupportedFormatVersion
from blast_core.formats.dpl import layout
from blast_core.formats.dpl.layout import Section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from struct import Struct
    from typing import Any

    from blast_core.formats.dpl.model import LockedDependency, LockedFile, LockedSource
    from blast_core.formats.dpl.pages import Pages

    Row = tuple[Any, ...]

__all__ = ["Sections"]

_NAMES = [name for name, _ in layout.SECTIONS]
_STATED = (*layout.SECTIONS[Section.MARKERS : Section.POOL], layout.SECTIONS[Section.SEALS])
_STATED_STRIDES = tuple(size for _, size in _STATED)


class Sections:
    """Typed access to the sections of a lock whose header and directory hold.

    Attributes:
        pages: the bytes.
        counts: entries of each section, in the order of ``layout.SECTIONS``; of the pool its bytes.
        input_hash: 32 bytes, as in the header.
        text_hash: 32 bytes, as in the directory.
        requires_python: string reference, as in the directory.

    Raises:
        FormatError: not a lock, or damaged.
    """

    __slots__ = (
        "_offsets",
        "_pool",
        "_pool_size",
        "_sources",
        "_texts",
        "_unread",
        "counts",
        "input_hash",
        "pages",
        "requires_python",
        "text_hash",
    )

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        head = pages.peek(layout.ENTRIES_AT)
        header = layout.HEADER.unpack_from(head, 0)
        directory = layout.DIRECTORY.unpack_from(head, layout.CONTENT_AT)
        _check_kind(header, pages.file)
        self.counts = self._read_counts(header, directory)
        self._offsets, seals, total = layout.place_sections(self.counts)
        if total != pages.size or not _is_layout(header, directory, self._offsets, seals, total):
            raise self.invalid("sections", (pages.size, *header[4:12], *directory[3:]))
        pages.seal(self._offsets[Section.SEALS])
        if pages.read(0, layout.ENTRIES_AT) != head:
            raise self.invalid("header", "changed while it was read")
        self._pool = self._offsets[Section.POOL]
        self._pool_size = self.counts[Section.POOL]
        self._unread = self._pool_size
        self._texts: dict[tuple[int, int], str] = {}
        self._sources: dict[tuple[int, int, bytes], LockedSource] = {}
        self.input_hash: bytes = header[12]
        self.text_hash: bytes = directory[0]
        self.requires_python: tuple[int, int] = directory[1:3]

    def _read_counts(self, header: Row, directory: Row) -> tuple[int, ...]:
        packages, slots, targets = header[3], header[6], header[7]
        if packages > limits.DPL_PACKAGES or targets > limits.DPL_TARGETS:
            raise self.invalid("counts", (packages, targets))
        if not slots or slots & (slots - 1) or slots < 2 * packages:
            raise self.invalid("hash table slots", slots)
        counts: tuple[int, ...] = (packages, slots, targets, *directory[7:27:3], directory[3])
        if max(counts) > limits.DPL_SIZE:
            raise self.invalid("counts", counts)
        return counts

    def invalid(self, field: str, value: object) -> InvalidField:
        """Return the error for a field that can't be."""
        return InvalidField(
            "the lock is damaged", file=self.pages.file, field=field, value=str(value), hint="run `blast lock`"
        )

    def row(self, section: int, number: int, row: Struct) -> Row:
        """Return one row; raises ``InvalidField`` when the section has no such number."""
        if not 0 <= number < self.counts[section]:
            raise self.invalid(_NAMES[section], number)
        at = self._offsets[section] + number * row.size
        return row.unpack(self.pages.read(at, at + row.size))

    def rows(self, section: int, first: int, count: int, row: Struct) -> Iterator[Row]:
        """Return ``count`` rows from ``first`` on; raises ``InvalidField`` when they pass the section's end."""
        if not count:
            return iter(())
        if first + count > self.counts[section]:
            raise self.invalid(_NAMES[section], (first, count))
        start = self._offsets[section] + first * row.size
        return row.iter_unpack(self.pages.read(start, start + count * row.size))

    def slice(self, at: int, length: int) -> bytes:
        """Return the pool's bytes of a reference."""
        if at + length > self._pool_size:
            raise self.invalid("string", (at, length))
        if not length:
            return b""
        start = self._pool + at
        return self.pages.read(start, start + length)

    def text(self, at: int, length: int) -> str:
        """Return the string of a reference; raises ``InvalidField`` when it is not UTF-8.

        Strings do not overlap, so all that were ever decoded are no longer than the pool: a small file whose many
        references share one long stretch is refused before it fills the memory.
        """
        known = self._texts.get((at, length))
        if known is not None:
            return known
        self._unread -= length
        if self._unread < 0:
            raise self.invalid("string pool", "strings overlap")
        try:
            text = self._texts[at, length] = self.slice(at, length).decode()
        except UnicodeDecodeError as error:
            raise self.invalid("string", at) from error
        return text

    def names(self, section: int) -> tuple[str, ...]:
        """Return the strings of a section of references."""
        return tuple(self.text(*row) for row in self.rows(section, 0, self.counts[section], layout.STRING))

    def dependencies(self, first: int, count: int) -> tuple[LockedDependency, ...]:
        """Decode a range of dependencies."""
        from blast_core.formats.dpl.model import LockedDependency

        text = self.text
        return tuple(
            LockedDependency(
                text(row[0], row[1]), text(row[2], row[3]), _split(text(row[4], row[5])), text(row[6], row[7])
            )
            for row in self.rows(Section.DEPENDENCIES, first, count, layout.DEPENDENCY)
        )

    def filenames(self, first: int, count: int) -> tuple[str, ...]:
        """Decode the names alone of a range of files."""
        return tuple(self.text(row[2], row[3]) for row in self.rows(Section.FILES, first, count, layout.FILE))

    def files(self, first: int, count: int) -> tuple[LockedFile, ...]:
        """Decode a range of files."""
        from blast_core.formats.dpl.model import LockedFile

        indexes = ("", *self.names(Section.INDEXES))
        text = self.text
        files = []
        for row in self.rows(Section.FILES, first, count, layout.FILE):
            sha256, size, name_at, name_length, path_at, path_length, time_at, time_length, index, flags = row
            name = text(name_at, name_length)
            if index >= len(indexes) or flags > layout.PATH_IS_FOLDER:
                raise self.invalid(f"file {name}", (index, flags))
            path = text(path_at, path_length)
            if flags:
                path += name
            files.append(LockedFile(name, indexes[index], path, sha256.hex(), size, text(time_at, time_length)))
        return tuple(files)

    def extras(self, first: int, count: int) -> tuple[tuple[str, tuple[LockedDependency, ...]], ...]:
        """Decode a range of extras."""
        return tuple(
            (self.text(row[0], row[1]), self.dependencies(row[2], row[3]))
            for row in self.rows(Section.EXTRAS, first, count, layout.EXTRA)
        )

    def check_ranges(self) -> None:
        """Check that the entries share files, dependencies and extras out in order, so that none is read twice."""
        files = dependencies = extras = 0
        for row in self.rows(Section.ENTRIES, 0, self.counts[Section.ENTRIES], layout.ENTRY):
            if (row[9], row[11], row[13]) != (files, dependencies, extras):
                raise self.invalid("ranges", row[9:15])
            files += row[10]
            dependencies += row[12]
            for extra in self.rows(Section.EXTRAS, row[13], row[14], layout.EXTRA):
                if extra[2] != dependencies:
                    raise self.invalid("extras", extra[2])
                dependencies += extra[3]
            extras += row[14]
        found = (files, dependencies, extras)
        if found != (*self.counts[Section.FILES : Section.EXTRAS + 1],):
            raise self.invalid("ranges", found)

    def source(self, kind: int, number: int, digest: bytes) -> LockedSource:
        """Decode an entry's source; most entries share one."""
        known = self._sources.get((kind, number, digest))
        if known is not None:
            return known
        from blast_core.formats.dpl.model import NO_HASH, SOURCE_KINDS, LockedSource

        if kind >= len(SOURCE_KINDS):
            raise self.invalid("source kind", kind)
        row = self.row(Section.SOURCES, number, layout.SOURCE)
        places = (self.text(row[0], row[1]), self.text(row[2], row[3]), self.text(row[4], row[5]))
        found = LockedSource(SOURCE_KINDS[kind], *places, "" if digest == NO_HASH else digest.hex())
        self._sources[kind, number, digest] = found
        return found


def _check_kind(header: Row, file: str) -> None:
    magic, version, flags = header[:3]
    if magic != layout.MAGIC:
        raise BadMagic("not a lock", file=file, field="magic", value=repr(magic), hint="run `blast lock`")
    if version != layout.FORMAT_VERSION or flags:
        raise UnsupportedFormatVersion(
            "the lock has another format version",
            file=file,
            field="format version, flags",
            value=f"{version}, {flags}",
            hint="use a newer Blast, or run `blast lock`",
        )


def _is_layout(header: Row, directory: Row, offsets: list[int], seals: int, total: int) -> bool:
    """Tell whether the file states the offsets and sizes that follow from its counts."""
    return (
        header[4] == layout.ENTRY.size
        and header[5] == offsets[Section.TABLE]
        and header[8:12] == (offsets[Section.ENTRIES], offsets[Section.POOL], offsets[Section.TARGETS], total)
        and directory[4:6] == (layout.PAGE_SIZE, 0)
        and [*directory[6:27:3]] == offsets[Section.MARKERS : Section.POOL]
        and directory[27] == offsets[Section.SEALS]
        and directory[8:30:3] == _STATED_STRIDES
        and directory[28] == seals
        and directory[30] == 0
    )


def _split(extras: str) -> tuple[str, ...]:
    return tuple(extras.split(",")) if extras else ()
