"""An ingest in a process of its own: reads jobs from standard input and answers on standard output.

    job:     u32 length, marshal of (wheel, file name, sha256, home, whether that digest was checked)
    answer:  u32 length, pickle of (True, StoredDistribution) or (False, the exception)
    news:    u32 length, marshal of (wheel, how many bytes of it are there), -1 for a wheel that will not come; these
             have no answer, and what they led to counts in the job that follows

Both ends are one version of Blast on one machine, started by the one for the other.
"""

from __future__ import annotations

import marshal
import os
import pickle
import queue
import signal
import struct
import threading

from blast_pm.store.arriving import ArrivingWheel
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest import ingest_wheel

__all__ = ["LENGTH", "main", "read_exactly"]

LENGTH = struct.Struct("<I")


def read_exactly(fd: int, size: int) -> bytes:
    """Return ``size`` bytes from a pipe, less only at its end."""
    data = b""
    while len(data) < size and (more := os.read(fd, size - len(data))):
        data += more
    return data


def main() -> None:
    """Answer jobs until standard input ends, and leave at once then, whatever is half done."""
    # Ctrl-C is for whoever asks; they end this process by closing the pipe or by killing it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)  # What anybody prints must not get between the answers.
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_work, args=(jobs, answers), daemon=True).start()
    # This thread only reads, so that it sees at any time that nobody is there any more to ask.
    while len(head := read_exactly(0, LENGTH.size)) == LENGTH.size:
        jobs.put(read_exactly(0, LENGTH.unpack(head)[0]))
    os._exit(0)


def _work(jobs: queue.SimpleQueue[bytes], answers: int) -> None:
    arriving: dict[str, ArrivingWheel] = {}
    while True:
        job = marshal.loads(jobs.get())  # noqa: S302 - see the module
        if len(job) == 2:
            _advance(arriving, *job)
            continue
        answer = pickle.dumps(_do(job, arriving.pop(job[0], None)))
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


def _do(job: tuple[str, str, str, str, bool], arriving: ArrivingWheel | None) -> tuple[bool, object]:
    wheel, filename, sha256, home, is_checked = job
    try:
        return True, ingest_wheel(wheel, filename, sha256, StorePaths(home), is_checked=is_checked, arriving=arriving)
    except Exception as error:  # noqa: BLE001 - raised where the answer arrives
        return False, error
