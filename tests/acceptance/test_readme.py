"""What README and the guide tell people to type, typed: against a loopback index, and against the real one."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_TOP = Path(__file__).resolve().parents[2]
# Distributions that the texts name, as small wheels for the loopback index; ruff and rich bring a command or a module.
_NAMES = ("flask", "pandas", "pytest", "rich", "ruff", "httpx", "mkdocs")


def tour_of_readme() -> list[str]:
    """Return the commands of README's section "Use it", the installation left out."""
    section = (_TOP / "README.md").read_text(encoding="utf-8").partition("## Use it")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    return [line for line in map(_without_comment, lines) if line and not line.startswith("pip install")]


def console_lines(page: str) -> list[str]:
    """Return the commands that a page of the guide shows, the installation left out."""
    text = (_TOP / "docs" / "guide" / page).read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (.+)$", text, re.MULTILINE)
    return [_without_comment(line) for line in lines if not line.startswith("pip install")]


def _without_comment(line: str) -> str:
    return re.sub(r"\s{2,}#.*", "", line).strip()


@pytest.fixture(scope="module")
def named_wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("named")
    for name in _NAMES:
        body = f"__version__ = '3.0'\n\n\ndef main():\n    print('{name} 3.0')\n".encode()
        scripts = f"[console_scripts]\n{name} = {name}:main\n"
        make_wheel(directory, name, "3.0", files={f"{name}/__init__.py": body}, entry_points=scripts)
    with StaticIndex(directory) as server:
        yield server


def type_in(blast: Blast, lines: list[str]) -> subprocess.CompletedProcess[str]:
    """Type lines into one shell in which ``blast`` and ``bx`` are commands; it ends at the first that fails."""
    programs = blast.home.parent / "programs"
    programs.mkdir()
    for name, words in (("blast", ""), ("bx", " tool run")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m blast_cli{words} "$@"\n')
        (programs / name).chmod(stat.S_IRWXU)
    variables = blast.variables()
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-x"],
        input="\n".join(lines) + "\n",
        cwd=blast.directory,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def check_tour(blast: Blast) -> None:
    """Type README's tour, and look at what it left."""
    done = type_in(blast, tour_of_readme())
    assert done.returncode == 0, done.stderr
    hello = blast.at(blast.directory / "hello")
    manifest = (hello.directory / "pyproject.toml").read_text()
    assert "flask" in manifest
    assert "pytest" not in manifest, "undo took it back"
    assert {"flask", "pandas"} <= {row["name"].lower() for row in hello.json("pip", "list")["packages"]}
    assert "Went from generation 3 to 2" in done.stderr
    assert done.stderr.splitlines()[-1] == "The environment is up to date"


def test_the_tour_is_found() -> None:
    lines = tour_of_readme()
    assert lines[0] == "blast init hello && cd hello"
    assert any(line.startswith("blast undo") for line in lines)


def test_the_tour_of_readme(blast: Blast, named_wheels: StaticIndex) -> None:
    blast.environ["BLAST_INDEX_URL"] = named_wheels.url
    check_tour(blast)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tour_of_readme_with_the_real_index(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    check_tour(Blast(directory, tmp_path / "home"))


def test_getting_started(blast: Blast, named_wheels: StaticIndex) -> None:
    blast.environ["BLAST_INDEX_URL"] = named_wheels.url
    done = type_in(blast, console_lines("getting-started.md"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [next(iter(blast("--version").stdout.splitlines())), "3.0"]


def test_projects_and_locks(blast: Blast, named_wheels: StaticIndex) -> None:
    blast.environ["BLAST_INDEX_URL"] = named_wheels.url
    blast("init", "--name", "demo")
    # What follows is about a workspace, and this is none.
    shown = [line for line in console_lines("projects.md") if "--package" not in line]
    lines = [line.replace("httpx[http2]", "httpx") for line in shown]
    done = type_in(blast, lines)
    assert done.returncode == 0, done.stderr
    manifest = (blast.directory / "pyproject.toml").read_text()
    assert '"httpx>=3.0,<4"' in manifest
    assert 'docs = [\n    "mkdocs>=3.0",\n]' in manifest
    assert 'plot = [\n    "pandas>=3.0",\n]' in manifest


def test_running(blast: Blast, named_wheels: StaticIndex) -> None:
    blast.environ["BLAST_INDEX_URL"] = named_wheels.url
    blast("init", "--name", "demo")
    blast("add", "--dev", "pytest")
    # These need a server, a file, or a person at the keyboard.
    left_out = re.compile("http.server|flask run|--watch|hello.py|tool.py|https://|git@")
    lines = [line for line in console_lines("running.md") if line.startswith("blast run")]
    typed = [line for line in lines if not left_out.search(line)]
    assert len(typed) > 3
    done = type_in(blast, typed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1", "pytest 3.0", "Hello from demo!"]
