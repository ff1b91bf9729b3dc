"""Threads that don't end, and are used again: for whoever calls the native transport.

pyreqwest brings an allocator of its own, mimalloc 3. Where a thread that used it has ended, the first call in a thread
that begins later may crash the process (seen with 0.15.1: two times in three, when wheels had been fetched and compiled
and an index was asked again). So threads that make connections are never ended: they wait for the next piece of work,
and go with the process.
"""

from __future__ import annotations

import os
from _thread import LockType, allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Running", "run_kept"]


class _Worker:
    """A thread that waits for calls."""

    def __init__(self) -> None:
        self._wake = allocate_lock()
        self._wake.acquire()
        self._call: Callable[[], None] | None = None
        self._done = allocate_lock()

    def give(self, call: Callable[[], None], done: LockType) -> None:
        self._call, self._done = call, done
        self._wake.release()

    def work(self) -> None:
        while True:
            self._wake.acquire()
            call, self._call = self._call, None
            try:
                if call is not None:
                    call()
            finally:
                del call
                # Whoever waits may begin something at once, for which this thread is free.
                _idle.append(self)
                self._done.release()


_idle: list[_Worker] = []
if hasattr(os, "register_at_fork"):
    # A forked process has none of its parent's threads.
    os.register_at_fork(after_in_child=_idle.clear)


class Running:
    """A call under way."""

    __slots__ = ("_done",)

    def __init__(self, done: LockType) -> None:
        self._done = done

    def join(self, timeout_s: float) -> bool:
        """Wait for its end, and tell whether it came."""
        if not self._done.acquire(timeout=max(0.0, timeout_s)):
            return False
        self._done.release()
        return True


def run_kept(call: Callable[[], None], name: str) -> Running:
    """Run ``call``, which catches its own errors, in a thread that waits or is new.

    Args:
        call: is run once.
        name: of a thread that is new, for who looks at a process.
    """
    done = allocate_lock()
    done.acquire()
    try:
        worker = _idle.pop()
    except IndexError:
        from threading import Thread

        worker = _Worker()
        Thread(target=worker.work, name=name, daemon=True).start()
    worker.give(call, done)
    return Running(done)
