"""Reading containers: every fact, look-up by path, and files that are not what they should be."""

from __future__ import annotations

import importlib.util
import os
import struct
from typing import TYPE_CHECKING

import pytest

from blast_core.archive.entry_points import EntryPoint
from blast_core.digests import blake3_digest
from blast_core.errors import BadMagic, FormatError, InvalidField, TruncatedInput, UnsupportedFormatVersion
from blast_core.fnv import build_table, fnv1a64
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.requirements import parse_requirement
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel
from blast_core.version import version_key

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = b"def main():\n    return 1\n"
RECIPE = WheelRecipe(
    name="Sample-Two",
    version="1.0.post1",
    files=[
        Member("sample/__init__.py", SOURCE, DEFLATED),
        Member("sample/run.sh", b"#!/bin/sh\n", mode=0o100755),
        Member("sample/grüße.txt", "größer".encode() * 50, DEFLATED),
        Member("Sample_Two-1.0.post1.data/scripts/tool", b"#!python\n"),
        Member("s.pth", b"import sample\n"),
    ],
    requires=("click[b,A]>=8,<9", 'tomli===1.0 ; python_version < "3.11"', "x @ https://index.invalid/x.whl"),
    extras=("Test_It",),
    entry_points="[console_scripts]\nrun = sample:main\n[other]\nx = y\n",
    requires_python=">=3.8",
    tags="py2.py3-none-any",
)


def _make(folder: Path, recipe: WheelRecipe = RECIPE) -> str:
    wheel = folder / recipe.filename
    wheel.write_bytes(build_wheel(recipe))
    target = str(folder / "made.dpp")
    convert_wheel(str(wheel), target)
    return target


@pytest.fixture
def container(tmp_path: Path) -> str:
    return _make(tmp_path)


def test_tells_every_fact(container: str) -> None:
    with DppPackage.open(container) as package:
        assert (package.name, package.version) == ("Sample-Two", "1.0.post1")
        assert (package.requires_python, package.summary) == (">=3.8", "A sample")
        assert package.wheel_filename == RECIPE.filename
        assert package.dist_info == RECIPE.info
        assert package.tags == ("py2-none-any", "py3-none-any")
        assert package.import_names == ("sample",)
        assert package.provides_extras == ("test-it",)
        assert package.startup == ("s.pth",)
        assert package.entry_points == (
            EntryPoint("console_scripts", "run", "sample:main"),
            EntryPoint("other", "x", "y"),
        )
        assert package.requirements == tuple(map(parse_requirement, RECIPE.requires))
        assert package.warnings == ()
        assert package.root_is_purelib
        assert package.foldable
        assert package.native == ()
        assert package.size == os.path.getsize(container)
        assert package.wheel_size == len(build_wheel(RECIPE))


def test_keeps_the_metadata_as_it_was(container: str) -> None:
    wanted = {str(member.name).rpartition("/")[2]: member.content for member in RECIPE.members()}
    with DppPackage.open(container) as package:
        assert package.metadata_bytes == wanted["METADATA"]
        assert package.wheel_bytes == wanted["WHEEL"]
        assert package.record_bytes == wanted["RECORD"]


def test_every_file_is_found_by_its_path(container: str) -> None:
    with DppPackage.open(container) as package:
        assert [file.path for file in package.files] == [str(member.name) for member in RECIPE.members()]
        for file, member in zip(package.files, RECIPE.members(), strict=True):
            assert package.find(file.path) == file
            assert package.read(file) == member.content
            assert b"".join(package.iter_content(file)) == member.content
            assert bytes(package.raw(file)) == member.pack()
            assert file.digest == blake3_digest(member.content)
        assert package.find("sample/none.py") is None
        assert package.find("") is None


def test_schemes_and_modes_are_the_wheels(container: str) -> None:
    with DppPackage.open(container) as package:
        found = {file.path: (file.scheme, file.mode) for file in package.files}
    assert found["sample/run.sh"] == ("root", 0o755)
    assert found["sample/__init__.py"] == ("root", 0o644)
    assert found["Sample_Two-1.0.post1.data/scripts/tool"] == ("scripts", 0o644)


def test_specifiers_come_as_intervals_of_keys(container: str) -> None:
    with DppPackage.open(container) as package:
        ((low, high),) = package.specifier_bounds(0)
    assert low <= version_key("8.0") < version_key("8.9.9") < high <= version_key("9.0")


def test_memory_is_viewed_without_a_copy(container: str) -> None:
    content = bytes(_bytes(container))
    package = DppPackage.from_bytes(content, "here")
    view = package.raw(package.files[1])
    assert view.obj is content
    assert view.readonly


def test_a_file_that_shrinks_while_open_is_an_error(container: str) -> None:
    """B6: nothing is mapped, so there is nothing that could raise SIGBUS."""
    package = DppPackage.open(container)
    file = package.files[0]
    os.truncate(container, 70)
    with pytest.raises(TruncatedInput):
        package.read(file)
    with pytest.raises(FormatError):
        package.verify()
    package.close()


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.dpp")
    with pytest.raises(FormatError, match="regular"):
        DppPackage.open(str(tmp_path / "x.dpp"))


def _bytes(path: str) -> bytearray:
    with open(path, "rb") as file:
        return bytearray(file.read())


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        pytest.param(0, b"DPP2", BadMagic, id="magic"),
        pytest.param(0, b"1PPD", BadMagic, id="other endianness"),
        pytest.param(4, b"\2\0", UnsupportedFormatVersion, id="newer version"),
        pytest.param(4, b"\0\0", UnsupportedFormatVersion, id="older version"),
        pytest.param(6, b"\x20\0", InvalidField, id="unknown flag"),
        pytest.param(6, b"\x05\0", InvalidField, id="flag without its section"),
        pytest.param(8, b"\0\0\0\0", InvalidField, id="metadata at 0"),
        pytest.param(8, b"\xff\xff\xff\xff", InvalidField, id="metadata past the end"),
        pytest.param(12, b"\0\0\0\0", InvalidField, id="files at 0"),
        pytest.param(12, b"\xff\xff\xff\x7f", InvalidField, id="files past the end"),
        pytest.param(16, b"\x05\0\0\0", InvalidField, id="section without its flag"),
        pytest.param(24, b"\0\0\0\0", InvalidField, id="dependencies at 0"),
        pytest.param(28, b"\xff\xff\xff\xff", InvalidField, id="total size"),
    ],
)
def test_an_impossible_header_is_refused_on_opening(
    container: str, offset: int, value: bytes, error: type[FormatError]
) -> None:
    data = _bytes(container)
    data[offset : offset + len(value)] = value
    with pytest.raises(error) as caught:
        DppPackage.from_bytes(bytes(data), "x.dpp")
    assert caught.value.file == "x.dpp"
    assert caught.value.field
    assert caught.value.value


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 100])
def test_a_beginning_alone_is_refused(container: str, size: int) -> None:
    with pytest.raises(FormatError):
        DppPackage.from_bytes(bytes(_bytes(container)[:size]))


def _seal(data: bytearray) -> bytes:
    """Give damaged content the digest that it asks for, so that only the structure can speak against it."""
    data[32:64] = blake3_digest(data[64:])
    return bytes(data)


def _section(data: bytearray, field: int) -> int:
    return int(struct.unpack_from("<I", data, field)[0]) * 16


def _refused(data: bytearray) -> None:
    with pytest.raises(FormatError):
        DppPackage.from_bytes(_seal(data)).verify()


def test_overlapping_files_are_refused(container: str) -> None:
    data = _bytes(container)
    entries = _section(data, 12) + 32
    struct.pack_into("<Q", data, entries + 80 + 16, 64)
    _refused(data)


def test_a_file_past_the_data_region_is_refused_when_it_is_read(container: str) -> None:
    data = _bytes(container)
    struct.pack_into("<Q", data, _section(data, 12) + 32 + 24, 1 << 62)
    package = DppPackage.from_bytes(_seal(data))
    with pytest.raises(InvalidField):
        package.find("sample/__init__.py")


def test_bytes_between_the_files_are_refused(container: str) -> None:
    data = _bytes(container)
    package = DppPackage.from_bytes(bytes(data))
    file = next(file for file in package.files if file.stored_size % 16)
    data[file.offset + file.stored_size] = 1
    _refused(data)


def test_a_list_past_its_table_is_refused(container: str) -> None:
    data = _bytes(container)
    struct.pack_into("<2I", data, _section(data, 8) + 32 + 120, 0xFFFFFFFF, 0xFFFFFFFF)
    with pytest.raises(InvalidField):
        _ = DppPackage.from_bytes(_seal(data)).tags


def test_a_text_past_its_pool_is_refused(container: str) -> None:
    data = _bytes(container)
    struct.pack_into("<2I", data, _section(data, 8) + 32 + 64, 0xFFFFFFF0, 0xFFFFFFF0)
    with pytest.raises(TruncatedInput):
        _ = DppPackage.from_bytes(_seal(data)).name


def test_a_text_that_is_not_utf8_is_refused(container: str) -> None:
    data = _bytes(container)
    place = data.index(b"Sample-Two", _section(data, 8))
    data[place] = 0xFF
    with pytest.raises(InvalidField, match="UTF-8"):
        _ = DppPackage.from_bytes(_seal(data)).name


def _with_table(path: str, table: bytes) -> DppPackage:
    data = _bytes(path)
    files = _section(data, 12)
    (offset,) = struct.unpack_from("<I", data, files + 16)
    assert len(table) == struct.unpack_from("<I", data, files + 20)[0] * 4
    data[files + offset : files + offset + len(table)] = table
    return DppPackage.from_bytes(_seal(data))


def test_a_full_table_and_a_cycle_end_the_search(container: str) -> None:
    slots = struct.unpack_from("<I", _bytes(container), _section(_bytes(container), 12) + 20)[0]
    for index in (1, 5):
        package = _with_table(container, struct.pack(f"<{slots}I", *[index] * slots))
        assert package.find("absent") is None
        with pytest.raises(FormatError):
            package.verify()


def test_an_empty_table_is_refused_by_verify(container: str) -> None:
    slots = struct.unpack_from("<I", _bytes(container), _section(_bytes(container), 12) + 20)[0]
    package = _with_table(container, bytes(slots * 4))
    assert package.find("sample/__init__.py") is None
    with pytest.raises(FormatError, match="table"):
        package.verify()


def test_a_slot_that_points_past_the_entries_is_refused(container: str) -> None:
    slots = struct.unpack_from("<I", _bytes(container), _section(_bytes(container), 12) + 20)[0]
    package = _with_table(container, struct.pack(f"<{slots}I", *[0xFFFFFFFF] * slots))
    with pytest.raises(InvalidField):
        package.find("sample/__init__.py")


def test_all_keys_in_one_bucket_are_still_found(container: str) -> None:
    count = len(DppPackage.open(container).files)
    package = _with_table(container, build_table([0] * count))
    # Only a table that is right for the hashes reaches every path; this one is refused and not half believed.
    with pytest.raises(FormatError, match="table"):
        package.verify()


def _pyc(source: bytes, *, flags: int = 1) -> bytes:
    import marshal

    body = marshal.dumps(compile(source, "x.py", "exec"))
    return importlib.util.MAGIC_NUMBER + struct.pack("<I", flags) + importlib.util.source_hash(source) + body


def test_bytecode_is_served_whole(container: str, tmp_path: Path) -> None:
    target = str(tmp_path / "code.dpp")
    with DppPackage.open(container) as package:
        optimize(package, target, level=None, bytecode=[("sample/__init__.py", "cpython-311", _pyc(SOURCE))])
    with DppPackage.open(target) as package:
        package.verify()
        assert package.flags & layout.BYTECODE
        assert package.find_bytecode("sample/__init__.py", "cpython-311") == _pyc(SOURCE)
        assert package.find_bytecode("sample/__init__.py", "cpython-312") is None
        assert package.find_bytecode("sample/run.sh", "cpython-311") is None
        assert package.read(package.files[0]) == SOURCE


@pytest.mark.parametrize(
    "pyc",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a pyc at all, no", id="garbage"),
        pytest.param(_pyc(SOURCE, flags=3), id="checked"),
        pytest.param(_pyc(SOURCE, flags=0), id="by time"),
        pytest.param(_pyc(SOURCE + b"\n"), id="another source"),
    ],
)
def test_bytecode_never_stands_for_another_source(container: str, pyc: bytes, tmp_path: Path) -> None:
    target = tmp_path / "code.dpp"
    with DppPackage.open(container) as package, pytest.raises(ValueError, match="cpython-311"):
        optimize(package, str(target), level=None, bytecode=[("sample/__init__.py", "cpython-311", pyc)])
    assert not target.exists()


def test_bytecode_of_no_file_is_refused(container: str, tmp_path: Path) -> None:
    with DppPackage.open(container) as package, pytest.raises(ValueError, match="no file"):
        optimize(package, str(tmp_path / "x.dpp"), bytecode=[("nowhere.py", "cpython-311", _pyc(SOURCE))])


def test_verify_refuses_bytecode_that_was_put_in_by_hand(container: str, tmp_path: Path) -> None:
    target = str(tmp_path / "code.dpp")
    with DppPackage.open(container) as package:
        optimize(package, target, level=None, bytecode=[("sample/__init__.py", "cpython-311", _pyc(SOURCE))])
    data = _bytes(target)
    place = data.rindex(importlib.util.source_hash(SOURCE))
    data[place] ^= 1
    with pytest.raises(FormatError, match="bytecode"):
        DppPackage.from_bytes(_seal(data)).verify()


def _with_path(path: str, old: bytes, new: bytes) -> DppPackage:
    """Rename a file to something of the same length, in the pool, the entries and the table alike."""
    data = _bytes(path)
    files = _section(data, 12)
    data[:] = data[:files] + data[files:].replace(old, new)
    count, slots = struct.unpack_from("<I", data, files + 8)[0], struct.unpack_from("<2I", data, files + 16)
    package = DppPackage.from_bytes(_seal(data))
    hashes = []
    for index, file in enumerate(package.files):
        hashes.append(fnv1a64(file.path.encode()))
        struct.pack_into("<Q", data, files + 32 + 80 * index + 40, hashes[-1])
    assert len(hashes) == count
    data[files + slots[0] : files + slots[0] + 4 * slots[1]] = build_table(hashes)
    return DppPackage.from_bytes(_seal(data))


@pytest.mark.parametrize(
    "path",
    [
        b"../../__init__.py",
        b"/ample/__init__.py"[:18],
        b"sample/../init.py",
        b"sample\\__init__.py",
        b"sample/\n_init__.py",
    ],
)
def test_a_path_that_leaves_its_place_is_refused_by_verify(container: str, path: bytes) -> None:
    package = _with_path(container, b"sample/__init__.py", path.ljust(18, b"y"))
    with pytest.raises(FormatError, match="path"):
        package.verify()


@pytest.mark.parametrize("old", [b"Sample-Two", b"1.0.post1", b">=3.8", b"A sample", b"sample:main", b"click"])
def test_facts_that_the_metadata_does_not_know_are_refused_by_verify(container: str, old: bytes) -> None:
    data = _bytes(container)
    start = _section(data, 8) if old != b"click" else _section(data, 24)
    place = data.index(old, start)
    data[place + 1] ^= 1
    _refused(data)
