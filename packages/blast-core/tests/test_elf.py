"""ELF facts against files made by hand in both widths and byte orders, against readelf, and against damage."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from blast_core.elf import ElfFacts, read_elf
from blast_core.testing_elf import Shape, make_elf

SHAPES = [Shape(bits, order) for bits in (32, 64) for order in "<>"]
IDS = [f"{shape.bits}{'le' if shape.order == '<' else 'be'}" for shape in SHAPES]
FACTS = ElfFacts("libx.so.1", ("libc.so.6", "liby.so"), ("$ORIGIN/../x.libs", "/opt/lib"))


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
@pytest.mark.parametrize("runpath", [True, False], ids=["runpath", "rpath"])
def test_reads_what_was_written(shape: Shape, runpath: bool) -> None:
    assert read_elf(make_elf(FACTS, shape, runpath=runpath)) == FACTS


def test_reads_a_file_without_names() -> None:
    assert read_elf(make_elf(ElfFacts("", (), ()), SHAPES[0])) == ElfFacts("", (), ())


def test_empty_entries_of_a_path_are_dropped() -> None:
    found = read_elf(make_elf(ElfFacts("", (), ("", "$ORIGIN", ""))))
    assert found == ElfFacts("", (), ("$ORIGIN",))


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF" + b"\xff" * 100], ids=range(4))
def test_other_bytes_are_no_elf_file(data: bytes) -> None:
    assert read_elf(data) is None


@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_damage_never_raises(shape: Shape) -> None:
    data = make_elf(FACTS, shape)
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
