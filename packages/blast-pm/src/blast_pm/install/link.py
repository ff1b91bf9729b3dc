"""How a file of the store reaches an environment: hard link, symbolic link, clone, copy, each the next's fallback.

Hard links come first even in a folded environment: one costs half of a symbolic link on ext4, and stays whole when the
store goes. Symbolic links are for directories, and for files where store and environment are on different file systems.
A clone is a copy that shares its blocks until somebody writes: of its own, at the price of a link.

| mode | directories | files, in this order |
|---|---|---|
| fold | links where they can be | hard link, symbolic link, clone, copy |
| hardlink | real | hard link, clone, copy |
| clone | real | clone, copy |
| copy | real | copy |
"""

from __future__ import annotations

import errno
import os

from blast_core import fs
from blast_core.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MODES", "Counts", "DirectoryLinksRefused", "Placer", "format_modes", "parse_modes"]

MODES = ("fold", "hardlink", "clone", "copy")

# No such link here: another file system, one without links, or one that forbids them to others than the owner.
_NO_LINKS = frozenset([errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP])
_NO_CLONES = frozenset([*_NO_LINKS, errno.EINVAL, errno.ENOTTY])
# Windows' ways to say so that have no errno: no such function, no such right, not supported; and no more links.
_WINDOWS_NO_LINKS = frozenset([1, 50, 1314])
_WINDOWS_MANY_LINKS = 1142
_LINK, _SYMLINK, _APART = 0, 1, 2
_WAYS = {"fold": (_LINK, _SYMLINK, _APART), "hardlink": (_LINK, _APART), "clone": (_APART,), "copy": (_APART,)}
_WRITABLE = 0o200
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# For fewer files the walk down to each is cheaper than to open its directory and to close it.
_FEW = 8
# Above this, one flush of the whole file system is cheaper than one per file.
_MANY_FILES = 100


class DirectoryLinksRefused(Exception):
    """The file system of an environment can't hold links to directories; the text says why."""


class Counts:
    """What was made; approximate by a few when two threads count at once, and nothing depends on it.

    Attributes:
        new: paths below the environment of what was copied and written.
    """

    __slots__ = ("clones", "copies", "directories", "hardlinks", "new", "symlinks", "written")

    def __init__(self) -> None:
        self.directories = self.symlinks = self.hardlinks = self.clones = self.copies = self.written = 0
        self.new: list[str] = []

    def take_unflushed(self, destination: str) -> tuple[str, ...]:
        """Return the paths below the environment of what was copied and written, and may not be on the disk yet.

        Links need no more than the journal. Where there are too many, they are flushed at once, and none is returned.
        None is, either, where the generation is marked: then they are compared with their RECORDs after another start.
        """
        from blast_pm.store.durability import generation_boot

        if generation_boot():
            return ()
        if len(self.new) <= _MANY_FILES:
            return tuple(self.new)
        fs.sync_filesystem(destination)
        return ()


def parse_modes(text: str) -> tuple[str, dict[str, str]]:
    """Return the link mode that a text names, and those of single distributions by normalised name.

    Args:
        text: a mode, then ``,NAME=MODE`` for each distribution that has another.

    Raises:
        InstallError: there is no such mode.
    """
    mode, *rest = text.split(",")
    packages = {name: other for name, _, other in (part.partition("=") for part in rest)}
    for one in (mode, *packages.values()):
        if one not in _WAYS:
            raise InstallError(f"there is no link mode {one!r}", hint=f"the link modes are {', '.join(MODES)}")
    return mode, packages


def format_modes(mode: str, packages: Mapping[str, str]) -> str:
    """Return the text that `parse_modes` reads, one and the same for the same modes."""
    return ",".join([mode, *(f"{name}={packages[name]}" for name in sorted(packages) if packages[name] != mode)])


class Placer:
    """Puts names into directories of one environment.

    Directories are given twice: as an open descriptor, maybe of one above and what leads down from there, and by their
    path. Where a system opens no directories (Windows), the descriptor is None, and the path alone is used.

    Args:
        destination: absolute path of the environment.
        mode: one of `MODES`.
        counts: what was made is added to; None for counts of its own.
        store: an open directory, and its path with a slash at the end: what is below is found from there.
    """

    __slots__ = (
        "_clones",
        "_destination",
        "_keeps_links",
        "_mode",
        "_notes",
        "_step",
        "_store",
        "_ways",
        "_why",
        "counts",
    )

    def __init__(
        self,
        destination: str,
        mode: str,
        counts: Counts | None = None,
        store: tuple[int | None, str] = (None, ""),
    ) -> None:
        self._store = store
        self._keeps_links = store[0] is not None
        self._destination = destination
        self._mode = mode
        self._ways = _WAYS[mode]
        self._step = 0
        self._clones = mode != "copy"
        self._why = ""
        self._notes: list[str] = []
        self.counts = counts or Counts()

    @property
    def notes(self) -> tuple[str, ...]:
        """Which fallback was taken and why, a line each, each once."""
        if not self._why:
            return tuple(self._notes)
        is_by_name = self._ways[self._step] == _SYMLINK
        how = "linked by name" if is_by_name else "cloned" if self._clones else "copied"
        wanted = "cloned" if self._mode == "clone" else "hard-linked"
        return (f"files are {how} instead of {wanted}: {self._why}", *self._notes)

    def directories(
        self, names: Iterable[str], source: str, fd: int | None, path: str, below: str = "", kept: str = ""
    ) -> None:
        """Link whole directories.

        A symbolic link is an inode of its own, and to make one takes three times as long as another name of one that
        is there. So the link is kept in the store, beside the small files that are prepared, and gets a name here.

        Args:
            names: of the directories, there and here.
            source: absolute path of the directory that holds them, with a slash at the end.
            fd: the directory to make the links in, or one above.
            path: the same, relative to the environment, with a slash at the end unless it is empty.
            below: what leads there from ``fd``, likewise.
            kept: what the kept links' paths begin with, from the open store; empty to keep none.

        Raises:
            DirectoryLinksRefused: the file system has none.
        """
        base = self._base(fd, path, below)
        for name in names:
            self.counts.symlinks += 1
            target = source + name
            keep = kept + name.replace("/", "+") if kept and fd is not None and self._keeps_links else ""
            if keep and self._link_kept(keep, target, base + name, fd):
                continue
            try:
                fs.link_directory(target, base + name, dir_fd=fd)
            except OSError as error:
                if not _is_refusal(error, _NO_LINKS):
                    raise
                raise DirectoryLinksRefused(error.strerror or "no links to directories") from error
            if keep and self._keeps_links:
                self._keep(base + name, keep, fd)

    def _link_kept(self, keep: str, target: str, path: str, fd: int | None) -> bool:
        """Give a kept link a name here; False where there is none that leads to ``target``."""
        store = self._store[0]
        try:
            fs.hardlink(keep, path, src_dir_fd=store, dst_dir_fd=fd)
        except FileNotFoundError:
            return False
        except OSError as error:
            if not _is_full(error):
                self._refuse(error, _NO_LINKS, tell=False)
                self._keeps_links = False
            return False
        # What a disk lost, or a store that was moved since: it is looked at where nobody changes it any more.
        if os.readlink(path, dir_fd=fd) == target:
            return True
        fs.unlink(path, dir_fd=fd)
        try:
            fs.unlink(keep, dir_fd=store)
        except OSError:
            # Somebody else was quicker, or may.
            pass
        return False

    def _keep(self, path: str, keep: str, fd: int | None) -> None:
        try:
            fs.hardlink(path, keep, src_dir_fd=fd, dst_dir_fd=self._store[0])
        except (FileExistsError, FileNotFoundError):
            # Somebody else was quicker; or nothing is prepared for this distribution.
            return
        except OSError as error:
            # The environment has its link, and what the store can't hold it only has not.
            if not _is_full(error):
                self._keeps_links = False

    def files(
        self, names: Sequence[str], source: str, fd: int | None, path: str, below: str = "", *, own: bool
    ) -> None:
        """Bring files of one directory over.

        Args:
            names: of the files, there and here.
            source: absolute path of the directory that holds them, with a slash at the end.
            fd: the directory to put them into, or one above.
            path: the same, relative to the environment, with a slash at the end unless it is empty.
            below: what leads there from ``fd``, likewise.
            own: the file must not be a symbolic link, because programs replace it in place.
        """
        done = 0
        if fd is not None and len(names) > 1 and self._ways[self._step] == _LINK:
            done = self._link_together(names, source, fd, below)
        for name in names[done:]:
            self._file(source + name, name, fd, path, below, own=own)

    def _link_together(self, names: Sequence[str], source: str, fd: int, below: str) -> int:
        """Make hard links as long as none is refused, and return how many; the next is done again, and judged, alone.

        From an open directory, where the kernel need not walk down to the store for each: 4 % of a hard-linked
        environment.
        """
        store, top = self._store
        if len(names) <= _FEW and store is not None and source.startswith(top):
            done = fs.hardlinks(names, source[len(top) :], below, src_dir_fd=store, dst_dir_fd=fd)
        else:
            try:
                source_fd = os.open(source, _DIRECTORY)
            except OSError:
                return 0
            try:
                done = fs.hardlinks(names, "", below, src_dir_fd=source_fd, dst_dir_fd=fd)
            finally:
                os.close(source_fd)
        self.counts.hardlinks += done
        return done

    def program(self, source: str, name: str, fd: int | None, path: str, below: str = "") -> None:
        """Bring one file over under another name, and never as a symbolic link; see `files`."""
        self._file(source, name, fd, path, below, own=True)

    def copy(self, source: str, path: str) -> None:
        """Copy a file to a path relative to the environment; the owner may write to the copy."""
        fs.copy_file(source, f"{self._destination}/{path}", _mode_of_copy(source))
        self.counts.new.append(path)
        self.counts.copies += 1

    def write(self, name: str, content: bytes, fd: int | None, path: str, mode: int = 0o644, below: str = "") -> None:
        """Write a small file; see `files`."""
        if fd is None:
            fs.write_file(f"{self._destination}/{path}{name}", content, mode)
        else:
            fs.write_file_at(fd, below + name, content, mode)
        self.counts.new.append(path + name)
        self.counts.written += 1

    def _base(self, fd: int | None, path: str, below: str) -> str:
        return f"{self._destination}/{path}" if fd is None else below

    def _file(self, source: str, name: str, fd: int | None, path: str, below: str, *, own: bool) -> None:
        store, top = self._store
        near = source[len(top) :] if store is not None and source.startswith(top) else source
        while (way := self._ways[self._step]) != _APART and not (own and way == _SYMLINK):
            try:
                if way == _LINK:
                    fs.hardlink(near, self._base(fd, path, below) + name, src_dir_fd=store, dst_dir_fd=fd)
                    self.counts.hardlinks += 1
                else:
                    fs.symlink(source, self._base(fd, path, below) + name, dir_fd=fd)
                    self.counts.symlinks += 1
            except OSError as error:
                if way == _LINK and _is_full(error):
                    self._note("the file system allows no more hard links to some files; they are copied")
                    break
                self._refuse(error, _NO_LINKS, tell=way == _LINK)
                # Another thread may have found out as well.
                self._step = self._ways.index(way) + 1
            else:
                return
        self._apart(source, path + name)

    def _apart(self, source: str, path: str) -> None:
        """Make a file of its own: a clone while the file system has them."""
        if self._clones:
            try:
                fs.clone_file(source, f"{self._destination}/{path}", _mode_of_copy(source))
            except OSError as error:
                self._refuse(error, _NO_CLONES, tell=self._mode == "clone")
                self._clones = False
            else:
                self.counts.new.append(path)
                self.counts.clones += 1
                return
        self.copy(source, path)

    def _refuse(self, error: OSError, refusals: frozenset[int], *, tell: bool) -> None:
        """Go on if a way was refused, and keep why for the notes if it was the mode's first; raise another error."""
        if not _is_refusal(error, refusals):
            raise error
        if tell and not self._why:
            is_far = error.errno == errno.EXDEV
            self._why = "the store is on another file system" if is_far else (error.strerror or "there are none")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def _is_refusal(error: OSError, refusals: frozenset[int]) -> bool:
    return error.errno in refusals or getattr(error, "winerror", 0) in _WINDOWS_NO_LINKS


def _is_full(error: OSError) -> bool:
    return error.errno == errno.EMLINK or getattr(error, "winerror", 0) == _WINDOWS_MANY_LINKS


def _mode_of_copy(source: str) -> int:
    """Return the permission bits of a file's copy: the owner may write to it."""
    return (os.stat(source).st_mode & 0o777) | _WRITABLE
