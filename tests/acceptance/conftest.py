"""A home, an index and a project for each test of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of small wheels that depend on each other."""
    directory = tmp_path_factory.mktemp("wheels")
    scripts = "[console_scripts]\nalpha = alpha:main\n"
    for version in ("1.0", "1.1", "2.0"):
        body = f"VERSION = {version!r}\n\ndef main():\n    print('alpha', VERSION)\n".encode()
        make_wheel(directory, "alpha", version, ["beta>=1"], files={"alpha/__init__.py": body}, entry_points=scripts)
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5", ["gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "gamma", "0.3")
    make_wheel(directory, "delta", "1.0", ["beta<1.2"])
    make_wheel(directory, "epsilon", "1.0", ["beta>=1.5", "delta"])
    make_wheel(directory, "space-one", "1.0", files={"space/one/__init__.py": b"NAME = 'one'\n"})
    make_wheel(directory, "space-two", "1.0", files={"space/two/__init__.py": b"NAME = 'two'\n"})
    for owner in ("one", "two"):
        files = {"clash/__init__.py": b"", "clash/module.py": f"OWNER = {owner!r}\n".encode()}
        make_wheel(directory, f"clash-{owner}", "1.0", files=files)
    return directory


@pytest.fixture(scope="session")
def index(wheels: Path) -> Iterator[StaticIndex]:
    """A loopback index over the small wheels."""
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture
def blast(tmp_path: Path, index: StaticIndex) -> Blast:
    """The command in an empty directory with an empty home."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": index.url})


@pytest.fixture
def project(blast: Blast) -> Blast:
    """The command in a new project."""
    blast("init", "--name", "demo")
    return blast
