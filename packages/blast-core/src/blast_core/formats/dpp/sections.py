"""Sections as bytes: the writer and the bounds-checked reader of entries, tables and pools."""

from __future__ import annotations

from blast_core.formats.dpp.layout import SECTION, SectionKind
from blast_core.formats.layout import View
from blast_core.limits import DPP_ENTRIES, DPP_SECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Text = tuple[int, int]

__all__ = ["SectionReader", "SectionWriter", "section_length"]


class SectionWriter:
    """Collects the entries, the table and the pool of one section; equal texts are kept once."""

    def __init__(self, kind: SectionKind) -> None:
        self._kind = kind
        self._entries = bytearray()
        self._count = 0
        self._slots = bytearray()
        self._pool = bytearray()
        self._known: dict[bytes, Text] = {}

    def text(self, content: str | bytes) -> Text:
        """Put a text into the pool and return its offset and length."""
        data = content if isinstance(content, bytes) else content.encode()
        known = self._known.get(data)
        if known is None:
            known = self._known[data] = (len(self._pool), len(data))
            self._pool += data
        return known

    def append(self, data: bytes) -> Text:
        """Put a text that comes only once into the pool, without looking for an equal one."""
        place = len(self._pool)
        self._pool += data
        return place, len(data)

    def list(self, contents: Iterable[str | bytes]) -> tuple[int, int]:
        """Put texts into the table and return the first slot and their number."""
        first = len(self._slots) // self._kind.slot.size
        for content in contents:
            self._slots += self._kind.slot.pack(*self.text(content))
        return first, len(self._slots) // self._kind.slot.size - first

    def set_table(self, slots: bytes) -> None:
        """Use ready-made slots as the table."""
        self._slots = bytearray(slots)

    def entry(self, *values: object) -> None:
        """Append an entry."""
        self._entries += self._kind.entry.pack(*values)
        self._count += 1

    def finish(self) -> bytes:
        """Return the section, unpadded."""
        table = SECTION.size + len(self._entries)
        pool = table + len(self._slots)
        slots = len(self._slots) // self._kind.slot.size
        header = SECTION.pack(pool + len(self._pool), self._count, self._kind.tag, table, slots, pool, len(self._pool))
        return header + self._entries + self._slots + self._pool


def section_length(view: View, kind: SectionKind) -> int:
    """Return the length that a section's first 32 bytes state.

    Raises:
        FormatError: it is another section, or longer than is allowed.
    """
    length, count, tag = view.unpack(SECTION, 0, "length")[:3]
    if tag != kind.tag:
        view.fail("it is no section of this kind", "tag", tag)
    if not SECTION.size <= length <= DPP_SECTION:
        view.fail("the section is too short or too long", "length", length)
    if count > DPP_ENTRIES:
        view.fail("the section has too many entries", "count", count)
    return int(length)


class SectionReader:
    """One section in memory. Bounds of its parts are checked at once, those of an entry when it is read.

    Attributes:
        count: number of entries.
        slots: number of slots of the table.
    """

    __slots__ = ("_kind", "_pool", "_view", "count", "slots", "table")

    def __init__(self, view: View, kind: SectionKind) -> None:
        self._view = view
        self._kind = kind
        length, self.count, _, table, self.slots, pool, pool_size = view.unpack(SECTION, 0, "length")
        parts = (
            ("length", length, len(view.data)),
            ("table", table, SECTION.size + self.count * kind.entry.size),
            ("pool", pool, table + self.slots * kind.slot.size),
            ("pool size", pool_size, len(view.data) - pool),
        )
        for field, found, wanted in parts:
            if found != wanted:
                view.fail(f"the parts of the section do not fit together; {wanted} would", field, found)
        self.table = view.data[table:pool]
        self._pool = View(view.data[pool:], view.file, view.name)

    def entry(self, index: int) -> tuple[Any, ...]:
        """Return the fields of an entry.

        Raises:
            FormatError: there are fewer entries.
        """
        if not 0 <= index < self.count:
            self.fail("there is no such entry", "entry", index)
        return self._kind.entry.unpack_from(self._view.data, SECTION.size + index * self._kind.entry.size)

    def entries(self) -> Iterable[tuple[Any, ...]]:
        """Iterate over the fields of all entries."""
        size = self._kind.entry.size
        return self._kind.entry.iter_unpack(self._view.data[SECTION.size : SECTION.size + self.count * size])

    def text(self, offset: int, length: int, field: str) -> str:
        """Return a text of the pool.

        Raises:
            FormatError: it lies outside, or is not UTF-8.
        """
        return self._pool.text(offset, length, field)

    def content(self, offset: int, length: int, field: str) -> memoryview:
        """Return bytes of the pool.

        Raises:
            FormatError: they lie outside.
        """
        return self._pool.part(offset, length, field)

    def contents(self, first: int, count: int, field: str) -> tuple[bytes, ...]:
        """Return the pool's bytes for a list.

        Raises:
            FormatError: the list or one of its texts lies outside.
        """
        return tuple(bytes(self.content(*slot, field)) for slot in self._list(first, count, field))

    def texts(self, first: int, count: int, field: str) -> tuple[str, ...]:
        """Return a list of texts.

        Raises:
            FormatError: the list or one of its texts lies outside, or is not UTF-8.
        """
        return tuple(self.text(*slot, field) for slot in self._list(first, count, field))

    def _list(self, first: int, count: int, field: str) -> Iterable[tuple[int, int]]:
        if first + count > self.slots:
            self.fail("the list ends behind the table", field, first)
        size = self._kind.slot.size
        return self._kind.slot.iter_unpack(self.table[first * size : (first + count) * size])

    def fail(self, message: str, field: str, value: object) -> None:
        """Raise InvalidField for a field of this section."""
        self._view.fail(message, field, value)
