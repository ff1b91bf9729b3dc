"""What stands in the store where something of another kind belongs."""

from __future__ import annotations

import os
import stat

from blast_core import fs
from blast_project.doctor.model import MENDED, OK, PROBLEM, Check

__all__ = ["check_places"]

_DIRECTORIES = (
    "store", "store/whl", "store/dpp", "t", "tmp", "i1", "roots", "leases", "locks", "projects", "unsynced",
    "environments", "views", "runtime", "sources", "git", "log", "tools",
)  # fmt: skip
_FILES = ("interpreters", "store/lock")
_SHOWN = 5


def check_places(home: str, *, fix: bool) -> Check:
    """Look for links, files and pipes in the place of the store's directories, and for directories in that of files.

    Args:
        home: the store, a directory.
        fix: remove what is nothing, and move aside what may be something.
    """
    name = "store.places"
    wrong = [place for place in _DIRECTORIES if _is_wrong(os.path.join(home, place), is_file=False)]
    wrong += [place for place in _FILES if _is_wrong(os.path.join(home, place), is_file=True)]
    for place in ("locks", "leases", "roots"):
        # A link in the place of a lock is followed by nobody, and holds up who wants the lock.
        wrong += [f"{place}/{name}" for name in _list(f"{home}/{place}") if _is_planted(f"{home}/{place}/{name}")]
    wrong += [f"i1/{name}" for name in _list(os.path.join(home, "i1")) if _is_wrong(f"{home}/i1/{name}", is_file=False)]
    if not wrong:
        return Check(name, OK, "the store's directories are directories")
    paths = tuple(os.path.join(home, place) for place in wrong)
    what = f"something else stands in the place of {', '.join(wrong[:_SHOWN])}"
    if not fix:
        hint = "'blast self doctor --fix' moves it aside; the next command makes what belongs there"
        return Check(name, PROBLEM, what, "", hint, paths)
    try:
        aside = [moved for path in paths if (moved := _clear(path))]
    except OSError as error:
        return Check(name, PROBLEM, what, str(error), "move it away yourself", paths)
    said = f"; it is now {', '.join(aside)}" if aside else "; it was nothing, and is removed"
    return Check(name, MENDED, what + said, "", "look at it, and remove it" if aside else "", tuple(aside))


def _is_wrong(path: str, *, is_file: bool) -> bool:
    """Tell whether what a path leads to, if there is any, is of another kind; what can't be looked at isn't told of."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return os.path.islink(path)
    except OSError:
        return False
    return not (stat.S_ISREG(mode) if is_file else stat.S_ISDIR(mode))


def _is_planted(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _list(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _clear(path: str) -> str:
    """Make way, and return where it lies now; "" for what held nothing."""
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode) and not os.listdir(path):
        fs.remove_directory(path)
    elif stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and os.path.getsize(path)):
        aside = f"{path}.aside-{os.urandom(3).hex()}"
        fs.rename(path, aside)
        return aside
    else:
        fs.unlink(path)
    return ""
