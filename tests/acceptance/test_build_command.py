"""``blast build``: what it writes, from what, and what it refuses; uv's builds of the same trees are the oracle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.acceptance

# A backend that needs nothing from an index: what it packs is what lies in the tree.
_BACKEND = """
import base64, hashlib, io, os, re, sys, tarfile, zipfile

def _project():
    text = open("pyproject.toml").read()
    return [re.search(rf'^{key} = "(.*)"', text, re.M)[1] for key in ("name", "version")]

def _metadata(name, version):
    return f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"

def _say(settings):
    print("backend at work")
    if settings:
        print("settings:", sorted(settings.items()))
    if os.path.exists("broken"):
        sys.exit("cc: not found")

def build_sdist(directory, config_settings=None):
    _say(config_settings)
    name, version = _project()
    filename = f"{name}-{version}.tar.gz"
    with tarfile.open(os.path.join(directory, filename), "w:gz") as archive:
        for path in ("pyproject.toml", "backend.py", f"{name}.py"):
            if not (path == f"{name}.py" and os.path.exists("forgotten")):
                archive.add(path, f"{name}-{version}/{path}")
        content = _metadata(name, version).encode()
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return filename

def build_wheel(directory, config_settings=None, metadata_directory=None):
    _say(config_settings)
    name, version = _project()
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": open(f"{name}.py", "rb").read(),
        f"{info}/METADATA": _metadata(name, version).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = ""
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows += f"{path},sha256={digest},{len(data)}\\n"
    filename = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, filename), "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), f"{rows}{info}/RECORD,,\\n")
    return filename
"""


def make_tree(directory: Path, name: str = "demo", version: str = "1.0", more: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n[build-system]\nrequires = []\n'
        f'build-backend = "backend"\nbackend-path = ["."]\n{more}'
    )
    (directory / "backend.py").write_text(_BACKEND)
    (directory / f"{name}.py").write_text("VALUE = 1\n")
    return directory


@pytest.fixture
def demo(tmp_path: Path) -> Blast:
    return Blast(make_tree(tmp_path / "demo"), tmp_path / "home")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def members(path: Path) -> list[str]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist())
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def test_writes_both_and_says_what(demo: Blast) -> None:
    done = demo("build")
    dist = demo.directory / "dist"
    assert names(dist) == [".gitignore", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert [line.split(" (")[0] for line in done.stderr.splitlines()] == [
        "Built dist/demo-1.0.tar.gz",
        "Built dist/demo-1.0-py3-none-any.whl",
    ]
    document = json.loads(demo("build", "--json").stdout)
    assert [row["kind"] for row in document["built"]] == ["sdist", "wheel"]
    for row in document["built"]:
        content = (dist / row["path"].rpartition("/")[2]).read_bytes()
        assert (row["sha256"], row["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (row["name"], row["version"]) == ("demo", "1.0")


def test_same_files_as_uv(demo: Blast, tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("NOT COMPARED: uv is not on PATH")
    demo("build")
    theirs = tmp_path / "theirs"
    subprocess.run([uv, "build", "--offline", "-o", theirs, "-p", sys.executable, demo.directory], check=True)
    dist = demo.directory / "dist"
    assert names(dist) == names(theirs)
    for name in names(theirs):
        if not name.startswith("."):
            assert members(dist / name) == members(theirs / name)


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["--sdist"], ["demo-1.0.tar.gz"]), (["--wheel"], ["demo-1.0-py3-none-any.whl"])],
)
def test_one_kind(demo: Blast, words: list[str], expected: list[str]) -> None:
    demo("build", *words, "--no-create-gitignore", "-o", "out")
    assert names(demo.directory / "out") == expected


def test_the_wheel_comes_from_the_source_distribution(demo: Blast) -> None:
    (demo.directory / "forgotten").touch()
    done = demo.run("build")
    assert done.returncode == 1
    assert "demo.py" in done.stderr
    assert not (demo.directory / "dist").exists()
    demo("build", "--sdist", "--wheel")
    assert len(names(demo.directory / "dist")) == 3


def test_an_archive_becomes_a_wheel_beside_it(demo: Blast, tmp_path: Path) -> None:
    demo("build", "--sdist")
    archive = shutil.copy(demo.directory / "dist" / "demo-1.0.tar.gz", tmp_path)
    other = Blast(tmp_path, demo.home)
    other("build", "demo-1.0.tar.gz")
    assert (tmp_path / "demo-1.0-py3-none-any.whl").exists()
    done = other.run("build", "--sdist", str(archive))
    assert done.returncode == 2
    assert "is a source distribution already" in done.stderr


def test_from_a_directory_below(demo: Blast) -> None:
    below = demo.directory / "docs"
    below.mkdir()
    demo.at(below)("build", "--wheel")
    assert (demo.directory / "dist" / "demo-1.0-py3-none-any.whl").exists()


def test_settings_and_lines_of_the_backend(demo: Blast) -> None:
    assert "backend at work" not in demo("build").stderr
    assert "backend at work" not in demo("build", "-v", "--no-build-logs").stderr
    said = demo("build", "-v", "-C", "opt=1", "-C", "opt=2", "-C", "x=y=z").stderr
    assert "settings: [('opt', ['1', '2']), ('x', 'y=z')]" in said
    assert demo.run("build", "-C", "nothing").returncode == 2


def test_a_failed_build_leaves_nothing(demo: Blast) -> None:
    demo("build")
    before = {path.name: path.read_bytes() for path in (demo.directory / "dist").iterdir()}
    (demo.directory / "broken").touch()
    done = demo.run("build")
    assert done.returncode == 1
    assert "cc: not found" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in (demo.directory / "dist").iterdir()} == before


def test_is_reproducible(demo: Blast) -> None:
    digests = []
    for moment in (1_600_000_000, 1_700_000_000):
        for path in demo.directory.iterdir():
            if path.is_file():
                __import__("os").utime(path, (moment, moment))
        rows = json.loads(demo("build", "--json", SOURCE_DATE_EPOCH="1500000000").stdout)["built"]
        digests.append([row["sha256"] for row in rows])
    assert digests[0] == digests[1]


def test_clear_removes_distributions_alone(demo: Blast) -> None:
    dist = demo.directory / "dist"
    dist.mkdir()
    for name in ("demo-0.9.tar.gz", "demo-0.9-py3-none-any.whl", "notes.txt"):
        (dist / name).touch()
    demo("build", "--clear", "--wheel")
    assert names(dist) == ["demo-1.0-py3-none-any.whl", "notes.txt"]


def test_clear_leaves_the_archive_that_is_built(demo: Blast) -> None:
    demo("build", "--sdist")
    dist = demo.directory / "dist"
    (dist / "demo-0.9.tar.gz").touch()
    demo("build", "dist/demo-1.0.tar.gz", "--clear")
    assert names(dist) == [".gitignore", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]


def test_what_another_build_writes_is_left_to_it(demo: Blast) -> None:
    dist = demo.directory / "dist"
    dist.mkdir()
    alive, dead = (dist / f".demo-1.0.tar.gz.{pid}.00000000.blast-tmp" for pid in (os.getpid(), 2**22 + 1))
    alive.touch()
    dead.touch()
    demo("build", "--sdist")
    assert names(dist) == [alive.name, "demo-1.0.tar.gz"]


def test_packages_of_a_workspace(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "work", "top", more='[tool.blast.workspace]\nmembers = ["libs/*"]\n')
    make_tree(root / "libs" / "one", "one", "2.0")
    make_tree(root / "libs" / "two", "two", "3.0")
    (root / "libs" / "plain").mkdir()
    (root / "libs" / "plain" / "pyproject.toml").write_text('[project]\nname = "plain"\nversion = "1"\n')
    blast = Blast(root, tmp_path / "home")
    blast("build", "--wheel", "--package", "two")
    assert names(root / "dist") == [".gitignore", "two-3.0-py3-none-any.whl"]
    blast("build", "--wheel", "--all-packages")
    assert [name.partition("-")[0] for name in names(root / "dist")[1:]] == ["one", "top", "two"]
    blast.at(root / "libs" / "one")("build", "--sdist")
    assert (root / "dist" / "one-2.0.tar.gz").exists()
    done = blast.run("build", "--package", "three")
    assert done.returncode == 2
    assert "the packages are top, one, plain, two" in done.stderr


def test_without_isolation(demo: Blast) -> None:
    manifest = demo.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("requires = []", 'requires = ["nowhere-to-be-found"]'))
    assert demo.run("build", BLAST_OFFLINE="1").returncode != 0
    demo("build", "--no-isolation", BLAST_OFFLINE="1")
    assert len(names(demo.directory / "dist")) == 3


def test_build_constraints(tmp_path: Path, index: object) -> None:
    tree = make_tree(tmp_path / "demo")
    manifest = tree / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("requires = []", 'requires = ["beta"]'))
    blast = Blast(tree, tmp_path / "home", {"BLAST_INDEX_URL": index.url})  # type: ignore[attr-defined]
    blast("build", "--wheel")
    (tree / "limits.txt").write_text("beta<0\n")
    done = blast.run("build", "--wheel", "-b", "limits.txt")
    assert done.returncode == 1
    assert "beta" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: there is no such directory or file"),
        (["demo.py"], "is no source distribution"),
        (["--package", "a", "--all-packages"], "exclude each other"),
    ],
)
def test_wrong_usage(demo: Blast, words: list[str], said: str) -> None:
    done = demo.run("build", *words)
    assert done.returncode == 2
    assert said in done.stderr
