"""Background work: in which order it is begun, by how many threads, and each piece once."""

from __future__ import annotations

import threading
import time

import pytest

from blast_pm.index.tasks import TaskPool


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


def test_newest_wish_is_begun_first_and_what_can_wait_in_order(gate: threading.Event) -> None:
    pool = TaskPool(1)
    begun: list[str] = []
    pool.start("first", gate.wait)
    time.sleep(0.05)
    for name in ("near", "further", "far"):
        pool.start(name, lambda name=name: begun.append(name), later=True)  # type: ignore[misc]
    for name in ("old", "new"):
        pool.start(name, lambda name=name: begun.append(name))  # type: ignore[misc]
    gate.set()
    for name in ("new", "old", "near", "further", "far"):
        deadline = time.monotonic() + 10
        while name not in begun and time.monotonic() < deadline:
            time.sleep(0.005)
    pool.close()
    assert begun == ["new", "old", "near", "further", "far"]


def test_result_that_nobody_has_begun_is_computed_by_who_asks(gate: threading.Event) -> None:
    pool = TaskPool(1)
    pool.start("first", gate.wait)
    pool.start("second", threading.current_thread, later=True)
    assert pool.result("second", lambda: None) is threading.current_thread()
    gate.set()
    pool.close()


@pytest.mark.parametrize(("is_far", "most"), [(False, 8), (True, 64)])
def test_many_threads_start_only_where_the_server_is_far_away(is_far: bool, most: int) -> None:
    pool = TaskPool(64, lambda: is_far)
    release = threading.Event()
    for number in range(200):
        pool.start(number, release.wait)
    alive = pool.threads
    release.set()
    pool.close()
    assert alive <= most
    if most > 8:
        assert alive > 8


def test_what_waits_is_begun_when_the_first_answers_tell_that_the_server_is_far_away(gate: threading.Event) -> None:
    answered = threading.Event()
    pool = TaskPool(64, answered.is_set)
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        (answered if len(begun) <= 8 else gate).wait()

    for number in range(40):
        pool.start(number, lambda number=number: work(number))  # type: ignore[misc]
    assert pool.threads == 8
    answered.set()
    deadline = time.monotonic() + 30
    while len(begun) < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    # Nobody wished for anything more meanwhile.
    assert sorted(begun) == list(range(40))
    assert pool.threads >= 32
    gate.set()
    pool.close()
