"""What is in the store and may not be on the disk yet: marks, so that nobody has to wait for a disk.

    unsynced/<boot>-<random>    a mark: objects whose rows name it were published, and maybe not flushed

A mark is on the disk before the first row that names it, and is removed when everything was flushed
(`blast_pm.store.flushing`), which nobody waits for. Within one start of the machine nothing is lost, whoever is killed.
After another start a mark that still stands says whose digests have to be compared again (`blast_pm.store.rechecking`)
before they are used. So a command that ends has its objects whole, or their damage is noticed.

Without an identity of the start, or where a container ends with the command, the caller flushes before he writes rows.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from blast_core import fs
from blast_core.boot import boot_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DIRECTORY",
    "begin_mark",
    "flush_mode",
    "generation_boot",
    "marking_boot",
    "pending_trees",
    "stale_marks",
    "standing_marks",
    "take_mark",
]

DIRECTORY = "unsynced"
# The first namespace of processes has this number; another one is a container's.
_HOST_PROCESSES = "pid:[4026531836]"
_MODES = ("later", "never", "now")


class _Mark:
    """The mark of this process on one store."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pid = os.getpid()
        self.trees: set[str] = set()


_marks: dict[str, _Mark] = {}
_lock = allocate_lock()


def marking_boot() -> str:
    """Return this start of the machine where what is published is marked with it; "" where it is flushed at once."""
    return "" if flush_mode() == "now" else boot_id()


def generation_boot() -> str:
    """Return the same for generations of environments: "" also where nothing ever flushes a whole disk.

    They would be doubted for ever there, and each command would have to ask for the identity of the start.
    """
    return marking_boot() if _has_sync() else ""


def flush_mode() -> str:
    """Return when things are flushed: ``later``, ``now`` or ``never``, which leaves the marks for the next start.

    A container is often gone with the command, or becomes an image: there the caller waits. ``BLAST_FLUSH`` says it.
    Systems that have no call to wait for a whole disk never flush: there the marks are always compared after a start.
    """
    said = os.environ.get("BLAST_FLUSH", "")
    if said in _MODES:
        return said
    if not _has_sync():
        return "never"
    try:
        return "later" if os.readlink("/proc/self/ns/pid") == _HOST_PROCESSES else "now"
    except OSError:
        return "now"


def _has_sync() -> bool:
    """Tell whether this is Linux: elsewhere no call waits for a whole disk."""
    return os.path.isdir("/proc/self")


def begin_mark(home: str, trees: Iterable[str]) -> str:
    """Return the name of this process's mark, which is on the disk from now on, for trees published without a flush.

    Returns:
        "" where there is none: the caller flushes before he writes rows.

    Raises:
        OSError: the store refuses.
    """
    boot = marking_boot()
    if not boot:
        return ""
    with _lock:
        mark = _marks.get(home)
        if mark is None or mark.pid != os.getpid():
            mark = _Mark(os.path.join(home, DIRECTORY, f"{boot}-{os.urandom(6).hex()}"))
            _write(mark.path)
            _marks[home] = mark
        mark.trees.update(os.path.basename(tree) for tree in trees)
        return os.path.basename(mark.path)


def pending_trees(home: str) -> frozenset[str]:
    """Return the names of the trees that this process has marked."""
    with _lock:
        mark = _marks.get(home)
        return frozenset(mark.trees) if mark is not None and mark.pid == os.getpid() else frozenset()


def take_mark(home: str) -> str:
    """Return the path of this process's mark for somebody to remove after a flush, and forget it; "" for none."""
    with _lock:
        mark = _marks.pop(home, None)
        return mark.path if mark is not None and mark.pid == os.getpid() else ""


def standing_marks(home: str) -> tuple[str, ...]:
    """Return the paths of the marks of this start of the machine, of this process and of all others."""
    own = boot_id()
    directory = os.path.join(home, DIRECTORY)
    try:
        names = os.listdir(directory)
    except OSError:
        return ()
    return tuple(os.path.join(directory, name) for name in sorted(names) if own and name.startswith(own + "-"))


def stale_marks(home: str) -> frozenset[str]:
    """Return the names of the marks that were left by another start of the machine.

    Cost: one listing; mostly it is empty.
    """
    try:
        names = os.listdir(os.path.join(home, DIRECTORY))
    except OSError:
        return frozenset()
    if not names:
        return frozenset()
    own = boot_id() + "-"
    return frozenset(name for name in names if not name.startswith(own))


def _write(path: str) -> None:
    directory = os.path.dirname(path)
    content = b"%d\n" % os.getpid()
    try:
        fs.write_file(path, content, durable=True)
    except FileNotFoundError:
        fs.make_directories(directory)
        fs.write_file(path, content, durable=True)
        fs.sync_directory(os.path.dirname(directory))
    fs.sync_directory(directory)
