"""Parts of runs in memory, each alone: the order of libraries, the database, and the words of a spilled command."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.elf import ElfFacts, needed_places, read_elf
from blast_core.testing_elf import make_elf
from blast_pm.metadata.store import Database
from blast_project.in_memory.database import MemoryDatabase
from blast_project.in_memory.libraries import Library, order_libraries
from blast_project.in_memory.obstacles import find_obstacle
from blast_project.in_memory.spilling import spilled_words

if TYPE_CHECKING:
    from pathlib import Path


def _library(path: str, *needed: str, rpath: str = "$ORIGIN") -> Library:
    return Library(path, 0, 0, path.rpartition("/")[2], needed, (rpath,))


def _nothing(_: str) -> bool:
    return False


def test_what_is_needed_is_loaded_before() -> None:
    rows = [
        _library("/m/p/ext.so", "liba.so", "libc.so.6", rpath="$ORIGIN/../p.libs"),
        _library("/m/p.libs/liba.so", "libb.so"),
        _library("/m/p.libs/libb.so"),
        _library("/m/p.libs/unused.so"),
    ]
    order = order_libraries(rows, _nothing)
    assert order.before["/m/p/ext.so"] == ("/m/p.libs/libb.so", "/m/p.libs/liba.so")
    assert order.before["/m/p.libs/liba.so"] == ("/m/p.libs/libb.so",)
    assert order.before["/m/p.libs/unused.so"] == ()
    assert order.replaced == ()
    # musl's loader forgets names.
    assert set(order_libraries(rows, _nothing, by_path=True).replaced) == {
        ("/m/p/ext.so", "liba.so", "/m/p.libs/liba.so"),
        ("/m/p.libs/liba.so", "libb.so", "/m/p.libs/libb.so"),
    }


def test_a_library_without_a_place_to_look_in_finds_its_neighbours() -> None:
    rows = [_library("/m/l/liba.so", "libb.so", rpath="/usr/lib"), _library("/m/l/libb.so", rpath="/usr/lib")]
    assert order_libraries(rows, _nothing).before["/m/l/liba.so"] == ("/m/l/libb.so",)


def test_those_that_need_each_other_are_changed() -> None:
    rows = [
        _library("/m/l/free.so", "harf.so"),
        _library("/m/l/harf.so", "free.so", "z.so"),
        _library("/m/l/z.so"),
        _library("/m/l/ext.so", "free.so"),
    ]
    order = order_libraries(rows, _nothing)
    assert set(order.replaced) == {
        ("/m/l/free.so", "harf.so", "/m/l/harf.so"),
        ("/m/l/harf.so", "free.so", "/m/l/free.so"),
    }
    assert order.before["/m/l/free.so"] == order.before["/m/l/harf.so"] == ("/m/l/z.so",)
    assert order.before["/m/l/ext.so"] == ("/m/l/z.so", "/m/l/free.so")


def test_libraries_of_the_store_count_where_they_are_found() -> None:
    rows = [_library("/m/p/ext.so", "libq.so", rpath="$ORIGIN/../q")]
    assert order_libraries(rows, lambda path: path == "/m/q/libq.so").before["/m/p/ext.so"] == ("/m/q/libq.so",)


def test_two_libraries_of_one_name_are_told_apart() -> None:
    rows = [
        _library("/m/a/ext.so", "libx.so"),
        _library("/m/a/libx.so"),
        _library("/m/b/ext.so", "libx.so"),
        _library("/m/b/libx.so"),
    ]
    found = order_libraries(rows, _nothing).replaced
    assert set(found) == {(f"/m/{one}/ext.so", "libx.so", f"/m/{one}/libx.so") for one in "ab"}


def test_places_of_what_a_library_needs() -> None:
    content = make_elf(ElfFacts("own.so", ("libone.so.1", "libtwo.so"), ()))
    found = needed_places(content)
    assert [name for name, _ in found] == ["libone.so.1", "libtwo.so"]
    for name, place in found:
        assert content[place : place + len(name) + 1] == name.encode() + b"\0"
    changed = bytearray(content)
    changed[found[0][1] : found[0][1] + 9] = b"/another\0"
    facts = read_elf(bytes(changed))
    assert facts is not None
    assert facts.needed == ("/another", "libtwo.so")


def test_a_database_in_memory_reads_through_and_writes_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "store" / "meta.lmdb")
    with_file = Database(path)
    with_file.put_many("misc", [(b"a", b"1"), (b"b", b"2")])
    with_file.close()
    before = {row: row.stat().st_mtime_ns for row in tmp_path.rglob("*")}
    database = MemoryDatabase(path)
    database.put("misc", b"b", b"3")
    database.put_rows([("misc", b"c", b"4"), ("hints", b"a", b"5")])
    database.delete("misc", b"a")
    assert [database.get("misc", key) for key in (b"a", b"b", b"c", b"d")] == [None, b"3", b"4", None]
    assert database.get_many("misc", [b"b", b"x"]) == [b"3", None]
    assert database.read("hints", b"a", bytes) == b"5"
    assert [row for row in database.items("misc") if not row[0].startswith(b"\0")] == [(b"b", b"3"), (b"c", b"4")]
    database.close()
    assert {row: row.stat().st_mtime_ns for row in tmp_path.rglob("*")} == before


def test_a_database_in_memory_needs_no_file(tmp_path: Path) -> None:
    database = MemoryDatabase(str(tmp_path / "nothing" / "meta.lmdb"))
    assert database.get("misc", b"a") is None
    database.put("misc", b"a", b"1")
    assert database.read("misc", b"a", bytes) == b"1"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("run --in-memory --with a x.py", "run --isolated --with a x.py"),
        ("run --spill here --in-memory x.py --in-memory", "run --spill here --isolated x.py --in-memory"),
        ("-v run --in-memory -- x", "-v run --isolated -- x"),
    ],
)
def test_words_of_a_spilled_command(given: str, left: str) -> None:
    assert spilled_words(given.split()) == left.split()


def test_obstacles_are_known_by_their_files() -> None:
    assert "PyTorch" in find_obstacle(["torch/__init__.py", "torch/lib/libtorch_cuda.so"])
    assert not find_obstacle(["torch/__init__.py", "torch/lib/libtorch_cpu.so"])
    assert not find_obstacle(["a/__init__.py", "a/data.txt"])
    assert find_obstacle(["a/proj_dir/share/proj/proj.db"]) == "PROJ opens its database by path, from C"


@pytest.mark.skipif(sys.platform != "linux", reason="NO MEMORY FILES: only Linux has them")
def test_what_was_sealed_stays_as_it_is() -> None:
    from blast_project.in_memory.image import ImageBuilder
    from blast_project.testing import make_interpreter

    builder = ImageBuilder(make_interpreter())
    builder.add_file("one/__init__.py", b"A = 1\n")
    image = builder.finish()
    with pytest.raises(PermissionError):
        os.pwrite(image.descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(image.descriptor, 0)
    for descriptor in image.descriptors:
        os.close(descriptor)
