"""The store's database: small records in LMDB, for all commands of this user, in any number of processes and threads.

Named databases: ``pages`` and ``metadata`` (what indexes said), ``trees`` (what the store holds), ``hints`` (finished
resolutions), ``misc``. All but ``trees`` is a cache; of ``trees`` the loss costs fetching again. So a damaged file, or
one of another schema, is rebuilt empty without a word, while what can't be written is told.

LMDB gives readers a snapshot and never blocks them; a writer killed at any point leaves the state before its
transaction. ``metasync`` is off: after a power loss the last transactions may be missing, never half there. Each value
has a seal (see `blast_pm.metadata.sealing`): one that damage reached counts as missing.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from blast_core.errors import StoreError
from blast_pm.metadata.sealing import sealed, unsealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    import lmdb

    _T = TypeVar("_T")

__all__ = ["DATABASES", "SCHEMA_KEY", "Database", "rebuilding"]

#: The named databases.
DATABASES = ("pages", "metadata", "trees", "hints", "misc")

#: The only value without a seal.
SCHEMA_KEY = b"\0schema"
_SCHEMA = b"blast metadata 2"
# Address space, not disk: the file holds what was written. Grown by doubling when it is full.
_REBUILDING = "-rebuild"
_FIRST_MAP_BYTES = 256 << 20
_MAX_MAP_BYTES = 1 << 40
_MAX_READERS = 1022
# What LMDB makes of so many readers.
_LOCK_BYTES = 65536
_MAX_KEY = 511
_ITEMS_AT_ONCE = 512
# What only tells what indexes said: where one of these was empty when the file was opened, nothing is looked up in it
# before this process writes. A look releases the interpreter's lock twice, and in a cold resolution, of 16 threads and
# six looks a project, each waits for it up to 5 ms. What another process writes meanwhile is missed, as any moment ago.
_PASSED_BY_WHILE_EMPTY = ("pages", "metadata")


class Database:
    """Reads and writes the records of one store; opened by the first use.

    Several objects for one path in one process share the open file. After a fork the child opens its own.

    Args:
        path: the data file, such as ``<home>/store/meta.lmdb``; its directory is made when needed.
        readonly: somebody else's: nothing is made, written or mended, and a missing one reads as empty.
    """

    def __init__(self, path: str, *, readonly: bool = False) -> None:
        self.path = path
        self._readonly = readonly
        self._shared: _Environment | None = None

    def get(self, database: str, key: bytes) -> bytes | None:
        """Return the value of ``key``, None without one; one value of a damaged file is no value."""
        return self.read(database, key, bytes)

    def read(self, database: str, key: bytes, decode: Callable[[memoryview], _T]) -> _T | None:
        """Decode the value of ``key`` where it lies, without a copy; None without one.

        Args:
            database: one of `DATABASES`.
            key: what to look up.
            decode: must keep no reference to the view it is given.

        Cost: about 1 us beside decoding.
        """
        environment = self._shared
        if environment is None or environment.pid != os.getpid():
            environment = self._open()
        return environment.read(database, _fit(key), decode)

    def get_many(self, database: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of ``keys``, in their order, from one snapshot."""
        return self._open().get_many(database, [_fit(key) for key in keys])

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Store a value.

        Raises:
            StoreError: the disk is full, or the store may not be written.
        """
        self._open().write([(database, _fit(key), value)])

    def put_many(self, database: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Store several values, all or none of them.

        Raises:
            StoreError: as `put`.
        """
        self.put_rows((database, key, value) for key, value in items)

    def put_rows(self, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Store values of several databases in one transaction, which costs one flush of the disk.

        Raises:
            StoreError: as `put`.
        """
        fitted = [(database, _fit(key), value) for database, key, value in rows]
        if fitted:
            self._open().write(fitted)

    def delete(self, database: str, key: bytes) -> None:
        """Remove a value; one that isn't there is no error.

        Raises:
            StoreError: as `put`.
        """
        self._open().write([(database, _fit(key), None)])

    def delete_rows(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Remove values of several databases in one transaction; see `delete`.

        Raises:
            StoreError: as `put`.
        """
        fitted = [(database, _fit(key), None) for database, key in rows]
        if fitted:
            self._open().write(fitted)

    def items(self, database: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and values in the order of keys; rows written meanwhile may or may not be among them."""
        environment = self._open()
        after: bytes | None = None
        while rows := environment.rows_after(database, after):
            yield from rows
            after = rows[-1][0]

    def close(self) -> None:
        """Close the file when no other object of this process uses it; a later use opens it again."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.release()

    def _open(self) -> _Environment:
        shared = self._shared
        if shared is None or shared.pid != os.getpid():
            shared = self._shared = _acquire(os.path.abspath(self.path), readonly=self._readonly)
        return shared


def _fit(key: bytes) -> bytes:
    """Return the key, or a digest of one that is longer than LMDB takes."""
    if len(key) <= _MAX_KEY:
        return key
    import hashlib

    return b"\xff#" + hashlib.sha256(key).digest()


def _bytes(path: str) -> str:
    # A path may hold what is no text, which LMDB would encode; its stubs don't know that it takes bytes.
    return os.fsencode(path)  # type: ignore[return-value]


def _damages() -> tuple[type[Exception], ...]:
    """Return the errors that only a damaged file makes."""
    import lmdb

    return lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.InvalidError


_environments: dict[str, _Environment] = {}
_registry_lock = allocate_lock()


def _acquire(path: str, *, readonly: bool) -> _Environment:
    with _registry_lock:
        found = _environments.get(path)
        if found is None or found.pid != os.getpid():
            # LMDB's own objects must not be used by a forked child; closing them there leaves the parent's alone.
            if found is not None:
                found.abandon()
            found = _environments[path] = _Environment(path, readonly=readonly)
        found.users += 1
        return found


def _replace_lock_after_fork() -> None:
    global _registry_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _registry_lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock_after_fork)


class _Environment:
    """One open LMDB file of one process.

    Reading transactions of this process follow each other under one lock (they take microseconds), writing ones under
    another, so that no reader waits for a disk. Both are held, the writers' first, where LMDB wants no transaction at
    all: while the map grows and while the file is replaced.
    """

    def __init__(self, path: str, *, readonly: bool) -> None:
        self.path = path
        self.pid = os.getpid()
        self.users = 0
        self._reading = allocate_lock()
        self._writing = allocate_lock()
        self._env: lmdb.Environment | None = None
        self._handles: dict[str, lmdb._Database] = {}
        self._empty: set[str] = set()
        self._readonly = readonly
        self._cause = "the store is read-only"
        self._rebuilt = False
        if readonly:
            self._open_readonly(PermissionError(self.path))
        else:
            self._open()

    def release(self) -> None:
        with _registry_lock:
            self.users -= 1
            if self.users <= 0 and _environments.get(self.path) is self:
                del _environments[self.path]
                self.abandon()

    def abandon(self) -> None:
        env, self._env = self._env, None
        if env is not None:
            env.close()

    def read(self, database: str, key: bytes, decode: Callable[[memoryview], _T]) -> _T | None:
        if database in self._empty:
            return None

        def action(env: lmdb.Environment) -> _T | None:
            with env.begin(db=self._handles[database], buffers=True) as transaction:
                found = transaction.get(key)
                value = None if found is None else unsealed(key, found)
                return None if value is None else decode(value)

        return self._read(action, None)

    def get_many(self, database: str, keys: list[bytes]) -> list[bytes | None]:
        def action(env: lmdb.Environment) -> list[bytes | None]:
            with env.begin(db=self._handles[database], buffers=True) as transaction:
                found = [(key, transaction.get(key)) for key in keys]
                values = [None if stored is None else unsealed(key, stored) for key, stored in found]
                return [None if value is None else bytes(value) for value in values]

        return self._read(action, [None] * len(keys))

    def rows_after(self, database: str, after: bytes | None) -> list[tuple[bytes, bytes]]:
        def action(env: lmdb.Environment) -> list[tuple[bytes, bytes]]:
            rows: list[tuple[bytes, bytes]] = []
            with env.begin(db=self._handles[database], buffers=True) as transaction, transaction.cursor() as cursor:
                found = cursor.first() if after is None else cursor.set_range(after + b"\0")
                while found and len(rows) < _ITEMS_AT_ONCE:
                    key = bytes(cursor.key())
                    value = unsealed(key, cursor.value()) if key != SCHEMA_KEY else None
                    if value is not None:
                        rows.append((key, bytes(value)))
                    found = cursor.next()
            return rows

        return self._read(action, [])

    def write(self, rows: Sequence[tuple[str, bytes, bytes | None]]) -> None:
        import lmdb

        def action(env: lmdb.Environment) -> None:
            with env.begin(write=True) as transaction:
                for database, key, value in rows:
                    if value is None:
                        transaction.delete(key, db=self._handles[database])
                    else:
                        self._empty.discard(database)
                        transaction.put(key, sealed(key, value), db=self._handles[database])

        try:
            while True:
                with self._writing:
                    if self._readonly or self._env is None:
                        raise StoreError(f"{self.path} can't be written", reason=self._cause)
                    try:
                        return action(self._env)
                    except lmdb.Error as error:
                        self._mend(error)
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"{self.path} can't be written", reason=str(error)) from error

    def _read(self, action: Callable[[lmdb.Environment], _T], nothing: _T) -> _T:
        import lmdb

        while True:
            with self._reading:
                if self._env is None:
                    return nothing
                try:
                    return action(self._env)
                except lmdb.Error as error:
                    found = error
            with self._writing:
                self._mend(found)

    def _mend(self, error: lmdb.Error) -> None:
        """Grow the map or rebuild the file, as the error asks for; the caller holds the writers' lock and tries again.

        Raises:
            StoreError: the map can't grow further.
            lmdb.Error: the error itself, when nothing of that helps.
        """
        import lmdb

        with self._reading:
            assert self._env is not None
            if isinstance(error, lmdb.MapFullError):
                size = self._env.info()["map_size"]
                if size >= _MAX_MAP_BYTES:
                    raise StoreError(f"{self.path} is full", reason=f"it holds {size} bytes")
                self._env.set_mapsize(size * 2)
            elif isinstance(error, lmdb.MapResizedError):  # another process grew it
                self._env.set_mapsize(0)
            elif isinstance(error, _damages()) and not self._readonly and not self._rebuilt:
                self._rebuilt = True
                self.abandon()
                self._rebuild()
            else:
                raise error

    # Opening

    def _open(self) -> None:
        try:
            if not os.path.isdir(os.path.dirname(self.path)):
                from blast_core.fs import make_directories

                make_directories(os.path.dirname(self.path))
            # While another process puts a new file and a new lock file in place, opening would pair an old with a new.
            with _Held(self.path + _REBUILDING, shared=True):
                opened = self._try_open()
            if not opened:
                self._rebuild()
        except OSError as error:
            import errno

            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._cause = f"{error.strerror}: free some space, or set BLAST_HOME to a directory on a larger disk"
            self._open_readonly(error)

    def _open_readonly(self, cause: Exception) -> None:
        """Serve what can be read of a store that may not be written; a missing one reads as empty."""
        import lmdb

        self.abandon()
        self._readonly = True
        if not os.path.exists(self.path):
            return
        try:
            env = lmdb.open(_bytes(self.path), subdir=False, readonly=True, lock=False, max_dbs=len(DATABASES))
            self._handles = {name: env.open_db(name.encode(), create=False) for name in DATABASES}
            with env.begin() as transaction:
                schema = transaction.get(SCHEMA_KEY, db=self._handles["misc"])
            self._env = env
            if schema != _SCHEMA:
                self.abandon()
        except lmdb.Error:
            self.abandon()
            if not os.access(self.path, os.R_OK):
                raise StoreError(f"{self.path} can't be read", reason=str(cause)) from cause

    def _try_open(self) -> bool:
        """Open the file; False when it is damaged or of another schema."""
        import lmdb

        _allocate(f"{self.path}-lock")
        try:
            env = lmdb.open(
                _bytes(self.path),
                subdir=False,
                map_size=_FIRST_MAP_BYTES,
                max_dbs=len(DATABASES),
                max_readers=_MAX_READERS,
                metasync=False,
                mode=0o600,
            )
        except lmdb.Error as error:
            # The class itself stands for what the system refused, its subclasses for what the content is.
            if type(error) is lmdb.Error or isinstance(error, (lmdb.ReadonlyError, lmdb.LockError)):
                raise OSError(str(error)) from error
            return False
        self._env = env
        try:
            # A file cut short would be a SIGBUS at the first touch of a missing page.
            needed = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
            if os.path.getsize(self.path) >= needed and self._open_handles(env):
                return True
        except lmdb.Error:
            pass
        self.abandon()
        return False

    def _open_handles(self, env: lmdb.Environment) -> bool:
        """Open the named databases, making them in a new file; False for another schema."""
        import lmdb

        # Handles stay open after their transaction only if it commits, and py-lmdb keeps reading ones for reuse
        # instead: so it is a writing one, which costs no disk access where it changes nothing.
        try:
            with env.begin(write=True) as transaction:
                self._handles = {name: env.open_db(name.encode(), transaction, create=False) for name in DATABASES}
                self._empty = {
                    name for name in _PASSED_BY_WHILE_EMPTY if not transaction.stat(self._handles[name])["entries"]
                }
                return transaction.get(SCHEMA_KEY, db=self._handles["misc"]) == _SCHEMA
        except lmdb.NotFoundError:
            if env.stat()["entries"]:
                return False
        with env.begin(write=True) as transaction:
            self._handles = {name: env.open_db(name.encode(), transaction) for name in DATABASES}
            self._empty = set(_PASSED_BY_WHILE_EMPTY)
            transaction.put(SCHEMA_KEY, _SCHEMA, db=self._handles["misc"])
        return True

    def _rebuild(self) -> None:
        """Put an empty file in the place of a damaged one; of several processes that try, one does it."""
        from blast_core.fs import unlink

        with _Held(self.path + _REBUILDING, shared=False):
            if self._try_open():  # another process was faster
                return
            for path in (self.path, self.path + "-lock"):
                if os.path.lexists(path):
                    unlink(path)
            if not self._try_open():
                raise StoreError(f"{self.path} can't be opened", reason="a new file is damaged at once")


def _allocate(path: str) -> None:
    """Give LMDB's lock file all its blocks: it is mapped, and on a full disk a page without one would be a SIGBUS.

    Raises:
        OSError: there is no room.

    Cost: a stat where the file has them.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        pass
    else:
        if getattr(status, "st_blocks", _LOCK_BYTES) * 512 >= _LOCK_BYTES:
            return
    if not hasattr(os, "posix_fallocate"):
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, _LOCK_BYTES)
    except OSError as error:
        import errno

        # A file system that can't do it; EINVAL is what some say then.
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(fd)


def rebuilding(path: str) -> _Held:
    """Return a context manager in which nobody opens or replaces the database at ``path``."""
    return _Held(path + _REBUILDING, shared=False)


class _Held:
    """A kernel lock on a file beside the database; none where the system has no flock."""

    def __init__(self, path: str, *, shared: bool) -> None:
        self._path = path
        self._shared = shared
        self._fd = -1

    def __enter__(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
