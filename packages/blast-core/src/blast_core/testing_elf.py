"""ELF files made by hand, for tests."""

from __future__ import annotations

import struct

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.elf import ElfFacts

__all__ = ["Shape", "make_elf"]


class Shape(NamedTuple):
    """One kind of ELF file: 32 or 64 bits, byte order ``<`` or ``>``."""

    bits: int = 64
    order: str = "<"


_USUAL = Shape()


def make_elf(facts: ElfFacts, shape: Shape = _USUAL, *, runpath: bool = True, base: int = 0x400000) -> bytes:
    """Return an ELF file whose addresses are not its offsets: header, program headers, strings, dynamic section.

    Args:
        facts: what its dynamic section says.
        shape: width and byte order.
        runpath: write DT_RUNPATH, else DT_RPATH.
        base: the address of its first byte.
    """
    strings = bytearray(b"\0")

    def text(content: str) -> int:
        place = len(strings)
        strings.extend(content.encode() + b"\0")
        return place

    entries = [(1, text(name)) for name in facts.needed]
    if facts.soname:
        entries.append((14, text(facts.soname)))
    if facts.rpaths:
        entries.append((29 if runpath else 15, text(":".join(facts.rpaths))))
    header_size, program_size = (64, 56) if shape.bits == 64 else (52, 32)
    strings_at = header_size + 2 * program_size
    dynamic_at = strings_at + len(strings)
    entries += [(5, base + strings_at), (10, len(strings)), (0, 0)]
    word = "Q" if shape.bits == 64 else "I"
    dynamic = b"".join(struct.pack(f"{shape.order}2{word}", *entry) for entry in entries)
    total = dynamic_at + len(dynamic)
    ident = b"\x7fELF" + bytes([2 if shape.bits == 64 else 1, 1 if shape.order == "<" else 2, 1]) + bytes(9)
    if shape.bits == 64:
        rest = struct.pack(f"{shape.order}2HI3QI6H", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        load = struct.pack(f"{shape.order}2I6Q", 1, 5, 0, base, base, total, total, 4096)
        pointer = struct.pack(f"{shape.order}2I6Q", 2, 6, dynamic_at, 0, 0, len(dynamic), len(dynamic), 8)
    else:
        rest = struct.pack(f"{shape.order}2H5I6H", 3, 3, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        load = struct.pack(f"{shape.order}8I", 1, 0, base, base, total, total, 5, 4096)
        pointer = struct.pack(f"{shape.order}8I", 2, dynamic_at, 0, 0, len(dynamic), len(dynamic), 6, 4)
    return ident + rest + load + pointer + bytes(strings) + dynamic
