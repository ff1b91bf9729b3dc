"""Directories for the time of one operation, below the system's place for temporary files."""

from __future__ import annotations

from contextlib import contextmanager, suppress

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["scratch_directory"]


@contextmanager
def scratch_directory(purpose: str) -> Iterator[str]:
    """Make a private directory ``blast-PURPOSE-…`` and remove it at the end, however deep or closed what is in it.

    What can't be removed, such as where a build left a program that goes on writing, stays without a word: by then the
    work is done, or has an error of its own.

    Raises:
        OSError: it can't be made.
    """
    import tempfile

    path = tempfile.mkdtemp(prefix=f"blast-{purpose}-")
    try:
        yield path
    finally:
        with suppress(OSError):
            fs.remove_tree(path)
