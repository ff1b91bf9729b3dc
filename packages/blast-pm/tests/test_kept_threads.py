"""Threads are used again, never ended."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from blast_pm.index.tasks import TaskPool
from blast_pm.kept_threads import run_kept

if TYPE_CHECKING:
    from collections.abc import Callable


def noting(seen: list[int], wait: threading.Event | None = None) -> Callable[[], None]:
    def call() -> None:
        seen.append(threading.get_ident())
        if wait is not None:
            wait.wait(5)

    return call


def test_one_after_the_other_runs_in_the_same_thread() -> None:
    seen: list[int] = []
    for _ in range(20):
        assert run_kept(noting(seen), "test").join(5)
    assert len(seen) == 20
    assert len(set(seen)) == 1
    assert seen[0] in {thread.ident for thread in threading.enumerate()}


def test_several_at_once_run_beside_each_other() -> None:
    seen: list[int] = []
    wait = threading.Event()
    running = [run_kept(noting(seen, wait), "test") for _ in range(5)]
    assert not running[0].join(0.05)
    wait.set()
    assert all(each.join(5) for each in running)
    assert len(set(seen)) == 5
    before = threading.active_count()
    assert all(run_kept(noting(seen), "test").join(5) for _ in range(5))
    assert threading.active_count() == before


def test_pools_share_them() -> None:
    names: set[int] = set()
    for number in range(4):
        pool = TaskPool(2)
        pool.start(number, threading.get_ident)
        while not pool.peek(number):
            pass
        names.add(pool.peek(number))
        pool.close()
    assert len(names) == 1


def test_a_fork_has_threads_of_its_own() -> None:
    assert run_kept(lambda: None, "test").join(5)
    child = os.fork()
    if child == 0:
        os._exit(0 if run_kept(lambda: None, "test").join(5) else 1)
    assert os.waitpid(child, 0)[1] == 0
