"""What a power loss leaves on a disk: a recording of all changes, and states that a file system may show afterwards.

`recording` writes down what a process does through `blast_core.fs`, and each state of a database that was committed.
`Disk` plays a recording up to a moment, then drops what was not flushed as a file system may do it:

- ``ordered``: names, links and modes come to the disk in the order in which they were made, and a flush of anything
  brings all of them; contents only by a flush (ext4, XFS). What is not flushed of a file is there, or cut, or zeros.
- ``unordered``: of names, too, any may be missing that was not flushed, be it by its file or by its directory (btrfs).
"""

from __future__ import annotations

import marshal
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

from blast_core import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

__all__ = ["Disk", "Step", "read_recording", "record_database", "recording"]

Step = tuple[Any, ...]

_lock = threading.RLock()
_log = -1


def recording(path: str) -> None:
    """Append what this process does from now on to the file ``path``, until it ends."""
    global _log  # noqa: PLW0603 - one process has one recording
    _log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for name, describe in _STEPS.items():
        setattr(fs, name, _wrapped(getattr(fs, name), describe))
    fs.hardlinks = _hardlinks


def _hardlinks(names: Sequence[str], source: str, path: str, *, src_dir_fd: int | None, dst_dir_fd: int | None) -> int:
    """Do what `fs.hardlinks` does by one that is recorded after the other."""
    done = 0
    try:
        for name in names:
            fs.hardlink(source + name, path + name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            done += 1
    except OSError:
        return done
    return done


def record_database(path: str) -> None:
    """Record a database as it was just committed."""
    with _lock, open(path, "rb") as file:
        _write(("database", path, file.read()))


def read_recording(path: str) -> list[Step]:
    """Return the steps of a recording."""
    steps = []
    with open(path, "rb") as file:
        while head := file.read(8):
            content = file.read(int.from_bytes(head, "big"))
            steps.append(tuple(marshal.loads(content)))  # noqa: S302 - what `recording` wrote
    return steps


def _write(step: Step) -> None:
    content = marshal.dumps(step)
    os.write(_log, len(content).to_bytes(8, "big") + content)


def _wrapped(function: Callable[..., Any], describe: Callable[..., Step]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        with _lock:
            before = describe(*arguments, **options)
            answer = function(*arguments, **options)
            if before[0] in ("create", "open", "copy"):
                mode = stat.S_IMODE(os.lstat(before[1]).st_mode)
                before = (*before, mode)
            if before[0] == "copy":
                with open(before[1], "rb") as file:
                    before = ("content", *before[1:], file.read())
            _write(before)
            return answer

    return call


def _at(path: str | int, dir_fd: int | None = None) -> str:
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    if dir_fd is not None and not os.path.isabs(path):
        return os.path.normpath(os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path))
    return os.path.abspath(path)


def _written(fd: int, content: bytes | bytearray | memoryview) -> Step:
    return ("write", _at(fd), os.lseek(fd, 0, os.SEEK_CUR), bytes(content))


def _linked(source: str, path: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> Step:
    return ("link", _at(source, src_dir_fd), _at(path, dst_dir_fd))


def _renamed(source: str, path: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> Step:
    return ("rename", _at(source, src_dir_fd), _at(path, dst_dir_fd))


# Functions that are made of others here, such as `replace_file`, are recorded as these.
_STEPS: dict[str, Callable[..., Step]] = {
    "create_file": lambda path, _mode=0o666, *, dir_fd=None: ("create", _at(path, dir_fd)),
    "open_file": lambda path, _mode=0o666: ("open", _at(path)),
    # Its writing is recorded before it: with its content it is right whatever came of that.
    "write_file_at": lambda dir_fd, name, *_: ("copy", _at(name, dir_fd)),
    "write": _written,
    "sync_file": lambda fd: ("flush", _at(fd)),
    "sync_directory": lambda path: ("flush", _at(path)),
    "sync_filesystem": lambda _path: ("flush all",),
    "make_directory": lambda path, _mode=0o777, *, dir_fd=None: ("directory", _at(path, dir_fd)),
    "symlink": lambda target, path, *, dir_fd=None: ("symlink", target, _at(path, dir_fd)),
    "hardlink": _linked,
    "rename": _renamed,
    "exchange": lambda one, other: ("exchange", _at(one), _at(other)),
    "unlink": lambda path, *, dir_fd=None: ("unlink", _at(path, dir_fd)),
    "remove_directory": lambda path, *, dir_fd=None: ("unlink", _at(path, dir_fd)),
    "set_mode": lambda path, mode, *, dir_fd=None: ("mode", _at(path, dir_fd), mode),
    "copy_file": lambda _source, path, _mode=None: ("copy", _at(path)),
    "clone_file": lambda _source, path, _mode=None: ("copy", _at(path)),
}


class _Node:
    """A directory (with children), a symbolic link (with a target) or a file."""

    def __init__(self, kind: str, content: bytes = b"", mode: int = 0o644) -> None:
        self.kind = kind
        self.content = content
        #: What of it is surely on the disk.
        self.safe: bytes | None = None
        self.mode = mode
        self.children: dict[str, _Node] = {}


class Disk:
    """A directory as a recording leaves it.

    Args:
        root: the directory; all steps that lead out of it are passed over.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._top = _load(root)
        self._databases: dict[str, list[bytes]] = {}

    def play(self, steps: Sequence[Step], order: str, random: Random) -> None:
        """Do what a disk may show of ``steps`` when the power goes after the last of them.

        Args:
            steps: all till then.
            order: ``ordered`` or ``unordered``.
            random: decides what is lost.
        """
        kinds = [step[0] for step in steps]
        flushes = ("flush", "flush all") if order == "ordered" else ("flush all",)
        safe = max((at + 1 for at, kind in enumerate(kinds) if kind in flushes), default=0)
        reached = random.randint(safe, len(steps)) if order == "ordered" else len(steps)
        flushed = {step[1]: at for at, step in enumerate(steps) if step[0] == "flush"}
        lost = random.random()
        for at, step in enumerate(steps):
            names = [name for name in step[1:3] if isinstance(name, str)]
            if order == "unordered" and at >= safe and step[0] not in ("flush", "database"):
                # A file's flush brings its own names; a directory's those in it.
                places = (*names, *map(os.path.dirname, names))
                is_flushed = any(flushed.get(place, -1) > at for place in places)
                if not is_flushed and random.random() < lost:
                    continue
            elif at >= reached and step[0] not in ("write", "content", "database"):
                continue
            self._do(step)
        for node in _all_nodes(self._top):
            if node.kind == "file" and node.safe != node.content:
                node.content = _lose(node, random)
        for path, versions in self._databases.items():
            # The last commit but one is the least that LMDB keeps without its metasync.
            self._put(path, _Node("file", random.choice(versions[-2:]), 0o600))

    def write(self) -> None:
        """Put this state at the root's place."""
        if os.path.lexists(self.root):
            fs.remove_tree(self.root)
        _dump(self._top, self.root, {})

    def _do(self, step: Step) -> None:
        kind, *rest = step
        try:
            getattr(self, f"_{kind.replace(' ', '_')}")(*rest)
        except (KeyError, ValueError, AttributeError):
            # What it works on was lost, or lies elsewhere.
            return

    def _find(self, path: str) -> _Node:
        relative = os.path.relpath(path, self.root)
        if relative.startswith(".."):
            raise KeyError(path)
        node = self._top
        for name in () if relative == "." else relative.split(os.sep):
            node = node.children[name]
        return node

    def _parent(self, path: str) -> tuple[dict[str, _Node], str]:
        directory, name = os.path.split(path)
        parent = self._find(directory)
        if parent.kind != "directory":
            raise KeyError(path)
        return parent.children, name

    def _put(self, path: str, node: _Node) -> None:
        try:
            children, name = self._parent(path)
        except KeyError:
            return
        children[name] = node

    def _create(self, path: str, mode: int) -> None:
        self._put(path, _Node("file", mode=mode))

    def _open(self, path: str, mode: int) -> None:
        children, name = self._parent(path)
        children.setdefault(name, _Node("file", mode=mode))

    def _write(self, path: str, offset: int, content: bytes) -> None:
        node = self._find(path)
        node.content = node.content[:offset].ljust(offset, b"\0") + content + node.content[offset + len(content) :]

    def _content(self, path: str, mode: int, content: bytes) -> None:
        self._put(path, _Node("file", content, mode))

    def _directory(self, path: str) -> None:
        children, name = self._parent(path)
        children.setdefault(name, _Node("directory", mode=0o755))

    def _symlink(self, target: str, path: str) -> None:
        self._put(path, _Node("link", os.fsencode(target)))

    def _link(self, source: str, path: str) -> None:
        self._put(path, self._find(source))

    def _rename(self, source: str, path: str) -> None:
        children, name = self._parent(source)
        node = children[name]
        other, new = self._parent(path)
        del children[name]
        other[new] = node

    def _exchange(self, one: str, other: str) -> None:
        (first, a), (second, b) = self._parent(one), self._parent(other)
        first[a], second[b] = second[b], first[a]

    def _unlink(self, path: str) -> None:
        children, name = self._parent(path)
        del children[name]

    def _mode(self, path: str, mode: int) -> None:
        self._find(path).mode = mode

    def _flush(self, path: str) -> None:
        node = self._find(path)
        node.safe = node.content

    def _flush_all(self) -> None:
        for node in _all_nodes(self._top):
            node.safe = node.content

    def _database(self, path: str, content: bytes) -> None:
        self._databases.setdefault(path, [b""]).append(content)


def _lose(node: _Node, random: Random) -> bytes:
    """Return what may be there of a file whose content was not flushed."""
    old = node.safe if node.safe is not None else b""
    size = len(node.content)
    cut = random.randint(0, size)
    return random.choice([old, b"", node.content, node.content[:cut], node.content[:cut].ljust(size, b"\0")])


def _all_nodes(top: _Node) -> list[_Node]:
    found, waiting, seen = [], [top], set()
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            found.append(node)
            waiting += node.children.values()
    return found


def _load(path: str) -> _Node:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return _Node("link", os.fsencode(os.readlink(path)))
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            node = _Node("file", file.read(), stat.S_IMODE(status.st_mode))
        node.safe = node.content
        return node
    node = _Node("directory", mode=stat.S_IMODE(status.st_mode))
    node.children = {name: _load(os.path.join(path, name)) for name in os.listdir(path)}
    return node


def _dump(node: _Node, path: str, places: dict[int, str]) -> None:
    if node.kind == "link":
        os.symlink(node.content, os.fsencode(path))
    elif node.kind == "file":
        if id(node) in places:
            os.link(places[id(node)], path)
            return
        places[id(node)] = path
        with open(path, "wb") as file:
            file.write(node.content)
        os.chmod(path, node.mode)
    else:
        os.mkdir(path)
        for name, child in node.children.items():
            _dump(child, os.path.join(path, name), places)
        os.chmod(path, node.mode | 0o700 if os.geteuid() else node.mode)
