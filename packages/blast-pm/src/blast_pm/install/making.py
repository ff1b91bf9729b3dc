"""Making an environment's tree as it was decided: in as few system calls as there can be.

Directories are made from the top down, and filled by two threads: system calls release the GIL, and a file system
serves two directories at once. The work is one call per top-level entry of a folded environment, one per file of
another.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_pm.install.link import Counts, Placer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.install.decisions import Decision, Job, Placed

__all__ = ["Building"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Windows opens no directories: there, everything goes by absolute paths.
_OPENS_DIRECTORIES = os.mkdir in os.supports_dir_fd
# Below so many jobs a second thread costs more than it brings.
_MANY_JOBS = 24


class Building:
    """Makes what was decided.

    Args:
        destination: absolute path of the tree, which must not exist.
        trees: of the distributions, in the order in which they were decided.
        interpreter: for which it is.
        modes: link mode of each.
        decision: what goes where.
        bytecode: bring over bytecode for each module of distributions that are not folded, too.

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
    ) -> None:
        self.destination = destination
        self._trees = trees
        self._decision = decision
        self._scripts = interpreter.scripts.replace("\\", "/").strip("/")
        self._bytecode_suffix = f".{interpreter.cache_tag}.pyc"
        self._folded = [mode == "fold" for mode in modes]
        self.counts = Counts()
        self._placers = {mode: Placer(destination, mode, self.counts) for mode in sorted({*modes})}
        self._placer_of = [self._placers[mode] for mode in modes]
        self._compiled: dict[int, bool] = {}
        self._root: int | None = None
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
        self._root = os.open(self.destination, _DIRECTORY) if _OPENS_DIRECTORIES else None
        try:
            for path in self._decision.makes:
                self._make(path)
            _run(self._decision.jobs, self._do)
        finally:
            if self._root is not None:
                os.close(self._root)
        self.counts.directories += self._decision.directories

    def _make(self, path: str) -> None:
        fs.make_directory(path if self._root is not None else f"{self.destination}/{path}", dir_fd=self._root)

    def _open(self, path: str) -> int | None:
        return None if self._root is None else os.open(path or ".", _DIRECTORY, dir_fd=self._root)

    def _do(self, job: Job) -> None:
        path, parts, make, own, is_own = job
        if make:
            self._make(path)
        fd = self._open(path)
        try:
            prefix = path + "/" if path else ""
            for part in parts:
                self._place(part, fd, prefix, own=is_own)
            mode = 0o755 if path == self._scripts else 0o644
            for name, owner, source in own:
                placer = self._placer_of[owner]
                if isinstance(source, str):
                    placer.program(source, name, fd, prefix)
                else:
                    placer.write(name, source, fd, prefix, mode)
        finally:
            if fd is not None:
                os.close(fd)

    def _place(self, part: Placed, fd: int | None, prefix: str, *, own: bool) -> None:
        owner, below, links, files, copies = part
        tree, placer = self._trees[owner], self._placer_of[owner]
        source = f"{tree}/{below}/" if below else f"{tree}/"
        if links:
            placer.directories(links, source, fd, prefix)
        if files:
            placer.files(files, source, fd, prefix, own=own)
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


def _run(jobs: Sequence[Job], work: Callable[[Job], None]) -> None:
    """Do all jobs, with the help of a second thread where there are many."""
    waiting = iter(jobs)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for job in waiting:
                if failures:
                    return
                work(job)
        except BaseException as error:  # noqa: BLE001 - raised again by the first thread
            failures.append(error)

    if len(jobs) < _MANY_JOBS or (os.cpu_count() or 1) < 2:
        run()
    else:
        # `threading` would be one more import.
        import _thread

        done = _thread.allocate_lock()
        done.acquire()

        def help_out() -> None:
            try:
                run()
            finally:
                done.release()

        _thread.start_new_thread(help_out, ())
        run()
        done.acquire()
    if failures:
        raise failures[0]
