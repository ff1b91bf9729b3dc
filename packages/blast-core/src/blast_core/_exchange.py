"""Swapping two paths in one instant, by the one system call that can; see `blast_core.fs.exchange`."""

from __future__ import annotations

import ctypes
import errno
import os

__all__ = ["swap"]

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE


def swap(one: str, other: str) -> bool:
    """Swap two paths; False where the kernel or the file system can't.

    Raises:
        OSError: it could, and refused.
    """
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    renameat2 = getattr(library, "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code not in {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}:
        raise OSError(code, os.strerror(code), other)
    return False
