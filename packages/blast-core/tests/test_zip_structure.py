"""The strict ZIP reader: what two readers could understand differently is refused, what is legal though odd is read."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from blast_core import limits
from blast_core.archive.zip import read_archive
from blast_core.errors import ArchiveRejected
from blast_core.testing_wheels import DEFLATED, Member, write_zip

if TYPE_CHECKING:
    from collections.abc import Callable

A = Member("a.txt", b"alpha" * 30, DEFLATED)
B = Member("dir/b.txt", b"beta")
WIDE = {"raw": 0xFFFFFFFF, "stored": 0xFFFFFFFF}


def _wide_extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _wide_member(extra: bytes) -> Member:
    return Member("w.txt", b"wide", local={**WIDE, "extra": extra}, central={**WIDE, "extra": extra})


def _unicode_path(real: bytes, other: bytes) -> bytes:
    content = struct.pack("<BI", 1, zlib.crc32(real)) + other
    return struct.pack("<2H", 0x7075, len(content)) + content


def _with_version(data: bytes, version: int) -> bytes:
    """Let the first member need a version of ZIP, in tenths."""
    changed = bytearray(data)
    changed[data.index(b"PK\1\2") + 6] = version
    return bytes(changed)


def _read_all(data: bytes) -> dict[str, bytes]:
    archive = read_archive(data)
    return {member.name: bytes(archive.read(member)) for member in archive.members}


LEGAL: dict[str, bytes] = {
    "plain": write_zip([A, B]),
    "directory members": write_zip([Member("dir/", mode=0o40755), B]),
    "deflated directory": write_zip([Member("dir/", b"", DEFLATED, mode=0o40755), B]),
    "no mode": write_zip([Member("a.txt", b"x", mode=0)]),
    "printable comment": write_zip([A], comment=b"made by hand"),
    "trailing zeros": write_zip([A], tail=bytes(100)),
    "zip64 end": write_zip([A, B], zip64={}),
    "zip64 end beside real numbers": write_zip([A, B], zip64={"saturate": 0}),
    "zip64 sizes": write_zip([_wide_member(_wide_extra(4, 4))]),
    "zip64 repeated in the local header": write_zip([Member("a.txt", b"four", local={"extra": _wide_extra(4, 4)})]),
    "descriptor": write_zip([Member("a.txt", b"abc" * 9, DEFLATED, flags=8)]),
    "descriptor of an empty stored member": write_zip([Member("a.txt", b"", flags=8)]),
    "descriptor with numbers already in the header": write_zip(
        [Member("a.txt", b"abc", DEFLATED, flags=8, local={"crc": zlib.crc32(b"abc"), "raw": 3})]
    ),
    "unknown extra field": write_zip([Member("a.txt", b"x", local={"extra": struct.pack("<2HI", 0x5455, 4, 1)})]),
    "same unicode path": write_zip([Member("a.txt", b"x", central={"extra": _unicode_path(b"a.txt", b"a.txt")})]),
    "case twins": write_zip([Member("a.txt", b"1"), Member("A.txt", b"2")]),
    "unicode name": write_zip([Member("grüße/名.txt", b"1")]),
    "level hints": write_zip([Member("a.txt", b"x" * 50, DEFLATED, flags=2)]),
    "stored archive inside": write_zip([Member("inner.zip", write_zip([A])), B]),
    "64 levels": write_zip([Member("d/" * 63 + "x", b"1")]),
    "the newest version of ZIP": _with_version(write_zip([A]), 63),
}


@pytest.mark.parametrize("data", LEGAL.values(), ids=LEGAL)
def test_reads_what_is_legal_as_the_standard_library_does(data: bytes) -> None:
    with zipfile.ZipFile(BytesIO(data)) as reference:
        assert _read_all(data) == {name: reference.read(name) for name in reference.namelist()}


def _descriptor(signature: bytes, sizes: str, *, lie: int = 0) -> bytes:
    member = Member("a.txt", b"abc" * 9, DEFLATED)
    return signature + struct.pack(f"<I2{sizes}", zlib.crc32(member.content), len(member.pack()), 27 + lie)


@pytest.mark.parametrize("signature", [b"", b"PK\7\x08"], ids=["bare", "signed"])
@pytest.mark.parametrize("sizes", ["I", "Q"])
def test_reads_every_legal_form_of_descriptor(signature: bytes, sizes: str) -> None:
    member = Member("a.txt", b"abc" * 9, DEFLATED, flags=8, descriptor=_descriptor(signature, sizes))
    assert _read_all(write_zip([member, B])) == {"a.txt": b"abc" * 9, "dir/b.txt": b"beta"}


def _in_header(path: str, **lie: int | bytes) -> Member:
    return Member(path, b"content" * 3, DEFLATED, local=dict(lie))


def _swapped() -> bytes:
    first, second = Member("a", b"same"), Member("b", b"same")
    length = len(write_zip([first])) - len(write_zip([Member("a", b"same", write_local=False)]))
    first.central, second.central = {"offset": length}, {"offset": 0}
    return write_zip([first, second])


def _forged_zip64() -> bytes:
    """A locator that points at an end record hidden in a member."""
    inner = write_zip([Member("evil.py", b"evil")], zip64={})
    data = bytearray(write_zip([Member("blob", inner), A], zip64={"saturate": 0}))
    struct.pack_into("<Q", data, data.rfind(b"PK\6\7") + 8, data.find(b"PK\6\6"))
    return bytes(data)


def _overlapping() -> bytes:
    kernel = Member("k0", bytes(1 << 20), DEFLATED)
    ghosts = [Member(f"k{n}", bytes(1 << 20), DEFLATED, write_local=False, central={"offset": 0}) for n in range(1, 9)]
    return write_zip([kernel, *ghosts])


def _comment_archive() -> bytes:
    """An archive whose comment is another archive; the first end record's comment reaches the end of the file."""
    inner = write_zip([Member("evil.py", b"evil")])
    return write_zip([A], comment=inner)


def _cp437() -> bytes:
    return write_zip([Member("é.txt".encode("cp437"), b"1")])


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a newer version of ZIP": (_with_version(write_zip([A, B]), 64), r"needs version 6\.4"),
    "a version from far away": (_with_version(write_zip([A, B]), 226), r"needs version 22\.6"),
    "absolute path": (write_zip([Member("/etc/x", b"1")]), "absolute"),
    "parent": (write_zip([Member("../x", b"1")]), r"'\.\.'"),
    "parent that stays inside": (write_zip([Member("a/../x", b"1")]), r"'\.\.'"),
    "dot": (write_zip([Member("a/./x", b"1")]), r"'\.'"),
    "double slash": (write_zip([Member("a//x", b"1")]), "component ''"),
    "backslash": (write_zip([Member("..\\x", b"1")]), "backslash"),
    "drive": (write_zip([Member("C:/x", b"1")]), "drive"),
    "NUL": (write_zip([Member("a.py\0.txt", b"1")]), "control"),
    "newline": (write_zip([Member("a\nb", b"1")]), "control"),
    "next line": (write_zip([Member("a\x85b", b"1")]), "control"),
    "line separator": (write_zip([Member("a\u2028b", b"1")]), "control"),
    "right to left": (write_zip([Member("a\u202egpj.py", b"1")]), "turns what is shown"),
    "no width": (write_zip([Member("a\u200b.py", b"1")]), "shows nothing"),
    "empty name": (write_zip([Member("", b"1")]), "empty"),
    "not UTF-8": (write_zip([Member(b"\xff\xfe", b"1", flags=0x800)]), "not UTF-8"),
    "cp437": (_cp437(), "not ASCII"),
    "long component": (write_zip([Member("a" * 256, b"1")]), "255"),
    "long path": (write_zip([Member("/".join(["a" * 200] * 6), b"1")]), "1024"),
    "deep": (write_zip([Member("d/" * 500 + "x", b"1")]), "levels"),
    "unicode path": (write_zip([Member("a", b"1", central={"extra": _unicode_path(b"a", b"b")})]), "another path"),
    "two unicode paths": (
        write_zip([Member("a", b"1", central={"extra": 2 * _unicode_path(b"a", b"a")})]), "two Unicode"
    ),
    "symlink": (write_zip([Member("l", b"/etc/passwd", mode=0o120777)]), "neither"),
    "fifo": (write_zip([Member("f", mode=0o010644)]), "neither"),
    "device": (write_zip([Member("d", mode=0o060644)]), "neither"),
    "directory by mode": (write_zip([Member("d", mode=0o040755)]), "differ"),
    "file by mode": (write_zip([Member("d/", mode=0o100644)]), "differ"),
    "directory with content": (write_zip([Member("d/", b"hidden", mode=0o040755)]), "with content"),
    "duplicate": (write_zip([B, B]), "two members"),
    "duplicate with other bytes": (write_zip([B, Member("dir/b.txt", b"else")]), "two members"),
    "duplicate directory": (write_zip([Member("d/", mode=0), Member("d/", mode=0)]), "twice"),
    "file and directory": (write_zip([Member("dir", b"1"), B]), "both a file and a directory"),
    "local name": (write_zip([_in_header("x", name=b"y")]), "another path"),
    "local CRC": (write_zip([_in_header("x", crc=7)]), "CRC"),
    "local size": (write_zip([_in_header("x", raw=7)]), "size"),
    "local stored size": (write_zip([_in_header("x", stored=7)]), "stored size"),
    "local method": (write_zip([_in_header("x", method=0)]), "another method"),
    "local flags": (write_zip([_in_header("x", flags=0x800)]), "other flags"),
    "zero sizes without a descriptor": (write_zip([_in_header("x", raw=0, stored=0, crc=0)]), "CRC"),
    "hidden member": (write_zip([A, Member("h", b"1", write_central=False)]), "unknown bytes"),
    "hidden first member": (write_zip([Member("h", b"1", write_central=False), A]), "begin"),
    "ghost": (write_zip([A, Member("g", b"1", write_local=False, central={"offset": 3})]), "cut|overlap"),
    "offset past the end": (write_zip([A, Member("g", b"1", write_local=False, central={"offset": 9999})]), ""),
    "swapped": (_swapped(), "another path"),
    "overlapping": (_overlapping(), "cut|overlap"),
    "prefix": (write_zip([A], prefix=b"#!/bin/sh\n"), "begin"),
    "gap before the directory": (write_zip([A], gap=b"gap"), "unknown bytes"),
    "junk behind": (write_zip([A], tail=b"junk"), "no end record"),
    "many zeros behind": (write_zip([A], tail=bytes(limits.ARCHIVE_TAIL + 70000)), "no end record"),
    "glued": (write_zip([A]) + write_zip([B]), "does not end"),
    "archive as comment": (_comment_archive(), "two end records|comment"),
    "comment with controls": (write_zip([A], comment=b"\x1b[2J"), "comment"),
    "comment length": (write_zip([A], comment=b"abc", end={"comment": 2}), "no end record"),
    "comment too long": (write_zip([A], comment=b"abc", end={"comment": 9}), "no end record"),
    "count low": (write_zip([A, B], end={"count": 1, "disk_count": 1}), "more bytes"),
    "count high": (write_zip([A, B], end={"count": 3, "disk_count": 3}), "ends before"),
    "disks": (write_zip([A], end={"disk": 1, "directory_disk": 1}), "disks"),
    "disk counts": (write_zip([A, B], end={"disk_count": 1}), "disks"),
    "member on a disk": (write_zip([Member("a", b"1", central={"disk": 1})]), "disk"),
    "directory past the end": (write_zip([A], end={"offset": 0x7FFFFFF0}), "does not end"),
    "directory size": (write_zip([A], end={"size": 5}), "does not end"),
    "zip64 count": (write_zip([A, B], zip64={"count": 1, "disk_count": 1, "saturate": 0}), "disagree"),
    "zip64 extension": (write_zip([A], zip64={}, zip64_extension=b"\0\1\4\0\0\0abcd"), "extension"),
    "zip64 locator": (write_zip([A], zip64={"locator": 0}), "stand before"),
    "zip64 forged": (_forged_zip64(), "stand before"),
    "zip64 twice": (write_zip([_wide_member(_wide_extra(4, 4) + _wide_extra(4, 4))]), "two zip64"),
    "zip64 short": (write_zip([_wide_member(_wide_extra(4))]), "asks for"),
    "zip64 long": (write_zip([_wide_member(_wide_extra(4, 4, 4))]), "asks for"),
    "zip64 huge": (write_zip([_wide_member(_wide_extra(1 << 63, 1 << 63))]), "absurd"),
    "zip64 unasked": (write_zip([Member("a", b"four", central={"extra": _wide_extra(4, 4)})]), "asks for"),
    "zip64 local lie": (write_zip([Member("a", b"four", local={"extra": _wide_extra(4, 5)})]), "asks for"),
    "extra cut": (write_zip([Member("a", b"1", local={"extra": struct.pack("<2H", 9, 40) + b"abc"})]), "cut"),
    "extra of three bytes": (write_zip([Member("a", b"1", central={"extra": b"abc"})]), "cut"),
    "descriptor lies": (
        write_zip([Member("a.txt", b"abc" * 9, DEFLATED, flags=8, descriptor=_descriptor(b"", "I", lie=1))]), "disagree"
    ),
    "descriptor signature": (
        write_zip([Member("a.txt", b"abc" * 9, DEFLATED, flags=8, descriptor=_descriptor(b"PK\7\7", "I"))]), "signature"
    ),
    "descriptor missing": (write_zip([Member("a", b"abc", DEFLATED, flags=8, descriptor=b"")]), "missing"),
    "stored with descriptor": (write_zip([Member("a", b"abc", flags=8)]), "streaming"),
    "encrypted": (write_zip([Member("a", b"abc", flags=1)]), "encrypted"),
    "strongly encrypted": (write_zip([Member("a", b"abc", flags=0x41)]), "encrypted"),
    "patch": (write_zip([Member("a", b"abc", flags=0x20)]), "unknown flags"),
    "bzip2": (write_zip([Member("a", b"abc", method=12)]), "bzip2"),
    "LZMA": (write_zip([Member("a", b"abc", method=14)]), "LZMA"),
    "zstd": (write_zip([Member("a", b"abc", method=93)]), "Zstandard"),
    "unknown method": (write_zip([Member("a", b"abc", method=97)]), "97"),
    "stored sizes differ": (
        write_zip([Member("a", b"abc", local={"raw": 9}, central={"raw": 9})]), "two sizes differ"
    ),
    "bomb by total": (
        write_zip([Member(f"{n}", b"", DEFLATED, central={"raw": 1 << 30}) for n in range(9)]), "unpacks to"
    ),
    "empty archive": (write_zip([]), "empty"),
    "no archive": (b"<!DOCTYPE html>", "no ZIP archive"),
    "nothing": (b"", "no ZIP archive"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_refuses_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(ArchiveRejected) as caught:
        read_archive(data, "bad.whl")
    assert caught.value.message == "bad.whl was refused"
    assert re.search(reason, caught.value.reason), caught.value.reason
    assert len((caught.value.message + caught.value.reason).splitlines()) == 1


DAMAGED: dict[str, tuple[Member, str]] = {
    "crc": (Member("a", b"abc", local={"crc": 1}, central={"crc": 1}), "CRC"),
    "stream": (Member("a", b"abc" * 9, DEFLATED, packed=b"\xff" * 20), "damaged"),
    "bytes behind the stream": (
        Member("a", b"abc", DEFLATED, packed=Member("", b"abc", DEFLATED).pack() + b"!"),
        "follow",
    ),
    "unfinished stream": (
        Member("a", b"abc", DEFLATED, packed=Member("", b"abc", DEFLATED).pack()[:-1]),
        "end|damaged",
    ),
    "more than declared": (Member("a", b"abc", DEFLATED, local={"raw": 2}, central={"raw": 2}), "more than"),
    "less than declared": (Member("a", b"abc", DEFLATED, local={"raw": 4}, central={"raw": 4}), "instead of"),
    "empty stream": (Member("a", b"", DEFLATED, packed=b""), "end"),
}


@pytest.mark.parametrize(("member", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_refuses_damaged_content_whole_and_in_chunks(member: Member, reason: str) -> None:
    archive = read_archive(write_zip([member, B]))
    found = archive.members[0]
    with pytest.raises(ArchiveRejected) as whole:
        archive.read(found)
    with pytest.raises(ArchiveRejected) as streamed:
        list(archive.iter_unpacked(found, archive.iter_stored(found)))
    assert re.search(reason, whole.value.reason)
    assert re.search(reason, streamed.value.reason)


def test_a_size_that_lies_inflates_no_further_than_declared() -> None:
    bomb = Member("a", bytes(1 << 24), DEFLATED, local={"raw": 10}, central={"raw": 10})
    archive = read_archive(write_zip([bomb]))
    with pytest.raises(ArchiveRejected, match="refused"):
        archive.read(archive.members[0])


def test_chunks_join_to_the_content() -> None:
    content = bytes(range(256)) * 20000
    archive = read_archive(write_zip([Member("big", content, DEFLATED)]))
    member = archive.members[0]
    chunks = list(archive.iter_unpacked(member, archive.iter_stored(member)))
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= limits.CHUNK


def test_many_members_need_no_recursion_and_no_descriptors() -> None:
    members = [Member(f"d{number // 500}/f{number}.txt") for number in range(70000)]
    assert len(read_archive(write_zip(members, zip64={})).members) == 70000


def test_too_many_members_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_core.archive.zip_end.ARCHIVE_MEMBERS", 1)
    with pytest.raises(ArchiveRejected) as caught:
        read_archive(write_zip([A, B]))
    assert "2 entries" in caught.value.reason


def _flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


MUTATIONS: dict[str, Callable[[bytes, int], bytes]] = {
    "flipped": _flip,
    "cut": lambda data, position: data[:position],
    "inserted": lambda data, position: data[:position] + b"\x55" + data[position:],
    "removed": lambda data, position: data[:position] + data[position + 1 :],
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_any_changed_byte_is_refused_or_changes_nothing_that_is_read(mutate: Callable[[bytes, int], bytes]) -> None:
    """Times, versions and internal attributes mean nothing here; whatever is read must be what was written."""
    data = write_zip([A, B, Member("c", b"c" * 40, DEFLATED, flags=8)])
    wanted = _read_all(data)
    for position in range(len(data)):
        try:
            found = _read_all(mutate(data, position))
        except ArchiveRejected:
            continue
        assert found == wanted, position
