"""Helpers for tests: a project, a home and the services of one command, in this process.

    bench = Workbench.make(tmp_path, index.url)
    bench.write_manifest('dependencies = ["alpha"]')
    with bench.session() as session:
        sync_here(session, SyncOptions())

What differs from a process of ``blast`` is only that nothing parses a command line.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blast_core.interpreter import Interpreter, Target
from blast_project.project import Project, load_project
from blast_project.session import Session
from blast_project.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from blast_core.reporter import Reporter

__all__ = ["KeptWords", "Workbench", "make_interpreter", "make_target"]

# What Blast's own processes and children need; all else of the machine that runs the tests stays out.
_PASSED_ON = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


class KeptWords:
    """A reporter that keeps steps and notes for the test to look at."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []

    def step(self, text: str) -> None:
        """Keep it."""
        self.steps.append(text)

    def start(self, key: str, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, key: str, amount: int) -> None:
        """Ignore it."""

    def finish(self, key: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Workbench:
    """A project directory and a home, with sessions on them.

    Attributes:
        root: of the project; it exists.
        home: BLAST_HOME.
        index_url: the only index; empty for commands that ask none.
        environ: variables beside those that every process needs.
        words: what was reported in all sessions.
    """

    root: Path
    home: Path
    index_url: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    words: KeptWords = field(default_factory=KeptWords)

    @classmethod
    def make(cls, directory: Path, index_url: str = "", home: Path | None = None) -> Workbench:
        """Return one in ``directory``, with a home there too if none is given."""
        root = directory / "project"
        root.mkdir()
        return cls(root, home or directory / "home", index_url)

    def settings(self, **changes: object) -> Settings:
        """Return settings for this Python, ``changes`` applied."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        plain = Settings(
            directory=str(self.root),
            home=str(self.home),
            environ={**passed_on, "PIP_CONFIG_FILE": os.devnull, "NETRC": os.devnull, **self.environ},
            index_url=self.index_url,
            python=sys.executable,
            # A test that is about bytecode says so.
            compile_bytecode="never",
            python_downloads="never",
        )
        return Settings(**{**plain._asdict(), **changes})

    def session(self, reporter: Reporter | None = None, **changes: object) -> Session:
        """Return a session with these settings; the caller closes it."""
        return Session(self.settings(**changes), reporter or self.words)

    def write_manifest(self, *lines: str, name: str = "demo", more: str = "") -> Project:
        """Write a pyproject.toml with ``lines`` in its ``[project]`` table and ``more`` below, and load it."""
        text = "\n".join(["[project]", f'name = "{name}"', 'version = "1.0"', *lines, "", more])
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")
        return self.project()

    def project(self) -> Project:
        """Return the project as it stands on disk."""
        return load_project(str(self.root))

    def files(self) -> dict[str, bytes]:
        """Return the manifest and the locks as they stand, by name."""
        names = ("pyproject.toml", "blast.lock", "pylock.toml")
        return {name: (self.root / name).read_bytes() for name in names if (self.root / name).exists()}

    def installed(self) -> Iterator[str]:
        """Yield the names of the dist-info directories of ``.venv``."""
        for site in sorted((self.root / ".venv" / "lib").glob("*/site-packages")):
            yield from sorted(entry.name for entry in site.iterdir() if entry.name.endswith(".dist-info"))


def make_target(name: str = "linux-x86_64-py312", **markers: str) -> Target:
    """Return a target of Python 3.12 on Linux; ``markers`` change its environment."""
    environment = {
        "implementation_name": "cpython",
        "implementation_version": "3.12.1",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "#1",
        "python_full_version": "3.12.1",
        "python_version": "3.12",
        "sys_platform": "linux",
        **markers,
    }
    return Target(name, environment["python_full_version"], environment, ("cp312-cp312-linux_x86_64", "py3-none-any"))


def make_interpreter(executable: str = "/usr/bin/python3.12", version: str = "3.12.1") -> Interpreter:
    """Return what a CPython on Linux would say of itself."""
    minor = ".".join(version.split(".")[:2])
    return Interpreter(
        executable=executable,
        version=version,
        implementation="cpython",
        cache_tag=f"cpython-{minor.replace('.', '')}",
        base_prefix="/usr",
        site_packages=f"lib/python{minor}/site-packages",
        scripts="bin",
        include=f"include/site/python{minor}",
        target=make_target(f"linux-x86_64-py{minor.replace('.', '')}"),
    )
