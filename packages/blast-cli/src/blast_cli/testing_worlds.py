"""Helpers for tests: small projects with their store in one directory, put back as they were before every fault.

A `Scenario` is a command and what came before it. `World` makes the state before it and looks at the one after it; from
then on a test puts the one before back (a copy with its hard links, in memory where the machine has such a file
system), lets the command fail or die, and asks `World` whether what stands is the old state or the new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blast_cli.testing import Blast
from blast_core import fs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from blast_cli.testing_forks import ForkServer

__all__ = ["SCENARIOS", "Scenario", "State", "World", "collect_tomorrow", "find_leftovers", "read_state"]

# In the order in which they are published.
_FILES = ("pylock.toml", "blast.lock", "pyproject.toml")
_PROJECT = {*_FILES, ".venv", ".gitignore", ".gitattributes", ".python-version", "README.md", "main.py"}
_KEEP = ("--bounds", "none")
_BY_WAY_OF_LINKING = ("RECORD", "top_level.txt")
# Flushing a real disk would take most of the time.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - directories in it have random names
# Containers have 64 MB of it by default, which large wheels would fill.
_ENOUGH = 1 << 29


class Scenario(NamedTuple):
    """A command, and what came before it.

    Attributes:
        name: what tests call it.
        before: commands that make the state before it; ``!`` begins those of `World.prepare`.
        words: the command.
        again: may be given once more after it was killed, and then leads to the new state.
        fewest: so many changes on disk it makes at least.
        shards: into so many tests its points are divided.
        stride: of its points only every such one is tried, unless all are asked for.
    """

    name: str
    before: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    again: bool
    fewest: int
    shards: int = 1
    stride: int = 1


_INIT = ("init", "--name", "demo")
_FIRST = (_INIT, ("add", "beta", "gamma", *_KEEP))
_TWO = (*_FIRST, ("add", "alpha", "space-one", *_KEEP))
_EDITED = (*_FIRST, ("!replace", '"gamma"', '"alpha", "space-one"'))

#: Every command that changes a project, an environment or the store.
SCENARIOS = (
    Scenario("first-add", (_INIT,), ("add", "beta", "gamma", *_KEEP), again=True, fewest=210, shards=2, stride=2),
    Scenario("add", _FIRST, ("add", "alpha", "space-one", *_KEEP), again=True, fewest=170, shards=2, stride=2),
    Scenario("sync", _EDITED, ("sync",), again=True, fewest=170, shards=4),
    Scenario("first-sync", (*_TWO, ("!remove", ".venv")), ("sync",), again=True, fewest=95, shards=2),
    Scenario("copies", _FIRST, ("sync", "--link-mode", "copy"), again=True, fewest=100, shards=2),
    Scenario("remove", _TWO, ("remove", "alpha", "gamma"), again=False, fewest=80, shards=2),
    Scenario("lock", _EDITED, ("lock",), again=True, fewest=15),
    Scenario("undo", _TWO, ("undo",), again=False, fewest=16),
    Scenario("redo", (*_TWO, ("undo",)), ("redo",), again=False, fewest=16),
    Scenario("rollback", (*_TWO, ("remove", "gamma")), ("rollback", "1"), again=True, fewest=12),
    Scenario(
        "gc",
        (*_TWO, ("remove", "alpha")),
        ("cache", "gc", "--older-than", "0", "--keep", "1"),
        again=True,
        fewest=120,
        shards=2,
    ),
    Scenario("prune", (*_TWO, ("!remove", ".venv")), ("cache", "prune"), again=True, fewest=75, shards=2),
    Scenario("clear", _TWO, ("cache", "clear", "--all", "--force"), again=True, fewest=80, shards=2),
    Scenario("verify", (*_TWO, ("!damage", "gamma", "space")), ("cache", "verify", "--repair"), again=True, fewest=45),
    Scenario("compile", _TWO, ("sync", "--compile-bytecode"), again=True, fewest=45),
)


class State(NamedTuple):
    """What a user sees: the project's files, and what its environment's Python finds; digests by path."""

    files: dict[str, bytes]
    environment: dict[str, str]


class World:
    """A project and a store, below one directory that goes at the end; a context manager.

    Args:
        server: runs the commands.
        url: of the index.
        scenario: the command, and what came before.
        loose: pass over what depends on the way in which files were linked.

    Attributes:
        blast: the command in the project.
        old: the state before the scenario's command.
        new: the one after it.
        operations: how many changes on disk the command makes.
    """

    def __init__(self, server: ForkServer, url: str, scenario: Scenario, *, loose: bool = False) -> None:
        self.server = server
        self._passed_over = _BY_WAY_OF_LINKING if loose else ()
        self.scenario = scenario
        self._root = Path(tempfile.mkdtemp(dir=_memory(), prefix="blast-world-"))
        live = self._root / "live"
        (live / "project").mkdir(parents=True)
        self.blast = Blast(live / "project", live / "home", {"BLAST_INDEX_URL": url})
        self.prepare(*scenario.before)
        self._copy("live", "before")
        self.old = self._look()
        self.operations = server.count(self.blast, *scenario.words)
        self.new = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fs.remove_tree(str(self._root))

    def prepare(self, *commands: tuple[str, ...]) -> None:
        """Run commands, and do what only a user does: replace text of the manifest, remove, damage the store."""
        for word, *rest in commands:
            if word == "!replace":
                manifest = self.blast.directory / "pyproject.toml"
                manifest.write_text(manifest.read_text().replace(rest[0], rest[1]))
            elif word == "!remove":
                fs.remove_tree(str(self.blast.directory / rest[0]))
            elif word == "!damage":
                _damage(self.blast.home, rest)
            else:
                self.server.do(self.blast, word, *rest)

    def _look(self) -> State:
        found = read_state(self.blast.directory)
        kept = {
            path: what for path, what in found.environment.items() if os.path.basename(path) not in self._passed_over
        }
        return State(found.files, kept)

    def put_back(self) -> None:
        """Make everything as it was before the command."""
        fs.remove_tree(str(self._root / "live"))
        self._copy("before", "live")

    def _copy(self, source: str, destination: str) -> None:
        subprocess.run(["/bin/cp", "-a", str(self._root / source), str(self._root / destination)], check=True)

    def check_old_or_new(self) -> bool:
        """Check that nothing is neither old nor new, and that files became new in their order, the environment last.

        Returns:
            Whether the manifest is the new one.
        """
        found = self._look()
        is_new = []
        # What goes, such as a lock where there was none, goes last: it may be better than none.
        for name in sorted(_FILES, key=lambda name: name not in self.new.files):
            old, new = self.old.files.get(name), self.new.files.get(name)
            assert found.files.get(name) in (old, new), f"{name} is neither old nor new"
            if old != new:
                is_new.append(found.files.get(name) == new)
        if self.scenario.name in {"verify", "clear"}:
            # Distributions are mended, or go, one after the other.
            both = self.old.environment.items() | self.new.environment.items()
            assert found.environment.items() <= both, "a tree is neither old nor new"
        elif self.old.environment == self.new.environment:
            assert found.environment == self.old.environment, _difference(found.environment, self.old.environment)
        elif self.old.environment:
            assert found.environment in (self.old.environment, self.new.environment), _difference(
                found.environment, self.new.environment
            )
            is_new.append(found.environment == self.new.environment)
        else:
            # Where there was none, half a new one hurts nobody, as long as the next command completes it.
            more = found.environment.items() - self.new.environment.items()
            assert not more, f"neither nothing nor part of the new one: {sorted(more)[:6]}"
            is_new.append(found.environment == self.new.environment)
        assert is_new == sorted(is_new, reverse=True), f"published in another order: {is_new}"
        return found.files.get("pyproject.toml") == self.new.files.get("pyproject.toml")

    def check_goes_on(self, *, is_new: bool) -> None:
        """Check that the store is sound, that commands work without repair and complete one state, and that gc cleans.

        Args:
            is_new: the manifest is the new one.
        """
        if self.scenario.name != "verify":
            self.server.do(self.blast, "cache", "verify")
        if self.scenario.again:
            self.server.do(self.blast, *self.scenario.words)
            expected = self.new
        else:
            self.server.do(self.blast, "sync")
            expected = self.new if is_new else self.old
        found = self._look()
        assert found.files == expected.files, f"{self.scenario.name}: files"
        assert found.environment == expected.environment, _difference(found.environment, expected.environment)
        self.server.do(self.blast, "cache", "verify")
        if self.scenario.name in {"lock", "clear"}:
            self.server.do(self.blast, "sync")
        done = self.server.call(self.blast, f"{__name__}:collect_tomorrow", str(self.blast.home))
        assert done.returncode == 0, done.stderr
        left = sorted(find_leftovers(self.blast.directory, self.blast.home))
        assert left == [], f"left over: {left}"


def _memory() -> str | None:
    """Return a directory in memory, None where there is none or little."""
    has_enough = os.path.isdir(_SHARED_MEMORY) and shutil.disk_usage(_SHARED_MEMORY).free > _ENOUGH
    return _SHARED_MEMORY if has_enough else None


def _difference(found: dict[str, str], expected: dict[str, str]) -> str:
    rows = sorted(found.items() ^ expected.items())
    return f"{len(rows)} differ: {rows[:6]}"


def read_state(project: Path) -> State:
    """Return what a user sees of a project now."""
    files = {name: (project / name).read_bytes() for name in _FILES if (project / name).exists()}
    environment = project / ".venv"
    found: dict[str, str] = {}
    for parent, directories, names in os.walk(environment, followlinks=True):
        if parent == str(environment) and ".blast" in directories:
            directories.remove(".blast")
        directories[:] = [name for name in directories if name != "__pycache__" and not fs.is_temporary(name)]
        for name in (name for name in names if not fs.is_temporary(name)):
            path = os.path.join(parent, name)
            found[os.path.relpath(path, environment)] = _digest(path)
    return State(files, found)


def _digest(path: str) -> str:
    if os.path.islink(path) and not os.path.exists(path):
        return "dangling"
    if os.path.islink(path) and os.path.basename(path).startswith("python"):
        return os.readlink(path)
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def find_leftovers(project: Path, home: Path) -> Iterator[str]:
    """Yield what killed commands left and nobody removed; no command works there now."""
    for name in ("tmp", "leases"):
        directory = home / name
        yield from (str(path) for path in directory.iterdir()) if directory.is_dir() else ()
    for top in (project, home):
        for parent, _, names in os.walk(top):
            yield from (os.path.join(parent, name) for name in names if name.endswith(".blast-tmp"))
    generations = project / ".venv/.blast/generations"
    if generations.is_dir():
        yield from (str(path) for path in generations.iterdir() if not path.name.isdecimal())
    yield from (str(path) for path in project.iterdir() if path.name not in _PROJECT)


def collect_tomorrow(home: str) -> None:
    """Do what ``cache gc`` would do a day and a half later, when what killed commands left counts as theirs no more."""
    import time

    from blast_core.reporter import SilentReporter
    from blast_project.cache_operations import GcOptions, collect
    from blast_project.session import Session
    from blast_project.settings import Settings

    now = time.time
    time.time = lambda: now() + 1.5 * 86400
    with Session(Settings(os.getcwd(), home, os.environ), SilentReporter()) as session:
        collect(session, GcOptions())


def _damage(home: Path, names: list[str]) -> None:
    """Change the first file below each directory of a tree that has one of these names."""
    for name in names:
        path = (sorted(home.glob(f"t/*/{name}/**/*.py")) or sorted(home.glob(f"t/*/{name}.py")))[0]
        path.chmod(0o644)
        path.write_bytes(b"damaged")
