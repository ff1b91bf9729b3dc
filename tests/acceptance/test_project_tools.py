"""Tools that a project pins: locked beside it, each in an environment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance

_BODY = """import importlib.metadata as m, os, sys
def main():
    print({name!r}, {version!r}, *sorted(d.name + "=" + d.version for d in m.distributions()), *sys.argv[1:])
    print(os.environ.get("MODE", "unset"))
"""


def offer(directory: Path, name: str, version: str, *needs: str, command: str = "") -> None:
    files = {f"{name}/__init__.py": _BODY.format(name=name, version=version).encode()}
    points = f"[console_scripts]\n{command or name} = {name}:main\n"
    make_wheel(directory, name, version, needs, files=files, entry_points=points)


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "offered"
    directory.mkdir()
    make_wheel(directory, "lib", "1.0")
    make_wheel(directory, "lib", "2.0")
    make_wheel(directory, "plugin", "1.0")
    offer(directory, "linter", "1.0", "lib<2")
    offer(directory, "linter", "2.0", "lib<2")
    offer(directory, "httpthing", "1.0", command="http")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def work(tmp_path: Path, offered: StaticIndex) -> Blast:
    root = tmp_path / "work"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "work"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["lib>=2"]\n'
        '[tool.blast.tools]\nlinter = "<2"\nhttp = {requirement = "httpthing", with = ["plugin"]}\n'
        '[tool.blast.env]\nMODE = "project"\n'
    )
    return Blast(root, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


def test_the_pin_of_the_project_is_run(work: Blast) -> None:
    work("sync")
    done = work("tool", "run", "linter", "--fix")
    assert done.stdout == "linter 1.0 lib=1.0 linter=1.0 --fix\nproject\n"
    assert work.python("import lib; print(lib.VERSION)") == "2.0", "the project sees nothing of what its tools need"
    assert work("tool", "run", "http").stdout.startswith("httpthing 1.0 httpthing=1.0 plugin=1.0\n")


def test_run_finds_them_where_the_environment_has_no_such_program(work: Blast, tmp_path: Path) -> None:
    (tmp_path / "linter").write_text("#!/bin/sh\necho of PATH\n")
    (tmp_path / "linter").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    assert work("run", "linter", "--fix", PATH=path).stdout == "linter 1.0 lib=1.0 linter=1.0 --fix\nproject\n"
    with (work.directory / "pyproject.toml").open("a") as file:
        file.write('[dependency-groups]\ndev = ["linter>=2"]\n[tool.uv]\noverride-dependencies = ["lib<2"]\n')
    assert work("run", "linter", PATH=path).stdout.startswith("linter 2.0 ")


def test_it_stays_locked(work: Blast, tmp_path: Path) -> None:
    work("tool", "run", "linter")
    lock = work.directory / "blast.tools" / "linter.blast.lock"
    before = lock.read_bytes()
    offer(tmp_path / "offered", "linter", "1.5", "lib<2")
    with StaticIndex(tmp_path / "offered") as server:
        elsewhere = Blast(work.directory, tmp_path / "another-home", {"BLAST_INDEX_URL": server.url})
        assert elsewhere("tool", "run", "linter").stdout.startswith("linter 1.0 ")
        assert lock.read_bytes() == before
        found = elsewhere.json("lock", "--tools", "--upgrade")
        assert {"name": "linter", "changed": True} in found["tools"]
        assert lock.read_bytes() != before
        assert elsewhere("tool", "run", "linter").stdout.startswith("linter 1.5 ")


def test_all_are_locked_at_once(work: Blast) -> None:
    said = work("lock", "--tools").stderr
    assert "linter: Locked 2 packages" in said
    assert sorted(path.name for path in (work.directory / "blast.tools").iterdir()) == [
        "http.blast.lock",
        "linter.blast.lock",
    ]
    assert "linter: The lock is up to date (2 packages)" in work("lock", "--tools").stderr
    work("lock", "--tools", "--check")


def test_another_pin_locks_again(work: Blast) -> None:
    work("lock", "--tools")
    manifest = work.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('linter = "<2"', 'linter = "linter==2.0"'))
    assert work.run("lock", "--tools", "--check").returncode == 1
    assert work("tool", "run", "linter").stdout.startswith("linter 2.0 ")
    work("lock", "--tools", "--check")


def test_who_asks_for_something_else_gets_it(work: Blast) -> None:
    assert work("tool", "run", "linter@2.0").stdout.startswith("linter 2.0 ")
    assert work("tool", "run", "--from", "linter>=2", "linter").stdout.startswith("linter 2.0 ")
    assert work("tool", "run", "--isolated", "linter").stdout.startswith("linter 2.0 ")
    assert not (work.directory / "blast.tools").exists()
    (work.directory.parent / "outside").mkdir()
    assert work.at(work.directory.parent / "outside")("tool", "run", "linter").stdout.startswith("linter 2.0 ")


def test_the_pin_goes_before_what_is_installed(work: Blast) -> None:
    work("tool", "install", "linter")
    assert work("tool", "run", "linter").stdout.startswith("linter 1.0 ")


def test_variables_of_the_project_reach_its_tools(work: Blast) -> None:
    assert work("tool", "run", "linter@2.0").stdout.endswith("\nproject\n")
    (work.directory / "file.env").write_text("MODE=file\n")
    assert work("tool", "run", "--env-file", "file.env", "linter").stdout.endswith("\nfile\n")
    assert work("tool", "run", "linter", MODE="mine").stdout.endswith("\nmine\n")
    with (work.directory / "pyproject.toml").open("a") as file:
        file.write('[tool.blast]\nenv-file = "file.env"\n')
    assert work("tool", "run", "linter").stdout.endswith("\nfile\n")
    assert work("tool", "run", "--no-env-file", "linter").stdout.endswith("\nproject\n")


def test_a_command_that_the_tool_does_not_bring(work: Blast) -> None:
    manifest = work.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('linter = "<2"', 'other = "linter"'))
    done = work.run("tool", "run", "other")
    assert done.returncode == 2
    assert "'linter' brings no command 'other'" in done.stderr
    assert "its environment has linter" in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("linter = 3", "must be a requirement or a table"),
        ('linter = "linter >> 2"', "tool.blast.tools.linter"),
        ('linter = {version = "1"}', "has no 'version'"),
        ('"../linter" = "1"', "can't be the name of a command"),
    ],
)
def test_what_is_wrong_is_told(work: Blast, line: str, words: str) -> None:
    manifest = work.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('linter = "<2"', line))
    done = work.run("lock")
    assert done.returncode == 1
    assert words in done.stderr
    assert "pyproject.toml:7" in done.stderr
