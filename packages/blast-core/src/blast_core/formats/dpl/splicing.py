"""A lock with some of its packages written anew, from the bytes that it has: nothing that stays is decoded.

A reference to a string is 8 bytes that no other string has. So the lock's rows are numbers, and what `build_lock` would
lay into the pool, in which order, is the order in which these numbers come first. The result has the bytes that
`build_lock` gives for the whole lock; a property test holds it to that.
"""

from __future__ import annotations

import sys
from _operator import add, ne, sub  # the part of it that needs no file
from bisect import bisect_left
from itertools import accumulate, compress, pairwise
from struct import Struct

from blast_core.fnv import build_table
from blast_core.formats.dpl import layout
from blast_core.formats.dpl.assembly import assemble
from blast_core.formats.dpl.builder import RowEncoder
from blast_core.formats.dpl.layout import Section
from blast_core.formats.dpl.model import Lock
from blast_core.formats.dpl.pages import wrap_bytes
from blast_core.formats.dpl.sections import Sections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blast_core.formats.dpl.model import LockedPackage

__all__ = ["splice_lock"]

# Of numbers of 8 bytes: how many a row has, and which of them are references.
_ENTRY, _ENTRY_STRINGS = layout.ENTRY.size // 8, range(1, 5)
_FILE, _FILE_STRINGS = layout.FILE.size // 8, range(5, 8)
_TARGET, _TARGET_STRINGS = layout.TARGET.size // 8, range(3)
_EXTRA, _EXTRA_STRINGS = layout.EXTRA.size // 8, range(1)
_DEPENDENCY = layout.DEPENDENCY.size // 8
_MARKER = layout.MARKER.size // 8
_SOURCE = layout.SOURCE.size // 8
# Places in the row of an entry.
_FILES, _DEPENDENCIES, _EXTRAS, _KIND = 5, 6, 7, 10
_LOW = 0xFFFFFFFF


def splice_lock(
    data: bytes,
    packages: Sequence[LockedPackage],
    *,
    input_hash: bytes,
    text_hash: bytes,
    without: Collection[str] = (),
) -> bytes | None:
    """Return the bytes of the lock in ``data`` with other packages of some names.

    Args:
        data: a lock that is what its content hash says.
        packages: in canonical order, lawful, and all that the new lock has of their names.
        input_hash: of the new lock.
        text_hash: of the new lock.
        without: names that the new lock has not; other packages have files of the same indexes.

    Returns:
        None where the old lock can't be reused: other packages stand for one with files, or files are from an index
        that it doesn't have.

    Raises:
        FormatError: the data are not a lock.
        InvalidVersion: a version that PEP 440 does not allow.
    """
    if sys.byteorder != "little":
        return None
    sections = Sections(wrap_bytes(data, layout.ENTRIES_AT))
    indexes = sections.names(Section.INDEXES)
    if any(file.index and file.index not in indexes for package in packages for file in package.files):
        return None
    splice = _Splice(data, sections)
    parts = splice.parts(Lock(tuple(packages), (), (), "", b"", b"", indexes), without)
    return splice.join(parts, input_hash, text_hash) if parts is not None else None


class _Rows:
    """Rows of consecutive packages.

    Attributes:
        entries: 16 numbers each.
        files: 9 numbers each.
        dependencies: 4 numbers each.
        extras: 2 numbers each.
        starts: the first file, dependency and extra, as the entries count them.
        sources: of each entry the three references that say where it is from.
    """

    __slots__ = ("dependencies", "entries", "extras", "files", "sources", "starts")

    def __init__(
        self, entries: list[int], files: list[int], dependencies: list[int], extras: list[int], places: list[int]
    ) -> None:
        self.entries = entries
        self.files = files
        self.dependencies = dependencies
        self.extras = extras
        self.starts = (0, 0, 0)
        self.sources = [
            tuple(places[(number >> 32) * _SOURCE : (number >> 32) * _SOURCE + _SOURCE])
            for number in entries[_KIND::_ENTRY]
        ]

    def __len__(self) -> int:
        return len(self.entries) // _ENTRY

    def cut(self, first: int, last: int) -> _Rows:
        """Return the rows of the packages from ``first`` to the one before ``last``."""
        begin, end = self._begin(first), self._begin(last)
        part = _Rows(
            self.entries[first * _ENTRY : last * _ENTRY],
            self.files[begin[0] * _FILE : end[0] * _FILE],
            self.dependencies[begin[1] * _DEPENDENCY : end[1] * _DEPENDENCY],
            self.extras[begin[2] * _EXTRA : end[2] * _EXTRA],
            [],
        )
        part.starts = begin
        part.sources = self.sources[first:last]
        return part

    def _begin(self, place: int) -> tuple[int, int, int]:
        """Return the first file, dependency and extra of an entry; behind the last one how many there are."""
        if place == len(self):
            return len(self.files) // _FILE, len(self.dependencies) // _DEPENDENCY, len(self.extras) // _EXTRA
        files, dependencies, extras = self.entries[place * _ENTRY + _FILES : place * _ENTRY + _EXTRAS + 1]
        return files & _LOW, dependencies & _LOW, extras & _LOW


class _Splice:
    def __init__(self, data: bytes, sections: Sections) -> None:
        self._data = data
        self._counts = sections.counts
        self._offsets = layout.place_sections(self._counts)[0]
        start = self._offsets[Section.POOL]
        self._pool = data[start : start + self._counts[Section.POOL]]
        rows = (Section.ENTRIES, Section.FILES, Section.DEPENDENCIES, Section.EXTRAS, Section.SOURCES)
        self._old = _Rows(*map(self._numbers, rows))
        self._targets, self._markers, self._groups, self._indexes = map(
            self._numbers, (Section.TARGETS, Section.MARKERS, Section.GROUPS, Section.INDEXES)
        )
        at, length = sections.requires_python
        self._requires_python = at | length << 32

    def parts(self, lock: Lock, without: Collection[str]) -> list[_Rows] | None:
        """Return rows of the old lock and those of another's packages in the order of both."""
        written = self._write(lock)
        parts = []
        at = done = 0
        names = [package.name for package in lock.packages]
        for name in sorted({*names, *without}):
            first, last = self._stretch(name.encode())
            if name not in without and any(number >> 32 for number in self._old.entries[_FILES::_ENTRY][first:last]):
                return None
            count = names.count(name)
            parts += [self._old.cut(at, first), written.cut(done, done + count)]
            at, done = last, done + count
        return [*parts, self._old.cut(at, len(self._old))]

    def _numbers(self, section: int) -> list[int]:
        start = self._offsets[section]
        size = layout.SECTIONS[section][1] * self._counts[section]
        return _words(memoryview(self._data)[start : start + size])

    def _bytes(self, reference: int) -> bytes:
        at = reference & _LOW
        return self._pool[at : at + (reference >> 32)]

    def _name(self, place: int) -> bytes:
        return self._bytes(self._old.entries[place * _ENTRY + 1])

    def _stretch(self, name: bytes) -> tuple[int, int]:
        """Return the first entry of a name and the one behind the last; twice where they would be if there is none."""
        first = last = bisect_left(range(len(self._old)), name, key=self._name)
        while last < len(self._old) and self._name(last) == name:
            last += 1
        return first, last

    def _write(self, lock: Lock) -> _Rows:
        """Return rows whose references lead into the old pool, and behind it to what is not in it."""
        encoder = RowEncoder(lock)
        encoder.rows()
        # Only what is as long as one of the new strings can be one of them.
        lengths = {len(text) for text in encoder.texts}
        same = {number for number in self._references() if number >> 32 in lengths}
        known = {self._bytes(number): (number & _LOW, number >> 32) for number in same}
        encoder = RowEncoder(lock, self._pool, known)
        rows = _Rows(*map(_words, encoder.rows()))
        self._pool = encoder.pool
        return rows

    def _references(self) -> list[int]:
        """Return all references that there are, some of them often."""
        old = self._old
        found = [self._requires_python, *self._groups, *self._indexes, *_told_of(self._targets, self._markers)]
        found += _columns(old.entries, _ENTRY, _ENTRY_STRINGS)
        found += _columns(old.files, _FILE, _FILE_STRINGS)
        return [*found, *old.dependencies, *old.extras[::_EXTRA], *(each for row in set(old.sources) for each in row)]

    def join(self, parts: list[_Rows], input_hash: bytes, text_hash: bytes) -> bytes:
        """Return the lock of all parts."""
        entries, files, dependencies, extras, needs = _merge(parts)
        places = list(dict.fromkeys(place for part in parts for place in part.sources))
        numbers = {place: number for number, place in enumerate(places)}
        kinds = entries[_KIND::_ENTRY]
        told = [place for part in parts for place in part.sources]
        entries[_KIND::_ENTRY] = [kind & _LOW | numbers[place] << 32 for kind, place in zip(kinds, told, strict=True)]
        sources = [number for place in places for number in place]
        # In this order `build_lock` lays strings into the pool.
        order = dict.fromkeys([self._requires_python, *_columns(entries, _ENTRY, _ENTRY_STRINGS)])
        order.update(dict.fromkeys([*self._groups, *self._indexes, *_told_of(self._targets, self._markers)]))
        order.update(dict.fromkeys([*needs, *sources, *_columns(files, _FILE, _FILE_STRINGS)]))
        order.pop(0, None)
        moved, strings = self._laid(list(order))
        targets = list(self._targets)
        for rows, width, columns in (
            (entries, _ENTRY, _ENTRY_STRINGS),
            (files, _FILE, _FILE_STRINGS),
            (targets, _TARGET, _TARGET_STRINGS),
            (extras, _EXTRA, _EXTRA_STRINGS),
        ):
            for place in columns:
                rows[place::width] = map(moved.__getitem__, rows[place::width])
        markers, groups, indexes, sources, dependencies = (
            [*map(moved.__getitem__, rows)]
            for rows in (self._markers, self._groups, self._indexes, sources, dependencies)
        )
        bodies = [entries, [], targets, markers, groups, indexes, sources, files, dependencies, extras]
        contents = [*map(_bytes_of, bodies), strings]
        contents[Section.TABLE] = build_table(entries[::_ENTRY])
        counts = [len(body) // size for body, (_, size) in zip(contents, layout.SECTIONS, strict=False)]
        asked = moved[self._requires_python]
        return assemble(contents, counts, (asked & _LOW, asked >> 32), input_hash, text_hash)

    def _laid(self, order: list[int]) -> tuple[dict[int, int], bytes]:
        """Return where each string is in a pool that has them in an order, and that pool."""
        # Of a number of 8 bytes the upper half is the length, and the lower half where it begins.
        lengths = [number >> 32 for number in order]
        begins = [number & _LOW for number in order]
        starts = accumulate(lengths, initial=0)
        moved = dict(zip(order, map(add, map(sub, order, begins), starts), strict=False))
        moved[0] = 0
        # What stays lies mostly one behind the other: it is taken by stretches.
        ends = [*map(add, begins, lengths)]
        breaks = [0, *compress(range(1, len(order)), map(ne, begins[1:], ends)), len(order)] if order else []
        pool = self._pool
        stretches = [pool[begins[first] : ends[last - 1]] for first, last in pairwise(breaks)]
        return moved, b"".join(stretches)


def _merge(parts: list[_Rows]) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Return entries, files, dependencies and extras one after the other, counted anew.

    Last come the references of dependencies and extras as `build_lock` meets them.
    """
    entries: list[int] = []
    files: list[int] = []
    dependencies: list[int] = []
    extras: list[int] = []
    told: list[int] = []
    for part in parts:
        begin = len(files) // _FILE, len(dependencies) // _DEPENDENCY, len(extras) // _EXTRA
        rows = list(part.entries)
        for place, new, old in zip((_FILES, _DEPENDENCIES, _EXTRAS), begin, part.starts, strict=True):
            if new != old:
                rows[place::_ENTRY] = [number + new - old for number in rows[place::_ENTRY]]
        entries += rows
        files += part.files
        dependencies += part.dependencies
        rows = list(part.extras)
        shown = 0
        for at in range(0, len(rows), _EXTRA):
            # An extra's name comes before what it needs.
            need = ((rows[at + 1] & _LOW) - part.starts[1]) * _DEPENDENCY
            told += part.dependencies[shown:need]
            told.append(rows[at])
            shown = need
            rows[at + 1] += begin[1] - part.starts[1]
        told += part.dependencies[shown:]
        extras += rows
    return entries, files, dependencies, extras, told


def _columns(rows: list[int], width: int, columns: range) -> list[int]:
    """Return some columns of rows, row by row."""
    found = [0] * (len(rows) // width * len(columns))
    for place, column in enumerate(columns):
        found[place :: len(columns)] = rows[column::width]
    return found


def _told_of(targets: list[int], markers: list[int]) -> list[int]:
    """Return the references of targets, each with its markers."""
    found = []
    for at in range(0, len(targets), _TARGET):
        found += targets[at : at + _TARGET - 1]
        first, count = targets[at + _TARGET - 1] & _LOW, targets[at + _TARGET - 1] >> 32
        found += markers[first * _MARKER : (first + count) * _MARKER]
    return found


def _words(rows: bytes | memoryview) -> list[int]:
    with memoryview(rows) as view, view.cast("Q") as words:
        return words.tolist()


def _bytes_of(numbers: list[int]) -> bytes:
    return Struct(f"<{len(numbers)}Q").pack(*numbers)
