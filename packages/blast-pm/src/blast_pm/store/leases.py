"""Leases: objects that a process has looked up and is about to link to, or to put into the store.

    leases/<pid>-<random>    locked by its owner as long as it lives; behind a head, the sha256 of each wheel, 32 bytes

Without them an object could go between the moment a command finds it and the moment a registered environment reaches
it. Nobody waits for a lease: what is leased is passed over by who removes. The kernel unlocks what a dead owner held,
and the next gc removes the file.

Looking up and leasing happen under the store's lock, taken shared; removing under the same lock, taken exclusively, for
a few milliseconds at a time. So who leases is either seen by who removes, or sees what was removed.
"""

from __future__ import annotations

import errno
import os
from _thread import allocate_lock

from blast_core import fs
from blast_core.errors import StoreError, StoreLocked
from blast_pm.store.locks import Lock, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.store.home import StorePaths

__all__ = ["DIRECTORY", "ObjectLease", "hold_store", "read_leases", "sweep_leases"]

DIRECTORY = "leases"
# The lock keeps its owner's pid in front.
_HEAD_BYTES = 512
_DIGEST_BYTES = 32
_UNWRITABLE = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


def hold_store(paths: StorePaths, timeout: float, *, shared: bool) -> Lock:
    """Take the lock between those who use objects (shared) and those who remove them.

    Raises:
        StoreLocked: the others did not end in ``timeout`` seconds.
        StoreError: the lock's file can't be made.
    """
    try:
        if not os.path.isdir(os.path.dirname(paths.usage_lock)):
            fs.make_directories(os.path.dirname(paths.usage_lock))
        return lock(paths.usage_lock, timeout, shared=shared)
    except OSError as error:
        if shared and error.errno in _UNWRITABLE:
            # Where nothing can be written, nothing can be removed: a lock that is not held does.
            return Lock(paths.usage_lock, shared=True, remove=False)
        from blast_pm.store.failures import explain_failure

        raise explain_failure(error, "lock the store") from error


class ObjectLease:
    """The lease of one process on what it uses of one store; empty at first; safe to use from any thread.

    Args:
        home: the store.
    """

    __slots__ = ("_adding", "_directory", "_held", "_lock", "_unwritable")

    def __init__(self, home: str) -> None:
        self._directory = os.path.join(home, DIRECTORY)
        self._held: set[str] = set()
        self._adding = allocate_lock()
        self._lock: Lock | None = None
        self._unwritable = False

    def add(self, sha256s: Iterable[str]) -> None:
        """Lease these wheels too; the caller holds the store's lock.

        In a store that may not be written nothing is leased: nothing can be removed there either.

        Raises:
            OSError: the disk refuses.
        """
        with self._adding:
            new = [sha256 for sha256 in sha256s if sha256 not in self._held]
            if not new or self._unwritable:
                return
            try:
                if self._lock is None:
                    self._open()
                assert self._lock is not None
                fs.write(self._lock.fd, b"".join(map(bytes.fromhex, new)))
            except OSError as error:
                if error.errno not in _UNWRITABLE:
                    raise
                self._unwritable = True
                return
            self._held.update(new)

    def release(self) -> None:
        """Give all of it back; safe to call twice."""
        held, self._lock = self._lock, None
        self._held.clear()
        if held is not None:
            held.release()

    def _open(self) -> None:
        path = os.path.join(self._directory, f"{os.getpid()}-{os.urandom(6).hex()}")
        try:
            taken = lock(path, 1.0, remove=True)
        except FileNotFoundError:
            fs.make_directories(self._directory)
            taken = lock(path, 1.0, remove=True)
        os.lseek(taken.fd, _HEAD_BYTES, os.SEEK_SET)
        self._lock = taken


def read_leases(home: str) -> tuple[set[str], int]:
    """Return the sha256 of every leased wheel, and how many leases there are; the leases of the dead are removed.

    The caller holds the store's lock exclusively, so that nobody is in the middle of writing one.
    """
    directory = os.path.join(home, DIRECTORY)
    try:
        names = os.listdir(directory)
    except OSError:
        return set(), 0
    leased: set[str] = set()
    living = 0
    for name in names:
        path = os.path.join(directory, name)
        try:
            lock(path, 0, remove=True).release()
        except StoreLocked:
            living += 1
            leased.update(_read(path))
        except (OSError, StoreError):
            # What can't be locked may be somebody's.
            leased.update(_read(path))
    return leased, living


def sweep_leases(home: str) -> None:
    """Remove the leases of the dead; who has just made one and not yet locked it makes another."""
    directory = os.path.join(home, DIRECTORY)
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        try:
            lock(os.path.join(directory, name), 0, remove=True).release()
        except (OSError, StoreError):
            continue


def _read(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            file.seek(_HEAD_BYTES)
            content = file.read().hex()
    except OSError:
        return []
    step = 2 * _DIGEST_BYTES
    return [content[at : at + step] for at in range(0, len(content) - step + 1, step)]
