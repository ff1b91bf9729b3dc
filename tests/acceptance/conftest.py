"""A home, an index and a project for each test of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.testing_pythons import Mirror, find_cpythons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_core.interpreter import Interpreter


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


# Interpreters


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> list[Interpreter]:
    """One interpreter of each version on this machine."""
    return find_cpythons(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, pythons: list[Interpreter]) -> tuple[Mirror, list[str]]:
    """A mirror with two patch levels of one minor version, if this machine has them, and their versions."""
    by_minor: dict[str, list[Interpreter]] = {}
    for one in pythons:
        by_minor.setdefault(one.version.rpartition(".")[0], []).append(one)
    chosen = max(by_minor.values(), key=lambda group: (len(group), group[0].version))
    chosen.sort(key=lambda one: int(one.version.rpartition(".")[2]))
    mirror = Mirror(tmp_path_factory.mktemp("mirror"))
    for one in chosen[-2:]:
        mirror.pack(one)
    return mirror, [one.version for one in chosen[-2:]]


@pytest.fixture
def mirror(packed: tuple[Mirror, list[str]]) -> Mirror:
    return packed[0]


@pytest.fixture
def version(packed: tuple[Mirror, list[str]]) -> str:
    """The newest version of the mirror."""
    return packed[1][-1]


@pytest.fixture
def two(packed: tuple[Mirror, list[str]]) -> tuple[str, str]:
    """An older and a newer patch level of one minor version."""
    versions = packed[1]
    if len(versions) < 2:
        pytest.skip("no two patch levels of one minor version on this machine: upgrades are NOT tried")
    return versions[0], versions[1]


@pytest.fixture
def bare(blast: Blast, mirror: Mirror, tmp_path: Path) -> Blast:
    """The command on a machine where only what Blast installs is found, with the mirror."""
    variables = {
        "BLAST_PYTHON_MIRROR": str(mirror.directory),
        "BLAST_PYTHON_DOWNLOADS": "automatic",
        "BLAST_PYTHON": "",
        "HOME": str(tmp_path / "user"),
        "PATH": "/nowhere",
        "PYENV_ROOT": "/nowhere",
        "BLAST_CONFIG_DIR": "",
    }
    return Blast(blast.directory, blast.home, {**blast.environ, **variables})
