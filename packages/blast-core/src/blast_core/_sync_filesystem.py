"""Flushing a whole file system; see `blast_core.fs.sync_filesystem`."""

from __future__ import annotations

import ctypes
import os

__all__ = ["sync_all"]

# A link is followed, such as that of a store that lies elsewhere: nothing is read or written.
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)


def sync_all(path: str) -> None:
    """Flush everything written to the file system of ``path``; all file systems where the kernel can't do one.

    Raises:
        OSError: the disk can't take it.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if os.name == "posix" else None
    if syncfs is None:
        if hasattr(os, "sync"):
            os.sync()
        return
    fd = os.open(path, _READ)
    try:
        if syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(fd)
