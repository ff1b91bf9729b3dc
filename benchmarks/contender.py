"""The two tools, each with a home, a cache and a project of its own on the same file system."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import Command, CommandFailed, run_plainly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.machine import Machine

__all__ = ["Contender", "make_contenders"]

_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")


class Contender(NamedTuple):
    """One tool.

    Attributes:
        name: ``uv`` or ``blast``.
        program: absolute path of its executable.
        environment: all variables that it sees.
        top: the folder below which everything of it lies.
        locks: names of the files that its ``lock`` writes.
    """

    name: str
    program: str
    environment: Mapping[str, str]
    top: Path
    locks: tuple[str, ...]

    @property
    def project(self) -> Path:
        """The project that is locked and synced before anything is measured."""
        return self.top / "project"

    def command(
        self, *arguments: str, directory: Path | None = None, changed: Mapping[str, str] | None = None
    ) -> Command:
        """Return the tool's command with these arguments.

        Args:
            arguments: what follows the program's name.
            directory: where it runs; in its project if none is given.
            changed: variables that it sees instead of, or beside, its own.
        """
        return Command([self.program, *arguments], directory or self.project, {**self.environment, **(changed or {})})

    def run(self, *arguments: str, directory: Path | None = None) -> None:
        """Run the tool without measuring it.

        Raises:
            CommandFailed: it did not succeed; the text is what it prints.
        """
        done = run_plainly(self.command(*arguments, directory=directory))
        if done.returncode:
            raise CommandFailed(f"{self.name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")

    def copy_project(self, number: int, *, with_lock: bool = True) -> Path:
        """Return a new directory with the project's manifest, its lock if that is wanted, and no environment."""
        copy = self.top / f"copy-{number}"
        copy.mkdir()
        for name in ("pyproject.toml", *(self.locks if with_lock else ())):
            if (self.project / name).is_file():
                shutil.copy(self.project / name, copy)
        return copy


def make_contenders(machine: Machine, manifest: Path, top: Path, index: str) -> dict[str, Contender]:
    """Return the tools by name, each with a locked and synced project below ``top``; so their stores are warm.

    Args:
        machine: their executables; a tool whose executable is "" is left out.
        manifest: the project's pyproject.toml.
        top: an empty folder.
        index: address of the index that both use.
    """
    common = {key: os.environ[key] for key in _KEPT if key in os.environ}
    common |= {"HOME": str(top), "PIP_CONFIG_FILE": os.devnull}
    uv = common | {
        "UV_CACHE_DIR": str(top / "uv" / "home"),
        "UV_DEFAULT_INDEX": index,
        "UV_PYTHON": machine.python,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    blast = common | {
        "BLAST_HOME": str(top / "blast" / "home"),
        "BLAST_INDEX_URL": index,
        "BLAST_PYTHON": machine.python,
        "BLAST_NO_DAEMON": "1",
        # Nothing runs beside what is measured; S10 compiles before.
        "BLAST_COMPILE_BYTECODE": "never",
    }
    both = (
        Contender("uv", machine.uv, uv, top / "uv", ("uv.lock",)),
        Contender("blast", machine.blast, blast, top / "blast", ("blast.lock", "pylock.toml")),
    )
    contenders = {each.name: each for each in both if each.program}
    for contender in contenders.values():
        contender.project.mkdir(parents=True)
        shutil.copy(manifest, contender.project)
        for verb in ("lock", "sync", "sync", "lock"):  # once to do it, once to warm up
            contender.run(verb)
        contender.run("run", "python", "-c", "pass")
    return contenders
