"""Making the environment of a kept sync (`blast_project.kept_syncs`): linked again where none stands, or not at all.

What is held meanwhile is what the long way holds: the locks of the project and of the environment, and that of the
store, so that nobody removes a tree between the look at it and the moment from which an environment reaches it.
"""

from __future__ import annotations

import os
import stat
from _imp import source_hash

from blast_core.errors import BlastError
from blast_core.reporter import SilentReporter
from blast_core.tuples import NamedTuple
from blast_project.environment.state import State, look, write_memo, write_state
from blast_project.hot_key import config_key, config_paths, options_digest, project_memo_path, request_of
from blast_project.kept_syncs import find_kept, is_in_workspace, put_kept, question_of, read_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.interpreter import Interpreter
    from blast_pm.store.rows import StoredDistribution
    from blast_project.environment.state import Look
    from blast_project.kept_syncs import Kept

__all__ = ["Resync", "sync_again"]

_BACKGROUND = "background"


class Resync(NamedTuple):
    """An environment that was made.

    Attributes:
        generation: its number.
        python: version of its interpreter.
        packages: name and version of each.
        notes: what the user should know, a line each.
    """

    generation: int
    python: str
    packages: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class _Notes(SilentReporter):
    """Collects notes, to be said when all has gone well."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def note(self, text: str) -> None:
        """Keep it."""
        self.texts[text] = None


def sync_again(root: str, environment: str, home: str, environ: Mapping[str, str], command: str) -> Resync | None:
    """Make the environment of the project at ``root`` as one was made before; None where the long way has to see.

    Args:
        root: directory of the nearest manifest.
        environment: absolute path, where nothing stands.
        home: BLAST_HOME.
        environ: variables; the caller knows that Blast understands them all.
        command: what history says: ``sync``, or ``run`` where this process is to become another program.
    """
    seen = look(root)
    try:
        contents = read_files(root)
        kept = _find(root, home, environ, contents)
        if kept is None:
            return None
        from blast_project.exclusive import exclusive_below

        # Who would have to wait takes the long way, which says for what.
        with exclusive_below(home, root, environment, timeout_s=0):
            made = _Making(root, environment, home, environ, command)
            return made.finish(kept, contents, seen) if made.run(kept, contents) else None
    except (BlastError, OSError):
        # It is met again on the long way, which says what it is, unless it is gone.
        return None


def _find(root: str, home: str, environ: Mapping[str, str], contents: Mapping[str, bytes]) -> Kept | None:
    """Return what the same sync came to, if only the files and the variables decide what this one comes to."""
    manifest = contents.get("pyproject.toml", b"")
    if "blast.lock" not in contents or any(
        b"hooks" in contents.get(name, b"") for name in ("pyproject.toml", "blast.toml")
    ):
        return None
    if b"python-preference" in manifest or any(map(os.path.exists, config_paths(environ))):
        return None
    kept = find_kept(home, question_of(home, contents, environ, request_of(root, environ.get("BLAST_PYTHON", ""))))
    # A container's only command compiles nothing beside itself; so few are there that the long way is good enough.
    if kept is None or (kept.bytecode == _BACKGROUND and 1 in (os.getpid(), os.getppid())):
        return None
    return None if is_in_workspace(root, home) else kept


class _Making:
    """One environment in the making; the caller holds its locks."""

    def __init__(self, root: str, environment: str, home: str, environ: Mapping[str, str], command: str) -> None:
        self._root = root
        self._environment = environment
        self._home = home
        self._environ = environ
        self._command = command
        self._notes = _Notes()
        self._stamps = b""
        config = config_key(environ, root)
        self._python = request_of(root, environ.get("BLAST_PYTHON", ""))
        self._options = options_digest(self._python, environ.get("BLAST_LINK_MODE", ""), "", config=config)
        self._lock_options = options_digest(self._python, "", "lock", config=config)
        self._rows: tuple[StoredDistribution, ...] = ()
        self._number = 0

    def run(self, kept: Kept, contents: Mapping[str, bytes]) -> bool:
        """Compose the environment and switch to it; False where something is not as it was, and nothing was made."""
        from blast_pm.install.decisions import load_decision
        from blast_pm.install.link import DirectoryLinksRefused
        from blast_pm.store.durability import stale_marks
        from blast_pm.store.home import StorePaths
        from blast_pm.store.leases import hold_store
        from blast_pm.store.rows import StoredDistribution
        from blast_project.environment.manager import Composition, Decided, VenvManager

        decision = load_decision(kept.decision)
        if decision is None or os.path.lexists(self._environment) or stale_marks(self._home):
            return False
        paths = StorePaths(self._home)
        self._rows = tuple(
            [
                StoredDistribution(name, version, sha256, "", f"{paths.trees}/{tree}", b"")
                for name, version, sha256, tree in kept.rows
            ]
        )
        composition = Composition(
            self._rows,
            self._command,
            kept.mode,
            requested=frozenset(kept.requested),
            snapshots=contents,
            prompt=kept.title,
            options=self._options,
            project=self._root,
            home=self._home,
            bytecode=False,
            decided=Decided(decision, kept.modes),
        )
        manager = VenvManager(self._environment)
        # No other lock of the store is taken while it is held. Whoever removes passes over what a root reaches.
        with hold_store(paths, 0, shared=True):
            if not self._stand():
                return False
            try:
                self._number = manager.compose(_interpreter(kept), composition, self._notes)
            except DirectoryLinksRefused:
                return False
        manager.switch(self._number, self._notes.note)
        return True

    def _stand(self) -> bool:
        """Tell whether all trees are there."""
        stamps = []
        for row in self._rows:
            try:
                status = os.lstat(row.tree)
            except OSError:
                return False
            if not stat.S_ISDIR(status.st_mode):
                return False
            stamps.append(f"{status.st_ino} {status.st_mtime_ns}")
        self._stamps = source_hash(0, "\n".join(stamps).encode())
        return True

    def finish(self, kept: Kept, contents: Mapping[str, bytes], seen: Look) -> Resync:
        """Record what the hot path reads, and have done beside what nobody waits for."""
        from blast_pm.store.flushing import flush_later
        from blast_project.environment.generations import settled_path
        from blast_project.exclusive import sweep_temporaries

        sweep_temporaries(self._root)
        interpreter = _interpreter(kept)
        state = State(self._number, len(self._rows), interpreter.site_packages)
        stores = 1 if self._rows else -1
        write_state(self._root, self._environment, self._options, state, contents, seen, stores)
        try:
            write_memo(self._root, project_memo_path(self._home, self._root), self._lock_options, contents, seen)
        except OSError:
            # A store that can't be written only remembers nothing.
            pass
        becomes = self._command == "run"
        flush_later(self._home, self._environment, settled_path(self._environment, self._number), becomes=becomes)
        if kept.bytecode == _BACKGROUND and (kept.mode != "fold" or kept.compiled != self._stamps):
            self._compile(kept, interpreter, contents, becomes=becomes)
        packages = tuple([(row.name, row.version) for row in self._rows])
        return Resync(self._number, interpreter.version, packages, tuple(self._notes.texts))

    def _compile(self, kept: Kept, interpreter: Interpreter, contents: Mapping[str, bytes], *, becomes: bool) -> None:
        """Have compiled what is not, and keep that all is."""
        from blast_pm.metadata.store import Database
        from blast_project.bytecode import Standing, compile_trees_later

        database = Database(os.path.join(self._home, "store", "meta.lmdb"))
        try:
            made = Standing(self._number, kept.mode)
            trees = [row.tree for row in self._rows]
            begun = compile_trees_later(
                self._home, self._environ, database, self._environment, made, trees, interpreter, becomes=becomes
            )
        finally:
            database.close()
        if not begun and kept.compiled != self._stamps:
            question = question_of(self._home, contents, self._environ, self._python)
            put_kept(self._home, question, kept._replace(compiled=self._stamps))


def _interpreter(kept: Kept) -> Interpreter:
    """Return the interpreter of a sync; of what it can install nobody asks where all is chosen."""
    from blast_core.interpreter import Interpreter, Target

    executable, version, implementation, tag, prefix, site_packages, scripts, include, variant = kept.interpreter
    target = Target("", version, {}, ())
    return Interpreter(
        executable, version, implementation, tag, prefix, site_packages, scripts, include, target, variant
    )
