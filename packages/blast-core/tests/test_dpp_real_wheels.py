"""Thirty real wheels, fetched as pip is configured to: all enter, all come back, pip installs the same from both."""

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
from blast_core.formats.dpp.reader import DppPackage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.slow]

# Popular, of every kind of builder, pure and native, small enough to fetch in a test.
NAMES = (
    "attrs", "certifi", "charset-normalizer", "click", "cryptography", "flask", "h11", "httpx", "idna", "itsdangerous",
    "jinja2", "markupsafe", "numpy", "packaging", "pillow", "pip", "platformdirs", "pluggy", "protobuf", "pygments",
    "python-dateutil", "pytz", "pyyaml", "requests", "rich", "setuptools", "six", "sqlalchemy", "urllib3", "wheel",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("real-wheels")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    subprocess.run([*command, *NAMES], check=True)
    found = sorted(folder.glob("*.whl"))
    assert len(found) == len(NAMES)
    return found


@pytest.fixture(scope="module")
def returned(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels that come back out of verified containers."""
    folder = tmp_path_factory.mktemp("returned")
    for wheel in wheels:
        target = folder / f"{wheel.stem}.dpp"
        converted = convert_wheel(str(wheel), str(target))
        assert converted.sha256 == hashlib.sha256(wheel.read_bytes()).hexdigest()
        with DppPackage.open(str(target)) as package:
            package.verify()
            dpp_to_wheel(package, str(folder / wheel.name))
    return [folder / wheel.name for wheel in wheels]


def test_every_file_comes_back(wheels: list[Path], returned: list[Path]) -> None:
    for first, second in zip(wheels, returned, strict=True):
        read_wheel(str(second)).close()
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
            names = [name for name in one.namelist() if not name.endswith("/")]
            assert sorted(names) == sorted(two.namelist())
            for name in names:
                assert one.read(name) == two.read(name), f"{first.name}: {name}"


def test_the_same_wheel_gives_the_same_container(wheels: list[Path], tmp_path: Path) -> None:
    for number, wheel in enumerate(wheels):
        first = convert_wheel(str(wheel), str(tmp_path / f"{number}.a"))
        second = convert_wheel(str(wheel), str(tmp_path / f"{number}.b"))
        assert first == second


def test_pip_installs_the_same_from_both(wheels: list[Path], returned: list[Path], tmp_path: Path) -> None:
    wanted = _pip_install(wheels, tmp_path / "a")
    assert len(wanted) > 2000
    assert _pip_install(returned, tmp_path / "b") == wanted


def _pip_install(wheels: list[Path], target: Path) -> dict[str, tuple[str, int]]:
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
    command += ["--ignore-installed", "--no-warn-script-location", "--prefix", str(target), *map(str, wheels)]
    environment = os.environ | {"PIP_FIND_LINKS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, env=environment)
    found = {}
    for path in sorted(target.rglob("*")):
        if path.is_file() and path.name not in {"direct_url.json", "RECORD"}:
            content = path.read_bytes().replace(os.fsencode(target), b"<prefix>")
            found[path.relative_to(target).as_posix()] = (hashlib.sha256(content).hexdigest(), path.stat().st_mode)
    return found
