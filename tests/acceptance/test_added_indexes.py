"""``blast add --index``: the index stands in the manifest, so that whoever has the project can lock and sync it."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def more(tmp_path: Path) -> Iterator[StaticIndex]:
    (tmp_path / "more").mkdir()
    make_wheel(tmp_path / "more", "private", "1.0")
    make_wheel(tmp_path / "more", "private", "2.0")
    with StaticIndex(tmp_path / "more") as server:
        yield server


def tables(blast: Blast) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((blast.directory / "pyproject.toml").read_text())["tool"]["blast"]
    return found


def test_without_a_name_it_gets_one(project: Blast, more: StaticIndex) -> None:
    project("add", "private<2", "--index", more.url)
    assert tables(project) == {"index": [{"name": "index-1", "url": more.url}]}
    # What somebody else does who has the files alone.
    shutil.rmtree(project.directory / ".venv")
    (project.directory / "blast.lock").unlink()
    (project.directory / "pylock.toml").unlink()
    project("sync")
    project("add", "private", "--index", f"{more.url.rstrip('/')}/")
    assert tables(project) == {"index": [{"name": "index-1", "url": more.url}]}


def test_with_a_name_what_is_added_is_asked_of_it_alone(project: Blast, more: StaticIndex) -> None:
    project("add", "alpha")
    project("add", "private", "--index", f"own={more.url}")
    assert tables(project) == {
        "index": [{"name": "own", "url": more.url}],
        "sources": {"private": {"index": "own"}},
    }
    project("lock", "--check")
    assert "up to date" in project("sync").stderr
    project("remove", "private")
    assert tables(project)["sources"] == {}
    project("undo")
    assert tables(project)["sources"]
    project("undo")
    assert "tool" not in tomllib.loads((project.directory / "pyproject.toml").read_text())


def test_a_directory_is_written_from_the_manifest(project: Blast) -> None:
    wheels = project.directory / "wheels" / "private"
    wheels.mkdir(parents=True)
    make_wheel(wheels, "private", "1.0")
    below = project.directory / "below"
    below.mkdir()
    project.at(below)("add", "private", "--index", "../wheels")
    assert tables(project) == {"index": [{"name": "index-1", "url": "wheels"}]}
    project("lock", "--upgrade")


def test_a_password_is_not_written(project: Blast, more: StaticIndex) -> None:
    address = more.url.replace("://", "://me:hush@")
    done = project("add", "private", "--index", f"own={address}")
    assert "password is not written" in done.stderr
    assert tables(project)["index"] == [{"name": "own", "url": more.url}]
    for name in ("pyproject.toml", "pylock.toml"):
        assert "hush" not in (project.directory / name).read_text()


def test_a_refused_add_leaves_the_manifest(project: Blast, more: StaticIndex) -> None:
    before = (project.directory / "pyproject.toml").read_bytes()
    assert project.run("add", "private>9", "--index", f"own={more.url}").returncode == 1
    assert (project.directory / "pyproject.toml").read_bytes() == before


def test_a_command_without_a_lock_writes_it_too(project: Blast, more: StaticIndex) -> None:
    project("add", "private", "--index", f"own={more.url}", "--frozen")
    assert tables(project)["sources"] == {"private": {"index": "own"}}
