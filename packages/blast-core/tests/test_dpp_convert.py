"""Conversion: one pass, the same bytes each time, all handed to the sink, nothing left behind, bounded memory."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_core.digests import blake3_file, sha256_file
from blast_core.errors import ArchiveRejected, FormatError
from blast_core.formats.dpp.convert import Converted, convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel, record_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from blast_core.archive.wheel import Wheel
    from blast_core.formats.dpp.layout import DppFile

BIG = hashlib.shake_256(b"big").digest(3 << 20)
RECIPE = WheelRecipe(
    files=[
        Member("sample/__init__.py", b"x = 1\n" * 30, DEFLATED),
        Member("sample/big.bin", BIG, DEFLATED),
        Member("sample/zeros.bin", bytes(5 << 20), DEFLATED),
        Member("sample/stored.bin", BIG, STORED),
        Member("sample/empty", b"", DEFLATED),
    ]
)


class Collector:
    """A sink that keeps everything."""

    def __init__(self, *, take: int = 1 << 30) -> None:
        self.wheel: Wheel | None = None
        self.files: dict[str, DppFile] = {}
        self.content: dict[str, bytes] = {}
        self.chunks: dict[str, int] = {}
        self._take = take

    def begin(self, wheel: Wheel) -> None:
        assert self.wheel is None
        assert not self.files
        self.wheel = wheel

    def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
        taken = [bytes(chunk) for _, chunk in zip(range(self._take), chunks, strict=False)]
        self.files[file.path] = file
        self.content[file.path] = b"".join(taken)
        self.chunks[file.path] = len(taken)


def _write(folder: Path, recipe: WheelRecipe = RECIPE) -> str:
    path = folder / recipe.filename
    path.write_bytes(build_wheel(recipe))
    return str(path)


@pytest.fixture(params=[False, True], ids=["in memory", "streamed"])
def streamed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a test with everything in memory, and with every limit so low that everything streams."""
    small: bool = request.param
    if small:
        monkeypatch.setattr("blast_core.archive.source.ARCHIVE_IN_MEMORY", 1 << 10)
        monkeypatch.setattr("blast_core.archive.contents.CHUNK", 64)
        monkeypatch.setattr("blast_core.formats.dpp.output.DPP_IN_MEMORY", 1 << 10)
        monkeypatch.setattr("blast_core.formats.dpp.verify.MEMBER_IN_MEMORY", 64)
    return small


def test_the_sink_gets_every_file_once_and_in_order(streamed: bool, tmp_path: Path) -> None:
    sink = Collector()
    convert_wheel(_write(tmp_path), str(tmp_path / "x.dpp"), sink=sink)
    assert sink.content == {str(member.name): member.content for member in RECIPE.members()}
    assert list(sink.content) == [str(member.name) for member in RECIPE.members()]
    assert sink.wheel is not None
    assert sink.wheel.name == "sample"
    with DppPackage.open(str(tmp_path / "x.dpp")) as package:
        package.verify()
        for file in package.files:
            announced = sink.files[file.path]
            if streamed and sink.chunks[file.path] > 1:
                assert announced.digest == bytes(32)
            assert announced._replace(digest=file.digest, flags=file.flags) == file


def test_streaming_and_memory_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _write(tmp_path)
    whole = convert_wheel(wheel, str(tmp_path / "a.dpp"))
    monkeypatch.setattr("blast_core.archive.source.ARCHIVE_IN_MEMORY", 1 << 10)
    monkeypatch.setattr("blast_core.archive.contents.CHUNK", 1 << 10)
    monkeypatch.setattr("blast_core.formats.dpp.output.DPP_IN_MEMORY", 1 << 10)
    pieces = convert_wheel(wheel, str(tmp_path / "b.dpp"))
    assert whole == pieces
    assert (tmp_path / "a.dpp").read_bytes() == (tmp_path / "b.dpp").read_bytes()


def test_the_digests_are_those_of_the_files(streamed: bool, tmp_path: Path) -> None:
    wheel, target = _write(tmp_path), str(tmp_path / "x.dpp")
    converted = convert_wheel(wheel, target)
    assert converted == Converted(blake3_file(target), sha256_file(wheel).hex(), os.path.getsize(target))
    with DppPackage.open(target) as package:
        assert package.wheel_sha256 == converted.sha256
    assert streamed in {True, False}


@pytest.mark.parametrize("take", [0, 1])
def test_what_the_sink_leaves_is_checked_all_the_same(take: int, streamed: bool, tmp_path: Path) -> None:
    recipe = WheelRecipe(files=[Member("a.bin", BIG * 2, DEFLATED, local={"crc": 1}, central={"crc": 1})])
    with pytest.raises(ArchiveRejected) as caught:
        convert_wheel(_write(tmp_path, recipe), str(tmp_path / "x.dpp"), sink=Collector(take=take))
    assert "CRC" in caught.value.reason
    assert not (tmp_path / "x.dpp").exists()
    assert streamed in {True, False}


def test_an_error_of_the_sink_leaves_nothing(streamed: bool, tmp_path: Path) -> None:
    class Full(Collector):
        def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
            if file.path.endswith("stored.bin"):
                raise OSError(28, "No space left on device")
            super().file(file, chunks)

    with pytest.raises(OSError, match="No space"):
        convert_wheel(_write(tmp_path), str(tmp_path / "x.dpp"), sink=Full())
    assert not (tmp_path / "x.dpp").exists()
    assert streamed in {True, False}


def test_an_existing_target_is_never_overwritten(streamed: bool, tmp_path: Path) -> None:
    (tmp_path / "x.dpp").write_text("mine")
    with pytest.raises(FileExistsError):
        convert_wheel(_write(tmp_path), str(tmp_path / "x.dpp"))
    assert (tmp_path / "x.dpp").read_text() == "mine"
    assert streamed in {True, False}


@pytest.fixture
def faults() -> Iterator[None]:
    yield
    fs.set_fault(None)


@pytest.mark.usefixtures("faults")
def test_a_failure_at_any_operation_leaves_nothing(streamed: bool, tmp_path: Path) -> None:
    wheel = _write(tmp_path)
    number = 0
    while True:
        number += 1
        target = tmp_path / f"{number}.dpp"
        fs.set_fault(f"fail:{number}:ENOSPC")
        try:
            convert_wheel(wheel, str(target))
        except OSError:
            assert not target.exists()
            continue
        break
    assert number > (5 if streamed else 1)


@pytest.mark.usefixtures("faults", "streamed")
def test_a_disk_that_stays_full_reports_the_first_error(tmp_path: Path) -> None:
    fs.set_fault("fail:2+:ENOSPC")
    with pytest.raises(OSError, match="No space"):
        convert_wheel(_write(tmp_path), str(tmp_path / "x.dpp"))
    with pytest.raises(FormatError):
        DppPackage.open(str(tmp_path / "x.dpp"))


def test_the_file_name_on_the_index_counts_and_not_the_files(tmp_path: Path) -> None:
    path = tmp_path / "download.tmp"
    path.write_bytes(build_wheel(RECIPE))
    convert_wheel(str(path), str(tmp_path / "x.dpp"), filename=RECIPE.filename)
    with DppPackage.open(str(tmp_path / "x.dpp")) as package:
        assert package.wheel_filename == RECIPE.filename


def test_wheels_that_were_built_here_say_so(tmp_path: Path) -> None:
    from blast_core.formats.dpp import layout

    convert_wheel(_write(tmp_path), str(tmp_path / "x.dpp"), from_sdist=True)
    with DppPackage.open(str(tmp_path / "x.dpp")) as package:
        assert package.flags & layout.FROM_SDIST


_MEASURE = """
import sys
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.to_wheel import dpp_to_wheel
class Sink:
    size = 0
    def begin(self, wheel): pass
    def file(self, file, chunks):
        for chunk in chunks: self.size += len(chunk)
sink = Sink()
convert_wheel(sys.argv[1], sys.argv[2], sink=sink)
with DppPackage.open(sys.argv[2]) as package:
    package.verify()
    dpp_to_wheel(package, sys.argv[3])
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(sink.size, int(peak) // 1024)
"""


def _write_large(path: Path, method: int, size: int) -> None:
    """Write a wheel with one member of ``size`` bytes, in pieces; a third of it compresses."""
    unit = hashlib.shake_256(b"unit").digest(1 << 20) + bytes(1 << 20) + b"words and words " * (1 << 16)
    recipe = WheelRecipe(files=[])
    sha256, written = hashlib.sha256(), 0
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        with archive.open("sample/libbig.so", "w") as member:
            for piece in itertools.chain([b"\x7fELF"], itertools.repeat(unit)):
                member.write(piece)
                sha256.update(piece)
                written += len(piece)
                if written >= size:
                    break
        digest = base64.urlsafe_b64encode(sha256.digest()).rstrip(b"=").decode()
        recipe.record = [
            ("sample/libbig.so", f"sha256={digest}", str(written)),
            *(record_row(str(small.name), small.content) for small in recipe.members()[:-1]),
            (f"{recipe.info}/RECORD", "", ""),
        ]
        for small in recipe.members():
            archive.writestr(str(small.name), small.content)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="NO /proc: peak memory is read from it")
@pytest.mark.parametrize("method", [STORED, DEFLATED], ids=["stored", "deflated"])
def test_a_member_of_500_mb_takes_less_than_200_mb_of_memory(method: int, tmp_path: Path) -> None:
    path = tmp_path / RECIPE.filename
    _write_large(path, method, 500_000_000)
    command = [sys.executable, "-c", _MEASURE, str(path), str(tmp_path / "x.dpp"), str(tmp_path / "back.whl")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seen, peak = map(int, run.stdout.split())
    assert seen > 500_000_000
    assert peak < 200
