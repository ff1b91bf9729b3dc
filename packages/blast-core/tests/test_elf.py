"""ELF facts against files made by hand in both widths and byte orders, against readelf, and against damage."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from typing import NamedTuple

import pytest

from blast_core.elf import ElfFacts, read_elf


class Shape(NamedTuple):
    """One kind of ELF file."""

    bits: int
    order: str


SHAPES = [Shape(bits, order) for bits in (32, 64) for order in "<>"]
IDS = [f"{shape.bits}{'le' if shape.order == '<' else 'be'}" for shape in SHAPES]
FACTS = ElfFacts("libx.so.1", ("libc.so.6", "liby.so"), ("$ORIGIN/../x.libs", "/opt/lib"))


def _make(shape: Shape, facts: ElfFacts = FACTS, *, runpath: bool = True, base: int = 0x400000) -> bytes:
    """Make an ELF file whose addresses are not its offsets: header, program headers, strings, dynamic section."""
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


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
@pytest.mark.parametrize("runpath", [True, False], ids=["runpath", "rpath"])
def test_reads_what_was_written(shape: Shape, runpath: bool) -> None:
    assert read_elf(_make(shape, runpath=runpath)) == FACTS


def test_reads_a_file_without_names() -> None:
    assert read_elf(_make(SHAPES[0], ElfFacts("", (), ()))) == ElfFacts("", (), ())


def test_empty_entries_of_a_path_are_dropped() -> None:
    found = read_elf(_make(SHAPES[2], ElfFacts("", (), ("", "$ORIGIN", ""))))
    assert found == ElfFacts("", (), ("$ORIGIN",))


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF" + b"\xff" * 100], ids=range(4))
def test_other_bytes_are_no_elf_file(data: bytes) -> None:
    assert read_elf(data) is None


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_damage_never_raises(shape: Shape) -> None:
    data = _make(shape)
    for position in range(len(data)):
        read_elf(data[:position])
        for value in (0x00, 0x7F, 0xFF):
            read_elf(data[:position] + bytes([value]) + data[position + 1 :])


def test_agrees_with_readelf_on_the_interpreter() -> None:
    if sys.platform != "linux" or shutil.which("readelf") is None:
        pytest.skip("NO READELF")
    from pathlib import Path

    path = Path(sys.executable).resolve()
    run = subprocess.run(["readelf", "-d", "-W", str(path)], capture_output=True, text=True, check=True)
    wanted = [line.partition("[")[2][:-1] for line in run.stdout.splitlines() if "(NEEDED)" in line]
    found = read_elf(path.read_bytes())
    assert found is not None
    assert list(found.needed) == wanted
    assert wanted
