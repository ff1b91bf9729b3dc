"""How a file of the store reaches an environment: hard link, symbolic link or copy, each the next one's fallback.

Hard links come first even in a folded environment: one costs half of a symbolic link on ext4, and stays whole when the
store goes. Symbolic links are for directories, and for files where store and environment are on different file systems.
"""

from __future__ import annotations

import errno
import os

from blast_core import fs
from blast_core.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MODES", "Counts", "Placer"]

MODES = ("fold", "hardlink", "copy")

# No hard link here: another file system, one without links, or one that forbids them to others than the owner.
_NO_LINKS = frozenset([errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP])
_LINK, _SYMLINK, _COPY = 0, 1, 2
_WRITABLE = 0o200
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Above this, one flush of the whole file system is cheaper than one per file.
_MANY_FILES = 100


class Counts:
    """What was made; approximate by a few when two threads count at once, and nothing depends on it."""

    __slots__ = ("copies", "directories", "hardlinks", "symlinks", "written")

    def __init__(self) -> None:
        self.directories = self.symlinks = self.hardlinks = self.copies = self.written = 0


class Placer:
    """Puts names into open directories of one environment.

    Args:
        destination: absolute path of the environment.
        mode: one of `MODES`.

    Attributes:
        counts: what was made.
        notes: which fallback was taken and why, a line each, each once.
    """

    __slots__ = ("_destination", "_fold", "_new", "_step", "counts", "notes")

    def __init__(self, destination: str, mode: str) -> None:
        self._destination = destination
        self._fold = mode == "fold"
        self._step = _COPY if mode == "copy" else _LINK
        self._new: list[str] = []
        self.counts = Counts()
        self.notes: list[str] = []

    def directories(self, names: Iterable[str], source: str, fd: int) -> None:
        """Link whole directories.

        Args:
            names: of the directories, there and here.
            source: absolute path of the directory that holds them, with a slash at the end.
            fd: the directory to make the links in.

        Raises:
            InstallError: the file system has no symbolic links.
        """
        symlink = fs.symlink
        try:
            for name in names:
                symlink(source + name, name, dir_fd=fd)
                self.counts.symlinks += 1
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise InstallError(
                f"{self._destination} can't hold symbolic links",
                reason=error.strerror or "",
                hint="choose another place for the environment, or --link-mode copy",
            ) from error

    def files(self, names: Sequence[str], source: str, fd: int, path: str, *, own: bool) -> None:
        """Bring files of one directory over.

        Args:
            names: of the files, there and here.
            source: absolute path of the directory that holds them, with a slash at the end.
            fd: the directory to put them into.
            path: the same, relative to the environment, with a slash at the end unless it is empty.
            own: the file must not be a symbolic link, because programs replace it in place.
        """
        rest = self._link_together(names, source, fd) if self._step == _LINK and len(names) > 1 else names
        for name in rest:
            self._file(source + name, name, fd, path, own=own)

    def _link_together(self, names: Sequence[str], source: str, fd: int) -> Sequence[str]:
        """Make hard links as long as none is refused, and return the names that are left.

        From an open directory, where the kernel need not walk down to the store for each: 4 % of a hard-linked
        environment.
        """
        done = 0
        try:
            source_fd = os.open(source, _DIRECTORY)
            try:
                for name in names:
                    fs.hardlink(name, name, src_dir_fd=source_fd, dst_dir_fd=fd)
                    done += 1
            finally:
                os.close(source_fd)
        except OSError:
            # Done again, and judged, by itself.
            pass
        self.counts.hardlinks += done
        return names[done:]

    def program(self, source: str, name: str, fd: int, path: str) -> None:
        """Bring one file over under another name, and never as a symbolic link; see `files`."""
        self._file(source, name, fd, path, own=True)

    def copy(self, source: str, path: str) -> None:
        """Copy a file to a path relative to the environment; the owner may write to the copy."""
        mode = (os.stat(source).st_mode & 0o777) | _WRITABLE
        fs.copy_file(source, f"{self._destination}/{path}", mode)
        self._new.append(path)
        self.counts.copies += 1

    def write(self, name: str, content: bytes, fd: int, path: str, mode: int = 0o644) -> None:
        """Write a small file; see `files`."""
        fs.write_file_at(fd, name, content, mode)
        self._new.append(path + name)
        self.counts.written += 1

    def take_unflushed(self) -> tuple[str, ...]:
        """Return the paths below the environment of what was copied and written, and may not be on the disk yet.

        Links need no more than the journal. Where there are too many, they are flushed at once, and none is returned.
        """
        if len(self._new) <= _MANY_FILES:
            return tuple(self._new)
        fs.sync_filesystem(self._destination)
        return ()

    def _file(self, source: str, name: str, fd: int, path: str, *, own: bool) -> None:
        if self._step == _LINK:
            try:
                fs.hardlink(source, name, dst_dir_fd=fd)
                self.counts.hardlinks += 1
                return
            except OSError as error:
                if error.errno == errno.EMLINK:
                    self._note("the file system allows no more hard links to some files; they are copied")
                    self.copy(source, path + name)
                    return
                self._fall_back(error)
        if self._step == _SYMLINK and not own:
            fs.symlink(source, name, dir_fd=fd)
            self.counts.symlinks += 1
        else:
            self.copy(source, path + name)

    def _fall_back(self, error: OSError) -> None:
        if error.errno not in _NO_LINKS:
            raise error
        self._step = _SYMLINK if self._fold else _COPY
        is_far = error.errno == errno.EXDEV
        why = "the store is on another file system" if is_far else (error.strerror or "no hard links")
        self._note(f"files are {'linked by name' if self._fold else 'copied'} instead of hard-linked: {why}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
