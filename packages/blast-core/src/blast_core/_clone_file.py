"""Making a file share the blocks of another: what `blast_core.fs.clone_file` does, system by system.

Linux has FICLONE (btrfs, xfs, bcachefs, overlays of these), macOS clonefile(2) (APFS). Elsewhere it is refused with
ENOTSUP, as by a file system that can't: the caller copies.
"""

from __future__ import annotations

import errno
import os
import sys

__all__ = ["clones_by_path", "share_blocks", "share_blocks_at"]

# _IOW(0x94, 9, int); the same number on every architecture that Blast has targets for.
_FICLONE = 0x40049409
_CLONE_NOFOLLOW, _CLONE_NOOWNERCOPY = 1, 2


def clones_by_path() -> bool:
    """Tell whether this system makes the new file itself (`share_blocks_at`) rather than fill one that is there."""
    return sys.platform == "darwin"


def share_blocks(source_fd: int, fd: int) -> None:
    """Give the empty file ``fd`` the content of ``source_fd`` without copying it.

    Raises:
        OSError: EOPNOTSUPP, ENOTTY, EINVAL, ENOSYS or ENOTSUP where the file system can't, EXDEV between two of them.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    import fcntl

    fcntl.ioctl(fd, _FICLONE, source_fd)


def share_blocks_at(source: str, path: str) -> None:
    """Make ``path``, which must not exist, a clone of ``source``, a link at either not followed (macOS).

    Raises:
        OSError: as `share_blocks`.
    """
    import ctypes

    clonefile = getattr(ctypes.CDLL(None, use_errno=True), "clonefile", None)
    if clonefile is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)
    if clonefile(os.fsencode(source), os.fsencode(path), _CLONE_NOFOLLOW | _CLONE_NOOWNERCOPY) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
