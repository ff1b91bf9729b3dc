"""Processes of one interpreter that compile modules (`blast_pm.store.bytecode_worker`), as many as are worth it."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import deque
from struct import Struct

from blast_core.errors import StoreError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["COMPILED", "FAILED", "KEPT", "CompilerPool", "Request", "count_processors"]

COMPILED, KEPT, FAILED = b"C", b"K", b"F"
_STARTED = b"T"
_LENGTH = Struct("<I")
# Requests on their way to one process. They are small enough to lie in the pipe, so that asking never blocks.
_AHEAD = 6
# For one file. At the lowest priority on a busy machine a second of work may take minutes.
_STUCK_S = 600.0


class Request(NamedTuple):
    """A module to compile.

    Attributes:
        tree: where it belongs, a number of the caller's.
        path: of the module, below the tree.
        source: the same, absolute.
        pyc: where its bytecode belongs, absolute.
    """

    tree: int
    path: str
    source: str
    pyc: str


class CompilerPool:
    """Starts processes while there is work for them, and ends them when it is left; a context manager.

    Args:
        python: the interpreter.
        most: how many processes at once.

    Attributes:
        magic: the interpreter's magic number; b"" until it first answered.
    """

    def __init__(self, python: str, most: int) -> None:
        self._python = python
        self._most = most
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self.magic = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
        self._selector.close()

    def run(self, requests: Iterator[Request], answered: Callable[[Request, bytes, bytes], None]) -> None:
        """Have all of ``requests`` compiled, and tell each answer as it comes: its kind, and what belongs to it.

        A module on which the interpreter dies or gets stuck fails, and the others go on.

        Raises:
            StoreError: the interpreter can't be started.
        """
        waiting = iter(requests)
        is_left = self._feed(waiting)
        while is_left or any(worker.sent for worker in self._workers):
            for key, _ in self._selector.select(1.0):
                self._take(key.data, answered)
            for worker in [worker for worker in self._workers if worker.is_stuck()]:
                self._drop(worker, "it took too long", answered)
            is_left = self._feed(waiting) if is_left else False

    def _feed(self, waiting: Iterator[Request]) -> bool:
        """Give every process enough to do; False when there is nothing left."""
        while True:
            worker = min(self._workers, key=lambda each: len(each.sent), default=None)
            if worker is None or (len(worker.sent) >= _AHEAD and len(self._workers) < self._most):
                worker = self._start()
            if len(worker.sent) >= _AHEAD:
                return True
            request = next(waiting, None)
            if request is None:
                return False
            worker.send(request)

    def _start(self) -> _Worker:
        worker = _Worker(self._python)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        return worker

    def _take(self, worker: _Worker, answered: Callable[[Request, bytes, bytes], None]) -> None:
        answer = worker.receive()
        kind, rest = answer[:1], answer[1:]
        if not kind:
            self._drop(worker, "the interpreter died", answered)
        elif kind == _STARTED:
            self.magic = rest[:4]
        else:
            answered(worker.sent.popleft(), kind, rest)

    def _drop(self, worker: _Worker, why: str, answered: Callable[[Request, bytes, bytes], None]) -> None:
        """End a process, blame the module that it was at, and give the others to another process."""
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.kill()
        if not self.magic:
            raise StoreError(f"{self._python} can't compile anything", reason=why, hint=f"run '{self._python} -I -S'")
        if worker.sent:
            answered(worker.sent.popleft(), FAILED, why.encode())
        if worker.sent:
            another = self._start()
            for request in worker.sent:
                another.send(request)


class _Worker:
    """One process."""

    def __init__(self, python: str) -> None:
        from blast_pm.store import bytecode_worker

        line = [python, "-I", "-S", "-W", "ignore", str(bytecode_worker.__file__)]
        try:
            # In the root, so that it keeps no directory from being removed.
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd=os.path.abspath(os.sep),
            )
        except OSError as error:
            raise StoreError(f"{python} can't be started", reason=error.strerror or str(error)) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self.answers = self._process.stdout.fileno()
        self.sent: deque[Request] = deque()
        self._since = time.monotonic()

    def send(self, request: Request) -> None:
        """Ask for one module."""
        if not self.sent:
            self._since = time.monotonic()
        words = b"\0".join(map(os.fsencode, (request.path, request.source, request.pyc)))
        data = memoryview(_LENGTH.pack(len(words)) + words)
        self.sent.append(request)
        try:
            while data:
                data = data[os.write(self._requests, data) :]
        except BrokenPipeError:
            # Its end is noticed where answers are read.
            return

    def receive(self) -> bytes:
        """Return one answer; b"" when there will be none any more."""
        self._since = time.monotonic()
        head = self._read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return b""
        size = _LENGTH.unpack(head)[0]
        answer = self._read(size)
        return answer if len(answer) == size else b""

    def is_stuck(self) -> bool:
        """Tell whether it has been silent for too long."""
        return bool(self.sent) and time.monotonic() - self._since > _STUCK_S

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self, size: int) -> bytes:
        parts = []
        while size and (more := os.read(self.answers, size)):
            parts.append(more)
            size -= len(more)
        return b"".join(parts)


def count_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
