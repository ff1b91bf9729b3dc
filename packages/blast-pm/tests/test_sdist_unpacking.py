"""Source archives that two readers would unpack differently, or that are more than they seem (S1 to S5)."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import ArchiveRejected
from blast_core.limits import MIB, UNPACKED_FLOOR
from blast_core.testing_wheels import DEFLATED, Member, write_zip
from blast_pm.build import unpack
from blast_pm.build.unpack import unpack_sdist
from blast_pm.metadata.sdists import read_pkg_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOP = "evil-1.0/"
INFO = b"Metadata-Version: 2.2\nName: evil\nVersion: 1.0\n"


def entry(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(*entries: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT, **options: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind, **options) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


GOOD = (entry(TOP + "PKG-INFO", INFO), entry(TOP + "setup.py", b"raise SystemExit(1)\n"))
END = bytes(10240)


def block(name: bytes, content: bytes, kind: bytes) -> bytes:
    """Return a header of one type and its content, as the program that wrote it would not."""
    head = bytearray(name.ljust(100, b"\0") + b"0000644\0" * 3 + b"%011o\0" % len(content) + b"0" * 11 + b"\0" * 9)
    head += kind + bytes(100) + b"ustar\x0000" + bytes(247)
    head = head[:512].ljust(512, b"\0")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + content + bytes(-len(content) % 512)


def body(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return an archive without its end."""
    return tar(*entries).rstrip(b"\0").ljust(-(-len(tar(*entries).rstrip(b"\0")) // 512) * 512, b"\0")


def long_name(name: bytes) -> bytes:
    return block(b"././@LongLink", name + b"\0", b"L")


def pax(**records: str) -> bytes:
    lines = b""
    for key, value in records.items():
        rest = f" {key.replace('__', '.')}={value}\n".encode()
        size = len(rest) + 2 if len(rest) < 98 else len(rest) + 3
        lines += b"%d" % size + rest
    return block(b"PaxHeaders/x", lines, b"x")


FILE = block(TOP.encode() + b"a.py", b"x = 1\n", b"0")
HOSTILE: dict[str, Callable[[], bytes]] = {
    "S1 hard link to what is not there": lambda: tar(
        *GOOD, entry(TOP + "a", b"", type=tarfile.LNKTYPE, linkname=TOP + "PKG-INFO2", size=0)
    ),
    "S1 hard link to what comes later": lambda: tar(
        *GOOD, entry(TOP + "a", b"", type=tarfile.LNKTYPE, linkname=TOP + "late", size=0), entry(TOP + "late")
    ),
    "S1 hard link to a link": lambda: tar(
        *GOOD,
        entry(TOP + "s", b"", type=tarfile.SYMTYPE, linkname="PKG-INFO", size=0),
        entry(TOP + "h", b"", type=tarfile.LNKTYPE, linkname=TOP + "s", size=0),
    ),
    "S1 through a link and out": lambda: tar(
        *GOOD, entry(TOP + "s", b"", type=tarfile.SYMTYPE, linkname=".", size=0), entry(TOP + "s/../../x")
    ),
    "S1 hard link to itself, once a file": lambda: tar(
        *GOOD, entry(TOP + "setup.py", b"", type=tarfile.LNKTYPE, linkname=TOP + "setup.py", size=0)
    ),
    "S1 a hard link in place of the directory itself": lambda: tar(
        *GOOD, entry(".", b"", type=tarfile.LNKTYPE, linkname=TOP + "PKG-INFO", size=0)
    ),
    "S5 a link beside the directory": lambda: tar(
        *GOOD, entry("x", b"", type=tarfile.LNKTYPE, linkname=TOP + "PKG-INFO", size=0)
    ),
    "S1 a link to what lies beside the directory": lambda: tar(
        *GOOD, entry(TOP + "d/l", b"", type=tarfile.SYMTYPE, linkname="../../x", size=0)
    ),
    "S1 a link out and in again": lambda: tar(
        *GOOD, entry(TOP + "l", b"", type=tarfile.SYMTYPE, linkname="../evil-1.0/setup.py", size=0)
    ),
    "S1 a file in place of a link": lambda: tar(
        *GOOD, entry(TOP + "s", b"", type=tarfile.SYMTYPE, linkname="setup.py", size=0), entry(TOP + "s")
    ),
    "S1 a link in place of a directory": lambda: tar(
        *GOOD, entry(TOP + "d/x"), entry(TOP + "d", b"", type=tarfile.SYMTYPE, linkname=".", size=0)
    ),
    "S2 sparse": lambda: body(*GOOD) + block(TOP.encode() + b"s", b"", b"S") + END,
    "S2 sparse by PAX": lambda: body(*GOOD) + pax(GNU__sparse__major="1", GNU__sparse__minor="0") + FILE + END,
    "S2 unknown type": lambda: body(*GOOD) + block(TOP.encode() + b"z", b"x", b"Z") + END,
    "S2 contiguous file": lambda: body(*GOOD) + block(TOP.encode() + b"z", b"x", b"7") + END,
    "S2 volume label": lambda: body(*GOOD) + block(TOP.encode() + b"v", b"", b"V") + END,
    "S3 PAX size against header size": lambda: body(*GOOD) + pax(size="3") + FILE + END,
    "S3 PAX path for a name that needs none": lambda: body(*GOOD) + pax(path=TOP + "b.py") + FILE + END,
    "S3 PAX link for a link that needs none": lambda: (
        body(*GOOD) + pax(linkpath="setup.py") + block(TOP.encode() + b"l", b"", b"2") + END
    ),
    "S3 two PAX headers": lambda: body(*GOOD) + pax(comment="a") + pax(comment="b") + FILE + END,
    "S3 GNU long name twice": lambda: (
        body(*GOOD) + long_name(b"evil-1.0/" + b"l" * 120) + long_name(b"evil-1.0/" + b"m" * 120) + FILE + END
    ),
    "S3 GNU long name for a name that needs none": lambda: body(*GOOD) + long_name(b"evil-1.0/b.py") + FILE + END,
    "S3 GNU long name and PAX path": lambda: (
        body(*GOOD) + long_name(b"evil-1.0/" + b"l" * 120) + pax(path=TOP + "m" * 120) + FILE + END
    ),
    "S3 a path for all that follow": lambda: tar(*GOOD, pax_headers={"path": TOP + "all"}),
    "S3 a size for all that follow": lambda: tar(*GOOD, pax_headers={"size": "1"}),
    "S3 a file and a directory": lambda: tar(*GOOD, entry(TOP + "a"), entry(TOP + "a/b")),
    "S3 NUL in a PAX path": lambda: tar(*GOOD, entry(TOP + "é\0x.py")),
    "names with line feeds": lambda: tar(*GOOD, entry(TOP + "a\nb.py")),
    "deep": lambda: tar(*GOOD, entry(TOP + "d/" * 100 + "x")),
}


def attempt(tmp_path: Path, content: bytes, name: str = "evil-1.0.tar.gz") -> tuple[str, Path]:
    path = tmp_path / name
    path.write_bytes(content)
    destination = tmp_path / "out"
    destination.mkdir()
    return str(path), destination


@pytest.mark.parametrize("case", HOSTILE)
def test_ambiguous_archives_are_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    path, destination = attempt(tmp_path, gzip.compress(HOSTILE[case]()))
    with pytest.raises(ArchiveRejected) as caught:
        unpack_sdist(path, str(destination))
    assert "evil-1.0.tar.gz" in caught.value.message
    assert len(f"{caught.value.message}: {caught.value.reason}".splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["evil-1.0.tar.gz", "out"]
    assert os.listdir(destination) == []


LONG = "n" * 120 + ".py"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar(*GOOD, entry(TOP + LONG)), id="PAX path of a long name"),
        pytest.param(tar(*GOOD, entry(TOP + LONG), kind=tarfile.GNU_FORMAT), id="GNU long name"),
        pytest.param(tar(*GOOD, entry(TOP + "é.py")), id="PAX path of a name outside ASCII"),
        pytest.param(tar(*GOOD, pax_headers={"comment": "0" * 40}), id="git's own comment"),
        pytest.param(tar(*GOOD, entry(TOP + "m", mtime=1.5)), id="PAX time"),
        pytest.param(
            tar(*GOOD, entry(TOP + "l", b"", type=tarfile.LNKTYPE, linkname=TOP + "setup.py", size=0)), id="hard link"
        ),
        pytest.param(
            tar(*GOOD, entry(TOP + "l", b"", type=tarfile.SYMTYPE, linkname="d/" * 60 + "x", size=0)), id="long link"
        ),
        pytest.param(tar(*GOOD, kind=tarfile.USTAR_FORMAT), id="ustar"),
        pytest.param(tar(*GOOD, entry(TOP + "d/" * 60 + "x"), kind=tarfile.USTAR_FORMAT), id="ustar prefix"),
        pytest.param(tar(entry(TOP, b"", type=tarfile.DIRTYPE, mode=0o755), *GOOD), id="directories"),
        pytest.param(
            tar(*GOOD, entry(TOP + "setup.py", b"again")), id="listed twice: the last counts, for all readers"
        ),
    ],
)
def test_honest_archives_are_unpacked(tmp_path: Path, content: bytes) -> None:
    path, destination = attempt(tmp_path, gzip.compress(content))
    tree = unpack_sdist(path, str(destination))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            assert os.path.lexists(os.path.join(destination, member.name)), member.name
    with open(os.path.join(tree, "PKG-INFO"), "rb") as stream:
        assert stream.read() == INFO


def test_world_writable_and_special_modes_are_masked(tmp_path: Path) -> None:
    content = tar(*GOOD, entry(TOP + "w", mode=0o777), entry(TOP + "s", mode=0o7777), entry(TOP + "n", mode=0))
    path, destination = attempt(tmp_path, gzip.compress(content))
    tree = unpack_sdist(path, str(destination))
    modes = {name: stat.S_IMODE(os.stat(os.path.join(tree, name)).st_mode) for name in "wsn"}
    assert all(mode & 0o7022 == 0 and mode & 0o400 for mode in modes.values()), modes


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lower the bound, so that a bomb need not be large: 64 MiB take a while to compress."""
    monkeypatch.setattr(unpack, "UNPACKED_FLOOR", MIB)
    return MIB


def test_a_bomb_is_refused_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, low: int) -> None:
    """S4: what it unpacks to is bounded by its own size, and no more than that is written."""
    written: list[int] = []

    def measured(path: str, plain: Any) -> None:
        try:
            real(path, plain)
        finally:
            written.append(plain.tell())

    real = unpack._inflate
    monkeypatch.setattr(unpack, "_inflate", measured)
    path, destination = attempt(tmp_path, gzip.compress(tar(*GOOD, entry(TOP + "zeros", bytes(3 * low))), 9))
    with pytest.raises(ArchiveRejected, match="unpacked"):
        unpack_sdist(path, str(destination))
    assert written[0] <= low
    assert os.listdir(destination) == []


def test_looking_for_pkg_info_does_not_inflate_a_bomb(tmp_path: Path, low: int) -> None:
    zeros = entry(TOP + "zeros", bytes(3 * low))
    path, _ = attempt(tmp_path, gzip.compress(tar(zeros, *GOOD), 9))
    with pytest.raises(ArchiveRejected):
        read_pkg_info(path, "evil-1.0.tar.gz")


ZIP = (Member(TOP + "PKG-INFO", INFO), Member(TOP + "setup.py", b"x = 1\n", DEFLATED))
HOSTILE_ZIPS: dict[str, Callable[[], bytes]] = {
    "absolute": lambda: write_zip([*ZIP, Member("/" + TOP + "x", b"1")]),
    "dots": lambda: write_zip([*ZIP, Member(TOP + "../../x", b"1")]),
    "backslash": lambda: write_zip([*ZIP, Member(TOP + "..\\x", b"1")]),
    "symbolic link": lambda: write_zip([*ZIP, Member(TOP + "l", b"/etc/passwd", mode=0o120777)]),
    "the same name twice": lambda: write_zip([*ZIP, Member(TOP + "setup.py", b"other")]),
    "hidden member": lambda: write_zip([*ZIP, Member(TOP + "h", b"1", write_central=False)]),
    "two archives": lambda: write_zip([*ZIP]) + write_zip([*ZIP]),
    "NUL in a name": lambda: write_zip([*ZIP, Member(TOP + "a\0b", b"1")]),
    "wrong CRC": lambda: write_zip([*ZIP, Member(TOP + "c", b"1", local={"crc": 1}, central={"crc": 1})]),
    "size that lies": lambda: write_zip(
        [*ZIP, Member(TOP + "c", bytes(9999), DEFLATED, local={"raw": 10}, central={"raw": 10})]
    ),
    "bomb": lambda: write_zip([*ZIP, Member(TOP + "zeros", bytes(UNPACKED_FLOOR + MIB), DEFLATED)]),
    "two top folders": lambda: write_zip([*ZIP, Member("other/x", b"1")]),
    "cut": lambda: write_zip([*ZIP])[:-5],
    "encrypted": lambda: write_zip([*ZIP, Member(TOP + "e", b"1", flags=1)]),
}


@pytest.mark.parametrize("case", HOSTILE_ZIPS)
def test_zip_archives_pass_the_same_door_as_wheels(tmp_path: Path, case: str) -> None:
    path, destination = attempt(tmp_path, HOSTILE_ZIPS[case](), "evil-1.0.zip")
    with pytest.raises(ArchiveRejected) as caught:
        unpack_sdist(path, str(destination))
    assert "evil-1.0.zip" in caught.value.message
    assert sorted(os.listdir(tmp_path)) == ["evil-1.0.zip", "out"]
    assert not os.path.lexists("/etc/x")


def test_an_honest_zip_archive_is_unpacked_with_its_programs(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TOP, b"")
        archive.writestr(TOP + "PKG-INFO", INFO)
        archive.writestr(TOP + "src/evil/__init__.py", b"x = 1\n")
        script = zipfile.ZipInfo(TOP + "configure")
        script.external_attr = 0o100755 << 16
        archive.writestr(script, b"#!/bin/sh\n")
    path, destination = attempt(tmp_path, stream.getvalue(), "evil-1.0.zip")
    tree = unpack_sdist(path, str(destination))
    assert os.access(os.path.join(tree, "configure"), os.X_OK)
    assert not os.access(os.path.join(tree, "PKG-INFO"), os.X_OK)
    with open(os.path.join(tree, "src/evil/__init__.py"), "rb") as source:
        assert source.read() == b"x = 1\n"
    assert read_pkg_info(path, "evil-1.0.zip") == INFO


def test_pax_records_are_as_they_are_read() -> None:
    """The cases above are written by hand; what they mean is what the standard library reads."""
    content = gzip.compress(body(*GOOD) + pax(path=TOP + "b.py") + FILE + END)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames()[-1] == TOP + "b.py"
    twice = body(*GOOD) + long_name(b"evil-1.0/" + b"l" * 120) + long_name(b"evil-1.0/" + b"m" * 120) + FILE + END
    with tarfile.open(fileobj=io.BytesIO(twice)) as archive:
        assert archive.getnames()[-1] == TOP + "l" * 120
    assert struct.calcsize("512s") == len(block(b"x", b"", b"0"))
