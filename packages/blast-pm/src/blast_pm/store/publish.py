"""How an object enters its place: by one rename, whatever stands there and whoever else is doing the same."""

from __future__ import annotations

import errno
import os
import stat

from blast_core import fs
from blast_pm.store.unpack import is_unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.store.archives import StoredWheel

__all__ = ["is_complete", "publish_archive", "publish_tree"]

_READ_ONLY = 0o555
_WRITABLE = 0o755
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES, errno.EPERM)


def publish_archive(staged: str, path: str, mode: int) -> None:
    """Rename a wheel to its place, with this mode; one of the same name there has the same bytes or is bad."""
    fs.set_mode(staged, mode)
    try:
        fs.rename(staged, path)
    except FileNotFoundError:
        fs.make_directories(os.path.dirname(path))
        fs.rename(staged, path)


def publish_tree(staged: str, path: str, archive: StoredWheel) -> None:
    """Rename a finished tree to its place, or leave the one that stands there if it is complete.

    Args:
        staged: the tree, in a staging directory of the same file system.
        path: where it belongs.
        archive: what it was unpacked from.
    """
    mode = _mode(staged) & _READ_ONLY
    if os.path.lexists(path):
        if _is_same(path, archive):
            fs.set_mode(path, mode)
            return
        if stat.S_ISDIR(_mode(path)):
            # Environments may link to it: they have the one or the other at any moment.
            try:
                fs.set_mode(path, _WRITABLE)
                fs.exchange(staged, path)
            except FileNotFoundError:
                pass  # It went while it was looked at.
            else:
                fs.set_mode(path, mode)
                return
        else:
            fs.unlink(path)
    try:
        fs.rename(staged, path)
    except FileNotFoundError:
        fs.make_directories(os.path.dirname(path))
        fs.rename(staged, path)
    except OSError as error:
        # Somebody else was quicker: between the look and the rename the same tree came here.
        if error.errno not in _OCCUPIED or not is_complete(path, archive):
            raise
    fs.set_mode(path, mode)


def is_complete(path: str, archive: StoredWheel) -> bool:
    """Tell whether a tree holds every file of its archive with the right size.

    It is what a power loss can spoil; that contents are right is for `verify_object` to say. Cost: a stat per file.
    """
    if not stat.S_ISDIR(_mode(path)):
        return False
    for file in archive.files:
        if not is_unpacked(file.path):
            continue
        try:
            status = os.lstat(f"{path}/{file.path}")
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.raw_size:
            return False
    return True


def _is_same(path: str, archive: StoredWheel) -> bool:
    """Tell whether a tree that no row vouches for is what was just unpacked: every byte is compared."""
    from blast_pm.store.verify import compare_tree

    report = compare_tree(archive, "", path)
    return stat.S_ISDIR(_mode(path)) and report.is_sound


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0
