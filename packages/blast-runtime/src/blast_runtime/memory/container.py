"""The container: one sealed memory file with every file of the distributions, and what is found in it by path.

Its index is a marshal that this user's Blast made in this very run: directories by path, each with its own table, which
is read when it is first looked into. So starting costs a table of directories, not one of files.
"""

from __future__ import annotations

import errno
import marshal
import os
import stat
from mmap import ACCESS_READ, mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from blast_runtime.memory.codes import Codes

    Entry = tuple[Any, ...]
    Table = dict[str, Optional[Entry]]

__all__ = [
    "DESCRIPTOR",
    "FILE",
    "LINK",
    "PREFIX",
    "SITE",
    "Container",
    "check_descriptor",
    "descriptor_path",
    "is_inside",
]

#: Paths in memory begin so. Nobody, whatever his rights, can make a file of this name: the kernel owns /proc.
PREFIX = "/proc/blast-memory"
#: What stands in for site-packages.
SITE = PREFIX + "/site-packages"

# Kinds of entries, and the fields behind the kind; a directory has the entry None.
#: Bytes of the container: size, offset.
FILE = 0
#: A memory file of its own: size, descriptor, paths of the shared objects to be loaded before, inode.
DESCRIPTOR = 1
#: What lies on a disk, such as a directory of the store: its path.
LINK = 2

_TIME = 315532800  # 1980: no archive format knows an earlier one
_DIRECTORY_MODE = stat.S_IFDIR | 0o555
_FILE_MODE = stat.S_IFREG | 0o444
_PROGRAM_MODE = stat.S_IFREG | 0o555
_MOST_NAMES = 64
_FIRST_DESCRIPTOR = 100


def descriptor_path(descriptor: int) -> str:
    """Return the path by which the kernel and C libraries open a descriptor of this process."""
    return f"/proc/self/fd/{descriptor}"


class Container:
    """Everything that lies in memory, by path.

    Args:
        descriptor: of the memory file; it is mapped, and so readable even after somebody closes it.
        offset: where the index begins.
        size: of the index.

    Attributes:
        facts: what the index says beside the directories.
    """

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self.descriptor = descriptor
        # Copies of the descriptor that children don't inherit.
        self._map = mmap(descriptor, 0, access=ACCESS_READ)
        self._view = memoryview(self._map)
        index: dict[str, Any] = marshal.loads(self._view[offset : offset + size])  # noqa: S302 - of this very run
        self._places: dict[str, tuple[int, int]] = index.pop("directories")
        self._tables: dict[str, Table] = {}
        self.facts = index
        self._made: dict[str, int] = {}
        #: Code objects that are shared with other processes of the run; None where there are none.
        self.codes: Codes | None = None

    def table(self, path: str) -> Table | None:
        """Return what lies in a directory, by name; None if there is no such directory in memory."""
        known = self._tables.get(path)
        if known is None:
            place = self._places.get(path)
            if place is None:
                return None
            known = self._tables[path] = marshal.loads(self._view[place[0] : place[0] + place[1]])  # noqa: S302 - as above
        return known

    def find(self, path: str) -> tuple[str, Entry | None]:
        """Return the path without dots, and its entry: () where nothing is, a path on a disk for what is linked.

        Args:
            path: below `PREFIX`.
        """
        if "/." in path or "//" in path or path.endswith("/"):
            path = os.path.normpath(path)
        if not is_inside(path):
            return path, (LINK, path)
        if path in self._places:
            return path, None
        parent, _, name = path.rpartition("/")
        table = self.table(parent)
        if table is not None:
            return path, table.get(name, ())
        # What lies below a link.
        rest = name
        while len(parent) > len(PREFIX):
            above, _, name = parent.rpartition("/")
            table = self.table(above)
            if table is not None:
                entry = table.get(name, ())
                if entry and entry[0] == LINK:
                    return path, (LINK, f"{entry[1]}/{rest}")
                break
            parent, rest = above, f"{name}/{rest}"
        return path, ()

    def view(self, entry: Entry) -> memoryview:
        """Return the bytes of a file in the container."""
        return self._view[entry[2] : entry[2] + entry[1]]

    def read(self, path: str, entry: Entry) -> bytes:
        """Return the content of a file in memory.

        Raises:
            OSError: its descriptor was closed.
        """
        if entry[0] == DESCRIPTOR:
            check_descriptor(path, entry)
            pieces = []
            at = 0
            while at < entry[1]:
                piece = os.pread(entry[2], entry[1] - at, at)
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
            return b"".join(pieces)
        return bytes(self.view(entry))

    def status(self, path: str, entry: Entry | None) -> os.stat_result:
        """Return what ``stat`` says of a file or directory in memory."""
        inode = hash(path) & 0x7FFFFFFFFFFFFFFF
        if entry is None:
            return os.stat_result((_DIRECTORY_MODE, inode, 0, 2, 0, 0, 0, _TIME, _TIME, _TIME))
        mode = _PROGRAM_MODE if entry[0] == DESCRIPTOR or "/bin/" in path else _FILE_MODE
        return os.stat_result((mode, inode, 0, 1, 0, 0, entry[1], _TIME, _TIME, _TIME))

    def materialise(self, path: str, entry: Entry) -> int:
        """Return a descriptor of a file's content, for who can't read otherwise; it is made once and stays open."""
        if entry[0] == DESCRIPTOR:
            check_descriptor(path, entry)
            descriptor: int = entry[2]
            return descriptor
        made = self._made.get(path)
        if made is None:
            made = _memory_file(path.rpartition("/")[2][:_MOST_NAMES])
            rest = self.view(entry)
            while rest:
                rest = rest[os.write(made, rest) :]
            self._made[path] = made
        return made

    def descriptors(self) -> list[int]:
        """Return the descriptors that children need."""
        found = [self.descriptor, *self.facts["descriptors"], *self._made.values()]
        return found if self.codes is None else [*found, self.codes.descriptor]


def _memory_file(name: str) -> int:
    """Return the descriptor of a new memory file, which children inherit, beyond those that programs count on."""
    import fcntl

    made = os.memfd_create(name)
    try:
        return fcntl.fcntl(made, fcntl.F_DUPFD, _FIRST_DESCRIPTOR)
    finally:
        os.close(made)


def is_inside(path: str) -> bool:
    """Tell whether a path is one in memory."""
    return path.startswith(PREFIX) and (len(path) == len(PREFIX) or path[len(PREFIX)] == "/")


def _is_sealed(descriptor: int) -> bool:
    import fcntl

    return fcntl.fcntl(descriptor, 1034) & 0xF == 0xF  # F_GET_SEALS


def check_descriptor(path: str, entry: Entry) -> None:
    """Make sure that a descriptor is still the memory file that it was.

    Raises:
        OSError: the program closed it, so that the file is gone.
    """
    try:
        found = os.fstat(entry[2])
        # What many runs share may be an equal memory file that came first: of this size, and sealed.
        if found.st_ino == entry[4] or (found.st_size == entry[1] and _is_sealed(entry[2])):
            return
    except OSError:
        pass
    raise OSError(errno.EBADF, "the program closed the descriptor of this file, which lies in memory", path)
