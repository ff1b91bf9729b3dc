"""From a wheel's files to a tree in staging: in as few system calls as there can be.

Three per file (open, write, close) and two per directory (mkdir, chmod); nothing is looked at. All are relative to the
tree's own descriptor, and every file is created with ``O_EXCL`` in a directory that this process has made.
"""

from __future__ import annotations

import os

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from blast_core.archive.wheel import Wheel
    from blast_core.formats.dpp.layout import DppFile

__all__ = ["TreeWriter", "is_unpacked"]

_EXECUTABLE = 0o111
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_BYTECODE = (".pyc", ".pyo")


def is_unpacked(path: str) -> bool:
    """Tell whether a wheel's file goes into the tree: all but bytecode, which may be stale or a lie."""
    return not path.endswith(_BYTECODE) and "__pycache__/" not in path


class TreeWriter:
    """Writes a tree as the members of a wheel come by; a ``Sink`` of the converter, and a context manager.

    Args:
        path: the tree's root, which must not exist.

    Raises:
        OSError: something can't be written; what was written stays for the caller to remove.
    """

    __slots__ = ("_directories", "_fd", "_mode", "_prefix")

    def __init__(self, path: str) -> None:
        fs.make_directory(path)
        self._mode = os.lstat(path).st_mode & 0o555  # The umask, without setting it, which other threads would see.
        self._directories: set[str] = {""}
        self._fd: int | None = None
        self._prefix = path + os.sep
        if os.open in os.supports_dir_fd:
            self._fd = os.open(path, _DIRECTORY)
            self._prefix = ""

    @property
    def file_mode(self) -> int:
        """What files are to have that are no programs: all may read them whom the umask lets."""
        return self._mode & 0o444

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the tree's own directory; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def begin(self, wheel: Wheel) -> None:
        """Take note of the wheel; a tree needs nothing of it."""

    def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
        """Write one file, in as many writes as there are chunks."""
        path = file.path
        if path.endswith(_BYTECODE) or "__pycache__/" in path:
            return  # The converter reads and checks what is not taken here.
        if type(chunks) is tuple and self._fd is not None:
            directory = path.rpartition("/")[0]
            if directory not in self._directories:
                self._make_directories(directory)
            (content,) = chunks
            fs.write_file_at(self._fd, path, content, 0o555 if file.mode & _EXECUTABLE else 0o444)
            return
        fd = self.create(path, is_executable=bool(file.mode & _EXECUTABLE))
        try:
            for chunk in chunks:
                if chunk:
                    fs.write(fd, chunk)
        finally:
            os.close(fd)

    def create(self, path: str, *, is_executable: bool = False) -> int:
        """Make an empty file with the directories above it, and return a descriptor to write to."""
        directory = path.rpartition("/")[0]
        if directory not in self._directories:
            self._make_directories(directory)
        return fs.create_file(self._prefix + path, 0o555 if is_executable else 0o444, dir_fd=self._fd)

    def reopen(self, path: str) -> int:
        """Return a descriptor to read a file that was made."""
        return os.open(self._prefix + path, _READ, dir_fd=self._fd)

    def make_executable(self, path: str) -> None:
        """Let all who may read a file that was made run it."""
        fs.set_mode(self._prefix + path, self._mode, dir_fd=self._fd)

    def seal(self) -> None:
        """Take the right to write from all directories but the root, whose renaming needs it on some systems."""
        for directory in self._directories:
            if directory:
                fs.set_mode(self._prefix + directory, self._mode, dir_fd=self._fd)

    def _make_directories(self, path: str) -> None:
        missing = []
        while path not in self._directories:
            missing.append(path)
            path = path.rpartition("/")[0]
        for directory in reversed(missing):
            fs.make_directory(self._prefix + directory, dir_fd=self._fd)
            self._directories.add(directory)
