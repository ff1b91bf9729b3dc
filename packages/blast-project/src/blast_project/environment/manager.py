"""``VenvManager``: composes generations of one environment and switches between them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.names import normalize_name
from blast_project.environment import drift, generations, skeleton
from blast_project.environment.generations import Generation, Installed
from blast_project.environment.layout import (
    blast_directory,
    current_link,
    generations_directory,
    is_virtual_environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_pm.store.cache import StoredDistribution

__all__ = ["KEPT_GENERATIONS", "Composition", "VenvManager"]

KEPT_GENERATIONS = 10


class Composition(NamedTuple):
    """What a new generation shall hold.

    Attributes:
        distributions: from the store.
        command: what history says.
        link_mode: ``fold``, ``hardlink`` or ``copy``.
        requested: normalised names that somebody asked for.
        direct_urls: content of direct_url.json, by normalised name.
        snapshots: the project's files of this moment, by name.
        prompt: what an activated shell shows.
        options: digest of the options, for the state file.
    """

    distributions: Sequence[StoredDistribution]
    command: str
    link_mode: str = "fold"
    requested: frozenset[str] = frozenset()
    direct_urls: Mapping[str, bytes] = {}
    snapshots: Mapping[str, bytes] = {}
    prompt: str = ""
    options: bytes = b""


class VenvManager:
    """One environment.

    The caller holds the environment's lock while it changes anything.

    Args:
        environment: absolute path.
    """

    def __init__(self, environment: str) -> None:
        self.environment = environment

    def current(self) -> Generation | None:
        """Return the current generation; None where there is none."""
        number = generations.current_number(self.environment)
        return generations.read_generation(self.environment, number) if number else None

    def history(self) -> list[Generation]:
        """Return the generations that are kept, oldest first."""
        return [generations.read_generation(self.environment, number) for number in self._numbers()]

    def create(self, interpreter: Interpreter, *, reporter: Reporter, prompt: str = "", clear: bool = False) -> int:
        """Make a bare environment and return the number of its generation.

        Raises:
            InstallError: something stands there; an environment is replaced if ``clear`` is set.
        """
        if os.path.lexists(self.environment):
            if is_virtual_environment(self.environment) and not clear:
                raise InstallError(f"{self.environment} is an environment already", hint="'--clear' replaces it")
            self._require_ours_or_nothing(clear=clear)
        number = self.compose(interpreter, Composition((), "venv", prompt=prompt), reporter)
        self.switch(number, interpreter, prompt)
        return number

    def compose(self, interpreter: Interpreter, composition: Composition, reporter: Reporter) -> int:
        """Build a complete generation beside the current one and return its number; nothing is switched.

        Raises:
            FileConflict, PathEscape, InstallError: the distributions can't be installed together.
        """
        from blast_pm.install.compose import compose

        self._require_ours_or_nothing(clear=False)
        directory = generations_directory(self.environment)
        fs.make_directories(directory)
        self._remove_leftovers()
        number = (self._numbers() or [0])[-1] + 1
        staging = os.path.join(directory, f".{number}.{os.getpid()}")
        try:
            report = compose(
                staging,
                interpreter,
                composition.distributions,
                link_mode=composition.link_mode,
                direct_urls=composition.direct_urls,
                requested=composition.requested,
            )
            for note in report.notes:
                reporter.note(note)
            skeleton.write_generation_files(staging, self.environment, interpreter, composition.prompt)
            meta = self._describe(number, interpreter, composition, report.mode)
            generations.write_meta(staging, meta, dict(composition.snapshots))
            drift.write_entries(staging, interpreter.site_packages, interpreter.scripts)
            fs.rename(staging, os.path.join(directory, str(number)))
        except BaseException:
            fs.remove_tree(staging)
            raise
        return number

    def switch(self, number: int, interpreter: Interpreter, prompt: str = "") -> None:
        """Make ``number`` the current generation by the rename of one link.

        Raises:
            InstallError: there is no such generation.
        """
        path = os.path.join(generations_directory(self.environment), str(number))
        if not os.path.isdir(path):
            raise InstallError(f"there is no generation {number}", hint="'blast history' lists those that are kept")
        skeleton.write_environment_files(self.environment, interpreter, prompt)
        skeleton.link_entries(self.environment, path)
        fs.replace_symlink(current_link(self.environment), f"generations/{number}")
        skeleton.unlink_stale_entries(self.environment, path)

    def prune(self, keep: int = KEPT_GENERATIONS) -> list[int]:
        """Remove the oldest generations but ``keep``."""
        return generations.prune(self.environment, keep)

    def _numbers(self) -> list[int]:
        return generations.list_numbers(self.environment)

    def _describe(self, number: int, interpreter: Interpreter, composition: Composition, link_mode: str) -> Generation:
        installed = tuple(
            Installed(
                name,
                row.version,
                row.sha256,
                name in composition.requested,
                bytes(composition.direct_urls.get(name, b"")),
            )
            for name, row in sorted((normalize_name(row.name), row) for row in composition.distributions)
        )
        return Generation(
            number=number,
            parent=generations.current_number(self.environment),
            created=time.time(),
            command=composition.command,
            python=interpreter.version,
            executable=interpreter.executable,
            site_packages=interpreter.site_packages,
            link_mode=link_mode,
            installed=installed,
            snapshots=tuple(sorted(composition.snapshots)),
            options=composition.options,
        )

    def _remove_leftovers(self) -> None:
        """Remove what killed commands left; the caller holds the lock, so nobody else is building."""
        directory = generations_directory(self.environment)
        for name in os.listdir(directory):
            if name.startswith("."):
                fs.remove_tree(os.path.join(directory, name))

    def _require_ours_or_nothing(self, *, clear: bool) -> None:
        """Make way for an environment of ours: an environment of another tool is moved aside, anything else refused.

        Raises:
            InstallError: what stands there is no environment, or a link.
        """
        path = self.environment
        if not os.path.lexists(path) or (os.path.isdir(blast_directory(path)) and not clear):
            return
        if os.path.islink(path) or not os.path.isdir(path):
            raise InstallError(
                f"{path} is no directory", reason="Blast makes its environments there", hint="move it away"
            )
        if not os.listdir(path):
            return
        if not is_virtual_environment(path) and not os.path.isdir(blast_directory(path)):
            raise InstallError(
                f"{path} is no virtual environment",
                reason="it has no pyvenv.cfg, so it may hold something of value",
                hint="move it away, or set BLAST_PROJECT_ENVIRONMENT to another place",
            )
        aside = f"{path}.{os.getpid()}.old"
        fs.rename(path, aside)
        fs.remove_tree(aside)
