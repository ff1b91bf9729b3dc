"""Recompressed containers: smaller, the same facts, the same content."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest

from blast_core.digests import blake3_digest, blake3_file
from blast_core.errors import FormatError
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.optimize import get_facts, optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = WheelRecipe(
    files=[
        Member("sample/__init__.py", b"".join(b"line %d\n" % number for number in range(4000)), DEFLATED),
        Member("sample/tiny.py", b"x", DEFLATED),
        Member("sample/random.bin", hashlib.shake_256(b"r").digest(5000), STORED),
        Member("sample/empty.py", b"", DEFLATED),
    ],
    requires=("click>=8",),
    entry_points="[console_scripts]\nrun = sample:main\n",
)


def _make(folder: Path) -> DppPackage:
    (folder / RECIPE.filename).write_bytes(build_wheel(RECIPE))
    convert_wheel(str(folder / RECIPE.filename), str(folder / "plain.dpp"))
    return DppPackage.open(str(folder / "plain.dpp"))


@pytest.mark.parametrize("small", [False, True], ids=["in memory", "streamed"])
def test_is_smaller_and_holds_the_same(small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:
        monkeypatch.setattr("blast_core.formats.dpp.optimize.MEMBER_IN_MEMORY", 50)
        monkeypatch.setattr("blast_core.formats.dpp.verify.MEMBER_IN_MEMORY", 50)
    target = str(tmp_path / "small.dpp")
    with _make(tmp_path) as plain:
        done = optimize(plain, target)
        with DppPackage.open(target) as package:
            package.verify()
            assert package.size == done.size < plain.size
            assert done.blake3 == blake3_file(target)
            assert done.sha256 == plain.wheel_sha256
            assert get_facts(package) == get_facts(plain)
            assert [package.read(file) for file in package.files] == [plain.read(file) for file in plain.files]
            codecs = {file.path: file.codec for file in package.files}
    assert codecs["sample/__init__.py"] == layout.ZSTD
    assert codecs["sample/random.bin"] == layout.STORED


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    with _make(tmp_path) as plain:
        first = optimize(plain, str(tmp_path / "a.dpp"))
    with DppPackage.open(str(tmp_path / "a.dpp")) as package:
        assert optimize(package, str(tmp_path / "b.dpp")) == first


def test_without_a_level_the_streams_stay(tmp_path: Path) -> None:
    with _make(tmp_path) as plain:
        optimize(plain, str(tmp_path / "same.dpp"), level=None)
    assert (tmp_path / "same.dpp").read_bytes() == (tmp_path / "plain.dpp").read_bytes()


@pytest.mark.parametrize("change", ["longer", "shorter", "tail", "garbage"])
def test_a_zstd_stream_that_lies_is_refused(change: str, tmp_path: Path) -> None:
    """With a right digest of the whole, so that only the stream itself speaks against it."""
    with _make(tmp_path) as plain:
        optimize(plain, str(tmp_path / "x.dpp"))
    data = bytearray((tmp_path / "x.dpp").read_bytes())
    package = DppPackage.from_bytes(bytes(data))
    file = package.files[0]
    entry = struct.unpack_from("<I", data, 12)[0] * 16 + 32
    if change == "garbage":
        data[file.offset : file.offset + file.stored_size] = b"\xff" * file.stored_size
    elif change == "tail":
        assert -file.stored_size % 16, "the padding that becomes the tail"
        struct.pack_into("<Q", data, entry + 24, file.stored_size + 1)
    else:
        struct.pack_into("<Q", data, entry + 32, file.raw_size + (1 if change == "longer" else -1))
    data[32:64] = blake3_digest(data[64:])
    damaged = DppPackage.from_bytes(bytes(data))
    with pytest.raises(FormatError, match="damaged"):
        damaged.read(damaged.files[0])
    with pytest.raises(FormatError, match="damaged"):
        list(damaged.iter_content(damaged.files[0]))


def _many(count: int = 300) -> WheelRecipe:
    """A wheel of many small files that are much alike, each too short to tell by itself."""
    words = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(80)]
    files = [
        Member(
            f"sample/module{number}.py",
            "\n".join(f"def {words[(number * 7 + line * 3) % 80]}(self): pass" for line in range(20)).encode(),
            DEFLATED,
        )
        for number in range(count)
    ]
    return WheelRecipe(files=[Member("sample/__init__.py", b"", DEFLATED), *files])


def _convert(folder: Path, recipe: WheelRecipe) -> DppPackage:
    (folder / recipe.filename).write_bytes(build_wheel(recipe))
    convert_wheel(str(folder / recipe.filename), str(folder / "plain.dpp"))
    return DppPackage.open(str(folder / "plain.dpp"))


def test_small_files_share_a_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _convert(tmp_path, _many()) as plain:
        done = optimize(plain, str(tmp_path / "a.dpp"))
        monkeypatch.setattr("blast_core.formats.dpp.optimize._SMALL", 0)
        without = optimize(plain, str(tmp_path / "b.dpp"))
        with DppPackage.open(str(tmp_path / "a.dpp")) as package:
            package.verify()
            assert 0 < len(package.dictionary) <= 64 << 10
            assert layout.ZSTD_DICTIONARY in {file.codec for file in package.files}
            assert [package.read(file) for file in package.files] == [plain.read(file) for file in plain.files]
            assert all(b"".join(package.iter_content(file)) == package.read(file) for file in package.files)
        with DppPackage.open(str(tmp_path / "b.dpp")) as package:
            assert package.dictionary == b""
    assert done.size < 0.8 * without.size


def test_the_same_container_gives_the_same_dictionary(tmp_path: Path) -> None:
    with _convert(tmp_path, _many()) as plain:
        first = optimize(plain, str(tmp_path / "a.dpp"))
        assert optimize(plain, str(tmp_path / "b.dpp")) == first
    with DppPackage.open(str(tmp_path / "a.dpp")) as package:
        assert optimize(package, str(tmp_path / "c.dpp")) == first
        assert optimize(package, str(tmp_path / "d.dpp"), level=None) == first


def test_a_few_files_get_no_dictionary(tmp_path: Path) -> None:
    with _convert(tmp_path, _many(5)) as plain:
        optimize(plain, str(tmp_path / "a.dpp"))
    with DppPackage.open(str(tmp_path / "a.dpp")) as package:
        assert package.dictionary == b""


@pytest.mark.parametrize("change", ["lost", "damaged", "unused"])
def test_a_dictionary_that_is_not_the_right_one_is_refused(change: str, tmp_path: Path) -> None:
    recipe = _many() if change != "unused" else RECIPE
    with _convert(tmp_path, recipe) as plain:
        optimize(plain, str(tmp_path / "x.dpp"))
    data = bytearray((tmp_path / "x.dpp").read_bytes())
    section = struct.unpack_from("<I", data, 8)[0] * 16
    place = section + 32 + 112
    pool = section + struct.unpack_from("<I", data, section + 24)[0]
    offset, length = struct.unpack_from("<2I", data, place)
    if change == "lost":
        struct.pack_into("<2I", data, place, 0, 0)
    elif change == "damaged":
        data[pool + offset + length // 2 : pool + offset + length] = bytes(length - length // 2)
    else:
        struct.pack_into("<2I", data, place, 0, 5)
    data[32:64] = blake3_digest(data[64:])
    damaged = DppPackage.from_bytes(bytes(data))
    with pytest.raises(FormatError):
        damaged.verify()
