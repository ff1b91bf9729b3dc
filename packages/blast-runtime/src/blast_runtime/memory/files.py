"""The file system of what lies in memory: `open`, `os.stat` and their kin, for paths below `PREFIX`.

Programs read data beside their modules by path. Each function here takes the place of one of `os`, `io` or `builtins`,
looks at the beginning of the path and calls the original for every path but its own. What would write gets EROFS.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sys

from blast_runtime.memory.container import LINK, PREFIX, descriptor_path, is_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from blast_runtime.memory.container import Container, Entry

__all__ = ["MemoryEntry", "MemoryFile", "install", "real_path"]

_PREFIX_BYTES = PREFIX.encode()
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_container: Container
_original: dict[str, Any] = {}


class _StandIn:
    """A function in the place of one of the interpreter's own, which, as those, is no method where a class has it."""

    def __init__(self, function: Callable[..., Any], original: Any) -> None:
        self._function = function
        self.__name__ = original.__name__
        self.__qualname__ = original.__name__
        self.__module__ = original.__module__
        self.__doc__ = original.__doc__
        self.__wrapped__ = original

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._function(*arguments, **named)

    def __reduce__(self) -> str:
        name: str = self.__name__
        return name


def install(container: Container) -> None:
    """Take the places of the functions; once for a process."""
    global _container  # noqa: PLW0603 - functions that stand in for those of `os` have no other place for it
    _container = container
    _original["io_open"] = io.open
    _original["open_code"] = io.open_code
    builtins.open = io.open = _StandIn(_open, io.open)
    io.open_code = _StandIn(_open_code, io.open_code)
    for name, function in _OS_FUNCTIONS.items():
        original = _original[name] = getattr(os, name)
        stand_in = _StandIn(function, original)
        setattr(os, name, stand_in)
        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if original in able:
                able.add(stand_in)
    _refresh_path_types()


def real_path(path: str) -> str:
    """Return a path of the same content that the system can open: on a disk, or among descriptors."""
    found = _inside(path)
    if found is None:
        return path
    path, entry = _container.find(found)
    if entry and entry[0] == LINK:
        linked: str = entry[1]
        return linked
    if not entry:
        raise _missing(path) if entry == () else IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor_path(_container.materialise(path, entry))


class MemoryFile(io.BytesIO):
    """A file in memory, open for reading; it has a descriptor as soon as somebody asks for it."""

    def __init__(self, path: str, entry: Entry) -> None:
        super().__init__(_container.read(path, entry))
        self.name = path
        self._entry = entry
        # Closed with this object. `close` itself stays that of the base class, since libraries call it at a time when
        # the interpreter has taken modules apart.
        self._held: _Held | None = None

    @property
    def mode(self) -> str:
        """As that of a file that was opened for reading."""
        return "rb"

    def fileno(self) -> int:
        """Return a descriptor that reads the same bytes, from the same place on."""
        if self._held is None:
            made = _container.materialise(self.name, self._entry)
            self._held = _Held(_original["open"](descriptor_path(made), os.O_RDONLY | os.O_CLOEXEC))
            os.lseek(self._held.descriptor, self.tell(), os.SEEK_SET)
        return self._held.descriptor

    def writable(self) -> bool:
        """Return False."""
        return False

    def write(self, _: Any) -> int:
        """Refuse.

        Raises:
            io.UnsupportedOperation: always.
        """
        raise io.UnsupportedOperation("not writable")


class _Held:
    """A descriptor that is closed with this object."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._close = os.close

    def __del__(self) -> None:
        self._close(self.descriptor)


class MemoryEntry:
    """What `os.scandir` yields for a path in memory."""

    __slots__ = ("_entry", "name", "path")

    def __init__(self, directory: str, name: str, entry: Entry | None) -> None:
        self.name = name
        self.path = f"{directory}/{name}"
        self._entry = entry

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        """Tell whether it is a directory."""
        if self._entry is not None and self._entry[0] == LINK:
            return os.path.isdir(self._entry[1])
        return self._entry is None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - as above
        """Tell whether it is a file."""
        if self._entry is not None and self._entry[0] == LINK:
            return os.path.isfile(self._entry[1])
        return self._entry is not None

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def is_junction(self) -> bool:
        """Return False."""
        return False

    def inode(self) -> int:
        """Return its number."""
        return self.stat().st_ino

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002 - as above
        """Return what `os.stat` does."""
        return _stat(self.path)


class _Scan:
    def __init__(self, directory: str, names: dict[str, Entry | None]) -> None:
        self._rows = iter([MemoryEntry(directory, name, entry) for name, entry in names.items()])

    def __enter__(self) -> _Scan:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[MemoryEntry]:
        return self._rows

    def __next__(self) -> MemoryEntry:
        return next(self._rows)

    def close(self) -> None:
        self._rows = iter(())


def _inside(path: Any) -> str | None:
    """Return a path in memory as text; None for all others."""
    if path.__class__ is not str:
        if isinstance(path, bytes):
            return os.fsdecode(path) if path.startswith(_PREFIX_BYTES) and is_inside(os.fsdecode(path)) else None
        if not isinstance(path, str):
            try:
                path = path.__fspath__()
            except AttributeError:
                return None
            if not isinstance(path, str):
                return None
    return str.__str__(path) if path.startswith(PREFIX) and is_inside(path) else None


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _refused(path: str) -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def _find(path: str) -> tuple[str, Entry | None, str]:
    """Return the path, its entry, and the path on a disk if it is linked.

    Raises:
        FileNotFoundError: there is nothing.
    """
    path, entry = _container.find(path)
    if entry is None:
        return path, None, ""
    if not entry:
        raise _missing(path)
    return path, entry, entry[1] if entry[0] == LINK else ""


def _open(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
    inside = _inside(file)
    if inside is None:
        return _original["io_open"](file, mode, *rest, **named)
    if any(letter in mode for letter in "wax+"):
        raise _refused(inside)
    path, entry, linked = _find(inside)
    if linked:
        return _original["io_open"](linked, mode, *rest, **named)
    if entry is None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    opened = MemoryFile(path, entry)
    return opened if "b" in mode else _as_text(opened, *rest, **named)


def _as_text(  # the positions are those of `open`
    file: MemoryFile,
    buffering: int = -1,  # noqa: ARG001 - as below
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,  # noqa: ARG001, FBT001, FBT002
    opener: object = None,  # noqa: ARG001
) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding, errors, newline)


def _open_code(path: str) -> Any:
    return _open(path, "rb") if _inside(path) is not None else _original["open_code"](path)


def _os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    inside = _inside(path)
    if inside is None:
        descriptor: int = _original["open"](path, flags, mode, dir_fd=dir_fd)
        return descriptor
    if flags & _WRITING:
        raise _refused(inside)
    path, entry, linked = _find(inside)
    if not linked and entry is None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    opened: int = _original["open"](linked or real_path(path), flags & ~os.O_NOFOLLOW)
    return opened


def _stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    inside = _inside(path)
    if inside is None:
        result: os.stat_result = _original["stat"](path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        return result
    path, entry, linked = _find(inside)
    if not linked:
        return _container.status(path, entry)
    return _original["stat"](linked)  # type: ignore[no-any-return]


def _lstat(path: Any, *, dir_fd: int | None = None) -> os.stat_result:
    if _inside(path) is not None:
        return _stat(path)
    result: os.stat_result = _original["lstat"](path, dir_fd=dir_fd)
    return result


def _names(path: str) -> tuple[str, dict[str, Entry | None], str]:
    found, entry, linked = _find(path)
    if linked:
        return found, {}, linked
    if entry is not None:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return found, _container.table(found) or {}, ""


def _listdir(path: Any = None) -> Any:
    inside = None if path is None else _inside(path)
    if inside is None:
        return _original["listdir"](path)
    _, names, linked = _names(inside)
    if linked:
        return _original["listdir"](os.fsencode(linked) if isinstance(path, bytes) else linked)
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else list(names)


def _scandir(path: Any = None) -> Any:
    inside = None if path is None else _inside(path)
    if inside is None:
        return _original["scandir"](path)
    found, names, linked = _names(inside)
    return _original["scandir"](linked) if linked else _Scan(found, names)


def _access(
    path: Any, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False, follow_symlinks: bool = True
) -> bool:
    inside = _inside(path)
    if inside is None:
        allowed: bool = _original["access"](
            path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks
        )
        return allowed
    try:
        status = _stat(inside)
    except OSError:
        return False
    return not (mode & os.W_OK or (mode & os.X_OK and not status.st_mode & 0o111))


def _readlink(path: Any, *, dir_fd: int | None = None) -> Any:
    inside = _inside(path)
    if inside is None:
        return _original["readlink"](path, dir_fd=dir_fd)
    _find(inside)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), inside)


def _listxattr(path: Any = None, *, follow_symlinks: bool = True) -> list[str]:
    inside = None if path is None else _inside(path)
    if inside is None:
        names: list[str] = _original["listxattr"](path, follow_symlinks=follow_symlinks)
        return names
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), inside)


def _mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    inside = _inside(path)
    if inside is None:
        return _original["mkdir"](path, mode, dir_fd=dir_fd)  # type: ignore[no-any-return]
    if os.path.isdir(inside):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), inside)
    raise _refused(inside)


_OS_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "access": _access,
    "listdir": _listdir,
    "listxattr": _listxattr,
    "lstat": _lstat,
    "mkdir": _mkdir,
    "open": _os_open,
    "readlink": _readlink,
    "scandir": _scandir,
    "stat": _stat,
}


def _refresh_path_types() -> None:
    """Give what pathlib took from `os` when it was imported, as up to Python 3.10, to those who use it from now on."""
    accessor = getattr(sys.modules.get("pathlib"), "_NormalAccessor", None)
    if accessor is None:
        return
    for name in _OS_FUNCTIONS:
        if name != "open" and hasattr(accessor, name):
            setattr(accessor, name, getattr(os, name))
    if hasattr(accessor, "open"):
        # Python 3.9's is that of `os`, 3.10's that of `io`.
        accessor.open = io.open if sys.version_info >= (3, 10) else os.open
