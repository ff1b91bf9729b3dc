"""What collects in a store beside its objects: files of killed commands, of older versions, and of what is long gone.

All of it can be made again; so what is old goes, and nobody is asked.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import StoreError
from blast_core.tuples import NamedTuple
from blast_pm.install.prepared import DIRECTORY
from blast_pm.store.durability import flush_mode, standing_marks
from blast_pm.store.leases import hold_store, read_leases, sweep_leases
from blast_pm.store.locks import lock
from blast_pm.store.roots import DIRECTORY as ROOTS
from blast_pm.store.sizes import measure_tree
from blast_pm.store.staging import Staging, sweep_staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_pm.store.home import StorePaths

__all__ = ["Leftovers", "remove_leftovers"]

# A lock's file may be opened by somebody who has yet to lock it; whoever waits for one notices when it goes.
_LOCK_AGE_S = 86400.0
_PATIENCE_S = 0.25
# Directories in which files are replaced: the home itself, registrations, memos of projects, what went wrong.
_REPLACING = ("", ROOTS, "projects", "log")
# Directories whose entries are old when nobody has touched them for long: memos of projects, clones, fetched archives.
_AGING = ("projects", "git", "sources")


class Leftovers(NamedTuple):
    """What was removed beside objects, or would be: paths below the home, and their bytes."""

    paths: tuple[str, ...]
    size: int


def remove_leftovers(paths: StorePaths, trees: Sequence[str], *, before: float, now: float, dry_run: bool) -> Leftovers:
    """Remove what was left over; what can't be removed is passed over.

    Args:
        paths: the store.
        trees: directories that hold the trees which prepared files may belong to: this store's and the site store's.
        before: of what ages, all that was last used before this moment goes, in seconds since 1970.
        now: the time.
        dry_run: only say what would go.
    """
    if not dry_run:
        sweep_staging(paths.staging)
        sweep_leases(paths.home)
    found, size = _remove_prepared(paths, trees, dry_run=dry_run)
    for path in (*_iter_aged(paths.home, before), *_iter_outdated(paths.home)):
        bytes_there = measure_tree(path) if os.path.isdir(path) else _size(path)
        if dry_run or _remove(path):
            found.append(path)
            size += bytes_there
    for name in _REPLACING:
        for path in _iter_temporary(os.path.join(paths.home, name), now - _LOCK_AGE_S):
            if dry_run or _remove(path):
                found.append(path)
    found.extend(_remove_marks(paths, dry_run=dry_run))
    found.extend(path for path in _iter_locks(paths.home, now - _LOCK_AGE_S) if dry_run or _remove_lock(path))
    return Leftovers(tuple(os.path.relpath(path, paths.home) for path in found), size)


def _remove_prepared(paths: StorePaths, trees: Sequence[str], *, dry_run: bool) -> tuple[list[str], int]:
    """Remove prepared files that no tree belongs to, unless somebody is about to link to what he has just prepared."""
    found = list(_iter_prepared(paths.home, trees))
    size = sum(map(measure_tree, found))
    if dry_run or not found:
        return found, size
    try:
        with Staging(paths.staging) as staging, hold_store(paths, _PATIENCE_S, shared=False):
            if read_leases(paths.home)[1]:
                return [], 0
            found = list(_iter_prepared(paths.home, trees))
            for number, path in enumerate(found):
                fs.rename(path, os.path.join(staging.path, str(number)))
    except (OSError, StoreError):
        return [], 0
    return found, size


def _remove_marks(paths: StorePaths, *, dry_run: bool) -> list[str]:
    """Flush what killed processes of this start of the machine have stored, and remove their marks.

    Who lives and stores holds a lease; who has given his back publishes nothing more under a mark that stands.
    """
    if flush_mode() == "never":
        return []
    found = list(standing_marks(paths.home))
    if dry_run or not found:
        return found
    try:
        with hold_store(paths, _PATIENCE_S, shared=False):
            if read_leases(paths.home)[1]:
                return []
            found = list(standing_marks(paths.home))
        fs.sync_filesystem(paths.home)
    except (OSError, StoreError):
        return []
    return [path for path in found if _remove(path)]


def _iter_prepared(home: str, trees: Sequence[str]) -> Iterator[str]:
    """Yield prepared files of trees that are gone, and the directories of older versions of Blast."""
    for name in _list(home):
        if name != DIRECTORY and name[:1] == "i" and name[1:].isdecimal():
            yield os.path.join(home, name)
    for name in _list(os.path.join(home, DIRECTORY)):
        if not any(os.path.lexists(os.path.join(directory, name.removesuffix("+"))) for directory in trees):
            yield os.path.join(home, DIRECTORY, name)


def _iter_aged(home: str, before: float) -> Iterator[str]:
    for kind in _AGING:
        directory = os.path.join(home, kind)
        for name in _list(directory):
            path = os.path.join(directory, name)
            if not name.endswith(".lock") and _last_touch(path) < before:
                yield path


def _iter_outdated(home: str) -> Iterator[str]:
    """Yield what only older versions of Blast read: containers that they made of every wheel."""
    path = os.path.join(home, "store", "dpp")
    if os.path.isdir(path) and not os.path.islink(path):
        yield path


def _last_touch(path: str) -> float:
    """Return when a file, or a directory or something directly in it, was last written or read."""
    names = _list(path) if os.path.isdir(path) and not os.path.islink(path) else []
    latest = 0.0
    for each in (path, *(os.path.join(path, name) for name in names)):
        try:
            status = os.lstat(each)
        except OSError:
            continue
        latest = max(latest, status.st_ctime, status.st_mtime, status.st_atime)
    return latest


def _iter_temporary(directory: str, before: float) -> Iterator[str]:
    for name in _list(directory):
        path = os.path.join(directory, name)
        if fs.is_temporary(name) and _last_touch(path) < before:
            yield path


def _iter_locks(home: str, before: float) -> Iterator[str]:
    directory = os.path.join(home, "locks")
    for name in _list(directory):
        path = os.path.join(directory, name)
        try:
            if os.lstat(path).st_mtime < before:
                yield path
        except OSError:
            continue


def _remove(path: str) -> bool:
    """Remove a file or a directory under the lock beside it, if it has one; False while somebody uses it."""
    try:
        if not os.path.lexists(path + ".lock"):
            fs.remove_tree(path)
            return True
        with lock(path + ".lock", 0, remove=True):
            fs.remove_tree(path)
    except (OSError, StoreError):
        return False
    return True


def _remove_lock(path: str) -> bool:
    try:
        lock(path, 0, remove=True).release()
    except (OSError, StoreError):
        return False
    return True


def _list(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
