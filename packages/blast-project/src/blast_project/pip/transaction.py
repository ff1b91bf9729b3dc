"""Changing a place of another tool's so that it is done whole or not at all, whoever kills it.

There is no generation to switch to: files are where the tool put them. So what is removed is moved aside, what is new
is put in, and a journal in site-packages says both before anything is done:

    .blast-pip-1a2b3c4d/lock      held while a process works on it
    .blast-pip-1a2b3c4d/journal   what is moved where, what is added, which directories are made
    .blast-pip-1a2b3c4d/old/      what was moved aside
    .blast-pip-1a2b3c4d/done      everything is in its place

What a killed command leaves, the next one takes back, or finishes if ``done`` is there: `recover`. Changes go
distribution by distribution, and RECORD comes last, so that little is unfinished at any moment.
"""

from __future__ import annotations

import errno
import os

from blast_core import fs
from blast_core.errors import InstallError, StoreLocked
from blast_core.tuples import NamedTuple
from blast_pm.install.link import Placer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from blast_pm.store.locks import Lock
    from blast_project.pip.placement import Placement
    from blast_project.pip.sites import Site

__all__ = ["Step", "carry_out", "is_interrupted", "recover"]

_PREFIX = ".blast-pip-"
_JOURNAL, _DONE, _OLD, _LOCK = "journal", "done", "old", "lock"
_FORMAT = 1
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_OPENS_DIRECTORIES = os.mkdir in os.supports_dir_fd


class Step(NamedTuple):
    """What happens to one distribution.

    Attributes:
        removes: files and links that are there, absolute.
        edits: new content of files that are there.
        placement: what comes; None where nothing does.
    """

    removes: Sequence[str]
    edits: Mapping[str, bytes]
    placement: Placement | None


class _Journal(NamedTuple):
    """What will be done.

    Attributes:
        moves: path and the path that it is moved aside to.
        adds: paths that come.
        directories: that are made, parents first.
        bounds: directories that stay even where they are left empty.
    """

    moves: tuple[tuple[str, str], ...]
    adds: tuple[str, ...]
    directories: tuple[str, ...]
    bounds: tuple[str, ...]


def carry_out(site: Site, steps: Sequence[Step], link_mode: str) -> tuple[str, ...]:
    """Do all steps, and return notes on how files were brought over.

    Args:
        site: where.
        steps: in order; no path is added twice.
        link_mode: one of `blast_pm.install.link.MODES` but ``fold``.

    Raises:
        InstallError: the place can't be written; it is as it was.
        OSError: the disk refuses; it is as it was.
    """
    # What a first installation makes stays when it fails: it is empty.
    try:
        fs.make_directories(site.purelib)
        home = os.path.join(site.purelib, f"{_PREFIX}{os.getpid():x}{os.urandom(3).hex()}")
        fs.make_directory(home)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        raise InstallError(
            f"{site.purelib} can't be written",
            reason=error.strerror or "",
            hint="'blast venv' makes an environment of your own",
        ) from error
    with _held(home):
        working = _Working(home, site, steps, link_mode)
        try:
            notes = working.run()
        except BaseException:
            _take_back(home)
            raise
        _finish(home)
    return notes


def is_interrupted(site: Site) -> bool:
    """Tell whether a command works on a place, or was killed while it did."""
    for directory in site.own:
        try:
            if any(name.startswith(_PREFIX) for name in os.listdir(directory)):
                return True
        except OSError:
            continue
    return False


def recover(site: Site, note: Callable[[str], None]) -> None:
    """Take back, or finish, what killed commands left in a place; what a living one works on is left alone.

    Cost: a listing per directory of modules.
    """
    for directory in site.own:
        try:
            names = [name for name in os.listdir(directory) if name.startswith(_PREFIX)]
        except OSError:
            continue
        for name in sorted(names):
            home = os.path.join(directory, name)
            try:
                with _held(home):
                    done = os.path.lexists(os.path.join(home, _DONE))
                    (_finish if done else _take_back)(home)
            except (StoreLocked, FileNotFoundError):
                continue
            except OSError as error:
                note(f"a change of {directory} that was interrupted can't be taken back: {error.strerror}")
                continue
            note(f"a change of {directory} that was interrupted is {'finished' if done else 'taken back'}")


def _held(home: str) -> Lock:
    from blast_pm.store.locks import lock

    return lock(os.path.join(home, _LOCK), 0)


class _Working:
    """One call of `carry_out`."""

    def __init__(self, home: str, site: Site, steps: Sequence[Step], link_mode: str) -> None:
        self._home = home
        self._site = site
        self._steps = steps
        self._mode = link_mode
        self._placers: dict[str, Placer] = {}
        self._device = os.stat(home).st_dev
        self._devices: dict[str, int] = {}
        self._saved: dict[str, str] = {}
        self._moved: set[str] = set()

    def run(self) -> tuple[str, ...]:
        self._write_journal()
        for step in self._steps:
            for path in (*step.removes, *step.edits):
                self._move(path)
            for path, content in step.edits.items():
                fs.write_file(path, content)
            if step.placement is not None:
                self._put(step.placement)
        self._flush()
        fs.write_file(os.path.join(self._home, _DONE), b"", durable=True)
        fs.sync_directory(self._home)
        return tuple(dict.fromkeys(note for placer in self._placers.values() for note in placer.notes))

    def _write_journal(self) -> None:
        paths = dict.fromkeys(path for step in self._steps for path in (*step.removes, *step.edits))
        for number, path in enumerate(paths):
            self._saved[path] = self._place_aside(path, number)
        adds = [path for step in self._steps for path in step.edits]
        adds += [path for step in self._steps if step.placement is not None for path, _ in step.placement.paths()]
        directories = self._missing_directories(adds)
        journal = _Journal(tuple(self._saved.items()), tuple(adds), tuple(directories), self._site.bounds)
        fs.make_directory(os.path.join(self._home, _OLD))
        fs.write_file(os.path.join(self._home, _JOURNAL), _encode(journal), durable=True)
        fs.sync_directory(self._home)

    def _place_aside(self, path: str, number: int) -> str:
        """Return where a path is moved to: where a rename can take it."""
        directory = os.path.dirname(path)
        if directory not in self._devices:
            self._devices[directory] = os.stat(directory).st_dev
        if self._devices[directory] == self._device:
            return os.path.join(self._home, _OLD, str(number))
        return os.path.join(directory, f"{os.path.basename(self._home)}-{number}")

    def _missing_directories(self, paths: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}
        for directory in dict.fromkeys(os.path.dirname(path) for path in paths):
            missing = []
            here = directory
            while here not in found and not os.path.isdir(here):
                missing.append(here)
                here = os.path.dirname(here)
            found.update(dict.fromkeys(reversed(missing)))
        return list(found)

    def _move(self, path: str) -> None:
        if path not in self._moved:
            self._moved.add(path)
            fs.rename(path, self._saved[path])

    def _put(self, placement: Placement) -> None:
        for path, _ in placement.paths():
            if path in self._saved:
                # It is another one's, that goes later.
                self._move(path)
        for directory, groups in placement.linked.items():
            fs.make_directories(directory)
            placer, prefix = self._placer(directory)
            fd = os.open(directory, _DIRECTORY) if _OPENS_DIRECTORIES else None
            try:
                for source, names in groups:
                    plain = [name for name in names if f"{directory}/{name}" not in placement.copied]
                    placer.files(plain, f"{source}/", fd, prefix, own=True)
                    for name in names:
                        if f"{directory}/{name}" in placement.copied:
                            placer.copy(f"{source}/{name}", f"{prefix}{name}")
            finally:
                if fd is not None:
                    os.close(fd)
        for path, source in placement.programs:
            directory, name = os.path.split(path)
            fs.make_directories(directory)
            placer, prefix = self._placer(directory)
            placer.program(source, name, None, prefix)
        for path, content, mode in placement.written:
            directory, name = os.path.split(path)
            fs.make_directories(directory)
            placer, prefix = self._placer(directory)
            placer.write(name, content, None, prefix, mode)

    def _placer(self, directory: str) -> tuple[Placer, str]:
        """Return what puts files into a directory, and the directory below what that works in."""
        site = self._site
        for root in dict.fromkeys((site.purelib, site.platlib, site.scripts, site.headers, site.data)):
            if directory == root or directory.startswith(f"{root}/"):
                if root not in self._placers:
                    self._placers[root] = Placer(root, self._mode)
                return self._placers[root], directory[len(root) + 1 :] + "/" if directory != root else ""
        raise InstallError(f"{directory} is outside of {site.root}")

    def _flush(self) -> None:
        for root, placer in self._placers.items():
            fs.sync_paths([f"{root}/{path}" for path in placer.counts.take_unflushed(root)])


def _take_back(home: str) -> None:
    """Undo what was done; may be done again if it is interrupted itself."""
    journal = _read(home)
    if journal is not None:
        saved = dict(journal.moves)
        for path in reversed(journal.adds):
            # Where the old file was not moved yet, it is the old one that is there.
            if os.path.lexists(path) and (path not in saved or os.path.lexists(saved[path])):
                fs.unlink(path)
        for path, aside in journal.moves:
            if os.path.lexists(aside):
                fs.rename(aside, path)
        for directory in reversed(journal.directories):
            _remove_empty(directory)
    _forget(home)


def _finish(home: str) -> None:
    """Remove what was moved aside, and the directories that are empty for it."""
    journal = _read(home)
    if journal is not None:
        for _, aside in journal.moves:
            if os.path.dirname(aside) != os.path.join(home, _OLD) and os.path.lexists(aside):
                fs.unlink(aside)
        bounds = frozenset(journal.bounds)
        emptied = {os.path.dirname(path) for path, _ in journal.moves}
        while emptied:
            directory = max(emptied, key=len)
            emptied.discard(directory)
            if directory not in bounds and _remove_empty(directory):
                emptied.add(os.path.dirname(directory))
    _forget(home)


def _forget(home: str) -> None:
    """Remove a change that is over: the journal first, without which nothing is done any more."""
    try:
        fs.unlink(os.path.join(home, _JOURNAL))
    except FileNotFoundError:
        pass
    fs.remove_tree(home)


def _remove_empty(directory: str) -> bool:
    try:
        fs.remove_directory(directory)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM}:
            return False
        raise
    return True


def _encode(journal: _Journal) -> bytes:
    import json

    return json.dumps({"format": _FORMAT, **journal._asdict()}).encode()


def _read(home: str) -> _Journal | None:
    """Return the journal; None where it was not written yet, so that nothing was done."""
    import json

    try:
        with open(os.path.join(home, _JOURNAL), "rb") as file:
            document = json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return None
    if document.get("format") != _FORMAT:
        raise InstallError(
            f"{home} was left by another version of Blast", hint="run that version's 'blast pip list' there"
        )
    return _Journal(
        tuple((path, aside) for path, aside in document["moves"]),
        tuple(document["adds"]),
        tuple(document["directories"]),
        tuple(document["bounds"]),
    )
