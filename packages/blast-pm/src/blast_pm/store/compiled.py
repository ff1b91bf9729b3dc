"""Which trees are compiled, for which interpreters: a row for each pair, and who else is at it right now.

A row holds what the tree was when it was compiled: inode and time of its directory. A tree that was unpacked again is
another one, and what stands here of its predecessor says nothing. So whoever removes or mends trees need not know of
bytecode, and a row that is believed too long costs no more than compiling in memory.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.metadata.store import Database
    from blast_pm.store.locks import Lock

__all__ = ["CompiledTree", "compiler_of", "find_uncompiled", "lock_tree", "put_compiled", "read_compiled"]

_TABLE = "misc"
_KEY = b"code1\0"


class CompiledTree(NamedTuple):
    """What is known of a tree and an interpreter.

    Attributes:
        inode: of the tree's directory.
        time_ns: when something was last added to that directory.
        magic: the interpreter's magic number.
        modules: how many have bytecode.
        failures: (path, why) of each that can't be compiled; they are not tried again.
    """

    inode: int
    time_ns: int
    magic: bytes
    modules: int
    failures: tuple[tuple[str, str], ...]


def compiler_of(interpreter: Interpreter) -> str:
    """Return what bytecode depends on: the cache tag, which stands for one magic number once a CPython is released."""
    if interpreter.implementation == "cpython" and interpreter.version.replace(".", "").isdecimal():
        return interpreter.cache_tag
    return f"{interpreter.cache_tag} {interpreter.version}"


def find_uncompiled(database: Database, trees: Iterable[str], compiler: str) -> list[str]:
    """Return those trees of which it is not known that they are compiled.

    Cost: one read transaction, and a lookup and an lstat per tree.
    """
    wanted = list(trees)
    rows = database.get_many(_TABLE, [_key(tree, compiler) for tree in wanted])
    return [tree for tree, value in zip(wanted, rows, strict=True) if not _is_true(value, tree)]


def read_compiled(database: Database, tree: str, compiler: str) -> CompiledTree | None:
    """Return what is known of a tree; None if it is not compiled."""
    value = database.get(_TABLE, _key(tree, compiler))
    return _decode(value) if value is not None and _is_true(value, tree) else None


def put_compiled(
    database: Database, compiler: str, magic: bytes, trees: Sequence[tuple[str, int, tuple[tuple[str, str], ...]]]
) -> None:
    """Write down that trees are compiled: path, how many modules, and which not; all in one transaction.

    Raises:
        StoreError: it can't be written.
    """
    rows = []
    for tree, modules, failures in trees:
        status = os.lstat(tree)
        row = CompiledTree(status.st_ino, status.st_mtime_ns, magic, modules, failures)
        rows.append((_key(tree, compiler), marshal.dumps(tuple(row))))
    database.put_many(_TABLE, rows)


def lock_tree(home: str, tree: str, compiler: str, timeout: float) -> Lock:
    """Take the lock of who compiles a tree for an interpreter.

    Raises:
        StoreLocked: somebody else has been at it all the time.
        OSError: the store can't be written.
    """
    from blast_pm.store.locks import lock

    name = f"code-{os.path.basename(tree)}-{compiler.replace(' ', '-')}"
    path = os.path.join(home, "locks", name)
    try:
        return lock(path, timeout, remove=True)
    except FileNotFoundError:
        # That one alone: a store that was removed meanwhile shall not come back.
        fs.make_directory(os.path.dirname(path))
        return lock(path, timeout, remove=True)


def _key(tree: str, compiler: str) -> bytes:
    return _KEY + f"{os.path.basename(tree)}\0{compiler}".encode()


def _is_true(value: bytes | None, tree: str) -> bool:
    row = _decode(value) if value is not None else None
    if row is None:
        return False
    try:
        status = os.lstat(tree)
    except OSError:
        return False
    return (row.inode, row.time_ns) == (status.st_ino, status.st_mtime_ns)


def _decode(value: bytes) -> CompiledTree | None:
    try:
        return CompiledTree._make(marshal.loads(value))  # noqa: S302 - written by this user's Blast on this machine
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
