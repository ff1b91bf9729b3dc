"""Making a file share the blocks of another: what `blast_core.fs.clone_file` does, system by system.

Linux has FICLONE (btrfs, xfs, bcachefs, overlays of these), macOS clonefile(2) (APFS). Elsewhere it is refused with
ENOTSUP, as by a file system that can't: the caller copies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["clone", "share_blocks"]

# _IOW(0x94, 9, int); the same number on every architecture that Blast has targets for.
_FICLONE = 0x40049409
_CLONE_NOFOLLOW, _CLONE_NOOWNERCOPY = 1, 2
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def clone(source: str, path: str, mode: int | None, begin: Callable[[str], None]) -> None:
    """Make ``path`` a clone of ``source``, each step announced to ``begin``; nothing is left where that fails."""
    if sys.platform == "darwin":
        begin(path)
        _clone_by_path(source, path)
        if mode is not None:
            fs.set_mode(path, mode)
        return
    source_fd = os.open(source, _READ)
    try:
        fd = fs.create_file(path, (os.fstat(source_fd).st_mode & 0o777) if mode is None else mode)
        try:
            begin(path)
            share_blocks(source_fd, fd)
        except BaseException:
            # The first error is the one to report.
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.close(fd)
    finally:
        os.close(source_fd)


def share_blocks(source_fd: int, fd: int) -> None:
    """Give the empty file ``fd`` the content of ``source_fd`` without copying it.

    Raises:
        OSError: EOPNOTSUPP, ENOTTY, EINVAL, ENOSYS or ENOTSUP where the file system can't, EXDEV between two of them.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    import fcntl

    fcntl.ioctl(fd, _FICLONE, source_fd)


def _clone_by_path(source: str, path: str) -> None:
    """Do it macOS's way: the system makes the new file, and follows a link at neither path."""
    import ctypes

    clonefile = getattr(ctypes.CDLL(None, use_errno=True), "clonefile", None)
    if clonefile is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)
    if clonefile(os.fsencode(source), os.fsencode(path), _CLONE_NOFOLLOW | _CLONE_NOOWNERCOPY) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
