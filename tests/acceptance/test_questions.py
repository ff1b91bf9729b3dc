"""``blast tree``, ``why`` and ``outdated`` on a small project."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MANIFEST = """\
[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
dependencies = [
    "app[web]>=1,<3",
    "win; sys_platform == 'win32'",
]
[dependency-groups]
dev = ["lib"]
"""
# What no command that only reads the lock may import.
_HEAVY = {"numpy", "httpx", "asyncio", "packaging", "json", "ssl", "lmdb", "tomllib", "subprocess", "typing", "re"}


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    make_wheel(directory, "app", "2.0", ["lib<2", "site>=1; extra == 'web'"], extras=["web"])
    make_wheel(directory, "app", "3.0", ["lib"], extras=["web"])
    make_wheel(directory, "app", "4.0a1")
    for version in ("1.0", "1.5", "2.0"):
        make_wheel(directory, "lib", version)
    make_wheel(directory, "site", "1.0", ["lib>=1"])
    make_wheel(directory, "site", "2.0", requires_python=">=3.99")
    make_wheel(directory, "win", "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def demo(tmp_path: Path, offered: StaticIndex) -> Blast:
    directory = tmp_path / "demo"
    directory.mkdir()
    blast = Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})
    (directory / "pyproject.toml").write_text(_MANIFEST)
    blast("lock")
    return blast


def test_shows_the_tree(demo: Blast) -> None:
    done = demo("tree")
    assert done.stdout.splitlines() == [
        "demo 1",
        "├── app[web] 2.0 (>=1,<3)",
        "│   ├── lib 1.5 (<2)",
        "│   └── site 1.0 (>=1; extra web)",
        "│       └── lib 1.5 (>=1)",
        "└── lib 1.5 (group dev)",
    ]
    assert "win 1.0" in demo("tree", "--universal").stdout
    assert "win 1.0" in demo("tree", "--target", "windows-arm64").stdout
    assert demo("tree", "--invert", "--package", "site").stdout.splitlines() == [
        "site 1.0",
        "└── app 2.0 (>=1; extra web)",
        "    └── demo 1 (>=1,<3)",
    ]
    assert "lib 1.5 (<2) (latest 2.0)" in demo("tree", "--outdated").stdout
    assert demo("tree", "--depth", "0").stdout == "demo 1 …\n"
    assert demo.run("tree", "--package", "nope").returncode == 2
    assert demo.run("tree", "--target", "nowhere").returncode == 2


def test_shows_the_tree_as_json(demo: Blast) -> None:
    document = demo.json("tree", "--universal", "--no-dev")
    assert document["roots"] == [{"name": "demo", "version": "1"}]
    packages = {row["name"]: row for row in document["packages"]}
    assert packages["win"]["where"] == 'sys_platform == "win32"'
    assert packages["app"]["needs"][1] == {
        "name": "site",
        "version": "1.0",
        "specifier": ">=1",
        "extras": [],
        "marker": 'extra == "web"',
        "extra": "web",
        "group": "",
        "where": "",
    }


def test_writes_a_page_that_needs_nothing_else(demo: Blast) -> None:
    demo("tree", "--universal", "--html", "tree.html")
    page = (demo.directory / "tree.html").read_text()
    assert "src=" not in page
    assert "http" not in page
    assert len(page) < 6000

    ids, links = set(re.findall('id="([^"]*)"', page)), set(re.findall('href="#([^"]*)"', page))
    assert {"app-2.0", "lib-1.5", "win-1.0"} <= ids
    assert links <= ids


def test_says_why_and_what_holds_the_version(demo: Blast) -> None:
    lines = demo("why", "lib").stdout.splitlines()
    assert lines[:4] == [
        "lib 1.5",
        "  demo 1 -> lib 1.5 (group dev)",
        "  demo 1 -> app[web] 2.0 (>=1,<3) -> lib 1.5 (<2)",
        "  demo 1 -> app[web] 2.0 (>=1,<3) -> site 1.0 (>=1; extra web) -> lib 1.5 (>=1)",
    ]
    assert "2.0 is held back by app 2.0 (<2)" in lines
    assert "to allow 2.0: another version of app that does not ask for lib<2" in lines
    app = demo("why", "app").stdout
    assert "3.0 is held back by the project (>=1,<3) at pyproject.toml:6" in app
    assert "to allow 3.0: relax 'app>=1,<3' in pyproject.toml" in app
    assert "2.0 is held back by Python (>=3.99)" in demo("why", "site").stdout
    document = demo.json("why", "lib")["packages"][0]
    assert [len(way) for way in document["ways"]] == [2, 3, 4]
    assert {row["by"]: row["binding"] for row in document["askers"]} == {
        "the project": False,
        "app 2.0": True,
        "site 1.0": False,
    }


def test_says_that_a_package_is_not_locked(demo: Blast) -> None:
    done = demo.run("why", "libb")
    assert done.returncode == 2
    assert "libb is not locked" in done.stderr
    assert "did you mean lib?" in done.stderr
    assert "'--universal' asks about all targets" in demo.run("why", "win").stderr
    assert demo("why", "win", "--universal").returncode == 0


def test_why_asks_no_index(demo: Blast, offered: StaticIndex) -> None:
    offered.forget_requests()
    demo("why", "lib")
    assert offered.paths() == []
    nothing_known = demo("why", "lib", BLAST_HOME=str(demo.home.parent / "elsewhere")).stdout
    assert "lib is held by app 2.0 (<2)" in nothing_known
    assert "'blast outdated --all' asks the index" in nothing_known


def test_lists_what_is_outdated_and_who_holds_it(demo: Blast) -> None:
    assert demo("outdated").stdout.splitlines() == [
        "package  current  allowed  latest  held back by",
        "app      2.0      2.0      3.0     the project (>=1,<3)",
        "lib      1.5      2.0      2.0     app 2.0 (<2)",
    ]
    rows = {row["name"]: row for row in demo.json("outdated", "--all")["outdated"]}
    assert {name: (row["current"], row["allowed"], row["latest"]) for name, row in rows.items()} == {
        "app": ("2.0", "2.0", "3.0"),
        "lib": ("1.5", "2.0", "2.0"),
        "site": ("1.0", "2.0", "2.0"),
    }
    assert rows["site"]["blockers"] == [{"by": "Python", "specifier": ">=3.99"}]
    assert rows["site"]["direct"] is False
    assert rows["lib"]["direct"] is True
    assert demo.run("outdated", "--exit-code").returncode == 1
    assert demo("outdated", "--exit-code", "win", "--universal").returncode == 0
    assert "4.0a1" in demo("outdated", "--prerelease", "allow").stdout


def test_outdated_says_that_it_is_offline(demo: Blast, offered: StaticIndex) -> None:
    offered.forget_requests()
    done = demo("outdated", "--offline")
    assert "Offline: as the index said on" in done.stderr
    assert "app" in done.stdout
    assert offered.paths() == []
    unknown = demo("outdated", "--offline", BLAST_HOME=str(demo.home.parent / "elsewhere"))
    assert "Not known: app, lib" in unknown.stderr


def test_without_a_lock_there_is_no_answer(demo: Blast) -> None:
    for name in ("blast.lock", "pylock.toml"):
        (demo.directory / name).unlink()
    for words in (("tree",), ("why", "lib"), ("outdated",)):
        done = demo.run(*words)
        assert done.returncode == 1
        assert "'blast lock' makes it" in done.stderr


def test_a_tree_imports_nothing_of_the_network(demo: Blast) -> None:
    # Locking asks no interpreter, so the first tree is also the first to look at one.
    demo("tree")
    assert demo.imported("tree") & _HEAVY == set()
