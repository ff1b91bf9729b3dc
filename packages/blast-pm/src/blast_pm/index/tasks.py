"""Work in the background, each piece once: threads that start when there is something to do.

``concurrent.futures`` isn't used because its import costs more than a warm command has to give.
"""

from __future__ import annotations

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Hashable
    from typing import Any

    from blast_pm.kept_threads import Running

__all__ = ["TaskPool"]

_QUEUED, _RUNNING, _DONE = range(3)
# So many threads keep a server busy that answers at once: more only wait for the interpreter's lock. One that is far
# away is asked by more, at 1 MB each.
_FEW = 8


class _Task:
    __slots__ = ("call", "done", "error", "state", "value")

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.state = _QUEUED
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = allocate_lock()  # held until the task is done: half the cost of an Event
        self.done.acquire()


class TaskPool:
    """Runs calls by key: a key that is queued, running or done isn't run again.

    A caller who wants a result that nobody has begun runs the call itself, so nothing waits behind a queue. What was
    asked for last is begun first: the newest wish of a resolver is the one that it will wait for. What is asked for
    ``later`` waits for all of that, and is begun in the order of asking.

    Args:
        workers: threads at most; none is started before `start` is called.
        is_far_away: tells whether tasks wait for a server that is far away; there are only a few threads if not.
    """

    def __init__(self, workers: int = 8, is_far_away: Callable[[], bool] = lambda: False) -> None:
        self._workers = workers
        self._is_far_away = is_far_away
        self._threads: list[Running] = []
        self._idle = 0
        self._tasks: dict[Hashable, _Task] = {}
        self._queue: list[_Task] = []
        self._lock = allocate_lock()
        self._wake: threading.Condition | None = None
        self._closed = False

    def start(self, key: Hashable, call: Callable[[], object], *, later: bool = False) -> None:
        """Run ``call`` in the background, unless ``key`` is known. Its error waits for whoever asks for the result."""
        import threading

        with self._lock:
            if self._closed or key in self._tasks:
                return
            if self._wake is None:
                self._wake = threading.Condition(self._lock)
            task = self._tasks[key] = _Task(call)
            if later:
                self._queue.insert(0, task)  # there are some hundred at most
            else:
                self._queue.append(task)
            if self._idle >= len(self._queue) or not self._add_threads(1):
                self._wake.notify()

    def _add_threads(self, count: int) -> bool:
        """Start so many threads, or as many as there may be, and tell whether any was; the caller holds the lock."""
        from blast_pm.kept_threads import run_kept

        most = self._workers if self._is_far_away() else min(self._workers, _FEW)
        wanted = range(len(self._threads), min(len(self._threads) + count, most))
        self._threads.extend([run_kept(self._work, f"blast-index-{number}") for number in wanted])
        return bool(wanted)

    @property
    def threads(self) -> int:
        """How many threads work for it."""
        return len(self._threads)

    def result(self, key: Hashable, call: Callable[[], Any]) -> Any:
        """Return the value of ``key``, running ``call`` here when nobody has begun it.

        Raises:
            BaseException: what the call raised; the key is forgotten then, so the next wish tries again.
        """
        with self._lock:
            task = self._tasks.get(key)
            if task is None:
                task = self._tasks[key] = _Task(call)
            mine = task.state == _QUEUED
            if mine:
                task.state = _RUNNING
        if mine:
            _run(task)
        elif task.state != _DONE:
            with task.done:
                pass
        if task.error is not None:
            with self._lock:
                if self._tasks.get(key) is task:
                    del self._tasks[key]
            raise task.error
        return task.value

    def peek(self, key: Hashable) -> Any:
        """Return the value of ``key`` if it is there without waiting, else None."""
        task = self._tasks.get(key)
        return task.value if task is not None and task.state == _DONE else None

    def is_known(self, key: Hashable) -> bool:
        """Tell whether ``key`` is queued, running or done."""
        return key in self._tasks

    def close(self, timeout_s: float = 2.0) -> None:
        """Forget what is queued, and wait shortly for what runs."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            threads = list(self._threads)
            if self._wake is not None:
                self._wake.notify_all()
        for thread in threads:
            thread.join(timeout_s)

    def _work(self) -> None:
        wake = self._wake
        assert wake is not None
        while True:
            with self._lock:
                while not self._queue and not self._closed:
                    self._idle += 1
                    wake.wait()
                    self._idle -= 1
                if self._closed:
                    return
                task = self._queue.pop()
                if self._queue and not self._idle:
                    # Perhaps the answer that just came tells that the server is far away.
                    self._add_threads(len(self._queue))
                if task.state != _QUEUED:
                    continue
                task.state = _RUNNING
            _run(task)


def _run(task: _Task) -> None:
    try:
        task.value = task.call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        task.error = error
    finally:
        del task.call
        task.state = _DONE
        task.done.release()
