"""Bytecode of the store's trees: made once per interpreter, beside the sources, for every environment.

A pyc goes through three steps: it is written to staging, flushed to the disk with some hundred others, and renamed into
its place. So whatever dies when, no pyc is ever there in part, and nothing is left in a tree. The row that says that a
tree is compiled comes last.
"""

from __future__ import annotations

import os
import stat

from blast_core import fs
from blast_core.errors import StoreError, StoreLocked
from blast_core.tuples import NamedTuple
from blast_pm.store.bytecode_pool import COMPILED, FAILED, CompilerPool, Request, count_processors
from blast_pm.store.compiled import compiler_of, find_uncompiled, lock_tree, put_compiled
from blast_pm.store.failures import explain_failure
from blast_pm.store.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.metadata.store import Database
    from blast_pm.store.home import StorePaths
    from blast_pm.store.locks import Lock

__all__ = ["CompileReport", "compile_trees", "iter_modules"]

# Flushed and published together. Somebody may be waiting for one of these trees.
_BATCH_FILES = 1000
_BATCH_TREES = 64
_CACHE = "__pycache__"
_PYC_MODE = 0o444
_DIRECTORY_MODE = 0o555
_OWNER = 0o700
_WRITABLE = 0o222
# Whose modules are importable though the directory's name is no identifier.
_SCHEMES = ("purelib", "platlib")


class CompileReport(NamedTuple):
    """What compiling came to.

    Attributes:
        trees: how many were compiled here.
        modules: how many pycs were made.
        kept: how many were right already.
        failures: (tree, path, why) of modules that can't be compiled.
        busy: trees that somebody else was compiling when patience ended.
    """

    trees: int
    modules: int
    kept: int
    failures: tuple[tuple[str, str, str], ...]
    busy: tuple[str, ...]


def compile_trees(
    paths: StorePaths,
    database: Database,
    trees: Sequence[str],
    interpreter: Interpreter,
    *,
    patience_s: float = 600.0,
    processes: int = 0,
    started: Callable[[int], None] = lambda _: None,
) -> CompileReport:
    """Compile what is not compiled yet; what another process is at is waited for.

    The caller has leased the trees.

    Args:
        paths: the store; trees elsewhere are somebody else's, and left alone.
        database: the store's.
        trees: absolute paths.
        interpreter: for which, and by which.
        patience_s: how long to wait for another process that compiles one of them.
        processes: how many at once; 0 for one per processor.
        started: told the number of trees if there are any.

    Raises:
        StoreError: the store can't be written, or the interpreter not be started. What is done stays done.
    """
    compiler = compiler_of(interpreter)
    own = [tree for tree in dict.fromkeys(trees) if os.path.dirname(tree) == paths.trees]
    missing = find_uncompiled(database, own, compiler)
    if not missing:
        return CompileReport(0, 0, 0, (), ())
    started(len(missing))
    try:
        with (
            Staging(paths.staging) as staging,
            CompilerPool(interpreter.executable, processes or count_processors()) as pool,
        ):
            run = _Run(paths.home, database, interpreter, compiler, staging.path, pool)
            try:
                run.compile(missing, 0.0)
                for tree in run.take_busy():
                    # One by one, each published before the next is waited for: two who wait hold nothing meanwhile.
                    run.compile((tree,), patience_s)
            finally:
                run.release()
            return run.report()
    except OSError as error:
        raise explain_failure(error, "compile bytecode") from error


def iter_modules(tree: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the directories of a tree that hold modules, relative, and the names of these; in the order of names.

    Names that no import can mean are left out: templates and examples may not even be Python.
    """
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        with os.scandir(os.path.join(tree, directory)) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        names = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _is_importable(directory, entry.name):
                    waiting.append(f"{directory}/{entry.name}" if directory else entry.name)
            elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                stem = entry.name[:-3]
                if stem.isidentifier() and not directory.endswith(".data"):
                    names.append(entry.name)
        if names:
            yield directory, tuple(names)


def _is_importable(parent: str, name: str) -> bool:
    if parent.endswith(".data"):
        return name in _SCHEMES
    return (name.isidentifier() and name != _CACHE) or (not parent and name.endswith(".data"))


class _Job:
    """A tree that is being compiled."""

    def __init__(self, tree: str, lock: Lock) -> None:
        self.tree = tree
        self.lock = lock
        self.waiting = 0
        self.is_listed = False
        self.kept = 0
        self.staged: list[tuple[str, str]] = []
        self.directories: list[str] = []
        self.failures: list[tuple[str, str]] = []


class _Run:
    """One call of `compile_trees`."""

    def __init__(
        self,
        home: str,
        database: Database,
        interpreter: Interpreter,
        compiler: str,
        staging: str,
        pool: CompilerPool,
    ) -> None:
        self._home = home
        self._database = database
        self._compiler = compiler
        self._suffix = f".{interpreter.cache_tag}.pyc"
        self._staging = staging
        self._pool = pool
        self._jobs: dict[int, _Job] = {}
        self._number = 0
        self._done: list[_Job] = []
        self._busy: list[str] = []
        self._trees = self._modules = self._kept = 0
        self._failures: list[tuple[str, str, str]] = []

    def compile(self, trees: Sequence[str], patience_s: float) -> None:
        """Compile trees; those that others are at are kept for `take_busy`."""
        self._pool.run(self._iter_requests(trees, patience_s), self._answered)
        self._publish()

    def take_busy(self) -> list[str]:
        """Return the trees that somebody else was compiling."""
        busy, self._busy = self._busy, []
        return busy

    def report(self) -> CompileReport:
        """Return what came of it."""
        return CompileReport(self._trees, self._modules, self._kept, tuple(self._failures), tuple(self._busy))

    def release(self) -> None:
        """Give back all locks."""
        for job in (*self._jobs.values(), *self._done):
            job.lock.release()

    def _iter_requests(self, trees: Sequence[str], patience_s: float) -> Iterator[Request]:
        for tree in trees:
            try:
                lock = lock_tree(self._home, tree, self._compiler, patience_s)
            except StoreLocked:
                self._busy.append(tree)
                continue
            if not find_uncompiled(self._database, (tree,), self._compiler):
                lock.release()
                continue
            self._number += 1
            number, job = self._number, _Job(tree, lock)
            self._jobs[number] = job
            for directory, names in iter_modules(tree):
                prefix = f"{directory}/" if directory else ""
                job.directories.append(f"{tree}/{directory}" if directory else tree)
                for name in names:
                    job.waiting += 1
                    pyc = f"{tree}/{prefix}{_CACHE}/{name[:-3]}{self._suffix}"
                    yield Request(number, prefix + name, f"{tree}/{prefix}{name}", pyc)
            job.is_listed = True
            self._settle(number)

    def _answered(self, request: Request, kind: bytes, rest: bytes) -> None:
        job = self._jobs[request.tree]
        if kind == COMPILED:
            staged = f"{self._staging}/{request.tree}-{len(job.staged)}"
            fs.write_file(staged, rest, _PYC_MODE)
            job.staged.append((staged, request.pyc))
        elif kind == FAILED:
            job.failures.append((request.path, rest.decode("utf-8", "replace")))
        else:
            job.kept += 1
        job.waiting -= 1
        self._settle(request.tree)

    def _settle(self, number: int) -> None:
        """Pass a tree on when all of its answers are there."""
        job = self._jobs[number]
        if job.waiting or not job.is_listed:
            return
        self._done.append(self._jobs.pop(number))
        if len(self._done) >= _BATCH_TREES or sum(len(each.staged) for each in self._done) >= _BATCH_FILES:
            self._publish()

    def _publish(self) -> None:
        """Let what is done be seen, in the order that holds after a power loss, too."""
        done, self._done = self._done, []
        try:
            if any(job.staged for job in done):
                fs.sync_filesystem(self._staging)
            for job in done:
                _place(job.staged)
                _seal(job.directories)
            rows = [(job.tree, len(job.staged) + job.kept, tuple(job.failures)) for job in done]
            if rows:
                # Not every file system keeps the order of what is written.
                fs.sync_filesystem(self._home)
                put_compiled(self._database, self._compiler, self._pool.magic, rows)
        finally:
            for job in done:
                job.lock.release()
        self._trees += len(done)
        for job in done:
            self._modules += len(job.staged)
            self._kept += job.kept
            self._failures += [(job.tree, path, why) for path, why in job.failures]


def _place(staged: Sequence[tuple[str, str]]) -> None:
    """Rename pycs into their directories, which may be written meanwhile and not before or after."""
    directories: dict[str, list[tuple[str, str]]] = {}
    for source, pyc in staged:
        directories.setdefault(os.path.dirname(pyc), []).append((source, pyc))
    for directory, files in directories.items():
        mode = _open_directory(directory)
        try:
            for source, pyc in files:
                fs.rename(source, pyc)
        finally:
            fs.set_mode(directory, mode)


def _seal(directories: Sequence[str]) -> None:
    """Take the right to write from directories that somebody was killed in, while he had it."""
    for directory in directories:
        for path in (directory, f"{directory}/{_CACHE}"):
            try:
                mode = os.lstat(path).st_mode
            except FileNotFoundError:
                continue
            if mode & _WRITABLE and stat.S_ISDIR(mode):
                fs.set_mode(path, mode & _DIRECTORY_MODE)


def _open_directory(directory: str) -> int:
    """Make a directory for bytecode that the owner may write to, and return the mode that it gets in the end.

    Raises:
        StoreError: something else stands there.
    """
    parent = os.path.dirname(directory)
    mode = os.lstat(parent).st_mode & _DIRECTORY_MODE
    try:
        found = os.lstat(directory).st_mode
    except FileNotFoundError:
        fs.set_mode(parent, mode | _OWNER)
        try:
            fs.make_directory(directory, mode | _OWNER)
        except FileExistsError:
            # A Python that may write anywhere was quicker.
            fs.set_mode(directory, mode | _OWNER)
        finally:
            fs.set_mode(parent, mode)
        return mode
    if not stat.S_ISDIR(found):
        raise StoreError(f"{directory} is no directory", hint="'blast cache verify --repair' puts the store right")
    fs.set_mode(directory, mode | _OWNER)
    return mode
