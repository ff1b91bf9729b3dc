"""The binary lock's reader: files on disk, size, lookups, hash tables made by a hostile hand."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BadMagic, FormatError, InvalidField, TruncatedInput, UnsupportedFormatVersion
from blast_core.formats.dpl import layout
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.layout import Section
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.testing import reseal, sample_lock
from blast_core.testing_calls import count_calls

if TYPE_CHECKING:
    from pathlib import Path

    from blast_core.formats.dpl.model import Lock


def section_offset(data: bytes, section: int) -> int:
    header = layout.HEADER.unpack_from(data)
    directory = layout.DIRECTORY.unpack_from(data, 128)
    counts = (header[3], header[6], header[7], *directory[7:27:3], directory[3])
    return layout.place_sections(counts)[0][section]


@pytest.fixture
def lock() -> Lock:
    return sample_lock(60, files=3)


@pytest.fixture
def path(tmp_path: Path, lock: Lock) -> str:
    file = tmp_path / "blast.lock"
    file.write_bytes(build_lock(lock))
    return str(file)


@pytest.mark.parametrize("packages", [pytest.param(3, id="read-whole"), pytest.param(120, id="by-pages")])
def test_a_file_reads_as_its_bytes_do(tmp_path: Path, packages: int) -> None:
    lock = sample_lock(packages)
    file = tmp_path / "blast.lock"
    file.write_bytes(build_lock(lock))
    with DplLockFile.open(str(file)) as opened:
        assert len(opened) == packages
        assert next(opened.find(lock.packages[2].name)).to_package() == lock.packages[2]
        opened.verify()
        assert opened.to_lock() == lock


def test_an_empty_lock_is_a_lock(lock: Lock) -> None:
    empty = lock._replace(packages=())
    opened = DplLockFile.from_bytes(build_lock(empty))
    opened.verify()
    assert opened.to_lock() == empty
    assert list(opened.find("flask")) == []
    assert opened.select(0, 1) == []


def test_open_of_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DplLockFile.open(str(tmp_path / "blast.lock"))


def test_a_file_that_shrinks_while_it_is_read_is_refused(path: str) -> None:
    with DplLockFile.open(path) as opened:
        os.truncate(path, 5000)
        with pytest.raises(TruncatedInput, match="shrank"):
            opened.to_lock()


def test_a_file_replaced_while_it_is_read_still_answers(path: str, lock: Lock) -> None:
    with DplLockFile.open(path) as opened:
        other = f"{path}.new"
        with open(other, "wb") as file:
            file.write(b"something else")
        os.replace(other, path)
        assert opened.to_lock() == lock


def test_a_lock_left_open_gives_its_descriptor_back(path: str) -> None:
    opened = DplLockFile.open(path)
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    del opened
    after = set(os.listdir("/proc/self/fd")) if before else set()
    assert len(after) < len(before) or not before


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        pytest.param(0, b"DPP1", BadMagic, id="magic"),
        pytest.param(0, b"1LPD", BadMagic, id="other-endianness"),
        pytest.param(4, b"\2\0", UnsupportedFormatVersion, id="newer"),
        pytest.param(4, b"\0\0", UnsupportedFormatVersion, id="older"),
        pytest.param(6, b"\1\0", UnsupportedFormatVersion, id="unknown-flag"),
        pytest.param(8, b"\xff\xff\xff\xff", InvalidField, id="package-count"),
        pytest.param(12, struct.pack("<I", 64), InvalidField, id="entry-size"),
        pytest.param(16, struct.pack("<Q", 2**63), InvalidField, id="table-past-end"),
        pytest.param(24, struct.pack("<I", 127), InvalidField, id="slots-no-power-of-two"),
        pytest.param(24, struct.pack("<I", 64), InvalidField, id="too-few-slots"),
        pytest.param(24, struct.pack("<I", 0), InvalidField, id="no-slots"),
        pytest.param(28, struct.pack("<I", 65), InvalidField, id="too-many-targets"),
        pytest.param(32, struct.pack("<Q", 128), InvalidField, id="entries-overlap"),
        pytest.param(40, struct.pack("<Q", 0), InvalidField, id="pool-at-zero"),
        pytest.param(56, struct.pack("<Q", 400), InvalidField, id="total-size"),
        pytest.param(168, struct.pack("<Q", 2**64 - 1), InvalidField, id="pool-size"),
        pytest.param(176, struct.pack("<I", 0), InvalidField, id="page-size"),
        pytest.param(192, struct.pack("<I", 2**32 - 1), InvalidField, id="markers-count"),
        pytest.param(312, b"\1", InvalidField, id="reserved"),
    ],
)
def test_refuses_a_resealed_header_that_lies(lock: Lock, at: int, value: bytes, error: type[FormatError]) -> None:
    data = bytearray(build_lock(lock))
    sealed = bytearray(data)
    sealed[at : at + len(value)] = value
    with pytest.raises(error):
        DplLockFile.from_bytes(reseal(sealed))


def test_refuses_trailing_bytes_and_a_missing_byte(lock: Lock) -> None:
    data = build_lock(lock)
    for wrong in (data + b"\0", data[:-1], b"", data[:127], data + data):
        with pytest.raises(FormatError):
            DplLockFile.from_bytes(wrong)


def test_the_input_hash_is_sealed(lock: Lock) -> None:
    data = bytearray(build_lock(lock))
    data[70] ^= 1
    with pytest.raises(InvalidField, match="page 0"):
        DplLockFile.from_bytes(bytes(data))


def test_a_wrong_content_hash_is_found_by_verify(lock: Lock) -> None:
    data = bytearray(build_lock(lock))
    data[100] ^= 1
    with pytest.raises(InvalidField, match="content hash"):
        DplLockFile.from_bytes(bytes(data)).verify()


def slots_of(data: bytes) -> int:
    count: int = layout.HEADER.unpack_from(data)[6]
    return count


@pytest.mark.parametrize("value", [1, 7, 60], ids=["first", "other", "last"])
def test_a_table_full_of_one_entry_ends_in_an_error(lock: Lock, value: int) -> None:
    data = bytearray(build_lock(lock))
    at = section_offset(bytes(data), Section.TABLE)
    slots = slots_of(bytes(data))
    data[at : at + 4 * slots] = struct.pack("<I", value) * slots
    opened = DplLockFile.from_bytes(reseal(data))
    with pytest.raises(InvalidField, match="hash table"):
        list(opened.find("absent"))
    with pytest.raises(InvalidField, match="hash table"):
        list(opened.find(lock.packages[value - 1].name))
    with pytest.raises(InvalidField, match="encoding"):
        opened.verify()


def test_a_slot_behind_the_last_entry_is_refused(lock: Lock) -> None:
    data = bytearray(build_lock(lock))
    at = section_offset(bytes(data), Section.TABLE)
    slots = slots_of(bytes(data))
    data[at : at + 4 * slots] = struct.pack("<I", 61) * slots
    with pytest.raises(InvalidField, match="entries"):
        list(DplLockFile.from_bytes(reseal(data)).find("absent"))


def test_an_emptied_table_is_found_by_verify(lock: Lock) -> None:
    data = bytearray(build_lock(lock))
    at = section_offset(bytes(data), Section.TABLE)
    slots = slots_of(bytes(data))
    data[at : at + 4 * slots] = bytes(4 * slots)
    with pytest.raises(InvalidField, match="encoding"):
        DplLockFile.from_bytes(reseal(data)).verify()


@pytest.mark.parametrize(
    ("section", "at", "row"),
    [
        pytest.param(Section.ENTRIES, 8, 128, id="name"),
        pytest.param(Section.ENTRIES, 12, 128, id="name-length"),
        pytest.param(Section.ENTRIES, 40, 128, id="first-file"),
        pytest.param(Section.ENTRIES, 44, 128, id="file-count"),
        pytest.param(Section.ENTRIES, 52, 128, id="dependency-count"),
        pytest.param(Section.ENTRIES, 60, 128, id="extra-count"),
        pytest.param(Section.ENTRIES, 80, 128, id="source-kind"),
        pytest.param(Section.ENTRIES, 84, 128, id="source-index"),
        pytest.param(Section.FILES, 40, 72, id="file-name"),
        pytest.param(Section.FILES, 64, 72, id="index"),
        pytest.param(Section.FILES, 68, 72, id="file-flags"),
        pytest.param(Section.DEPENDENCIES, 4, 32, id="dependency-name"),
    ],
)
def test_refuses_references_out_of_range(lock: Lock, section: int, at: int, row: int) -> None:
    data = bytearray(build_lock(lock))
    start = section_offset(bytes(data), section)
    struct.pack_into("<I", data, start + row + at, 0xFFFFFFF0)
    opened = DplLockFile.from_bytes(reseal(data))
    with pytest.raises(InvalidField):
        opened.to_lock()


def test_refuses_a_pool_that_is_not_utf_8(lock: Lock) -> None:
    data = bytearray(build_lock(lock))
    data[section_offset(bytes(data), Section.POOL) + 20] = 0xFF
    with pytest.raises(InvalidField, match="string"):
        DplLockFile.from_bytes(reseal(data)).to_lock()


def test_the_reader_imports_nothing_heavy(path: str) -> None:
    heavy = "{'typing', 're', 'numpy', 'dataclasses', 'json', 'pathlib', 'blake3', 'blast_core.version'}"
    program = (
        "import sys; before = set(sys.modules)\n"
        "from blast_core.formats.dpl.reader import DplLockFile\n"
        f"lock = DplLockFile.open({path!r}); entry = next(lock.find('package-000003'))\n"
        "assert entry.version and entry.name == 'package-000003' and len(lock.select(0, 1)) == 30\n"
        f"print(sorted((set(sys.modules) - before) & {heavy}))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-S", "-c", program], env=environment, capture_output=True, check=False)
    assert (result.stdout, result.stderr) == (b"[]\n", b"")


def test_a_lookup_is_the_same_work_in_any_lock(tmp_path: Path) -> None:
    """S11: opening, finding and reading take the same few calls, but for the length of a probe."""
    counts = set()
    for size in (241, 4820):
        path = tmp_path / f"{size}.lock"
        path.write_bytes(build_lock(sample_lock(size)))

        def look_up(path: str = str(path)) -> object:
            with DplLockFile.open(path) as opened:
                return next(opened.find("package-000120")).dependencies

        look_up()
        counts.add(count_calls(look_up))
    assert max(counts) < 300
    assert max(counts) - min(counts) < 20


def test_a_lookup_touches_as_little_of_a_large_lock_as_of_a_small_one(tmp_path: Path) -> None:
    touched = []
    for packages in (300, 6000):
        file = tmp_path / f"{packages}.lock"
        file.write_bytes(build_lock(sample_lock(packages, files=2)))
        with DplLockFile.open(str(file)) as opened:
            entry = next(opened.find("package-000123"))
            assert entry.dependencies
            touched.append(len(opened._sections.pages._chunks))
    assert max(touched) <= 10
