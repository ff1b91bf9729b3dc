"""Flushing several files at once: those that wait at the same time share a commit of the file system's journal."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Sequence

__all__ = ["sync_together"]

_THREADS = 4


def sync_together(descriptors: Sequence[int], sync_file: Callable[[int], None]) -> None:
    """Call ``sync_file`` with each descriptor, up to four at a time, and raise the first error when all have ended."""
    if hasattr(os, "posix_fadvise"):
        for fd in descriptors:
            # Linux takes this for a request to begin to write, and so has the blocks of all before the first commit.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    waiting = iter(descriptors)
    failures: list[BaseException] = []

    def flush() -> None:
        try:
            for fd in waiting:
                sync_file(fd)
        except BaseException as error:  # noqa: BLE001 - raised again by the first thread
            failures.append(error)

    def help_out(done: LockType) -> None:
        flush()
        done.release()

    # `threading` would be one more import.
    helpers = [allocate_lock() for _ in range(min(len(descriptors), _THREADS) - 1)]
    for done in helpers:
        done.acquire()
        start_new_thread(help_out, (done,))
    flush()
    for done in helpers:
        done.acquire()
    if failures:
        raise failures[0]
