"""What the store says when the disk refuses: one place that turns ``OSError`` into sentences."""

from __future__ import annotations

import errno

from blast_core.errors import StoreError

__all__ = ["explain_failure", "hint_for"]

_HINTS = {
    errno.ENOSPC: "free some space, or set BLAST_HOME to a directory on a larger disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or set BLAST_HOME to a directory elsewhere",
    errno.EFBIG: "a limit on file sizes (ulimit -f) is in the way",
    errno.EROFS: "the store is on a read-only disk: what it holds can be used, nothing can be added; "
    "set BLAST_HOME to a directory that you can write to",
    errno.EACCES: "make BLAST_HOME and all below it yours, or set BLAST_HOME to a directory that you can write to",
    errno.EPERM: "make BLAST_HOME and all below it yours, or set BLAST_HOME to a directory that you can write to",
    errno.EXDEV: "everything below BLAST_HOME has to lie on one file system: replace the mounts and links in it",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "the machine has too many files open",
    errno.EMLINK: "the file system allows no more directories or links here",
    errno.EIO: "the disk may be failing: look at the kernel's messages",
    errno.ELOOP: "a symbolic link stands where the store keeps something of its own: remove it",
    errno.ENOTDIR: "something that is no directory stands in the way below BLAST_HOME: remove it",
    errno.EEXIST: "something stands in the way below BLAST_HOME: remove it",
    errno.ENAMETOOLONG: "set BLAST_HOME, or move the project, to a shorter path",
    errno.EINTR: "run the command again",
    errno.EILSEQ: "the file system can't hold this name; set BLAST_HOME to a directory on another one",
}


def hint_for(error: OSError) -> str:
    """Return what to do about what the operating system refused, "" where nothing is known."""
    return _HINTS.get(error.errno or 0, "")


def explain_failure(error: OSError, action: str) -> StoreError:
    """Return the error to raise for ``error``, which stopped ``action``, such as ``store numpy-2.0-….whl``."""
    place = f": {error.filename}" if isinstance(error.filename, str) else ""
    return StoreError(
        f"can't {action}",
        reason=f"{error.strerror or error}{place}",
        hint=hint_for(error),
        errno=errno.errorcode.get(error.errno or 0, ""),
    )
