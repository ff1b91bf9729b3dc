"""``blast version``: shown, set, bumped, and what it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from pathlib import Path

    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance


@pytest.fixture
def demo(tmp_path: Path, index: StaticIndex) -> Blast:
    directory = tmp_path / "demo"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "Demo"\nversion = "1.2.3"  # bumped by the release job\ndependencies = ["beta"]\n'
    )
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": index.url})


def manifest(blast: Blast) -> str:
    return (blast.directory / "pyproject.toml").read_text()


def test_shows(demo: Blast) -> None:
    assert demo("version").stdout == "Demo 1.2.3\n"
    assert demo("version", "--short").stdout == "1.2.3\n"
    assert json.loads(demo("version", "--json").stdout) == {"name": "Demo", "version": "1.2.3"}


def test_bumps_the_manifest_alone_where_nothing_is_locked(demo: Blast) -> None:
    before = manifest(demo)
    assert demo("version", "--bump", "minor", "--dry-run").stdout == "Demo 1.2.3 => 1.3.0\n"
    assert manifest(demo) == before
    assert demo("version", "--bump", "patch", "--bump", "rc", "--short").stdout == "1.2.4rc1\n"
    assert manifest(demo) == before.replace("1.2.3", "1.2.4rc1")
    assert sorted(path.name for path in demo.directory.iterdir()) == ["pyproject.toml"]
    assert demo("version", "2.0").stdout == "Demo 1.2.4rc1 => 2.0\n"


def test_keeps_lock_and_environment_current(demo: Blast) -> None:
    demo("sync")
    document = json.loads(demo("version", "--bump", "major", "--json").stdout)
    assert (document["before"], document["version"]) == ("1.2.3", "2.0.0")
    assert demo("lock", "--check").returncode == 0
    assert "up to date" in demo("sync").stderr


def test_locks_nothing_when_told_so(demo: Blast) -> None:
    demo("lock")
    lock = (demo.directory / "blast.lock").read_bytes()
    demo("version", "--bump", "major", "--frozen")
    assert (demo.directory / "blast.lock").read_bytes() == lock


def test_asks_the_backend_for_a_dynamic_version(tmp_path: Path) -> None:
    directory = tmp_path / "dynamic"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "dynamic"\ndynamic = ["version"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (directory / "backend.py").write_text(
        "import os\n"
        "def prepare_metadata_for_build_wheel(directory, settings=None):\n"
        "    os.mkdir(os.path.join(directory, 'dynamic-7.1.dist-info'))\n"
        "    with open(os.path.join(directory, 'dynamic-7.1.dist-info', 'METADATA'), 'w') as file:\n"
        "        file.write('Metadata-Version: 2.1\\nName: dynamic\\nVersion: 7.1\\n')\n"
        "    return 'dynamic-7.1.dist-info'\n"
        "def build_wheel(directory, settings=None, metadata=None):\n"
        "    raise SystemExit(1)\n"
    )
    blast = Blast(directory, tmp_path / "home")
    assert blast("version").stdout == "dynamic 7.1\n"
    done = blast.run("version", "--bump", "minor")
    assert done.returncode == 1
    assert "the version is dynamic" in done.stderr
    assert "now it is 7.1" in done.stderr


def test_of_a_member(tmp_path: Path) -> None:
    root = tmp_path / "work"
    (root / "lib").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "top"\nversion = "1"\n[tool.blast.workspace]\nmembers = ["lib"]\n'
    )
    (root / "lib" / "pyproject.toml").write_text('[project]\nname = "lib"\nversion = "0.1"\n')
    blast = Blast(root, tmp_path / "home")
    assert blast("version", "--package", "lib", "--bump", "minor").stdout == "lib 0.1 => 0.2\n"
    assert 'version = "0.2"' in (root / "lib" / "pyproject.toml").read_text()
    assert blast("version").stdout == "top 1\n"
    done = blast.run("version", "--package", "libb")
    assert done.returncode == 2
    assert "the packages are top, lib" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1.x"], "'1.x' is no version"),
        (["--bump", "larger"], "can't bump 'larger'"),
        (["--bump", "alpha"], "not a newer version"),
    ],
)
def test_refuses(demo: Blast, words: list[str], said: str) -> None:
    before = manifest(demo)
    done = demo.run("version", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert manifest(demo) == before


def _package(directory: Path) -> None:
    """Write a package whose backend reads version and requirements from pyproject.toml, as real ones do."""
    for path, content in source_tree(directory / "log", "lib", requires=()).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    backend = (directory / "backend.py").read_text()
    read = 'PROJECT = __import__("tomllib").load(open("pyproject.toml", "rb"))["project"]\n'
    values = 'NAME, VERSION, REQUIRES = "lib", PROJECT["version"], PROJECT["dependencies"]'
    (directory / "backend.py").write_text(backend.replace("NAME, VERSION, REQUIRES = 'lib', '1.0', []", read + values))


def test_a_package_is_installed_as_the_edited_manifest_says(blast: Blast) -> None:
    """A backend reads pyproject.toml from the disk: it must stand there before the package is built."""
    _package(blast.directory)
    blast("sync")
    seen = "import importlib.metadata as m; print(m.version('lib'), *(m.requires('lib') or ()))"
    assert blast.python(seen) == "1.0"
    blast("version", "--bump", "minor")
    assert blast.python(seen) == "1.1"
    blast("add", "beta")
    assert blast.python(seen) == "1.1 beta>=1.5"
    blast("remove", "beta")
    assert blast.python(seen) == "1.1"
    assert not blast.json("sync")["changed"]


def test_a_package_that_cannot_be_built_leaves_all_as_it_was(blast: Blast) -> None:
    _package(blast.directory)
    blast("sync")
    backend = (blast.directory / "backend.py").read_text()
    (blast.directory / "backend.py").write_text(f'{backend}\nif VERSION != "1.0":\n    raise SystemExit("no")\n')
    before = {name: (blast.directory / name).read_bytes() for name in ("pyproject.toml", "blast.lock", "pylock.toml")}
    assert blast.run("version", "2.0").returncode == 1
    assert {name: (blast.directory / name).read_bytes() for name in before} == before
    assert blast.json("history")["generations"][-1]["number"] == 1
