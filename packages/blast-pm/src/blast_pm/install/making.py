"""Making an environment's tree as it was decided: in as few system calls as there can be.

Directories are made from the top down, and filled by two threads: system calls release the GIL, and a file system
serves two directories at once. The work is one call per top-level entry of a folded environment, one per file of
another.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_pm.install.link import Counts, Placer
from blast_pm.install.prepared import DIRECTORY as PREPARED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from blast_core.interpreter import Interpreter
    from blast_pm.install.decisions import Decision, Job, Placed

    # A function, and what it is given.
    Task = tuple[Any, ...]

__all__ = ["Building"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Windows opens no directories: there, everything goes by absolute paths.
_OPENS_DIRECTORIES = os.mkdir in os.supports_dir_fd
# Below so many jobs a second thread costs more than it brings.
_MANY_JOBS = 24
_MANY_DIRECTORIES = 128
# A directory that gets more is opened: for fewer, the walk down to it is cheaper.
_FEW = 8


class Building:
    """Makes what was decided.

    Args:
        destination: absolute path of the tree, which must not exist.
        trees: of the distributions, in the order in which they were decided.
        interpreter: for which it is.
        modes: link mode of each.
        decision: what goes where.
        bytecode: bring over bytecode for each module of distributions that are not folded, too.
        home: the store that may be written; empty for that of the trees.

    Attributes:
        destination: as given.
        counts: what was made.
    """

    def __init__(
        self,
        destination: str,
        trees: Sequence[str],
        interpreter: Interpreter,
        modes: Sequence[str],
        decision: Decision,
        *,
        bytecode: bool,
        home: str = "",
    ) -> None:
        self.destination = destination
        self._trees = trees
        self._home = home
        self._keeps_links = False
        self._decision = decision
        self._scripts = interpreter.scripts.replace("\\", "/").strip("/")
        self._bytecode_suffix = f".{interpreter.cache_tag}.pyc"
        self._folded = [mode == "fold" for mode in modes]
        self._site = interpreter.site_packages.replace("\\", "/").strip("/")
        self.counts = Counts()
        self._modes = modes
        self._placers: dict[str, Placer] = {}
        self._placer_of: list[Placer] = []
        self._compiled: dict[int, bool] = {}
        self._root: int | None = None
        self._site_fd: int | None = None
        self._links_bytecode = bytecode

    @property
    def notes(self) -> tuple[str, ...]:
        """Which ways of linking fell back to others, a line each."""
        return tuple(note for placer in self._placers.values() for note in placer.notes)

    def build(self) -> None:
        """Make it.

        Raises:
            DirectoryLinksRefused: the file system has no links to directories; what was made stays.
            OSError: the disk refuses, or something that was decided for isn't in the store; what was made stays.
        """
        fs.make_directory(self.destination)
        store: tuple[int | None, str] = (None, "")
        try:
            if _OPENS_DIRECTORIES:
                self._root = os.open(self.destination, _DIRECTORY)
                store = _open_store(self._trees)
                self._keeps_links = store[0] is not None and f"{self._home}/" in ("/", store[1])
            self._placers = {
                mode: Placer(self.destination, mode, self.counts, store) for mode in sorted({*self._modes})
            }
            self._placer_of = [self._placers[mode] for mode in self._modes]
            self._make_all(self._decision.makes)
            self._site_fd = self._open(self._site)
            self._fill()
        finally:
            for fd in (self._root, self._site_fd, store[0]):
                if fd is not None:
                    os.close(fd)
        self.counts.directories += self._decision.directories

    def _make_all(self, paths: Sequence[str]) -> None:
        """Make directories, of which parents come first: where there are many, each top's in one of two threads."""
        if len(paths) < _MANY_DIRECTORIES:
            self._make_each(paths)
            return
        tops: dict[str, list[str]] = {}
        begin = len(self._site) + 1
        for path in paths:
            if path == self._site or self._site.startswith(f"{path}/"):
                self._make(path)
            elif path.startswith(f"{self._site}/"):
                tops.setdefault(path[: path.find("/", begin) if "/" in path[begin:] else None], []).append(path)
            else:
                tops.setdefault(path.partition("/")[0], []).append(path)
        _run([(self._make_each, group) for group in tops.values()])

    def _make_each(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._make(path)

    def _fill(self) -> None:
        """Fill the directories.

        The directories in site-packages, and the links there, are all made by one thread: a directory takes one new
        name at a time, and who waits for that burns a processor. Meanwhile the other one fills all others.
        """
        site = self._site
        jobs = self._decision.jobs
        flat = [job for job in jobs if job.path == site]
        tops = [job for job in jobs if job.make and job.path.rpartition("/")[0] == site]
        apart = {id(job) for job in (*flat, *tops)}
        others = [job for job in jobs if id(job) not in apart]

        _run_beside(
            (self._make_each, [job.path for job in tops]),
            [(self._do, job, False) for job in flat],
            [(self._do, job, job.make) for job in others],
            [(self._do, job, False) for job in tops],
        )

    def _make(self, path: str) -> None:
        fs.make_directory(path if self._root is not None else f"{self.destination}/{path}", dir_fd=self._root)

    def _open(self, path: str) -> int | None:
        return None if self._root is None else os.open(path or ".", _DIRECTORY, dir_fd=self._root)

    def _do(self, job: Job, make: bool) -> None:  # noqa: FBT001 - called by tasks alone
        path, parts, _, own, is_own = job
        if make:
            self._make(path)
        prefix = path + "/" if path else ""
        opened, fd, below = None, self._root, prefix
        if path == self._site:
            fd, below = self._site_fd, ""
        elif len(own) + sum([len(part[2]) + len(part[3]) for part in parts]) > _FEW:
            opened = self._open(path)
            fd, below = opened, ""
        elif prefix.startswith(f"{self._site}/"):
            fd, below = self._site_fd, prefix[len(self._site) + 1 :]
        try:
            for part in parts:
                self._place(part, fd, prefix, below, own=is_own)
            mode = 0o755 if path == self._scripts else 0o644
            for name, owner, source in own:
                placer = self._placer_of[owner]
                if isinstance(source, str):
                    placer.program(source, name, fd, prefix, below)
                else:
                    placer.write(name, source, fd, prefix, mode, below)
        finally:
            if opened is not None:
                os.close(opened)

    def _place(self, part: Placed, fd: int | None, prefix: str, below: str, *, own: bool) -> None:
        owner, inside, links, files, copies = part
        tree, placer = self._trees[owner], self._placer_of[owner]
        source = f"{tree}/{inside}/" if inside else f"{tree}/"
        if links:
            name = tree.rpartition("/")[2]
            kept = f"{PREPARED}/{name}/l-{inside.replace('/', '+')}+" if self._keeps_links else ""
            placer.directories(links, source, fd, prefix, below, kept)
        if files:
            placer.files(files, source, fd, prefix, below, own=own)
            is_wanted = self._links_bytecode or self._folded[owner]
            if is_wanted and self._compiled.get(owner) is not False:
                self._place_bytecode(owner, files, source, prefix)
        for name in copies:
            placer.copy(source + name, prefix + name)

    def _place_bytecode(self, owner: int, files: Sequence[str], source: str, prefix: str) -> None:
        """Bring over what the store has compiled of modules that lie in a real directory: rule 3.

        A store is compiled whole or not at all, so the first directory with modules answers for the distribution.
        """
        wanted = {name[:-3] + self._bytecode_suffix for name in files if name.endswith(".py")}
        if not wanted:
            return
        try:
            found = [name for name in os.listdir(f"{source}__pycache__") if name in wanted]
        except FileNotFoundError:
            self._compiled.setdefault(owner, False)
            return
        self._compiled[owner] = True
        if not found:
            return
        try:
            self._make(f"{prefix}__pycache__")
        except FileExistsError:
            # Another distribution has modules in the same directory.
            pass
        inside = self._open(f"{prefix}__pycache__")
        try:
            self._placer_of[owner].files(found, f"{source}__pycache__/", inside, f"{prefix}__pycache__/", own=False)
        finally:
            if inside is not None:
                os.close(inside)


def _open_store(trees: Sequence[str]) -> tuple[int | None, str]:
    """Return the store that trees lie in, opened, and its path with a slash at the end; (None, "") for several."""
    stores = {tree.rpartition("/")[0].rpartition("/")[0] for tree in trees}
    store = stores.pop() if len(stores) == 1 else ""
    return (os.open(store, _DIRECTORY), f"{store}/") if store else (None, "")


def _run(tasks: Sequence[Task]) -> None:
    """Do all tasks, in whatever order."""
    _run_beside((_nothing,), (), tasks, ())


def _nothing() -> None:
    """Do it."""


def _run_beside(begin: Task, lead: Sequence[Task], first: Sequence[Task], second: Sequence[Task]) -> None:
    """Do tasks, with the help of a second thread where there are many.

    Args:
        begin: what one thread does at once.
        lead: what it does next, alone.
        first: tasks that need nothing.
        second: tasks that need what ``begin`` does.
    """
    if len(first) + len(second) < _MANY_JOBS or (os.cpu_count() or 1) < 2:
        for work, *given in (begin, *lead, *first, *second):
            work(*given)
    else:
        _Pair(begin, lead, first, second).run()


class _Pair:
    """Two threads that share tasks, of which one does something else before; see `_run_beside`."""

    def __init__(self, begin: Task, lead: Sequence[Task], first: Sequence[Task], second: Sequence[Task]) -> None:
        # `threading` would be one more import.
        from _thread import allocate_lock

        self._begin = begin
        self._lead = lead
        self._waiting = iter((*first, (self._wait,), *second))
        self._failures: list[BaseException] = []
        self._has_begun = allocate_lock()
        self._done = allocate_lock()

    def run(self) -> None:
        """Do all, and raise the first failure when both have ended."""
        from _thread import start_new_thread

        self._has_begun.acquire()
        self._done.acquire()
        start_new_thread(self._help_out, ())
        self._attempt([self._begin])
        self._has_begun.release()
        self._attempt(self._lead)
        self._attempt(self._waiting)
        self._done.acquire()
        if self._failures:
            raise self._failures[0]

    def _wait(self) -> None:
        with self._has_begun:
            pass

    def _help_out(self) -> None:
        self._attempt(self._waiting)
        self._done.release()

    def _attempt(self, tasks: Iterable[Task]) -> None:
        """Do tasks until one fails, of this thread or the other."""
        try:
            for work, *given in tasks:
                if self._failures:
                    return
                work(*given)
        except BaseException as error:  # noqa: BLE001 - raised again by the first thread
            self._failures.append(error)
