"""The few facts of an ELF file that decide how it may be moved: its name, what it needs and where it looks.

The parser asks for ranges and does no reading itself, so the same code serves bytes in memory and members that are
inflated piece by piece. Spec: System V ABI, object files and dynamic linking; both widths, both byte orders.
"""

from __future__ import annotations

from struct import Struct

from blast_core.limits import ELF_DYNAMIC_BYTES, ELF_PROGRAM_HEADERS, ELF_STRING
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    Range = tuple[int, int]
    Parser = Generator[Sequence[Range], Sequence[bytes], "ElfFacts | None"]

__all__ = ["ELF_MAGIC", "ElfFacts", "needed_places", "parse_elf", "read_elf"]

ELF_MAGIC = b"\x7fELF"
_IDENT = 16
_LONGEST_HEADER = 64

_PT_LOAD = 1
_PT_DYNAMIC = 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29


class ElfFacts(NamedTuple):
    """What the dynamic section says.

    Attributes:
        soname: DT_SONAME, "" without one.
        needed: DT_NEEDED, in order.
        rpaths: entries of DT_RPATH and then DT_RUNPATH, unexpanded (``$ORIGIN/…``).
    """

    soname: str
    needed: tuple[str, ...]
    rpaths: tuple[str, ...]


class _Shape(NamedTuple):
    """The structs of one width and byte order; program headers are read as (type, offset, address, size in file)."""

    header: Struct
    program: Struct
    program_order: tuple[int, int, int, int]
    dynamic: Struct


def _shape(ident: bytes) -> _Shape | None:
    order = {1: "<", 2: ">"}.get(ident[5])
    if order and ident[4] == 2:
        return _Shape(Struct(order + "2HI3QI6H"), Struct(order + "2I6Q"), (0, 2, 3, 5), Struct(order + "2Q"))
    if order and ident[4] == 1:
        return _Shape(Struct(order + "2H5I6H"), Struct(order + "8I"), (0, 1, 2, 4), Struct(order + "2I"))
    return None


def read_elf(buffer: bytes | memoryview) -> ElfFacts | None:
    """Return the facts of an ELF file, or None if it is none, is static or is damaged.

    Never raises for what the bytes hold: wheels carry broken ELF files as test data.
    """
    view = memoryview(buffer)
    parser = parse_elf()
    ranges = next(parser)
    while True:
        try:
            ranges = parser.send([bytes(view[offset : offset + length]) for offset, length in ranges])
        except StopIteration as stop:
            result: ElfFacts | None = stop.value
            return result


def needed_places(buffer: bytes | memoryview) -> tuple[tuple[str, int], ...]:
    """Return each name of DT_NEEDED with the offset in the file where it stands; () for what `read_elf` can't read."""
    view = memoryview(buffer)
    shape = _shape(bytes(view[:_IDENT])) if read_elf(view) is not None else None
    if shape is None:
        return ()
    header = shape.header.unpack_from(view, _IDENT)
    segments = _segments(shape, bytes(view[header[4] : header[4] + header[8] * header[9]]))
    dynamic = next(segment for segment in segments if segment[0] == _PT_DYNAMIC)
    tags = _dynamic_tags(shape, bytes(view[dynamic[1] : dynamic[1] + dynamic[3]]))
    strings = _string_table(tags, segments)
    if strings is None:
        return ()
    places = [strings[0] + value for tag, value in tags if tag == _DT_NEEDED]
    names = [bytes(view[place : place + ELF_STRING]).partition(b"\0")[0] for place in places]
    return tuple((name.decode(errors="replace"), place) for name, place in zip(names, places, strict=True))


def parse_elf() -> Parser:
    """Parse without reading: yields lists of (offset, length), takes the bytes, returns what ``read_elf`` does.

    Fewer bytes than asked for mean that the file ends there. At most four rounds.
    """
    (start,) = yield [(0, _LONGEST_HEADER)]
    shape = _shape(start) if len(start) > _IDENT and start[:4] == ELF_MAGIC else None
    if shape is None or len(start) < _IDENT + shape.header.size:
        return None
    header = shape.header.unpack_from(start, _IDENT)
    offset, entry_size, count = header[4], header[8], header[9]
    if entry_size != shape.program.size or count > ELF_PROGRAM_HEADERS:
        return None
    (table,) = yield [(offset, entry_size * count)]
    segments = _segments(shape, table)
    dynamic = next((segment for segment in segments if segment[0] == _PT_DYNAMIC), None)
    if dynamic is None or dynamic[3] > ELF_DYNAMIC_BYTES:
        return None
    (entries,) = yield [(dynamic[1], dynamic[3])]
    tags = _dynamic_tags(shape, entries)
    wanted = [(tag, value) for tag, value in tags if tag in {_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH}]
    strings = _string_table(tags, segments)
    if strings is None:
        return None if wanted else ElfFacts("", (), ())
    base, size = strings
    texts = yield [(base + value, max(0, min(ELF_STRING, size - value))) for _, value in wanted]
    return _gather([tag for tag, _ in wanted], texts)


def _segments(shape: _Shape, table: bytes) -> list[tuple[int, int, int, int]]:
    kind, offset, address, size = shape.program_order
    usable = len(table) - len(table) % shape.program.size
    return [(row[kind], row[offset], row[address], row[size]) for row in shape.program.iter_unpack(table[:usable])]


def _dynamic_tags(shape: _Shape, entries: bytes) -> list[tuple[int, int]]:
    tags: list[tuple[int, int]] = []
    usable = len(entries) - len(entries) % shape.dynamic.size
    for tag, value in shape.dynamic.iter_unpack(entries[:usable]):
        if tag == _DT_NULL:
            break
        tags.append((tag, value))
    return tags


def _string_table(tags: list[tuple[int, int]], segments: list[tuple[int, int, int, int]]) -> tuple[int, int] | None:
    """Return offset in the file and size of the string table: DT_STRTAB is an address, so the segment is looked up."""
    values = dict(tags)
    address, size = values.get(_DT_STRTAB), values.get(_DT_STRSZ)
    if address is None or size is None:
        return None
    for kind, offset, start, length in segments:
        if kind == _PT_LOAD and start <= address < start + length:
            return offset + address - start, size
    return None


def _gather(tags: list[int], texts: Sequence[bytes]) -> ElfFacts | None:
    found: dict[int, list[str]] = {_DT_NEEDED: [], _DT_SONAME: [], _DT_RPATH: [], _DT_RUNPATH: []}
    for tag, text in zip(tags, texts, strict=True):
        content, end, _ = text.partition(b"\0")
        if not end:
            return None
        found[tag].append(content.decode(errors="replace"))
    paths = [entry for text in found[_DT_RPATH] + found[_DT_RUNPATH] for entry in text.split(":") if entry]
    return ElfFacts((found[_DT_SONAME] or [""])[0], tuple(found[_DT_NEEDED]), tuple(paths))
