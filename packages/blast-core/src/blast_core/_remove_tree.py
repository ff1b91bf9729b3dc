"""How `blast_core.fs.remove_tree` removes a tree of any depth without following a link; see there."""

from __future__ import annotations

import os

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["remove_tree"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
# Directories held open at once; macOS allows a process 256 descriptors by default.
_DEPTH = 32
_OWNER = 0o700


def remove_tree(path: str) -> None:
    """Remove the directory ``path`` with all below it."""
    if os.rmdir not in os.supports_dir_fd:  # Windows
        import shutil

        shutil.rmtree(path)
        return
    root = _open_directory(path, None)
    try:
        _empty(root)
    finally:
        os.close(root)
    fs.remove_directory(path)


def _empty(root: int) -> None:
    # One level per open directory: its descriptor, its name in the level above, and the directories left in it.
    levels = [(root, "", _remove_files(root))]
    try:
        while levels:
            fd, name, pending = levels[-1]
            if pending:
                _descend(levels, pending.pop())
                continue
            levels.pop()
            if levels:
                os.close(fd)
                _ignore_missing(fs.remove_directory, name, levels[-1][0])
    finally:
        for fd, _, _ in levels[1:]:
            os.close(fd)


def _descend(levels: list[tuple[int, str, list[str]]], name: str) -> None:
    try:
        child = _open_directory(name, levels[-1][0])
    except FileNotFoundError:
        return
    if len(levels) <= _DEPTH:
        levels.append((child, name, []))
        levels[-1][2].extend(_remove_files(child))
        return
    # Too deep for one descriptor per level: hang the rest below the root, and go on from there.
    os.close(child)
    unique = f".blast-deep-{os.urandom(8).hex()}"
    fs.rename(name, unique, src_dir_fd=levels[-1][0], dst_dir_fd=levels[0][0])
    levels[0][2].append(unique)


def _remove_files(fd: int) -> list[str]:
    directories = []
    with os.scandir(fd) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                _ignore_missing(fs.unlink, entry.name, fd)
    return directories


def _open_directory(path: str, dir_fd: int | None) -> int:
    try:
        fd = os.open(path, _DIRECTORY, dir_fd=dir_fd)
    except PermissionError:
        # Not even readable, so it can't be changed through a descriptor. Only its owner gets here.
        fs.set_mode(path, _OWNER, dir_fd=dir_fd)
        fd = os.open(path, _DIRECTORY, dir_fd=dir_fd)
    if os.fstat(fd).st_mode & _OWNER != _OWNER:
        fs.set_mode(fd, _OWNER)
    return fd


def _ignore_missing(remove: Callable[..., None], name: str, fd: int) -> None:
    try:
        remove(name, dir_fd=fd)
    except FileNotFoundError:
        return
