"""Back to a wheel: installing either one gives the same files, by an installer that is not ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from blast_core.archive.wheel import read_wheel
from blast_core.formats.dpp.convert import convert_wheel, dpp_to_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = WheelRecipe(
    files=[
        Member("sample/__init__.py", b"def main(): pass\n" * 9, DEFLATED),
        Member("sample/data.bin", bytes(range(256)) * 40, STORED),
        Member("sample/grüße.txt", b"g" * 500, DEFLATED),
        Member("sample-1.0.data/scripts/tool", b"#!python\nprint(1)\n", mode=0o100755),
        Member("sample-1.0.data/purelib/extra.py", b"y = 2\n"),
        Member("sample-1.0.data/data/share/sample/x.txt", b"z"),
    ],
    entry_points="[console_scripts]\nrun = sample:main\n",
)


def _round_trip(folder: Path, recipe: WheelRecipe = RECIPE) -> tuple[Path, Path]:
    """Return the wheel and the one made from its container."""
    first, second = folder / "one" / recipe.filename, folder / "two" / recipe.filename
    first.parent.mkdir(parents=True)
    second.parent.mkdir(parents=True)
    first.write_bytes(build_wheel(recipe))
    convert_wheel(str(first), str(folder / "x.dpp"))
    with DppPackage.open(str(folder / "x.dpp")) as package:
        dpp_to_wheel(package, str(second))
    return first, second


def _pip_install(wheel: Path, target: Path) -> dict[str, tuple[str, int]]:
    """Install with pip and return what lies there: path to digest and mode."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--no-cache-dir",
    ]
    environment = os.environ | {"PIP_FIND_LINKS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run = subprocess.run(
        [*command, "--ignore-installed", "--prefix", str(target), str(wheel)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = {}
    for path in sorted(target.rglob("*")):
        if path.is_file() and path.name not in {"direct_url.json", "RECORD"}:
            content = path.read_bytes().replace(os.fsencode(target), b"<prefix>")
            found[path.relative_to(target).as_posix()] = (hashlib.sha256(content).hexdigest(), path.stat().st_mode)
    return found


def test_pip_installs_the_same_from_both(tmp_path: Path) -> None:
    first, second = _round_trip(tmp_path)
    wanted = _pip_install(first, tmp_path / "a")
    assert wanted == _pip_install(second, tmp_path / "b")
    assert any(path.endswith("bin/run") for path in wanted)
    assert any(path.endswith("share/sample/x.txt") for path in wanted)


def test_the_standard_library_reads_the_same_from_both(tmp_path: Path) -> None:
    first, second = _round_trip(tmp_path)
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        assert one.namelist() == two.namelist()
        assert two.testzip() is None
        for name in one.namelist():
            assert one.read(name) == two.read(name)
            assert one.getinfo(name).compress_size == two.getinfo(name).compress_size
            assert one.getinfo(name).external_attr >> 16 & 0o111 == two.getinfo(name).external_attr >> 16 & 0o111


def test_the_wheel_passes_the_front_door_and_gives_the_same_files(tmp_path: Path) -> None:
    _, second = _round_trip(tmp_path)
    read_wheel(str(second)).close()
    convert_wheel(str(second), str(tmp_path / "again.dpp"))
    with DppPackage.open(str(tmp_path / "x.dpp")) as one, DppPackage.open(str(tmp_path / "again.dpp")) as two:
        assert one.files == two.files
        assert one.requirements == two.requirements


def test_zstd_files_are_deflated_again(tmp_path: Path) -> None:
    _round_trip(tmp_path)
    with DppPackage.open(str(tmp_path / "x.dpp")) as package:
        optimize(package, str(tmp_path / "small.dpp"))
    target = tmp_path / "small" / RECIPE.filename
    target.parent.mkdir()
    with DppPackage.open(str(tmp_path / "small.dpp")) as package:
        assert {file.codec for file in package.files} > {2}
        dpp_to_wheel(package, str(target))
    wheel = read_wheel(str(target))
    wheel.close()
    with zipfile.ZipFile(target) as archive:
        assert archive.read("sample/data.bin") == bytes(range(256)) * 40


def test_zip64_is_written_where_numbers_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_core.formats.dpp.to_wheel._WIDE_FROM", 100)
    _, second = _round_trip(tmp_path)
    assert b"PK\6\6" in second.read_bytes()
    wheel = read_wheel(str(second))
    with zipfile.ZipFile(second) as archive:
        for member in wheel.archive.members:
            assert archive.read(member.name) == bytes(wheel.archive.read(member))
    wheel.close()


def test_zip64_is_written_where_files_are_many(tmp_path: Path) -> None:
    recipe = WheelRecipe(files=[Member(f"sample/{number}.txt", b"", STORED) for number in range(66000)])
    _, second = _round_trip(tmp_path, recipe)
    read_wheel(str(second)).close()
    with zipfile.ZipFile(second) as archive:
        assert len(archive.namelist()) == 66003


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    _, second = _round_trip(tmp_path)
    before = second.read_bytes()
    with DppPackage.open(str(tmp_path / "x.dpp")) as package, pytest.raises(FileExistsError):
        dpp_to_wheel(package, str(second))
    assert second.read_bytes() == before


def test_a_damaged_container_leaves_no_wheel(tmp_path: Path) -> None:
    _round_trip(tmp_path)
    package = DppPackage.open(str(tmp_path / "x.dpp"))
    os.truncate(tmp_path / "x.dpp", 100)
    with pytest.raises(ValueError, match="early"):
        dpp_to_wheel(package, str(tmp_path / "broken.whl"))
    package.close()
    assert not (tmp_path / "broken.whl").exists()
