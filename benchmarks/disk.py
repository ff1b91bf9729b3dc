"""What directories take on the disk: blocks, each file once however many names it has."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Usage", "find_inodes", "measure_disk"]

_BLOCK = 512


class Usage(NamedTuple):
    """What is in a directory.

    Attributes:
        unique_bytes: blocks of what nothing else than the directory holds, its directories and links included.
        shared_bytes: blocks of what the store holds too.
        files: regular files, by name and not by inode.
        links: symbolic links.
        directories: with the directory itself.
    """

    unique_bytes: int
    shared_bytes: int
    files: int
    links: int
    directories: int


def find_inodes(directory: str) -> set[tuple[int, int]]:
    """Return the device and inode of all regular files below a directory."""
    found = set()
    for top, _, names in os.walk(directory):
        for name in names:
            facts = os.lstat(os.path.join(top, name))
            if stat.S_ISREG(facts.st_mode):
                found.add((facts.st_dev, facts.st_ino))
    return found


def measure_disk(directories: Iterable[str], store: set[tuple[int, int]]) -> Usage:
    """Return what some directories take together; symbolic links are not followed.

    Args:
        directories: where to look.
        store: device and inode of what is the store's.
    """
    seen: set[tuple[int, int]] = set()
    unique = shared = files = links = folders = 0
    for directory in directories:
        for top, names, others in os.walk(directory):
            here = os.lstat(top)
            folders += 1
            unique += here.st_blocks * _BLOCK
            for name in [*names, *others]:
                facts = os.lstat(os.path.join(top, name))
                if stat.S_ISDIR(facts.st_mode):
                    continue
                files += stat.S_ISREG(facts.st_mode)
                links += stat.S_ISLNK(facts.st_mode)
                inode = (facts.st_dev, facts.st_ino)
                if inode in seen:
                    continue
                seen.add(inode)
                if inode in store:
                    shared += facts.st_blocks * _BLOCK
                else:
                    unique += facts.st_blocks * _BLOCK
    return Usage(unique, shared, files, links, folders)
