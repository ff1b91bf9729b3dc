"""``VenvManager``: composes generations of one environment and switches between them."""

from __future__ import annotations

import errno
import os
import time

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.environment import generations, skeleton
from blast_project.environment.generations import Generation, Installed
from blast_project.environment.layout import (
    blast_directory,
    current_link,
    generations_directory,
    is_virtual_environment,
    view_mark,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_pm.install.decisions import Decision, Memos
    from blast_pm.store.cache import StoredDistribution

__all__ = ["KEPT_GENERATIONS", "Composition", "Decided", "VenvManager"]

KEPT_GENERATIONS = 10


class Decided(NamedTuple):
    """What composing the same distributions decided before.

    Attributes:
        decision: what goes where.
        modes: link mode of each distribution, in that order.
    """

    decision: Decision
    modes: Sequence[str]


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
        project: directory of the project; empty for none.
        allow_overwrite: of two different files for one path, take one.
        home: the store that may be written; empty for the one that the distributions are in.
        bytecode: bring over what the store has compiled; see `blast_pm.install.compose.compose`.
        traits: what holds for all generations; None for those of the current one.
        memos: keeps what composing decides; see `blast_pm.install.compose.compose`.
        decided: what was decided for these distributions in this order; None decides.
    """

    distributions: Sequence[StoredDistribution]
    command: str
    link_mode: str = "fold"
    requested: frozenset[str] = frozenset()
    direct_urls: Mapping[str, bytes] = {}
    snapshots: Mapping[str, bytes] = {}
    prompt: str = ""
    options: bytes = b""
    project: str = ""
    allow_overwrite: bool = False
    home: str = ""
    bytecode: bool = True
    traits: skeleton.Traits | None = None
    memos: Memos | None = None
    decided: Decided | None = None


_UNWRITABLE = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))
# The ending that `blast_core.fs.is_temporary` knows.
_TEMPORARY = ".blast-tmp"


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

    def find(self, number: int) -> Generation | None:
        """Return a generation; None where it is not kept or can't be read."""
        try:
            return generations.read_generation(self.environment, number) if number else None
        except InstallError:
            # Another version of Blast made it; that is no reason to hide the others.
            return None

    def history(self) -> list[Generation]:
        """Return the generations that are kept and can be read, oldest first."""
        return [found for number in generations.list_numbers(self.environment) if (found := self.find(number))]

    def apply(self, interpreter: Interpreter, composition: Composition, reporter: Reporter) -> Generation:
        """Compose a generation, switch to it, remove the oldest ones, and return what it says of itself.

        Raises:
            FileConflict, PathEscape, InstallError: the environment is as it was.
        """
        number = self.compose(interpreter, composition, reporter)
        self.switch(number, reporter.note)
        self.prune()
        return generations.read_generation(self.environment, number)

    def create(
        self,
        interpreter: Interpreter,
        *,
        reporter: Reporter,
        prompt: str = "",
        clear: bool = False,
        composition: Composition | None = None,
        keep: bool = False,
    ) -> int:
        """Make a bare environment and return the number of its generation.

        Args:
            interpreter: its interpreter.
            reporter: told what had to be moved out of the way.
            prompt: what an activated shell shows; "" for the directory's name.
            clear: replace an environment that stands there.
            composition: what it holds, instead of nothing.
            keep: whatever stands there stays, as far as it is not in the way.

        Raises:
            InstallError: something stands there.
        """
        if is_virtual_environment(self.environment) and not (clear or keep):
            raise InstallError(
                f"{self.environment} is an environment already",
                hint="'--clear' replaces it, '--allow-existing' keeps what is in it",
            )
        if keep and os.path.isdir(self.environment) and not os.path.lexists(current_link(self.environment)):
            # What leads nowhere yet makes it one of ours, which is not replaced as a whole.
            fs.make_directories(generations_directory(self.environment))
            fs.replace_symlink(current_link(self.environment), "generations/0")
        traits = skeleton.Traits(prompt)
        number = self.compose(interpreter, composition or Composition((), "venv", traits=traits), reporter)
        self.switch(number, reporter.note)
        return number

    def compose(self, interpreter: Interpreter, composition: Composition, reporter: Reporter) -> int:
        """Build a complete generation beside the current one and return its number; nothing is switched.

        Raises:
            FileConflict, PathEscape, InstallError: the distributions can't be installed together, or something stands
                at the environment's path that is no virtual environment.
            DirectoryLinksRefused, FileNotFoundError: what was decided before can't be made as it is any more.
        """
        from blast_pm.store.roots import group_trees
        from blast_project.environment import drift

        self._check_place()
        directory = generations_directory(self.environment)
        fs.make_directories(directory)
        generations.remove_leftovers(self.environment)
        kept = generations.list_numbers(self.environment)
        number = (kept or [0])[-1] + 1
        staging = os.path.join(directory, f".{number}.{os.getpid()}")
        trees = group_trees(row.tree for row in composition.distributions)
        # Before there is anything to see: nobody removes what a generation reaches from its first moment on, and what a
        # killed command leaves of one is known where it is.
        root = self._register(composition, trees, number, kept)
        try:
            made = _fill(staging, interpreter, composition)
            meta = self._describe(number, interpreter, composition)
            fresh = (
                *generations.write_meta(staging, meta, dict(composition.snapshots), trees),
                *skeleton.write_generation_files(
                    staging, self.environment, interpreter, composition.prompt, self._traits(composition)
                ),
                *drift.write_entries(staging, interpreter.site_packages, interpreter.scripts),
                *made.unflushed,
            )
            fs.sync_paths([*(f"{staging}/{path}" for path in fresh), *filter(None, (root,))])
            fs.rename(staging, os.path.join(directory, str(number)))
        except BaseException:
            _remove_quietly(staging)
            raise
        for text in (*made.notes, *self._startup_notes(composition, made.startup)):
            reporter.note(text)
        return number

    def switch(self, number: int, note: Callable[[str], None] = lambda _: None) -> None:
        """Make ``number`` the current generation by the rename of one link, and let that reach the disk.

        Args:
            number: a generation that `compose` made.
            note: is told what had to be moved out of the way.

        Raises:
            InstallError: there is no such generation.
        """
        generation = os.path.join(generations_directory(self.environment), str(number))
        if not os.path.isdir(generation):
            raise InstallError(f"there is no generation {number}", hint="'blast history' lists those that are kept")
        if not os.path.lexists(current_link(self.environment)):
            if self._has_others():
                self._take_over(number, note)
                return
            # From here on it is known for an environment of ours, whenever this process dies.
            fs.replace_symlink(current_link(self.environment), f"generations/{number}")
        self._point(self.environment, generation, number, note)

    def complete(self, note: Callable[[str], None]) -> None:
        """Do what a command that was killed while it switched left to be done, and remove what it left.

        Args:
            note: is told what had to be moved out of the way.

        Cost: three listings and a look at each entry of the generation, half a dozen.
        """
        number = generations.current_number(self.environment)
        if not number:
            return
        generation = os.path.join(generations_directory(self.environment), str(number))
        skeleton.write_markers(self.environment)
        skeleton.link_entries(self.environment, generation, note)
        self._tidy(self.environment, generation)

    def ensure_registered(self, home: str, project: str) -> None:
        """Make the environment a root of the store at ``home`` if it is none under this path: it was moved or copied.

        Raises:
            OSError: the store refuses.
        """
        from blast_pm.store.roots import is_registered, register_again
        from blast_project.environment.reserving import read_objects

        if is_registered(home, self.environment):
            return
        listed = {
            number: trees
            for number in generations.list_numbers(self.environment)
            if (trees := read_objects(self.environment, number))
        }
        try:
            register_again(home, self.environment, project, listed)
        except OSError as error:
            # Nothing is removed from a store that can't be written.
            if error.errno not in _UNWRITABLE:
                raise

    def prune(self, keep: int = KEPT_GENERATIONS) -> list[int]:
        """Remove the oldest generations but ``keep``."""
        return generations.prune(self.environment, keep)

    def _point(self, environment: str, generation: str, number: int, note: Callable[[str], None]) -> None:
        skeleton.write_markers(environment)
        skeleton.link_entries(environment, generation, note)
        fs.replace_symlink(current_link(environment), f"generations/{number}")
        # One flush of the directory makes the journal hold all that was done before it.
        fs.sync_directory(blast_directory(environment))
        self._tidy(environment, generation)

    def _tidy(self, environment: str, generation: str) -> None:
        from blast_project.exclusive import sweep_temporaries

        sweep_temporaries(environment)
        sweep_temporaries(blast_directory(environment))
        skeleton.unlink_stale_entries(environment, generation)

    def _take_over(self, number: int, note: Callable[[str], None]) -> None:
        """Put an environment of ours in the place of another tool's, in one instant, and remove that one."""
        parent, name = os.path.split(self.environment)
        beside = os.path.join(parent, f".{name}.{os.getpid()}.{os.urandom(4).hex()}{_TEMPORARY}")
        fs.make_directory(beside)
        fs.rename(blast_directory(self.environment), blast_directory(beside))
        self._point(beside, os.path.join(generations_directory(beside), str(number)), number, note)
        fs.exchange(beside, self.environment)
        fs.remove_tree(beside)
        note(f"{self.environment} was made by another tool and is replaced")

    def _register(self, composition: Composition, trees: Mapping[str, str], number: int, kept: Sequence[int]) -> str:
        """Make the environment a root of the store that it links into; return the registration if it is new."""
        from blast_pm.store.roots import register_root

        home = composition.home or next(iter(trees), "")
        # A project's is known even while it holds nothing: a shell enters what this machine knows.
        if not trees and not (composition.project and composition.home):
            return ""
        try:
            return register_root(home, self.environment, composition.project, trees, number, kept)
        except OSError as error:
            # Nothing is removed from a store that can't be written.
            if error.errno not in _UNWRITABLE:
                raise
            return ""

    def _startup_notes(self, composition: Composition, startup: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Yield a line for each file that runs at start-up and was not in the current generation."""
        if not startup:
            return
        before = generations.current_number(self.environment)
        known = {row.sha256 for row in self._installed(before)} if before else set()
        new = {normalize_name(row.name) for row in composition.distributions if row.sha256 not in known}
        for name, path in startup:
            if name in new:
                yield f"{name} brings {path}, which runs whenever the environment's Python starts"

    def _installed(self, number: int) -> tuple[Installed, ...]:
        try:
            return generations.read_generation(self.environment, number).installed
        except InstallError:
            return ()

    def _describe(self, number: int, interpreter: Interpreter, composition: Composition) -> Generation:
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
            link_mode=composition.link_mode,
            installed=installed,
            snapshots=tuple(sorted(composition.snapshots)),
            options=composition.options,
        )

    def _traits(self, composition: Composition) -> skeleton.Traits:
        if composition.traits is not None:
            return composition.traits
        return skeleton.read_traits(current_link(self.environment))

    def _has_others(self) -> bool:
        """Tell whether the environment's directory holds anything but our own."""
        return any(name != ".blast" for name in os.listdir(self.environment))

    def _check_place(self) -> None:
        """Refuse to work where something other than a virtual environment stands.

        Raises:
            InstallError: what stands there is a link, no directory, or one that may hold something of value; or it is a
                view, which nobody changes.
        """
        path = self.environment
        if os.path.lexists(view_mark(path)):
            raise InstallError(
                f"nothing is installed into {path}",
                reason="it is a view of the store, which every project with the same packages shares",
                hint="'blast add' puts it into the project, 'blast run --with' adds it for one run",
            )
        self._sweep()
        if not os.path.lexists(path):
            return
        if os.path.islink(path) or not os.path.isdir(path):
            raise InstallError(
                f"{path} is {'a symbolic link' if os.path.islink(path) else 'no directory'}",
                reason="Blast makes its environments there, and replaces nothing that may hold something of value",
                hint="'blast self doctor --fix' moves it aside; BLAST_PROJECT_ENVIRONMENT names another place",
            )
        if os.path.lexists(current_link(path)):
            return
        if self._has_others() and not is_virtual_environment(path):
            raise InstallError(
                f"{path} is no virtual environment",
                reason="it has no pyvenv.cfg, so it may hold something of value",
                hint="'blast self doctor --fix' moves it aside; BLAST_PROJECT_ENVIRONMENT names another place",
            )

    def _sweep(self) -> None:
        """Remove what was left beside the environment by a command that was killed while it took over."""
        parent, name = os.path.split(self.environment)
        for entry in os.listdir(parent) if os.path.isdir(parent) else ():
            if entry.startswith(f".{name}.") and fs.is_temporary(entry):
                _remove_quietly(os.path.join(parent, entry))


class _Made(NamedTuple):
    """Of what was made: files to flush, what the user should know, and which files run when Python starts."""

    unflushed: tuple[str, ...]
    notes: tuple[str, ...]
    startup: tuple[tuple[str, str], ...]


def _fill(staging: str, interpreter: Interpreter, composition: Composition) -> _Made:
    """Make the tree of a generation, decided now or before."""
    rows = composition.distributions
    if composition.decided is not None:
        from blast_pm.install.making import Building

        decision, modes = composition.decided
        building = Building(
            staging,
            [row.tree for row in rows],
            interpreter,
            modes,
            decision,
            bytecode=composition.bytecode,
            home=composition.home,
        )
        building.build()
        notes = (*decision.notes, *building.notes)
        return _Made(building.counts.take_unflushed(staging), notes, decision.startup)
    from blast_pm.install.compose import compose

    report = compose(
        staging,
        interpreter,
        rows,
        link_mode=composition.link_mode,
        direct_urls=composition.direct_urls,
        requested=composition.requested,
        allow_overwrite=composition.allow_overwrite,
        home=composition.home,
        bytecode=composition.bytecode,
        memos=composition.memos,
    )
    return _Made(report.unflushed, report.notes, report.startup)


def _remove_quietly(path: str) -> None:
    """Remove a tree if it is there; the error on the way is another one."""
    try:
        fs.remove_tree(path)
    except OSError:
        return
