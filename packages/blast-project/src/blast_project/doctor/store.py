"""Checks of the store: its directory and disk, the database, objects, marks, and what killed commands left."""

from __future__ import annotations

import errno
import os
import stat

from blast_core import fs
from blast_core.errors import BlastError, StoreError
from blast_pm.store.failures import explain_failure
from blast_project.doctor.model import MENDED, NOTE, OK, PROBLEM, Check
from blast_project.doctor.places import check_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_project.session import Session

__all__ = ["check_store"]

_LOW_BYTES = 256 << 20
_SHOWN = 5
_OWNER = 0o700
_NO_LINKS = frozenset((errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.EXDEV))
# What else lies directly below a home.
_PLACES = ("", "store", "store/whl", "t", "tmp", "i1", "roots", "leases", "locks", "projects", "unsynced")


def check_store(session: Session, *, fix: bool) -> Iterator[Check]:
    """Yield what is found, in an order in which each mending helps the next."""
    home = session.settings.home
    if not os.path.lexists(home):
        yield Check("store.home", OK, f"{home} is not there yet: the first command makes it")
        return
    if not os.path.isdir(home):
        kind = "a link that leads nowhere" if os.path.islink(home) else "no directory"
        hint = f"move {home} away, or set BLAST_HOME to another place"
        yield Check("store.home", PROBLEM, f"{home} is {kind}", "the store has to be a directory", hint, (home,))
        return
    yield check_places(home, fix=fix)
    yield _check_permissions(home, fix=fix)
    yield _check_disk(home)
    yield _check_links(home)
    yield _check_clock(home)
    database = _check_database(session, fix=fix)
    yield database
    if database.state == PROBLEM:
        # Who opens it would make it anew.
        return
    yield _check_marks(session, fix=fix)
    yield _check_objects(session, fix=fix)
    yield _check_leftovers(session, fix=fix)


def _check_permissions(home: str, *, fix: bool) -> Check:
    name = "store.permissions"
    foreign, wrong = _look_at_modes(home)
    wrong += _unreadable_trees(home)
    if foreign and not wrong and not os.access(home, os.W_OK):
        return Check(name, NOTE, f"the store belongs to somebody else: it is only read ({home})")
    if foreign:
        hint = f"as an administrator: chown -R {_own_id()} {home}; or set BLAST_HOME to a directory of your own"
        why = "a command that was run as another user, such as with sudo, made it"
        return Check(name, PROBLEM, f"{foreign[0]} belongs to somebody else", why, hint, tuple(foreign))
    if not wrong:
        return Check(name, OK, "the store can be read and written")
    if fix:
        left = [path for path in wrong if not _open_up(path)]
        if not left:
            return Check(name, MENDED, f"{_count(wrong, 'directory', 'directories')} can be used again")
        wrong = left
    hint = "'blast self doctor --fix', or chmod u+rwx"
    return Check(name, PROBLEM, f"{wrong[0]} can't be used by its owner", "its mode was changed", hint, tuple(wrong))


def _own_id() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _look_at_modes(home: str) -> tuple[list[str], list[str]]:
    """Return what belongs to somebody else, and what its owner can't use."""
    foreign, wrong = [], []
    for place in _PLACES:
        path = os.path.join(home, place)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            continue
        except OSError:
            wrong.append(path)
            continue
        if _own_id() not in {status.st_uid, 0}:
            foreign.append(path)
        elif stat.S_ISDIR(status.st_mode) and status.st_mode & _OWNER != _OWNER:
            wrong.append(path)
    return foreign, wrong


def _unreadable_trees(home: str) -> list[str]:
    found = []
    for parent in ("t", "i1", "store/whl", *_shards(home)):
        try:
            with os.scandir(os.path.join(home, parent)) as listing:
                entries = [entry for entry in listing if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        found += [entry.path for entry in entries if entry.stat(follow_symlinks=False).st_mode & 0o500 != 0o500]
    return found


def _shards(home: str) -> list[str]:
    try:
        return [f"store/whl/{name}" for name in os.listdir(os.path.join(home, "store", "whl"))]
    except OSError:
        return []


def _open_up(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode & 0o777
        in_trees = os.path.basename(os.path.dirname(path)) == "t"
        fs.set_mode(path, mode | (0o555 if in_trees else _OWNER))
    except OSError:
        return False
    return True


def _check_disk(home: str) -> Check:
    name = "store.disk"
    try:
        probe = os.path.join(home, f".probe.{os.urandom(4).hex()}.blast-tmp")
        fs.write_file(probe, b"x")
        fs.unlink(probe)
    except OSError as error:
        said = explain_failure(error, "write to the store")
        if error.errno == errno.EROFS:
            return Check(
                name, NOTE, "the store is on a read-only disk", "what it holds can be used", said.hint, (home,)
            )
        return Check(name, PROBLEM, f"nothing can be written to {home}", said.reason, said.hint, (home,))
    if not hasattr(os, "statvfs"):
        return Check(name, OK, "the store can be written")
    status = os.statvfs(home)
    free = status.f_bavail * status.f_frsize
    if status.f_files and not status.f_favail:
        hint = "'blast cache gc' frees some; or set BLAST_HOME to a directory on another disk"
        return Check(name, PROBLEM, "the disk of the store has no room for another file", "", hint, (home,))
    if free < _LOW_BYTES:
        hint = "'blast cache gc' frees what no environment needs; or set BLAST_HOME to a larger disk"
        return Check(name, PROBLEM, f"the disk of the store has {free >> 20} MiB left", "", hint, (home,))
    return Check(name, OK, f"the disk of the store has {free >> 30} GiB left")


def _check_links(home: str) -> Check:
    """Try what environments are made of: hard links, links and locks."""
    name = "store.links"
    from blast_pm.store.locks import lock
    from blast_pm.store.staging import Staging

    lacking = []
    try:
        with Staging(os.path.join(home, "tmp")) as staging:
            one = os.path.join(staging.path, "one")
            fs.write_file(one, b"")
            for kind, make in (("hard links", fs.hardlink), ("symbolic links", fs.symlink)):
                try:
                    make(one, os.path.join(staging.path, kind))
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    lacking.append(kind)
            with lock(os.path.join(staging.path, "lock"), 0):
                pass
    except StoreError as error:
        return Check(name, PROBLEM, error.message, error.reason, error.hint, (home,))
    except OSError as error:
        said = explain_failure(error, "try links in the store")
        return Check(name, NOTE, said.message, said.reason, said.hint, (home,))
    if lacking:
        why = "environments are made of copies instead, which takes longer and more room"
        hint = "set BLAST_HOME to a directory on another file system"
        return Check(name, NOTE, f"the file system of the store has no {' and no '.join(lacking)}", why, hint, (home,))
    return Check(name, OK, "the file system has the links and locks that are used")


def _check_clock(home: str) -> Check:
    import time

    name = "store.clock"
    now = time.time()
    latest = 0.0
    for place in ("store/lock", "store/meta.lmdb", "roots", "t", "tmp"):
        try:
            latest = max(latest, os.stat(os.path.join(home, place)).st_mtime)
        except OSError:
            continue
    if latest > now + 3600:
        hours = round((latest - now) / 3600)
        why = "one of the two is wrong; contents are compared by digests, but ages for 'blast cache gc' are guesses"
        return Check(name, NOTE, f"the store was changed {hours} hours in the future", why, "set the clock right")
    return Check(name, OK, "the clock agrees with the store")


def _check_database(session: Session, *, fix: bool) -> Check:
    from blast_pm.metadata.checking import check_database, discard_database
    from blast_pm.store.adopting import adopt_objects

    name = "store.database"
    path = os.path.join(session.settings.home, "store", "meta.lmdb")
    wrong = check_database(path)
    if not wrong:
        return Check(name, OK, "the database is whole")
    hint = "'blast self doctor --fix' makes it anew from the store; commands take damaged values for missing"
    if not fix:
        return Check(name, PROBLEM, f"the database is damaged: {wrong}", "a disk or a power loss did it", hint, (path,))
    try:
        discard_database(path)
        count = len(adopt_objects(session.cache.paths, session.cache.rows))
    except (OSError, BlastError) as error:
        return Check(name, PROBLEM, f"the database is damaged: {wrong}", str(error), hint, (path,))
    return Check(name, MENDED, f"the database was made anew, with {count} distributions of the store", wrong)


def _check_marks(session: Session, *, fix: bool) -> Check:
    from blast_pm.store.durability import stale_marks
    from blast_pm.store.rechecking import recheck

    name = "store.unsynced"
    cache = session.cache
    stale = stale_marks(cache.paths.home)
    if not stale:
        return Check(name, OK, "nothing is in doubt after a power loss")
    suspects = cache.rows.suspects(stale)
    if fix or not suspects:
        lost = recheck(cache.paths, cache.rows, suspects)
        text = f"{_count(suspects, 'distribution')} compared again after the machine went down"
        return Check(name, MENDED, text, f"{lost} are fetched again by the next sync" if lost else "")
    return Check(
        name,
        NOTE,
        f"{_count(suspects, 'distribution')} may not have reached the disk before the machine went down",
        "they are compared with their digests when the store is used next",
        "nothing; 'blast self doctor --fix' compares them now",
    )


def _check_objects(session: Session, *, fix: bool) -> Check:
    """Look for rows whose tree or wheel is gone; 'blast cache verify' reads every byte."""
    name = "store.objects"
    cache = session.cache
    rows = list(cache.rows)
    bare = [row for row in rows if not os.path.isdir(row.tree) or os.path.islink(row.tree)]
    lost = [row for row in rows if not os.path.isfile(cache.paths.archive(row.blake3))]
    if not bare and not lost:
        return Check(
            name, OK, f"{_count(rows, 'distribution')} in the store", "", "'blast cache verify' reads all bytes"
        )
    labels = [f"{row.name} {row.version}" for row in {row.sha256: row for row in (*bare, *lost)}.values()]
    what = f"{_count(labels, 'distribution')} of the store incomplete: {_some(labels)}"
    paths = tuple(row.tree for row in bare) + tuple(cache.paths.archive(row.blake3) for row in lost)
    if not fix:
        hint = "'blast self doctor --fix'; 'blast sync' fetches again what a project needs"
        return Check(name, PROBLEM, what, "trees or wheels are gone", hint, paths)
    unpacked = 0
    gone = {row.sha256 for row in lost}
    for row in bare:
        if row.sha256 in gone:
            continue
        try:
            if os.path.lexists(row.tree):
                fs.unlink(row.tree)
            cache.repair_object(row.blake3)
            unpacked += 1
        except (StoreError, OSError):
            gone.add(row.sha256)
    cache.rows.delete_all(gone)
    why = f"{unpacked} unpacked again, {len(gone)} left to the next sync to fetch"
    return Check(name, MENDED, what, why, "'blast sync' in projects that need them" if gone else "")


def _check_leftovers(session: Session, *, fix: bool) -> Check:
    from blast_pm.store.leases import sweep_leases
    from blast_pm.store.staging import abandoned, sweep_staging
    from blast_project.retiring import sweep_environments

    name = "store.leftovers"
    home = session.settings.home
    half = list(_half_generations(home))
    found = [*abandoned(os.path.join(home, "tmp")), *_dead_leases(home), *half]
    if not found:
        return Check(name, OK, "killed commands left nothing")
    what = f"{_count(found, 'thing')} left by killed commands"
    if not fix:
        hint = "nothing: the next command that stores or syncs removes it, and so does --fix"
        return Check(name, NOTE, what, "", hint, tuple(found))
    sweep_staging(os.path.join(home, "tmp"))
    sweep_leases(home)
    sweep_environments(session)
    # What stays of a generation is being built right now, and is nobody's to remove.
    left = tuple(path for path in found if path not in half and os.path.lexists(path))
    if left:
        hint = "remove what is listed"
        return Check(name, PROBLEM, f"{_count(left, 'thing')} can't be removed", "the disk refuses", hint, left)
    return Check(name, MENDED, f"{what} are removed", "", "", tuple(found))


def _dead_leases(home: str) -> list[str]:
    from blast_pm.store.leases import DIRECTORY
    from blast_pm.store.staging import is_free

    directory = os.path.join(home, DIRECTORY)
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [path for name in names if is_free(path := os.path.join(directory, name))]


def _half_generations(home: str) -> list[str]:
    from blast_pm.store.roots import find_roots
    from blast_project.environment.layout import generations_directory

    found = []
    for root in find_roots(home):
        directory = generations_directory(root.environment)
        try:
            found += [os.path.join(directory, name) for name in os.listdir(directory) if name.startswith(".")]
        except OSError:
            continue
    return found


def _count(items: object, one: str, many: str = "") -> str:
    number = len(items)  # type: ignore[arg-type]
    return f"{number} {one if number == 1 else many or one + 's'}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
