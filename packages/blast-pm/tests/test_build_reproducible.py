"""Source distributions written again for SOURCE_DATE_EPOCH: the same bytes from different hands, the same content."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BuildFailed, UsageError
from blast_pm.build.reproducible import normalize_sdist, source_date

if TYPE_CHECKING:
    from pathlib import Path

_MOMENT = 1_700_000_000
_LONG = "a-1/" + "deep/" * 40 + "name.txt"
_CONTENT = {
    "a-1/PKG-INFO": b"Name: a\n",
    "a-1/run.sh": b"#!/bin/sh\n",
    "a-1/old.txt": b"old",
    _LONG: b"",
    "a-1/ü": b"u",
}


def write(path: Path, *, order: list[str], mtime: float, user: str) -> None:
    with tarfile.open(path, "w:gz") as archive:
        top = tarfile.TarInfo("a-1")
        top.type, top.mode, top.mtime = tarfile.DIRTYPE, 0o700, mtime
        archive.addfile(top)
        for name in order:
            member = tarfile.TarInfo(name)
            member.size = len(_CONTENT[name])
            member.mtime = 1000 if name == "a-1/old.txt" else mtime
            member.mode = 0o775 if name == "a-1/run.sh" else 0o664
            member.uname, member.uid = user, len(user)
            archive.addfile(member, io.BytesIO(_CONTENT[name]))
        link = tarfile.TarInfo("a-1/link")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "run.sh", mtime
        archive.addfile(link)


def test_different_hands_write_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
    write(one, order=sorted(_CONTENT), mtime=_MOMENT + 5.25, user="ann")
    write(two, order=sorted(_CONTENT, reverse=True), mtime=_MOMENT + 77, user="robert")
    assert one.read_bytes() != two.read_bytes()
    for path in (one, two):
        normalize_sdist(str(path), _MOMENT)
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.tar.gz", "two.tar.gz"]


def test_keeps_content_kinds_and_who_may_run(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    write(path, order=list(_CONTENT), mtime=_MOMENT + 5, user="ann")
    normalize_sdist(str(path), _MOMENT)
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive}
        content = {name: archive.extractfile(name).read() for name in _CONTENT}  # type: ignore[union-attr]
    assert content == _CONTENT
    assert members["a-1"].isdir()
    assert members["a-1/link"].linkname == "run.sh"
    assert {name: member.mode for name, member in members.items() if name != "a-1/link"} == {
        "a-1": 0o755, "a-1/PKG-INFO": 0o644, "a-1/run.sh": 0o755, "a-1/old.txt": 0o644, _LONG: 0o644, "a-1/ü": 0o644,
    }  # fmt: skip
    assert {member.mtime for member in members.values()} == {1000, _MOMENT}
    assert {(member.uid, member.uname) for member in members.values()} == {(0, "")}


def test_what_is_no_archive_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    path.write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(BuildFailed, match="is no source distribution"):
        normalize_sdist(str(path), _MOMENT)
    assert [each.name for each in tmp_path.iterdir()] == ["a-1.tar.gz"]
    assert path.read_bytes() == b"\x1f\x8b nothing"


def test_reads_the_moment() -> None:
    assert source_date({}) is None
    assert source_date({"SOURCE_DATE_EPOCH": "17"}) == 17
    with pytest.raises(UsageError, match="is no time"):
        source_date({"SOURCE_DATE_EPOCH": "yesterday"})
    assert source_date({"SOURCE_DATE_EPOCH": str(2**32 - 1)}) == 2**32 - 1
    for text in (str(2**32), "9" * 5000):
        with pytest.raises(UsageError, match="is no time"):
            source_date({"SOURCE_DATE_EPOCH": text})
