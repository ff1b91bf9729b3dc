"""The files of a lock's packages as both of its forms hold them, kept for the next lock of the same project.

Of a change most packages keep their files. To decode them from the lock, and to write them anew in both forms, takes a
third of such a command; kept here they are put together. One file in the store for each of the last few locks, under
the content hash of the lock: nothing else than the lock tells what it holds.

    projects/<first 8 bytes of the hash>.parts    CRC-32 of the rest; marshalled: format, hash, by name, version and
                                                  target mask the packed files, marshalled, and the hash of the lock
                                                  that all others are kept with, or b""

Losing it costs time alone.
"""

from __future__ import annotations

import marshal
import os

from blast_core.formats.dpl.packed_files import PackedFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.formats.dpl.model import LockedPackage

    #: By name, version and target mask what `PackedFiles.load` reads.
    _Packed = dict[tuple[str, str, int], bytes]

__all__ = ["Parts", "find_parts", "keep_more_parts", "keep_parts"]

_FORMAT = 2
_ENDING = ".parts"
# How many are kept; that of a project with 241 packages takes 0.9 MB.
_MOST = 8
# Larger files hold a whole lock.
_SMALL = 1 << 18


class Parts:
    """The files of a lock's packages, read when the first of them is asked for.

    Args:
        home: BLAST_HOME.
        lock: the content hash of the lock.
    """

    def __init__(self, home: str, lock: bytes) -> None:
        self._home = home
        self._lock = lock
        self._packed: _Packed | None = None

    def files(self, name: str, version: str, targets: int) -> PackedFiles | None:
        """Return the files of a package of the lock; None where they are not kept."""
        if self._packed is None:
            packed, below = _read(self._home, self._lock)
            self._packed = {**_read(self._home, below)[0], **packed} if below else packed
        found = self._packed.get((name, version, targets))
        return PackedFiles.load(found) if found is not None else None


def keep_parts(home: str, lock: bytes, packages: Sequence[LockedPackage]) -> None:
    """Keep the packed files of a lock's packages; a store that can't be written keeps nothing.

    Args:
        home: BLAST_HOME.
        lock: the content hash of the lock.
        packages: all of it.
    """
    _keep(home, lock, _packed(packages), b"")


def keep_more_parts(home: str, lock: bytes, packages: Sequence[LockedPackage], base: bytes) -> None:
    """Keep the packed files of what came to a lock; all others are those that are kept of that one.

    Args:
        home: BLAST_HOME.
        lock: the content hash of the new lock.
        packages: that came to it.
        base: the content hash of the lock that they came to.
    """
    packed, below = _read(home, base, most=_SMALL)
    if not below:
        packed, below = {}, base
    if _touch(home, lock):
        # Others may lead to what is kept already.
        return
    # It stays as long as something is kept that leads to it.
    if _touch(home, below):
        _keep(home, lock, {**packed, **_packed(packages)}, below)


def find_parts(home: str, lock: bytes) -> Parts:
    """Return what is kept of a lock, by its content hash."""
    return Parts(home, lock)


def _packed(packages: Sequence[LockedPackage]) -> _Packed:
    return {
        (row.name, row.version, row.target_mask): _dump(row.files)
        for row in packages
        if isinstance(row.files, PackedFiles)
    }


def _keep(home: str, lock: bytes, packed: _Packed, below: bytes) -> None:
    from zlib import crc32

    from blast_core import fs

    if not packed and not below:
        return
    content = marshal.dumps((_FORMAT, lock, packed, below))
    place = _place(home, lock)
    try:
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, crc32(content).to_bytes(4, "little") + content, durable=False)
        _prune(os.path.dirname(place))
    except OSError:
        return


def _read(home: str, lock: bytes, most: int = 1 << 40) -> tuple[_Packed, bytes]:
    """Return what the file of a lock holds; nothing where it has more bytes than ``most``."""
    from zlib import crc32

    place = _place(home, lock)
    try:
        fd = os.open(place, os.O_RDONLY)
    except OSError:
        return {}, b""
    try:
        size = os.fstat(fd).st_size
        content = os.read(fd, size + 1) if size <= most else b""
        # The oldest give way, and many changes may start from one lock.
        os.utime(place)
    except OSError:
        return {}, b""
    finally:
        os.close(fd)
    view = memoryview(content)[4:]
    if not content or crc32(view).to_bytes(4, "little") != content[:4]:
        return {}, b""
    fields = marshal.loads(view)  # noqa: S302 - this user's own store
    return (fields[2], fields[3]) if fields[:2] == (_FORMAT, lock) else ({}, b"")


def _dump(files: PackedFiles) -> bytes:
    # Not its own dump, after which it would count as kept with what is remembered of its version.
    return marshal.dumps((files.index, files.strings, files.rows, files.steps, files.told))


def _touch(home: str, lock: bytes) -> bool:
    """Let the file of a lock count as new; tell whether there is one."""
    try:
        os.utime(_place(home, lock))
    except OSError:
        return False
    return True


def _place(home: str, lock: bytes) -> str:
    return os.path.join(home, "projects", lock[:8].hex() + _ENDING)


def _prune(directory: str) -> None:
    """Leave the newest alone."""
    from blast_core import fs

    found = [entry for entry in os.scandir(directory) if entry.name.endswith(_ENDING)]
    if len(found) > _MOST:
        found.sort(key=lambda entry: entry.stat().st_mtime_ns)
        for entry in found[:-_MOST]:
            fs.unlink(entry.path)
