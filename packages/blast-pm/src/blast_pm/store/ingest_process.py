"""An ingest in a process of its own: reads jobs from standard input and answers on standard output.

    job:     u32 length, marshal of (wheel, file name, sha256, home, whether that digest was checked)
    answer:  u32 length, marshal of the fields of a StoredDistribution, or of nothing but the pickle of the exception
    news:    u32 length, marshal of (wheel, how many bytes of it are there), -1 for a wheel that will not come; these
             have no answer, and what they led to counts in the job that follows

Both ends are one version of Blast on one machine, started by the one for the other. What is imported here each process
pays for before its first wheel: `test_what_a_process_imports` holds it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out; signal imports enum
import marshal
import os
from _thread import allocate_lock, start_new_thread
from struct import Struct

from blast_pm.store.arriving import ArrivingWheel
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest import ingest_wheel

__all__ = ["LENGTH", "main", "read_exactly"]

LENGTH = Struct("<I")


class _Jobs:
    """What was read and not done yet."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._some = allocate_lock()
        self._some.acquire()
        self._guard = allocate_lock()

    def put(self, job: bytes) -> None:
        with self._guard:
            self._waiting.append(job)
            if len(self._waiting) == 1:
                self._some.release()

    def get(self) -> bytes:
        self._some.acquire()
        with self._guard:
            job = self._waiting.pop(0)
            if self._waiting:
                self._some.release()
        return job


def read_exactly(fd: int, size: int) -> bytes:
    """Return ``size`` bytes from a pipe, less only at its end."""
    data = b""
    while len(data) < size and (more := os.read(fd, size - len(data))):
        data += more
    return data


def main() -> None:
    """Answer jobs until standard input ends, and leave at once then, whatever is half done."""
    # Ctrl-C is for whoever asks; they end this process by closing the pipe or by killing it.
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)  # What anybody prints must not get between the answers.
    jobs = _Jobs()
    start_new_thread(_work, (jobs, answers))
    # This thread only reads, so that it sees at any time that nobody is there any more to ask.
    while len(head := read_exactly(0, LENGTH.size)) == LENGTH.size:
        jobs.put(read_exactly(0, LENGTH.unpack(head)[0]))
    os._exit(0)


def _work(jobs: _Jobs, answers: int) -> None:
    arriving: dict[str, ArrivingWheel] = {}
    while True:
        job = marshal.loads(jobs.get())  # noqa: S302 - see the module
        if len(job) == 2:
            _advance(arriving, *job)
            continue
        answer = marshal.dumps(_do(job, arriving.pop(job[0], None)))
        data = memoryview(LENGTH.pack(len(answer)) + answer)
        try:
            while data:
                data = data[os.write(answers, data) :]
        except BrokenPipeError:
            os._exit(1)


def _advance(arriving: dict[str, ArrivingWheel], wheel: str, available: int) -> None:
    if available >= 0:
        if wheel not in arriving:
            arriving[wheel] = ArrivingWheel(wheel)
        arriving[wheel].advance(available)
    elif wheel in arriving:
        try:
            arriving.pop(wheel).close()
        except OSError:
            return  # It goes with the staging directory.


def _do(job: tuple[str, str, str, str, bool], arriving: ArrivingWheel | None) -> tuple[str | bytes, ...]:
    wheel, filename, sha256, home, is_checked = job
    try:
        return tuple(ingest_wheel(wheel, filename, sha256, StorePaths(home), is_checked=is_checked, arriving=arriving))
    except Exception as error:  # noqa: BLE001 - raised where the answer arrives
        import pickle

        return (pickle.dumps(error),)
